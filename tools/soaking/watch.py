"""The memory of the server during the run: its base, its peak, its end, its slope.

The looks at all of a server's sockets and open files take the longer the more it has, and
no client goes on meanwhile. So they are made rarely enough to take a small share of the
time; the other looks, at memory and the number of descriptors, take a millisecond or two.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from lab.history import History, Slope
from lab.launch import Launched
from lab.processes import NoRightError, Target, TargetEndedError, TargetError
from lab.sample import Sampler

_DETAIL_SHARE = 50  # a detailed look is followed by as many times its duration without one
_SETTLE = 5.0  # seconds that a server has to close what its clients closed
_SETTLE_POLL = 0.1


@dataclass(frozen=True, slots=True)
class Memory:
    """What the looks came to. Bytes; None: the platform does not say.

    own: of own pages, which alone can leak (*own_metric* says how they were told)
    total: what the server takes altogether (*total_metric*)
    per_connection: growth of own pages at their peak over the peak of connections
    kernel: TCP memory of the whole machine, both ends of each connection on it, at the base
        and at its peak, and where the kernel refuses more
    send_queues: bytes that the server wrote and its clients had not acknowledged
    """

    own_metric: str
    own: tuple[float, float, float]
    total_metric: str
    total: tuple[float, float, float]
    rss_peak: float
    per_connection: float | None
    slope: Slope | None
    kernel: tuple[float, float, float | None] | None
    send_queues: float | None
    descriptors: tuple[float, float, float] | None
    cpu_peak: float
    looks: int

    @property
    def growth(self) -> float:
        """Of own pages, from the base to the peak."""
        return self.own[1] - self.own[0]


class Watch:
    """Looks at a server. Its first look, the base, is made at once.

    ended: how the server ended, if it did

    Raises TargetError when it can't be looked at.
    """

    def __init__(self, target: Target) -> None:
        self._target = target
        self._plain = Sampler(target, detail=False)
        self._detailed = Sampler(target)
        self._detail_due = 0.0
        self._slope: Slope | None = None
        self.ended: str | None = None
        self.lost: str | None = None
        self.name = target.name
        self.history = History(self._plain.sample())

    @property
    def is_over(self) -> bool:
        """Whether there is nothing to look at any more."""
        return self.ended is not None or self.lost is not None

    def look(self) -> None:
        """Look once, thoroughly if that is due."""
        if self.is_over:
            return
        now = time.monotonic()
        try:
            if now < self._detail_due:
                sample = self._plain.sample()
            else:
                sample = self._detailed.sample()
                self._detail_due = now + _DETAIL_SHARE * sample.cost
        except TargetEndedError as error:
            epitaph = f": {self._target.epitaph()}" if isinstance(self._target, Launched) else ""
            self.ended = f"{error}{epitaph}"
        except NoRightError as error:
            self.lost = str(error)
        else:
            self.history.add(sample)

    def judge_slope(self, since: float) -> None:
        """Fit the slope through the looks from *since*, a monotonic time, until now."""
        history = self.history
        self._slope = history.slope(history.own_metric, since - history.start.at)

    def settle(self, hurry: Callable[[], bool]) -> None:
        """Wait until the server has no more open descriptors than at the base, or too long.

        When *hurry* says so, don't wait.
        """
        deadline = time.monotonic() + _SETTLE
        before = self.history.start.descriptors or 0
        self.look()
        while not self.is_over and not hurry() and time.monotonic() < deadline:
            if (self.history.now.descriptors or 0) <= before:
                return
            time.sleep(_SETTLE_POLL)
            self.look()

    def memory(self, connections: int) -> Memory:
        """Return what the looks came to, with *connections* at the peak."""
        history = self.history
        own, total = history.own_metric, history.total_metric
        growth = history.peak_growth(own)
        kernel, start = history.peak("kernel_tcp"), history.start.kernel
        return Memory(
            own_metric=own,
            own=self._three(own) or (0.0, 0.0, 0.0),
            total_metric=total,
            total=self._three(total) or (0.0, 0.0, 0.0),
            rss_peak=history.peak("rss") or 0.0,
            per_connection=growth / connections if growth is not None and connections else None,
            slope=self._slope,
            kernel=None if kernel is None or start is None else (start.used, kernel, start.limit),
            send_queues=history.peak("send_queues"),
            descriptors=self._three("descriptors"),
            cpu_peak=history.peak("cpu_percent") or 0.0,
            looks=history.seen,
        )

    def _three(self, metric: str) -> tuple[float, float, float] | None:
        """Return base, peak and end of *metric*."""
        peak = self.history.peak(metric)
        growth = self.history.growth(metric)
        rise = self.history.peak_growth(metric)
        if peak is None or growth is None or rise is None:
            return None
        return peak - rise, peak, peak - rise + growth


def watch(target: Target | None, unseen: str) -> tuple[Watch | None, str]:
    """Return a Watch on *target*, or None and why there is none: *unseen* without a target."""
    if target is None:
        return None, unseen
    try:
        return Watch(target), ""
    except TargetError as error:
        return None, str(error)
