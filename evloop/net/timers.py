"""Deadlines of many connections at the cost of few.

A connection's deadline moves with every request, almost always away. So nothing is done when it
moves: the connection stands in a slot of a wheel, at or before its deadline, and when the slot
is due it either expires or is put into a later slot. A request that is answered at once costs no
operation here, and a closed connection leaves nothing that has to be waited for.

Slots are the wider the farther away they are, about a sixteenth to a thirty-second of the
distance. A wide slot is due before the deadlines in it, and its connections then go into
narrower ones. So there are at most some hundred slots, whatever the timeouts, and a deadline is
still met to a tick.

Waits of milliseconds would be lost in a tick; they, and calls at a time, go through a heap.
"""

import heapq
import logging
from collections.abc import Callable, Iterator
from math import inf
from typing import Protocol

TICK = 0.125
"""Seconds: a deadline on the wheel is met this much late, at most."""
_FINE_TICKS = 16
"""A deadline this many ticks away has a slot of one tick; twice as far, one of two ticks."""
MAX_LOOKS = 1024
"""So many on the wheel are looked at in one turn, at most: about half a millisecond. Of those who
came together as many are due together, though most of them have been active since."""

_log = logging.getLogger("evloop")


class Slot(set["Timed"]):
    """Those who stand together; `due` is in ticks of the clock."""

    __slots__ = ("due",)

    def __init__(self, due: int) -> None:
        super().__init__()
        self.due = due


class Timed(Protocol):
    """Has a deadline and acts on it."""

    slot: Slot | None
    """Where it stands on the wheel; None when nowhere. Only Timers writes it."""

    @property
    def deadline(self) -> float:
        """In seconds on the reactor's clock."""

    def expire(self, now: float) -> None:
        """The deadline has passed."""

    def fail(self, error: Exception) -> None:
        """Something raised *error* on behalf of this one, which should end."""


class Call:
    """A function that is called at a time, unless cancel() comes first.

    A cancelled call takes its place until its time; whoever cancels has few of them.
    """

    __slots__ = ("_callback", "deadline", "slot")

    def __init__(self, deadline: float, callback: Callable[[float], None]) -> None:
        self.deadline = deadline
        self.slot: Slot | None = None
        self._callback: Callable[[float], None] | None = callback

    def cancel(self) -> None:
        """Do not call. May be called again, and after the time."""
        self._callback = None

    def expire(self, now: float) -> None:
        callback, self._callback = self._callback, None
        if callback is not None:
            callback(now)

    def fail(self, error: Exception) -> None:
        """Log a defect of the function that was called; the loop goes on without it."""
        _log.error("a timed call failed", exc_info=error)


class Timers:
    """The wheel and the heap; times are seconds on the reactor's clock."""

    __slots__ = ("_dues", "_heap", "_sequence", "_slots")

    def __init__(self) -> None:
        self._slots: dict[int, Slot] = {}  # by when they are due
        self._dues: list[int] = []  # the same, as a heap
        self._heap: list[tuple[float, int, Timed]] = []
        self._sequence = 0

    def watch(self, timed: Timed, now: float) -> None:
        """See to it that *timed* expires at its deadline."""
        due = _due(timed.deadline, now)
        slot = timed.slot
        if slot is not None:
            if slot.due <= due:
                return  # it is looked at in time, and then put where it belongs
            slot.discard(timed)
        slot = self._slots.get(due)
        if slot is None:
            slot = self._slots[due] = Slot(due)
            heapq.heappush(self._dues, due)
        slot.add(timed)
        timed.slot = slot

    def watch_closely(self, timed: Timed) -> None:
        """Like watch(), to the precision of the clock; for short waits that are not dropped."""
        self._sequence += 1
        heapq.heappush(self._heap, (timed.deadline, self._sequence, timed))

    def forget(self, timed: Timed) -> None:
        """Take *timed* off the wheel."""
        slot = timed.slot
        if slot is not None:
            slot.discard(timed)
            timed.slot = None

    def timeout(self, now: float) -> float:
        """Return the seconds until something may be due; -1 when nothing ever is."""
        due = self._first_due()
        if self._heap and self._heap[0][0] < due:
            due = self._heap[0][0]
        return -1.0 if due == inf else max(0.0, due - now)

    def expire(self, now: float) -> Iterator[Timed]:
        """Yield what is due at *now*; the caller calls expire() of each.

        A caller that stops in between gets the others at its next call, and so does one that gets
        none because MAX_LOOKS were only to be put elsewhere: timeout() is 0 until all are seen.
        """
        # The wheel goes first: short waits come again and again, and could keep it from turning.
        looks = MAX_LOOKS
        while looks and self._first_due() <= now:
            looks -= 1
            timed = self._slots[self._dues[0]].pop()
            timed.slot = None
            if timed.deadline <= now:
                yield timed
            else:
                self.watch(timed, now)
        heap = self._heap
        while heap and heap[0][0] <= now:
            timed = heapq.heappop(heap)[2]
            if timed.deadline <= now:
                yield timed

    def _first_due(self) -> float:
        """Return when the first slot with anything in it is due, and drop those before it."""
        while self._dues:
            due = self._dues[0]
            if self._slots[due]:
                return due * TICK
            del self._slots[heapq.heappop(self._dues)]
        return inf


def _due(deadline: float, now: float) -> int:
    """Return the tick at which one with *deadline* is to be looked at.

    Unless the deadline is over, that is after *now*: nobody is looked at twice at one time.
    """
    due = int(deadline / TICK) + 1
    distance = due - int(now / TICK)
    if distance < 2 * _FINE_TICKS:
        return due
    width = 1 << (distance // _FINE_TICKS).bit_length() - 1
    return (due - 1) // width * width
