"""What the bytes of a file are, so that each one that arrives can be checked.

The byte at offset n of a made file is byte (phase + n) % PERIOD of one block of noise.
The phase follows from the path and the period is prime, so the bytes of another file or
of another place in the same file don't match, wherever chunks begin and end; and a check
is one memcmp, which takes next to nothing beside the system call that brought the bytes.
"""

import hashlib
import operator
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from evloop_tools.load.faults import Fault, FaultError

CHECK_SIZE = 256 * 1024
"""So many bytes are checked at once, at most."""
PERIOD = 1024 * 1024 + 7
ISLAND = 4 * 1024
"""Bytes of noise at the start of each SPACING of a sparse file; the rest are zeros."""
SPACING = 1024 * 1024

_BLOCK = hashlib.shake_128(b"evloop soak").digest(PERIOD)
_NOISE = _BLOCK + _BLOCK[:CHECK_SIZE]
_ZEROS = bytes(CHECK_SIZE)


class Content(Protocol):
    """The bytes of a file. *size* is None as long as nobody knows it."""

    @property
    def size(self) -> int | None: ...

    def matches(self, offset: int, data: memoryview) -> bool:
        """Whether *data*, at most CHECK_SIZE bytes, is what stands at *offset*."""

    def expected(self, offset: int, length: int) -> bytes:
        """Return what stands at *offset*: at most CHECK_SIZE bytes."""


class Coded:
    """Noise from end to end; *path* decides which."""

    __slots__ = ("_phase", "size")

    def __init__(self, path: str, size: int) -> None:
        self._phase = zlib.crc32(path.encode()) % PERIOD
        self.size = size

    def matches(self, offset: int, data: memoryview) -> bool:
        return _NOISE.startswith(data, (self._phase + offset) % PERIOD)

    def expected(self, offset: int, length: int) -> bytes:
        start = (self._phase + offset) % PERIOD
        return _NOISE[start : start + length]

    def write(self, path: Path) -> None:
        """Make the file. Raises OSError."""
        with path.open("wb") as file:
            for offset in range(0, self.size, CHECK_SIZE):
                file.write(self.expected(offset, min(CHECK_SIZE, self.size - offset)))


class Sparse:
    """Zeros with islands of noise, so that a large file takes little of the disk."""

    __slots__ = ("_noise", "size")

    def __init__(self, path: str, size: int) -> None:
        self._noise = Coded(path, size)
        self.size = size

    def matches(self, offset: int, data: memoryview) -> bool:
        return all(
            self._noise.matches(start, data[start - offset : stop - offset])
            if is_island
            else _ZEROS.startswith(data[start - offset : stop - offset])
            for start, stop, is_island in _spans(offset, len(data))
        )

    def expected(self, offset: int, length: int) -> bytes:
        return b"".join(
            self._noise.expected(start, stop - start) if is_island else bytes(stop - start)
            for start, stop, is_island in _spans(offset, length)
        )

    def write(self, path: Path) -> None:
        """Make the file. Raises OSError."""
        with path.open("wb") as file:
            for offset in range(0, self.size, SPACING):
                file.seek(offset)
                file.write(self._noise.expected(offset, min(ISLAND, self.size - offset)))
            file.truncate(self.size)


def _spans(offset: int, length: int) -> Iterator[tuple[int, int, bool]]:
    """Yield (start, stop, is an island) of what lies at *offset*."""
    end = offset + length
    while offset < end:
        into = offset % SPACING
        is_island = into < ISLAND
        stop = min(end, offset - into + (ISLAND if is_island else SPACING))
        yield offset, stop, is_island
        offset = stop


class Copy:
    """A file of this machine, which is read again for each check.

    Raises OSError when it can't be opened.
    """

    __slots__ = ("_fd", "size")

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self.size = os.fstat(self._fd).st_size

    def matches(self, offset: int, data: memoryview) -> bool:
        return self.expected(offset, len(data)).startswith(data)

    def expected(self, offset: int, length: int) -> bytes:
        return os.pread(self._fd, length, offset)

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._fd)


class Unknown:
    """Bytes that nothing is known of but, perhaps, their number."""

    __slots__ = ("size",)

    def __init__(self, size: int | None = None) -> None:
        self.size = size

    def matches(self, offset: int, data: memoryview) -> bool:
        return True

    def expected(self, offset: int, length: int) -> bytes:
        return b""


def wrong_bytes(content: Content, offset: int, data: memoryview) -> FaultError:
    """Say where *data*, which does not match, goes wrong."""
    expected = content.expected(offset, len(data))
    differences = list(map(operator.ne, expected, data))
    first = differences.index(True) if True in differences else len(expected)
    wrong = sum(differences) + len(data) - len(expected)
    there = f"0x{expected[first]:02x}" if first < len(expected) else "the end"
    text = f"offset {offset + first:,} is 0x{data[first]:02x}, in the file {there}"
    return FaultError(Fault.WRONG_BYTES, text, wrong)
