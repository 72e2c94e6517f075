"""What was counted and timed."""

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, fields

from evloop_tools.load.faults import Fault, FaultError

_STEP = math.log(1.01)
_LEAST = 1e-6  # seconds


class Histogram:
    """Durations in seconds, to a precision of one percent, in a space that does not grow."""

    __slots__ = ("_buckets", "count", "maximum")

    def __init__(self) -> None:
        self._buckets: dict[int, int] = {}
        self.count = 0
        self.maximum = 0.0

    def note(self, seconds: float) -> None:
        """Count a duration."""
        bucket = math.ceil(math.log(max(seconds, _LEAST) / _LEAST) / _STEP)
        self._buckets[bucket] = self._buckets.get(bucket, 0) + 1
        self.count += 1
        self.maximum = max(self.maximum, seconds)

    def percentile(self, share: float) -> float | None:
        """Return the duration that *share* (0 to 1) of all don't exceed; None without any."""
        rank = math.ceil(share * self.count)
        seen = 0
        for bucket, count in sorted(self._buckets.items()):
            seen += count
            if seen >= rank:
                return min(_LEAST * math.exp(bucket * _STEP), self.maximum)
        return None

    def percentiles(self) -> dict[int, float | None]:
        """Return the 50th, 90th and 99th, and the longest at 100; None without any."""
        return {percent: self.percentile(percent / 100) for percent in (50, 90, 99, 100)}

    def add(self, other: "Histogram") -> None:
        """Count all that *other* has counted."""
        for bucket, count in other._buckets.items():
            self._buckets[bucket] = self._buckets.get(bucket, 0) + count
        self.count += other.count
        self.maximum = max(self.maximum, other.maximum)


@dataclass(slots=True)
class Counts:
    """What the clients of one behaviour did.

    clients: how many came
    requests: answered in full, every byte checked
    received: bytes of bodies, checked
    stopped: answers given up on purpose
    cut: stalled or trickling clients that the server sent away, as it may
    closed: connections that the server closed while nothing was due on them
    unfinished: answers under way when the run was over
    errors: of any kind
    """

    clients: int = 0
    requests: int = 0
    received: int = 0
    stopped: int = 0
    cut: int = 0
    closed: int = 0
    unfinished: int = 0
    errors: int = 0
    first_byte: Histogram = field(default_factory=Histogram)
    total: Histogram = field(default_factory=Histogram)

    def add(self, other: "Counts") -> None:
        """Add what *other* has counted."""
        for name in (each.name for each in fields(self)):
            ours, theirs = getattr(self, name), getattr(other, name)
            if isinstance(ours, Histogram):
                ours.add(theirs)
            else:
                setattr(self, name, ours + theirs)


class Tally:
    """All counts of a run: by group of clients, and errors by kind with the first example."""

    def __init__(self, groups: Iterable[str]) -> None:
        self.groups = {name: Counts() for name in groups}
        self.errors: Counter[Fault] = Counter()
        self.examples: dict[Fault, str] = {}
        self.wrong_bytes = 0
        self.reconnects = 0
        self.connected = 0
        self.peak_connected = 0

    def fault(self, fault: FaultError, where: str, counts: Counts | None = None) -> None:
        """Count an error that happened at *where*."""
        self.errors[fault.fault] += 1
        self.examples.setdefault(fault.fault, f"{where}: {fault}" if where else str(fault))
        self.wrong_bytes += fault.wrong
        if counts is not None:
            counts.errors += 1

    def connection_made(self) -> None:
        """Count a connection that is there now."""
        self.connected += 1
        self.peak_connected = max(self.peak_connected, self.connected)

    @property
    def all(self) -> Counts:
        """The counts of all groups together."""
        together = Counts()
        for counts in self.groups.values():
            together.add(counts)
        return together

    @property
    def error_count(self) -> int:
        """Errors of all kinds."""
        return self.errors.total()
