"""Failed tries of each address, which slow its next ones down."""

from evloop.site.access.sizes import MAX_ADDRESSES

FIRST_DELAY = 0.25
"""Seconds between two tries after a first failure; each further one doubles it. A typing error
is not felt."""
MAX_DELAY = 4.0
"""Seconds between two tries at the most: 900 guesses in an hour."""
MAX_WAIT = 4.0
"""Seconds that one try waits for its turn; it is refused when others of its address wait already.
Less than a request may wait (Limits.file_timeout)."""
FORGET_AFTER = 120.0
"""Seconds without a failure after which an address is like any other."""


class _Record:
    __slots__ = ("count", "last", "next_turn")

    def __init__(self) -> None:
        self.count = 0
        self.last = 0.0
        self.next_turn = 0.0

    @property
    def delay(self) -> float:
        doublings = min(self.count - 1, 16)  # 2^16 is over any limit, 2^1000 no float
        return min(FIRST_DELAY * (1 << doublings), MAX_DELAY)


class Failures:
    """When the next try of an address may be checked; times are on the reactor's clock.

    A success does not wipe out failures: who has one account could else guess at others.
    """

    def __init__(self) -> None:
        self._records: dict[str, _Record] = {}

    def __len__(self) -> int:
        return len(self._records)

    def wait(self, address: str, now: float) -> float | None:
        """Take the next turn of *address*; return the seconds until then.

        None when that is more than MAX_WAIT, and no turn is taken.
        """
        record = self._records.get(address)
        if record is None:
            return 0.0
        if now - record.last >= FORGET_AFTER:
            del self._records[address]
            return 0.0
        turn = max(now, record.next_turn)
        if turn - now > MAX_WAIT:
            return None
        record.next_turn = turn + record.delay
        return turn - now

    def note(self, address: str, now: float) -> None:
        """Take note of a failure."""
        record = self._records.pop(address, None)
        if record is None or now - record.last >= FORGET_AFTER:
            record = _Record()
        if len(self._records) >= MAX_ADDRESSES:
            del self._records[next(iter(self._records))]
        self._records[address] = record
        record.count += 1
        record.last = now
        record.next_turn = max(record.next_turn, now + record.delay)
