"""The memory of a server over time."""

import time

from lab import interruption
from lab.history import METRICS, History
from lab.processes import Tree
from lab.sample import Sampler

INTERVAL = 0.1
"""Seconds between two looks."""

# A look that takes long is followed by a rest this many times as long.
_REST = 2.0

# A server is at rest once so many looks in a row saw the same, or after so many seconds.
_SAME = 4
_SETTLE = 3.0


class Watch:
    """Looks at the server on *port*, first of all when it has come to rest.

    Raises lab.processes.TargetError when it can't be watched or has ended; so does
    whatever looks at it.
    """

    def __init__(self, port: int) -> None:
        self._sampler = Sampler(Tree.of_port(port))
        self._due = 0.0
        self.history = History(self._sampler.sample())
        self.settle()
        self.history = History(self.history.now)

    def look(self) -> None:
        """Look if the time for it has come."""
        if time.monotonic() >= self._due:
            self.look_now()

    def look_now(self) -> None:
        """Look in any case."""
        sample = self._sampler.sample()
        self.history.add(sample)
        self._due = sample.at + max(INTERVAL, _REST * sample.cost)

    def watch(self, seconds: float) -> None:
        """Look for so long."""
        end = time.monotonic() + seconds
        while (now := time.monotonic()) < end:
            interruption.check()
            self.look()
            time.sleep(max(0.0, min(end, self._due) - now))

    def settle(self) -> None:
        """Look until its memory does not change any more, or it has had time enough."""
        own = METRICS[self.history.own_metric]
        deadline = time.monotonic() + _SETTLE
        seen: list[float | None] = []
        while time.monotonic() < deadline and (len(seen) < _SAME or len(set(seen[-_SAME:])) > 1):
            self.watch(INTERVAL)
            seen.append(own(self.history.now))

    def now(self, metric: str) -> float:
        """The last value of *metric* (see lab.history.METRICS); 0 if it is not known."""
        return METRICS[metric](self.history.now) or 0.0
