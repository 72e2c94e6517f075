"""Preloaded bytes, the ceiling on all of them, and bodies that are sent from them."""

_PIECE_SIZE = 256 * 1024
"""Bytes in memory are offered in views of at most this size."""


class Budget:
    """A ceiling in bytes, and how much beneath it is taken.

    `idle` is what of `used` could be had at once: contents that the cache alone holds.
    """

    __slots__ = ("idle", "limit", "used")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.used = 0
        self.idle = 0

    def reserve(self, size: int) -> bool:
        """Take *size* bytes and return True, or nothing and False when they do not fit."""
        if self.used + size > self.limit:
            return False
        self.used += size
        return True

    def release(self, size: int) -> None:
        """Return what reserve() took."""
        self.used -= size


class Preloaded:
    """The bytes of one file in memory, shared by all who send them.

    They count against the budget until the last holder lets go: the cache is one, each
    response that is still under way another. So a file that was evicted while a slow client
    reads it is not forgotten by the budget. Made with one holder.
    """

    __slots__ = ("_budget", "_cost", "_holders", "_is_kept", "view")

    def __init__(self, view: memoryview, budget: Budget, cost: int) -> None:
        self.view = view
        self._budget = budget
        self._cost = cost  # bytes that were taken from the budget for this
        self._holders = 1
        self._is_kept = False  # whether the cache is among the holders

    @property
    def is_in_flight(self) -> bool:
        """Whether anybody but its maker holds it."""
        return self._holders > 1

    def keep(self) -> None:
        """Let the hold of its maker be that of the cache, which gives it up when it must."""
        self._is_kept = True
        self._budget.idle += self._cost

    def give_up(self) -> None:
        """Release the hold of the cache."""
        self._is_kept = False
        if not self.is_in_flight:
            self._budget.idle -= self._cost
        self._holders -= 1
        self._settle()

    def retain(self) -> None:
        """Keep the bytes until release()."""
        if self._is_kept and self._holders == 1:
            self._budget.idle -= self._cost
        self._holders += 1

    def release(self) -> None:
        """Stop to hold the bytes; the last one to do so gives them back to the budget."""
        self._holders -= 1
        if self._is_kept and self._holders == 1:
            self._budget.idle += self._cost
        self._settle()

    def _settle(self) -> None:
        if self._holders == 0:
            self._budget.release(self._cost)

    def body(self, start: int, stop: int) -> "BytesBody":
        """Return the bytes from *start* to *stop* as a response body."""
        return BytesBody(self, start, stop)


class SizedBody:
    """What bodies of a known size have in common: `remaining` bytes are still to be sent."""

    __slots__ = ("remaining",)

    remaining: int

    @property
    def done(self) -> bool:
        """Whether all was paid for."""
        return not self.remaining

    @property
    def is_heavy(self) -> bool:
        """Whether more is kept than a descriptor, or a hold on shared bytes, and an offset."""
        return False


class BytesBody(SizedBody):
    """A range of preloaded bytes. Holds *content* until it is closed."""

    __slots__ = ("_content", "_next")

    def __init__(self, content: Preloaded, start: int, stop: int) -> None:
        content.retain()
        self._content: Preloaded | None = content
        self._next = start
        self.remaining = stop - start

    def peek(self) -> memoryview:
        if self._content is None:
            return memoryview(b"")
        return self._content.view[self._next : self._next + min(self.remaining, _PIECE_SIZE)]

    def advance(self, count: int) -> None:
        self._next += count
        self.remaining -= count

    def seek(self, selected: range) -> None:
        """Go to another range of the same bytes."""
        self._next = selected.start
        self.remaining = len(selected)

    def close(self) -> None:
        if self._content is not None:
            self._content.release()
            self._content = None
            self.remaining = 0
