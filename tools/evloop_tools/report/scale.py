"""Scales: columns of time, round tops, and sizes on a logarithmic axis."""

import math
from collections.abc import Sequence

Points = Sequence[tuple[float, float]]


def columns(points: Points, span: float, width: int) -> list[float | None]:
    """Spread (seconds, value) *points* over *width* columns that stand for *span* seconds.

    A column shows its highest value; a gap shows the one before it; what is still to
    come is None.
    """
    found: list[float | None] = [None] * width
    for at, value in points:
        column = min(width - 1, int(at / span * width)) if span > 0 else 0
        before = found[column]
        found[column] = value if before is None else max(before, value)
    last = max((index for index, value in enumerate(found) if value is not None), default=-1)
    for index in range(1, last):
        if found[index] is None:
            found[index] = found[index - 1]
    return found


def nice_span(elapsed: float, least: float) -> float:
    """The shortest of *least*, 2 x, 4 x ... that *elapsed* seconds fit into."""
    span = least
    while span < elapsed:
        span *= 2
    return span


def binary_unit(size: float) -> float:
    """The unit in which *size* bytes are shown: 1024**2 for 3 MiB."""
    return next(unit for unit in (1024.0**3, 1024.0**2, 1024.0, 1.0) if size >= unit or unit == 1.0)


def nice_top(value: float, unit: float = 1.0) -> float:
    """The lowest round number of *unit* at or above *value*."""
    if value <= 0:
        return unit
    power = 10.0 ** math.floor(math.log10(value / unit))
    steps = (1, 1.5, 2, 3, 4, 5, 6, 8, 10)
    return next(step for step in steps if step * power * unit >= value) * power * unit


class LogScale:
    """Lengths on a logarithmic scale of bytes, from *low* to *high*, in *width* characters."""

    def __init__(self, low: float, high: float, width: int) -> None:
        self._low = _tick_below(low)
        self._high = max(_tick_above(high), self._low * 10)
        self._width = width

    def length(self, value: float) -> int:
        """Characters for *value*: none for 0, otherwise at least one."""
        if value <= 0:
            return 0
        share = math.log(max(value, self._low) / self._low) / math.log(self._high / self._low)
        return max(1, min(self._width, round(share * self._width)))

    def ticks(self) -> list[tuple[int, float]]:
        """The (column, bytes) of 1, 10 and 100 of each unit on the scale."""
        return [
            (self.length(tick) if tick > self._low else 0, tick)
            for tick in TICKS
            if self._low <= tick <= self._high
        ]


TICKS = [step * 1024.0**power for power in range(1, 6) for step in (1, 10, 100)]


def _tick_below(value: float) -> float:
    return max((tick for tick in TICKS if tick <= value), default=TICKS[0])


def _tick_above(value: float) -> float:
    return min((tick for tick in TICKS if tick >= value), default=TICKS[-1])
