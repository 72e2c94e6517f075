"""Reading a small file whole, a piece at a time, without waiting for the disk."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Protocol

from evloop.files.entry import Signature, new_digest
from evloop.files.reader import MAX_TRIES, FileChangedError, Reader
from evloop.files.walk import close_descriptor

TURN_SIZE = 2 * 1024 * 1024
"""Bytes that are read into memory in one turn of the loop: to ask for a file is cheap, to read
and to digest it is not. Who comes later in the turn goes on in the next."""
RESERVE_SIZE = 2 * 1024 * 1024
"""As much again is for the first pieces of files, so that a small one is not put off by those
who want many large ones."""
PIECE_SIZE = 64 * 1024
"""A first piece out of the reserve. What every step takes, too: to open a file costs as much."""

Wake = Callable[[float], None]
"""What is told the time when a file is whole, can't be read, or is given up."""


class Handle(Protocol):
    """A call that is yet to come."""

    def cancel(self) -> None:
        """Let it not happen. May be called again, and afterwards."""


CallAt = Callable[[float, Wake], Handle]
"""Calls back once at a time on the reactor's clock, or soon after, with the time it is then."""


class Preload:
    """A file on its way into memory. Those who subscribe are told once when it is there.

    Owns *fd* until close(). `cost` is what its bytes have taken from the budget; `checked` is
    when the path led to the file, `touched` when somebody last asked for it, both on the
    reactor's clock; `size` is what was found, `settled` as in an Entry; `tries` is how often
    the next bytes were not in memory.
    """

    __slots__ = (
        "_digest",
        "_fd",
        "_offset",
        "_subscribers",
        "_view",
        "checked",
        "cost",
        "path",
        "settled",
        "signature",
        "size",
        "touched",
        "tries",
    )

    def __init__(
        self,
        path: bytes,
        fd: int,
        signature: Signature,
        cost: int,
        now: float,
        *,
        checked: float,
        settled: bool,
    ) -> None:
        self.path = path
        self.signature = signature
        self.size = signature.size
        self.cost = cost
        self.settled = settled
        self.checked = checked
        self.touched = now
        self.tries = 0
        self._subscribers: OrderedDict[Wake, None] = OrderedDict()
        self._view = memoryview(bytearray(self.size))
        self._digest = new_digest()
        self._offset = 0
        self._fd = fd

    # For those who wait

    def subscribe(self, wake: Wake) -> None:
        """Let *wake* be called once, from the loop, when find() has an answer."""
        self._subscribers[wake] = None

    def unsubscribe(self, wake: Wake) -> None:
        """Forget *wake*, if it is known."""
        self._subscribers.pop(wake, None)

    @property
    def waiting(self) -> int:
        """How many are to be told."""
        return len(self._subscribers)

    def next_subscriber(self) -> Wake | None:
        """Return and forget the one that has waited longest; None when there is none."""
        return self._subscribers.popitem(last=False)[0] if self._subscribers else None

    # Reading

    def step(self, reader: Reader, room: int, *, wait: bool = False) -> bool:
        """Read on, *room* bytes at most; return whether the file is whole.

        *wait*: even if the disk has to be waited for. A file that ends early is taken as it
        is. Raises OSError when it can't be read.
        """
        end = min(self.size, self._offset + room)
        while self._offset < end:
            tries = MAX_TRIES if wait else self.tries
            view = self._view[self._offset : end]
            try:
                count = reader.read_into(self._fd, view, self._offset, len(view), tries)
            except FileChangedError:
                self.size = end = self._offset
                self.settled = False
                break
            if count is None:
                self.tries += 1
                return False
            self._digest.update(view[:count])
            self._offset += count
            self.tries = 0
        return end >= self.size

    @property
    def fd(self) -> int:
        """The descriptor that is read; -1 when it is closed."""
        return self._fd

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

    def close(self) -> None:
        """Close the descriptor. May be called again."""
        if self._fd >= 0:
            close_descriptor(self._fd)
            self._fd = -1


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
