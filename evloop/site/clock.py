"""The time of day, read from the system once a second."""

import time

from evloop.http.dates import format_date


class Clock:
    """Wall-clock time as a response needs it.

    `seconds` since the epoch and `date`, the same as an HTTP date, hold until `until`, which
    is on the reactor's clock: the moment when the next second begins.
    """

    __slots__ = ("date", "seconds", "until")

    def __init__(self) -> None:
        self.seconds = 0
        self.date = b""
        self.until = 0.0

    def refresh(self, now: float) -> None:
        """Read the time of day if its second is over at *now*."""
        if now < self.until:
            return
        wall = time.time()
        self.seconds = int(wall)
        self.date = format_date(self.seconds)
        self.until = now + 1.0 - (wall - self.seconds)
