"""The memory of the server during the run: its base, its peak, its end, its slope."""

from collections.abc import Callable
from dataclasses import dataclass

from evloop_tools.lab.errors import NoRightError, TargetEndedError, TargetError
from evloop_tools.lab.history import Slope
from evloop_tools.lab.processes import Target
from evloop_tools.lab.watch import Watch

_SETTLE = 5.0  # seconds that a server has to close what its clients closed

Three = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Seen:
    """What the looks came to. Bytes; None: the platform does not say.

    own: base, peak and end of own pages, which alone can leak (*own_metric*: how they were told)
    total: what the server takes altogether (*total_metric*)
    per_connection: growth of own pages at their peak over the peak of connections
    judged: seconds that the slope was fitted over
    kernel: TCP memory of the whole machine, both ends of each connection on it, at the base
        and at its peak, and where the kernel refuses more
    send_queues: bytes that the server wrote and its clients had not acknowledged
    """

    own_metric: str
    own: Three
    total_metric: str
    total: Three
    rss_peak: float
    per_connection: float | None
    slope: Slope | None
    judged: float
    kernel: tuple[float, float, float | None] | None
    send_queues: float | None
    descriptors: Three | None
    cpu_peak: float
    looks: int

    @property
    def growth(self) -> float:
        """Of own pages, from the base to the peak."""
        return self.own[1] - self.own[0]


class ServerWatch:
    """Looks at a server until it ends; the base is seen at once.

    ended: how the server ended, if it did

    Raises TargetError when it can't be looked at.
    """

    def __init__(self, target: Target) -> None:
        self._watch = Watch(target, is_thorough=False)
        self._slope: Slope | None = None
        self._judged = 0.0
        self._is_lost = False
        self.ended: str | None = None
        self.history = self._watch.history

    def look(self) -> None:
        """Look once, thoroughly if that is due."""
        self._unless_over(self._watch.look)

    def _unless_over(self, act: Callable[[], None]) -> None:
        if self.ended is not None or self._is_lost:
            return
        try:
            act()
        except TargetEndedError as error:
            self.ended = str(error)
        except NoRightError:
            self._is_lost = True

    def judge_slope(self, since: float) -> None:
        """Fit the slope through the looks from *since*, a monotonic time, until now."""
        after = max(0.0, since - self.history.start.at)
        self._judged = max(0.0, self.history.elapsed - after)
        self._slope = self.history.slope(self.history.own_metric, after)

    def settle(self, hurry: Callable[[], bool]) -> None:
        """Wait until the server has no more open descriptors than at the base, or too long.

        When *hurry* says so, don't wait.
        """
        before = self.history.start.descriptors or 0

        def has_settled() -> bool:
            return hurry() or (self.history.now.descriptors or 0) <= before

        self._unless_over(lambda: self._watch.until(has_settled, _SETTLE))

    def seen(self, connections: int) -> Seen:
        """Return what the looks came to, with *connections* at the peak."""
        history = self.history
        own, total = history.own_metric, history.total_metric
        growth = history.peak_growth(own)
        kernel, start = history.peak("kernel_tcp"), history.start.kernel
        return Seen(
            own_metric=own,
            own=self._three(own) or (0.0, 0.0, 0.0),
            total_metric=total,
            total=self._three(total) or (0.0, 0.0, 0.0),
            rss_peak=history.peak("rss") or 0.0,
            per_connection=growth / connections if growth is not None and connections else None,
            slope=self._slope,
            judged=self._judged,
            kernel=None if kernel is None or start is None else (start.used, kernel, start.limit),
            send_queues=history.peak("send_queues"),
            descriptors=self._three("descriptors"),
            cpu_peak=history.peak("cpu_percent") or 0.0,
            looks=history.seen,
        )

    def _three(self, metric: str) -> Three | None:
        """Return base, peak and end of *metric*."""
        peak = self.history.peak(metric)
        growth = self.history.growth(metric)
        rise = self.history.peak_growth(metric)
        if peak is None or growth is None or rise is None:
            return None
        return peak - rise, peak, peak - rise + growth


def watch(target: Target | None, unseen: str) -> tuple[ServerWatch | None, str]:
    """Return a watch on *target*, or None and why there is none: *unseen* without a target."""
    if target is None:
        return None, unseen
    try:
        return ServerWatch(target), ""
    except TargetError as error:
        return None, str(error)
