"""The body of an archive that is made while it is sent."""

from collections.abc import Callable, Generator, Iterable
from contextlib import closing
from typing import Protocol
from zlib import crc32

from evloop.files.bodies import FileBody, FileWindow
from evloop.files.reader import Reader
from evloop.files.tree import Member

PIECE_SIZE = 8 * 1024
"""Bytes that heads and small files are gathered to for one send."""
SMALL_SIZE = 4 * 1024
"""Files up to this size are copied into such a piece; larger ones go through the refill buffer."""
NEXT_SLICE = 1e-6
"""Seconds until a body is asked again that had nothing to show after a slice of work: in the next
turn of the loop, which does not wait for it, and not in this one."""
_SLICE_MEMBERS = 16  # opened and read for one piece, at most: some 50 us each


class Format(Protocol):
    """How an archive is written: the bytes around the contents of members."""

    needs_checksum: bool

    def begin(self, member: Member) -> bytes:
        """Return what stands before the content of *member*."""

    def end(self, checksum: int) -> bytes:
        """Return what stands behind the content, whose CRC-32 is *checksum*."""

    def finish(self) -> Iterable[bytes]:
        """Yield what stands behind the last member; something, in any case."""

    def close(self) -> None:
        """Release what is held. May be called again."""


class ArchiveBody:
    """All of *members* in *format*, which it owns. *on_close* is called once.

    Each file is sent in the size that it had when it was opened: one that has become shorter
    raises FileChangedError, one that grows is cut.
    """

    __slots__ = (
        "_checksum",
        "_file",
        "_format",
        "_is_last",
        "_members",
        "_on_close",
        "_piece",
        "_reader",
        "_shown",
        "_steps",
    )

    def __init__(
        self,
        members: Generator[Member | None, None, None],
        format_: Format,
        reader: Reader,
        on_close: Callable[[], None],
    ) -> None:
        self._members = members
        self._format = format_
        self._reader = reader
        self._on_close: Callable[[], None] | None = on_close
        self._piece = b""  # what was shown and is not paid for
        self._file: FileBody | None = None  # what is being sent of a larger file
        self._shown = memoryview(b"")  # the last piece of it, which holds until the next peek()
        self._checksum = 0  # CRC-32 of what was paid for of the present member
        self._is_last = False
        self._steps = self._run()

    @property
    def remaining(self) -> None:
        return None

    @property
    def done(self) -> bool:
        return self._is_last and not self._piece

    @property
    def is_heavy(self) -> bool:
        return True

    def peek(self) -> bytes | memoryview | float:
        """Return the next bytes, or the seconds to wait for them.

        Raises FileChangedError when a file has shrunk, OSError when something can't be read.
        """
        if self._piece:
            return self._piece
        if self._file is None:
            wait = next(self._steps)
            if self._file is None:
                return self._piece or wait
        return self._show(self._file)

    def _show(self, file: FileBody) -> memoryview | float:
        piece = file.peek()
        if isinstance(piece, float):
            return piece
        assert not isinstance(piece, FileWindow)
        self._shown = piece
        return piece

    def advance(self, count: int) -> None:
        if self._piece:
            self._piece = self._piece[count:]
            return
        file = self._file
        assert file is not None
        if self._format.needs_checksum:
            self._checksum = crc32(self._shown[:count], self._checksum)
        self._shown = memoryview(b"")
        file.advance(count)
        if file.done:
            file.close()
            self._file = None

    def close(self) -> None:
        on_close, self._on_close = self._on_close, None
        if on_close is None:
            return
        self._steps.close()
        if self._file is not None:
            self._file.close()
            self._file = None
        self._piece, self._is_last = b"", True
        self._format.close()
        on_close()

    def _run(self) -> Generator[float, None, None]:
        """Fill the piece, or set the file that comes next; yield the seconds to wait for more."""
        held, count = bytearray(), 0
        with closing(self._members):
            for member in self._members:
                if member is not None:
                    yield from self._add(member, held)
                    count += 1
                if member is None or len(held) >= PIECE_SIZE or count >= _SLICE_MEMBERS:
                    yield self._show_held(held)
                    count = 0
        for piece in self._format.finish():
            if len(held) >= PIECE_SIZE:
                yield self._show_held(held)
            held += piece
        self._is_last = True
        yield self._show_held(held)

    def _show_held(self, held: bytearray, wait: float = NEXT_SLICE) -> float:
        """Let what is *held* be the piece; return how long to wait if that is nothing."""
        self._piece = bytes(held)
        held.clear()
        return wait

    def _add(self, member: Member, held: bytearray) -> Generator[float, None, None]:
        """Add *member* to what is held, or show that and then a larger file by itself."""
        file = FileBody(member.fd, range(member.size), self._reader)
        self._checksum = 0
        try:
            held += self._format.begin(member)
            if member.size > SMALL_SIZE:
                yield self._show_held(held)
                self._file = file
                yield NEXT_SLICE
            while not file.done:
                piece = file.peek()
                if isinstance(piece, float):
                    yield self._show_held(held, piece)
                    continue
                assert isinstance(piece, memoryview)
                held += piece
                self._checksum = crc32(piece, self._checksum)
                file.advance(len(piece))
            held += self._format.end(self._checksum)
        finally:
            file.close()
