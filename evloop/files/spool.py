"""Bytes that are written now and read later: a few in memory, more in a file without a name."""

import tempfile
from collections.abc import Iterator
from typing import IO

SPOOL_SIZE = 64 * 1024
"""Bytes that are kept in memory, at most, before they are written to the file."""
_PIECE_SIZE = 8 * 1024


class Spool:
    """Written with write() and then read once, with pieces(). `size` is in bytes."""

    __slots__ = ("_file", "_held", "size")

    def __init__(self) -> None:
        self._held = bytearray()
        self._file: IO[bytes] | None = None
        self.size = 0

    def write(self, data: bytes) -> None:
        """Add *data*. Raises OSError when there is no room for it."""
        self._held += data
        self.size += len(data)
        if len(self._held) > SPOOL_SIZE:
            if self._file is None:
                self._file = tempfile.TemporaryFile(buffering=0)
            self._spill(self._file)

    def _spill(self, file: IO[bytes]) -> None:
        with memoryview(self._held) as view:
            place = 0
            while place < len(view):
                place += file.write(view[place:])
        self._held.clear()

    def pieces(self) -> Iterator[bytes]:
        """Yield all that was written. Raises OSError."""
        if self._file is not None:
            self._file.seek(0)
            while piece := self._file.read(_PIECE_SIZE):
                yield piece
        for start in range(0, len(self._held), _PIECE_SIZE):
            yield bytes(self._held[start : start + _PIECE_SIZE])

    def close(self) -> None:
        """Forget all. May be called again."""
        if self._file is not None:
            self._file.close()
            self._file = None
        self._held.clear()
