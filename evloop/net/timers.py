"""Deadlines of many connections at the cost of few.

A connection's deadline moves with every request, almost always away. So nothing is done
when it moves: the connection stands in a slot of a wheel, at or before its deadline, and
when the slot is due it is either expired or put into a later slot. A request that is
answered at once costs no operation here at all, and a closed connection leaves nothing.

Short waits, of milliseconds, would be lost in the wheel's tick; they go through a heap.
"""

import heapq
from collections.abc import Iterator
from math import inf
from typing import Protocol

TICK = 0.125
"""Seconds that one slot of the wheel spans: a deadline is met this much late, at most."""
NO_SLOT = -1


class Timed(Protocol):
    """Has a deadline and acts on it."""

    slot: int
    """Where it stands on the wheel; NO_SLOT when nowhere. Only Timers writes it."""

    @property
    def deadline(self) -> float:
        """In seconds on the reactor's clock."""

    def expire(self, now: float) -> None:
        """The deadline has passed."""

    def fail(self, error: Exception) -> None:
        """Something raised *error* on behalf of this one, which should end."""


class Timers:
    """The wheel and the heap. Slot n is due when n + 1 ticks of the clock are over."""

    __slots__ = ("_heap", "_sequence", "_slots", "_wheel_due")

    def __init__(self) -> None:
        self._slots: dict[int, set[Timed]] = {}
        self._wheel_due = inf  # no slot is due before this
        self._heap: list[tuple[float, int, Timed]] = []
        self._sequence = 0

    def watch(self, timed: Timed) -> None:
        """See to it that *timed* expires at its deadline."""
        slot = int(timed.deadline / TICK)
        if timed.slot != NO_SLOT:
            if timed.slot <= slot:
                return  # looked at in time, and then put where it belongs
            self.forget(timed)
        timed.slot = slot
        standing = self._slots.get(slot)
        if standing is None:
            standing = self._slots[slot] = set()
            self._wheel_due = min(self._wheel_due, (slot + 1) * TICK)
        standing.add(timed)

    def watch_closely(self, timed: Timed) -> None:
        """Like watch(), to the precision of the clock; for short waits that are not dropped."""
        self._sequence += 1
        heapq.heappush(self._heap, (timed.deadline, self._sequence, timed))

    def forget(self, timed: Timed) -> None:
        """Take *timed* off the wheel."""
        slot = self._slots.get(timed.slot)
        if slot is not None:
            slot.discard(timed)
        timed.slot = NO_SLOT

    def timeout(self, now: float) -> float:
        """Return the seconds until something may be due; -1 when nothing ever is."""
        due = self._wheel_due
        if self._heap and self._heap[0][0] < due:
            due = self._heap[0][0]
        return -1.0 if due == inf else max(0.0, due - now)

    def expire(self, now: float) -> Iterator[Timed]:
        """Yield what is due at *now*; whoever gets it calls its expire().

        Who stops early finds the rest at the next call.
        """
        # The wheel goes first: short waits come again and again, and could keep it from turning.
        if now >= self._wheel_due:
            yield from self._turn_wheel(now)
        heap = self._heap
        while heap and heap[0][0] <= now:
            timed = heapq.heappop(heap)[2]
            if timed.deadline <= now:
                yield timed

    def _turn_wheel(self, now: float) -> Iterator[Timed]:
        current = int(now / TICK)
        for slot in sorted(slot for slot in self._slots if slot < current):
            due = self._slots[slot]
            while due:
                timed = due.pop()
                timed.slot = NO_SLOT
                if timed.deadline <= now:
                    yield timed
                else:
                    self.watch(timed)
            del self._slots[slot]
        self._wheel_due = (min(self._slots) + 1) * TICK if self._slots else inf
