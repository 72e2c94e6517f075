"""A ceiling on the rate at which a connection is sent to."""

from collections.abc import Callable

from evloop.http.response import Body, Buffer, Window

QUANTUM = 0.2
"""Seconds: what may be sent in this time is sent at once, and then there is a wait for as long.
Over ten seconds the rate is exact to a fiftieth, and a connection wakes the loop five times a
second."""
_LEAST = 4 * 1024
"""Bytes: when there is room for less it is not worth a send, and is waited for."""


class Pacing:
    """Makes the pace of each connection. *rate* is in bytes per second, *clock* the reactor's.

    The first *after* bytes of a connection do not count.
    """

    __slots__ = ("_after", "_clock", "_rate")

    def __init__(self, rate: int, after: int, clock: Callable[[], float]) -> None:
        self._rate = rate
        self._after = after
        self._clock = clock

    def new_pace(self) -> "Pace":
        """Return the pace of a new connection."""
        return Pace(self._rate, self._after, self._clock)


class Pace:
    """What one connection may be sent, over all of its responses.

    A bucket that fills at the rate. It has room for what may be sent in two QUANTUM, so that
    nothing is lost when the loop is late, and a rest is not followed by a longer burst than that.
    """

    __slots__ = ("_at", "_clock", "_free", "_least", "_quantum", "_rate", "_room")

    def __init__(self, rate: int, after: int, clock: Callable[[], float]) -> None:
        self._rate = rate
        self._free = after
        self._clock = clock
        self._quantum = max(1.0, rate * QUANTUM)  # bytes
        self._least = max(1.0, min(self._quantum / 2, _LEAST))
        self._room = self._quantum
        self._at = clock()

    def room(self) -> int:
        """Return how many bytes may be sent now; 0 when it is too little to be worth a send."""
        now = self._clock()
        self._room = min(2 * self._quantum, self._room + (now - self._at) * self._rate)
        self._at = now
        if self._free or self._room >= self._least:
            return self._free + int(self._room)
        return 0

    def wait(self) -> float:
        """Return the seconds until there is room for what may be sent in QUANTUM."""
        return (self._quantum - self._room) / self._rate

    def spend(self, count: int) -> None:
        """Take note of *count* bytes that were sent."""
        free = min(self._free, count)
        self._free -= free
        self._room -= count - free


class PacedBody:
    """*source*, shown no faster than *pace* allows. Owns *source*."""

    __slots__ = ("_pace", "source")

    def __init__(self, source: Body, pace: Pace) -> None:
        self.source = source
        self._pace = pace

    @property
    def remaining(self) -> int | None:
        return self.source.remaining

    @property
    def done(self) -> bool:
        return self.source.done

    @property
    def is_heavy(self) -> bool:
        return self.source.is_heavy

    def peek(self) -> Buffer | Window | float:
        room = self._pace.room()
        if room < 1:
            return self._pace.wait()
        piece = self.source.peek()
        if isinstance(piece, bytes | memoryview):
            return piece[:room]
        if not isinstance(piece, float):
            piece.size = min(piece.size, room)
        return piece

    def advance(self, count: int) -> None:
        self._pace.spend(count)
        self.source.advance(count)

    def close(self) -> None:
        self.source.close()
