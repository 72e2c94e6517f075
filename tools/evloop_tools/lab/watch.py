"""Looking at a server over time, as often as it can be afforded.

A look at all of a server's sockets and open files takes the longer the more it has. So it
is made rarely enough to take a small share of the time; other looks, at memory and the
number of descriptors, take a millisecond or two.
"""

import time
from collections.abc import Callable

from evloop_tools.lab import waiting
from evloop_tools.lab.history import METRICS, History
from evloop_tools.lab.processes import Target
from evloop_tools.lab.sample import Sampler

_DETAIL_SHARE = 50  # a detailed look is followed by as many times its duration without one
_REST = 2.0  # a look that takes long is followed by a rest this many times as long
_SAME = 4  # so many looks in a row that saw the same: at rest
_SETTLE = 3.0  # seconds after which a server is taken to be at rest in any case


class Watch:
    """Looks at a server. Its first look, the base, is made at once.

    interval: seconds between two looks of look_if_due(); *is_thorough*: each sees everything

    Raises TargetError when the server can't be looked at or has ended; so does each look.
    """

    def __init__(self, target: Target, interval: float = 0.1, *, is_thorough: bool = True) -> None:
        self.target = target
        self._interval = interval
        self._is_thorough = is_thorough
        self._detailed = Sampler(target)
        self._plain = Sampler(target, detail=False)
        self._due = self._detail_due = 0.0
        self.history = History((self._detailed if is_thorough else self._plain).sample())

    def look(self) -> None:
        """Look once, thoroughly if that is due."""
        if not self._is_thorough and time.monotonic() < self._detail_due:
            sample = self._plain.sample()
        else:
            sample = self._detailed.sample()
            self._detail_due = sample.at + (_DETAIL_SHARE + 1) * sample.cost
        self.history.add(sample)
        self._due = sample.at + max(self._interval, _REST * sample.cost)

    def look_if_due(self) -> None:
        """Look if the time for it has come."""
        if time.monotonic() >= self._due:
            self.look()

    def watch(self, seconds: float) -> None:
        """Look again and again for so long."""
        end = time.monotonic() + seconds
        while (now := time.monotonic()) < end:
            self.look_if_due()
            waiting.pause(max(0.0, min(end, self._due) - now))

    def until(self, is_so: Callable[[], bool], seconds: float) -> None:
        """Look until *is_so*, or for *seconds*."""
        deadline = time.monotonic() + seconds
        self.look()
        while not is_so() and time.monotonic() < deadline:
            waiting.pause(self._interval)
            self.look()

    def settle(self) -> None:
        """Look until memory does not change any more, or for long enough."""
        own = METRICS[self.history.own_metric]
        seen: list[float | None] = []

        def is_at_rest() -> bool:
            seen.append(own(self.history.now))
            return len(seen) >= _SAME and len(set(seen[-_SAME:])) == 1

        self.until(is_at_rest, _SETTLE)

    def begin_anew(self) -> None:
        """Let the last look be the base."""
        self.history = History(self.history.now)

    def now(self, metric: str) -> float:
        """The last value of *metric* (see lab.history.METRICS); 0 if it is not known."""
        return METRICS[metric](self.history.now) or 0.0
