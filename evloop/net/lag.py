"""How long a ready socket waited for its turn."""

from typing import NamedTuple

_BUCKETS = 26  # the last one ends at 2^25 microseconds, half a minute


class LagFigures(NamedTuple):
    """Seconds; the percentiles are upper bounds, to a factor of two."""

    p50: float
    p99: float
    maximum: float
    turns: int


class LoopLag:
    """A histogram of the lengths of the loop's turns, in powers of two of a microsecond.

    What becomes ready while a turn runs waits for the rest of it, so the turn's length bounds
    the wait. One addition per turn; figures() does the arithmetic.
    """

    __slots__ = ("_counts", "maximum")

    def __init__(self) -> None:
        self._counts = [0] * _BUCKETS
        self.maximum = 0.0

    def note(self, seconds: float) -> None:
        """Count a turn of the loop."""
        bucket = int(seconds * 1e6).bit_length()
        self._counts[bucket if bucket < _BUCKETS else _BUCKETS - 1] += 1
        if seconds > self.maximum:
            self.maximum = seconds

    def figures(self) -> LagFigures:
        """Return the figures of all turns so far."""
        counts = list(self._counts)
        turns = sum(counts)
        return LagFigures(
            self._percentile(counts, turns * 0.50),
            self._percentile(counts, turns * 0.99),
            self.maximum,
            turns,
        )

    def reset(self) -> None:
        """Begin anew."""
        self._counts = [0] * _BUCKETS
        self.maximum = 0.0

    def _percentile(self, counts: list[int], rank: float) -> float:
        seen = 0
        for bucket, count in enumerate(counts):
            seen += count
            if count and seen >= rank:
                return min((1 << bucket) / 1e6, self.maximum)
        return 0.0
