"""A body whose size is not known, in chunks (RFC 9112 section 7.1)."""

from typing import Final

from evloop.http.response import Body, Buffer, Window

COPIED: Final = 32 * 1024
"""Bytes of a chunk that are copied behind its line, at most: those of an ordinary refill."""
_LAST_CHUNK: Final = b"0\r\n\r\n"
_IN_MEMORY: Final = (memoryview, bytes)  # as a union it would be made anew for each refill


class ChunkedBody:
    """*source* with a line in front of each piece that it shows, and a last chunk.

    Owns *source*. Its size is a promise as soon as the line is shown: of a chunk that is under
    way not more is taken than that.
    """

    __slots__ = ("_left", "_source", "_text")

    def __init__(self, source: Body) -> None:
        self._source = source
        self._text = b""  # the end of one chunk and the line of the next, as far as not sent
        self._left: int | None = 0  # bytes of the present chunk; None after the last chunk

    @property
    def done(self) -> bool:
        return self._left is None and not self._text

    @property
    def remaining(self) -> None:
        return None

    @property
    def is_heavy(self) -> bool:
        return True

    def peek(self) -> Buffer | Window | float:
        if self._left is None:
            return self._text
        if not self._left and self._source.done:
            self._text, self._left = self._text + _LAST_CHUNK, None
            return self._text
        piece = self._source.peek()
        if isinstance(piece, float):
            return self._text or piece
        if not isinstance(piece, _IN_MEMORY):
            self._begin_chunk(piece.size)
            return self._text or piece
        left = self._begin_chunk(len(piece))
        if not self._text:
            return piece[:left]
        return self._text + piece[: min(left, COPIED)]  # costs less than another send, and goes

    def advance(self, count: int) -> None:
        paid = min(count, len(self._text))
        self._text = self._text[paid:]
        count -= paid
        if count:
            assert self._left
            self._source.advance(count)
            self._left -= count
            if not self._left:
                self._text = b"\r\n"

    def close(self) -> None:
        self._source.close()
        self._text, self._left = b"", None

    def _begin_chunk(self, size: int) -> int:
        """Return how much of the chunk is left; there is a line of *size* where none is begun."""
        if not self._left:
            self._left = size
            self._text += b"%x\r\n" % size
        return self._left
