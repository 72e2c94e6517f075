"""The files that are in memory, within a budget, in the order in which they were checked."""

from collections import OrderedDict
from collections.abc import Callable

from evloop.files.content import Budget
from evloop.files.entry import Entry


class Store:
    """Preloaded entries by path; *on_evict* is called when some go.

    What a client is still reading would not free a byte, so it is never evicted for room.
    """

    def __init__(self, budget: Budget, on_evict: Callable[[], None]) -> None:
        self._budget = budget
        self._on_evict = on_evict
        self.entries: dict[bytes, Entry] = {}
        # Candidates for eviction, checked longest ago first. One that was found in flight is
        # left out until it is checked again, or until the others are used up: stalled readers
        # are not looked at again for each file that wants room.
        # A plain dict would be walked from its first gap for each one that is taken off its front.
        self._order: OrderedDict[bytes, None] = OrderedDict()

    def add(self, path: bytes, entry: Entry) -> None:
        """Take over *entry*, whose content was paid for."""
        if entry.content is not None:
            entry.content.keep()
        self.entries[path] = entry
        self._order[path] = None

    def confirm(self, path: bytes, entry: Entry, now: float) -> None:
        """Note that the disk agreed with *entry* at *now*."""
        entry.checked = now
        self._order[path] = None
        self._order.move_to_end(path)

    def make_room(self, cost: int) -> bool:
        """Take *cost* bytes from the budget, and evict for it what must be evicted.

        When that would not be enough nothing is evicted and nothing taken.
        """
        budget = self._budget
        missing = budget.used + cost - budget.limit
        if missing > budget.idle:
            return False
        if missing > 0:
            self._free(missing)
            self._on_evict()
        return budget.reserve(cost)

    def evict(self, path: bytes) -> None:
        """Let go of what is at *path*."""
        self._drop(path)
        self._on_evict()

    def clear(self) -> None:
        """Let go of everything."""
        for path in list(self.entries):
            self._drop(path)
        self._on_evict()

    def _free(self, size: int) -> None:
        """Evict *size* bytes, which are there to be had."""
        end = self._budget.used - size
        while self._budget.used > end:
            if not self._order:
                self._order = OrderedDict.fromkeys(self.entries)
            path, _ = self._order.popitem(last=False)
            content = self.entries[path].content
            if content is not None and not content.is_in_flight:
                self._drop(path)

    def _drop(self, path: bytes) -> None:
        entry = self.entries.pop(path)
        self._order.pop(path, None)
        entry.coded = None
        if entry.content is not None:
            entry.content.give_up()
