"""Samples over time: where a server started, its peak, its growth, its slope.

A history of any length stays small: past its bound every other point is dropped and from
then on only every second sample is kept, and so on. Peaks are taken from all of them.
"""

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist, fmean, linear_regression
from typing import Any, cast

from evloop_tools.lab.sample import Sample

Getter = Callable[[Sample], float | None]
_BLOCKS = 24  # spans over which a long series is averaged before its slope is judged


def _read(path: str) -> Getter:
    """Follow the attributes in *path*; what lies beyond a None is None."""
    names = path.split(".")

    def getter(sample: Sample) -> float | None:
        found: Any = sample
        for name in names:
            if found is not None:
                found = getattr(found, name)
        return cast("float | None", found)

    return getter


METRICS: dict[str, Getter] = {
    "rss": _read("memory.rss"),
    "pss": _read("memory.pss"),
    "uss": _read("memory.uss"),
    "anonymous": _read("memory.anonymous"),
    "file_backed": _read("memory.file_backed"),
    "swap": _read("memory.swap"),
    "rss_high": _read("memory.rss_high"),
    "kernel_tcp": _read("kernel.used"),
    "send_queues": _read("connections.queues.unsent"),
    "receive_queues": _read("connections.queues.unread"),
    "cgroup_usage": _read("cgroup.usage"),
    "cgroup_cache": _read("cgroup.cache"),
    "cgroup_limit": _read("cgroup.limit"),
    "cpu_percent": _read("cpu"),
    "processes": _read("processes"),
    "threads": _read("threads"),
    "descriptors": _read("descriptors"),
    "connections": _read("connections.held"),
    "sending": _read("connections.queues.sending"),
    "downloads": _read("downloads.count"),
    "load_all": _read("downloads.size"),
}


@dataclass(frozen=True, slots=True)
class Slope:
    """A trend in units per second, and the interval that holds the true one.

    samples: how many points it rests on
    """

    per_second: float
    low: float
    high: float
    samples: int


class History:
    """The samples of one run, from its *start*; *bound* is the number of points kept."""

    def __init__(self, start: Sample, bound: int = 4096) -> None:
        self._bound = bound
        self._stride = 1  # of how many samples one is kept
        self._peaks: dict[str, float] = {}
        self.start = start
        self.now = start
        self.seen = 0
        self.samples: list[Sample] = []
        self.add(start)

    def add(self, sample: Sample) -> None:
        for name, getter in METRICS.items():
            value = getter(sample)
            if value is not None:
                self._peaks[name] = max(value, self._peaks.get(name, value))
        self.now = sample
        if self.seen % self._stride == 0:
            self.samples.append(sample)
        self.seen += 1
        if len(self.samples) > self._bound:
            del self.samples[1::2]
            self._stride *= 2

    @property
    def elapsed(self) -> float:
        """Seconds from the first sample to the last."""
        return self.now.at - self.start.at

    def peak(self, metric: str) -> float | None:
        """The highest value of *metric* (a name in METRICS) in any sample.

        The kernel keeps the highest rss of each process itself; where it rose during the
        run and there is one process, it tells of peaks between the samples too.
        """
        if metric != "rss":
            return self._peaks.get(metric)
        before, high = self.start.memory.rss_high, self._peaks.get("rss_high")
        alone = self._peaks["processes"] == 1
        rose = alone and before is not None and high is not None and high > before
        return high if rose else self._peaks["rss"]

    def growth(self, metric: str) -> float | None:
        """Now against the start; None where either is not known."""
        now, start = METRICS[metric](self.now), METRICS[metric](self.start)
        return None if now is None or start is None else now - start

    def peak_growth(self, metric: str) -> float | None:
        """The peak against the start."""
        peak, start = self.peak(metric), METRICS[metric](self.start)
        return None if peak is None or start is None else peak - start

    @property
    def total_metric(self) -> str:
        """Which metric says here what the server takes: pss, uss or rss."""
        return self.start.memory.total_metric

    @property
    def own_metric(self) -> str:
        """Which metric says here what can leak: anonymous, uss or rss."""
        return self.start.memory.own_metric

    def growth_per_connection(self, metric: str) -> float | None:
        """The peak of *metric* over its start, for each connection of their peak over theirs.

        The two peaks may lie apart, so this never flatters. None without connections.
        """
        growth, more = self.peak_growth(metric), self.peak_growth("connections")
        return None if growth is None or not more else growth / more

    def series(self, metric: str) -> list[tuple[float, float]]:
        """The (seconds since the start, value) pairs of *metric* that are kept."""
        getter, origin = METRICS[metric], self.start.at
        pairs = ((sample.at - origin, getter(sample)) for sample in self.samples)
        return [(at, value) for at, value in pairs if value is not None]

    def slope(self, metric: str, after: float = 0.0, confidence: float = 0.95) -> Slope | None:
        """The trend of *metric* from *after* seconds on; see fit_slope()."""
        return fit_slope([pair for pair in self.series(metric) if pair[0] >= after], confidence)


def fit_slope(points: list[tuple[float, float]], confidence: float = 0.95) -> Slope | None:
    """Fit a line by least squares through (seconds, value) *points*.

    Memory moves in steps and stays there, so its noise is nearer to a random walk than to
    errors that are independent, for which the textbook interval is far too narrow. The
    interval is that of a walk with drift: it follows from how the steps vary, not the
    levels. Independent errors only make it wide, and less so in a long series, which is
    averaged over _BLOCKS spans first.

    None with fewer than four points, or when all lie at one time.
    """
    if len(points) < 4 or points[0][0] == points[-1][0]:
        return None
    slope = linear_regression(*zip(*points, strict=True)).slope
    walk, excess = _blocks(points), 1.2 * 1.5
    if walk is None:
        walk, excess = points, 1.2
    (begin, first), (end, last) = walk[0], walk[-1]
    drift, steps = (last - first) / (end - begin), len(walk) - 1
    squares = math.fsum(
        (after - before - drift * (later - earlier)) ** 2
        for (earlier, before), (later, after) in itertools.pairwise(walk)
    )
    # The least squares slope of a walk varies 6/5 as much as the drift from end to end; the
    # steps between averages show 2/3 of what a walk does in that time.
    error = math.sqrt(excess * squares / (steps - 1) * steps) / (end - begin)
    margin = _student(confidence, steps - 1) * error
    return Slope(slope, slope - margin, slope + margin, len(points))


def _blocks(points: list[tuple[float, float]]) -> list[tuple[float, float]] | None:
    """Average *points* over _BLOCKS spans of as many points each; None when there are too few."""
    if len(points) < 2 * _BLOCKS:
        return None
    cuts = [number * len(points) // _BLOCKS for number in range(_BLOCKS + 1)]
    spans = [points[begin:end] for begin, end in itertools.pairwise(cuts)]
    return [(fmean(at for at, _ in span), fmean(value for _, value in span)) for span in spans]


def _student(confidence: float, freedom: float) -> float:
    """The two-sided quantile of Student's t, by Cornish and Fisher's expansion.

    Within 1 % from four degrees of freedom on; below that it is made wider, as a guard.
    """
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    first = (z**3 + z) / 4
    second = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    value = z + first / freedom + second / freedom**2 + third / freedom**3
    return value if freedom >= 4 else value * 4 / freedom
