"""The body of a multipart/byteranges response."""

from collections.abc import Iterable, Sequence

from evloop.files.bodies import FileBody, FileWindow
from evloop.files.content import BytesBody, SizedBody

GATHER_SIZE = 16 * 1024
"""Bytes that small parts and the texts between them are gathered to, at most, for one send: a copy
costs less than another send, and is not kept."""


class PartsBody(SizedBody):
    """Several ranges of one file with a text before each and one after the last.

    Owns *source*. Only the texts are in memory; what is gathered is gathered again at the
    next peek().
    """

    __slots__ = ("_ending", "_parts", "_source", "_stop", "_text")

    def __init__(
        self,
        source: BytesBody | FileBody,
        parts: Sequence[tuple[bytes, range]],
        ending: bytes,
    ) -> None:
        self._source = source
        self._parts = list(reversed(parts))
        self._ending = ending
        self._text = b""
        self._stop = 0  # where the present part ends in the file
        self.remaining = len(ending) + sum(len(text) + len(part) for text, part in parts)
        source.seek(range(0))
        self._next_part()

    def peek(self) -> "bytes | memoryview | FileWindow | float":
        if not self._text and self._source.remaining > GATHER_SIZE:
            return self._source.peek()
        return self._gather()

    @property
    def is_heavy(self) -> bool:
        return True

    def advance(self, count: int) -> None:
        self.remaining -= count
        while count:
            paid = min(count, len(self._text))
            self._text = self._text[paid:]
            count -= paid
            paid = min(count, self._source.remaining)
            if paid:
                self._source.advance(paid)
                count -= paid
            if not self._text and not self._source.remaining:
                self._next_part()

    def close(self) -> None:
        self._source.close()
        self._parts.clear()
        self._text = self._ending = b""
        self.remaining = 0

    def _next_part(self) -> None:
        """Go to the next part that has anything to send, or to the ending."""
        if self._parts:
            self._text, selected = self._parts.pop()
            self._stop = selected.stop
            self._source.seek(selected)
        else:
            self._text, self._ending = self._ending, b""

    def _gather(self) -> bytes | memoryview | float:
        """Return copies of what comes next; seconds to wait when nothing of it is at hand."""
        source = self._source
        here = range(self._stop - source.remaining, self._stop)
        gathered = bytearray()
        try:
            for text, selected in self._what_follows(here):
                gathered += text[: GATHER_SIZE - len(gathered)]
                wait = self._add(gathered, selected)
                if wait and not gathered:
                    return wait
                if wait or len(gathered) == GATHER_SIZE:
                    break
        finally:
            source.seek(here)
        return memoryview(gathered)

    def _what_follows(self, here: range) -> Iterable[tuple[bytes, range]]:
        yield self._text, here
        yield from reversed(self._parts)
        yield self._ending, range(0)

    def _add(self, gathered: bytearray, selected: range) -> float:
        """Add bytes of *selected* while there is room; return the seconds to wait for more."""
        source = self._source
        while selected and len(gathered) < GATHER_SIZE:
            source.seek(selected)
            piece = source.peek()
            if isinstance(piece, float):
                return piece
            assert isinstance(piece, memoryview)  # after seek() it is never a window
            taken = piece[: GATHER_SIZE - len(gathered)]
            gathered += taken
            selected = selected[len(taken) :]
        return 0.0
