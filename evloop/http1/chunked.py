"""A body whose size is not known, in chunks (RFC 9112 section 7.1)."""

from typing import Final

from evloop.http.response import Body, Buffer, Window

_LAST_CHUNK: Final = b"0\r\n\r\n"


class ChunkedBody:
    """*source* with a line in front of each piece that it shows, and a last chunk.

    Owns *source*. Its size is a promise as soon as the line is shown: of a chunk that is under
    way not more is taken than that.
    """

    __slots__ = ("_left", "_source", "_text")

    def __init__(self, source: Body) -> None:
        self._source = source
        self._text = b""  # what goes out before more of the source does
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
        if not self._text and not self._left:
            waiting = self._begin_chunk()
            if waiting is not None:
                return waiting
        if self._text:
            return self._text
        assert self._left
        piece = self._source.peek()
        return piece[: self._left] if isinstance(piece, bytes | memoryview) else piece

    def advance(self, count: int) -> None:
        if self._text:
            self._text = self._text[count:]
            return
        assert self._left
        self._source.advance(count)
        self._left -= count
        if not self._left:
            self._text = b"\r\n"

    def close(self) -> None:
        self._source.close()
        self._text, self._left = b"", None

    def _begin_chunk(self) -> float | None:
        """Make the line of the next chunk; return the seconds to wait when it can't be told."""
        if self._source.done:
            self._text, self._left = _LAST_CHUNK, None
            return None
        piece = self._source.peek()
        if isinstance(piece, float):
            return piece
        self._left = len(piece) if isinstance(piece, bytes | memoryview) else piece.size
        self._text = b"%x\r\n" % self._left
        return None
