"""Saying at most once in a while what may happen all the time."""

from math import inf


class RateLimited:
    """Allows one message per *interval* seconds and counts those in between.

        if limited.allows(now):
            log.error("accepting failed%s", limited.note)

    *now* is on any clock that does not go back; it is always the same one.
    """

    __slots__ = ("_interval", "_last", "_withheld", "suppressed")

    def __init__(self, interval: float) -> None:
        self._interval = interval
        self._last = -inf
        self._withheld = 0
        self.suppressed = 0
        """Messages that were withheld between the last two that were allowed."""

    def allows(self, now: float) -> bool:
        """Return whether a message may be written now; count it if not."""
        if now - self._last < self._interval:
            self._withheld += 1
            return False
        self._last = now
        self.suppressed, self._withheld = self._withheld, 0
        return True

    @property
    def note(self) -> str:
        """What to append to an allowed message: " (12 more before it)", or nothing."""
        return f" ({self.suppressed} more before it)" if self.suppressed else ""
