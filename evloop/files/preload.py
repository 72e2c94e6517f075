"""Reading a small file whole, a piece at a time, without waiting for the disk."""

try:  # hashlib would load OpenSSL, 2 MB, for an algorithm that Python has in itself
    from _blake2 import blake2b
except ImportError:  # another Python
    from hashlib import blake2b

from evloop.files.entry import Signature
from evloop.files.reader import MAX_TRIES, FileChangedError, Reader
from evloop.files.root import close_descriptor

TURN_SIZE = 2 * 1024 * 1024
"""Bytes that are read into memory in one turn of the loop: to ask for a file is cheap, to read
and to digest it is not. Who comes later in the turn asks again."""
RESERVE_SIZE = 2 * 1024 * 1024
"""As much again is for the first pieces of files, so that a small one is not put off by those
who want many large ones."""
PIECE_SIZE = 64 * 1024
"""A first piece out of the reserve. What every step takes, too: to open a file costs as much."""
_DIGEST_SIZE = 16


class Preload:
    """A file on its way into memory or, with *cost* 0, only through the digest.

    Owns *fd* until take_fd() or close(). `cost` is what its bytes have taken from the
    budget; `started` and `touched` (when somebody last asked for it) are on the reactor's
    clock; `size` is what was found, `settled` as in an Entry.
    """

    __slots__ = (
        "_digest",
        "_fd",
        "_offset",
        "_tries",
        "_view",
        "cost",
        "settled",
        "signature",
        "size",
        "started",
        "touched",
    )

    def __init__(
        self, fd: int, signature: Signature, cost: int, now: float, *, settled: bool
    ) -> None:
        self._fd = fd
        self.signature = signature
        self.size = signature.size
        self.cost = cost
        self.settled = settled
        self.started = self.touched = now
        self._view = memoryview(bytearray(self.size if cost else 0))
        self._digest = blake2b(digest_size=_DIGEST_SIZE)
        self._offset = 0
        self._tries = 0

    def step(self, reader: Reader, room: int, *, wait: bool = False) -> bool:
        """Read on, *room* bytes at most; return whether the file is whole.

        *wait*: even if the disk has to be waited for. A file that ends early is taken as it
        is. Raises OSError when it can't be read.
        """
        end = min(self.size, self._offset + room)
        while self._offset < end:
            tries = MAX_TRIES if wait else self._tries
            try:
                piece = self._read(reader, end - self._offset, tries)
            except FileChangedError:
                self.size = end = self._offset
                self.settled = False
                break
            if piece is None:
                self._tries += 1
                return False
            self._digest.update(piece)
            self._offset += len(piece)
            self._tries = 0
        return end >= self.size

    def _read(self, reader: Reader, limit: int, tries: int) -> memoryview | None:
        """Return the next bytes, which are in the shared buffer unless they are to be kept."""
        if not self.cost:
            return reader.read(self._fd, self._offset, limit, tries)
        view = self._view[self._offset : self._offset + limit]
        count = reader.read_into(self._fd, view, self._offset, limit, tries)
        return None if count is None else view[:count]

    @property
    def done(self) -> int:
        """Bytes that were read so far."""
        return self._offset

    @property
    def view(self) -> memoryview:
        """The bytes that were read, read-only."""
        return self._view[: self.size].toreadonly()

    @property
    def digest(self) -> str:
        """Of the bytes that were read, as hexadecimal digits."""
        return self._digest.hexdigest()

    def take_fd(self) -> int:
        """Return the descriptor, which is the caller's from now on."""
        fd, self._fd = self._fd, -1
        return fd

    def close(self) -> None:
        """Close the descriptor. May be called again."""
        if self._fd >= 0:
            close_descriptor(self.take_fd())


class Allowance:
    """What may be read into memory in the present turn of the loop, shared by all files."""

    __slots__ = ("_room", "_turn")

    def __init__(self) -> None:
        self._turn = 0.0
        self._room = TURN_SIZE

    def left(self, now: float, *, is_new: bool) -> int:
        """Return how many bytes may be read of a file; a new one has the reserve as well."""
        if now != self._turn:
            self._turn, self._room = now, TURN_SIZE
        if self._room > 0:
            return max(self._room, PIECE_SIZE)
        return PIECE_SIZE if is_new and self._room > -RESERVE_SIZE else 0

    def take(self, count: int) -> None:
        """Note that a step has read *count* bytes."""
        self._room -= max(count, PIECE_SIZE)
