"""What a client may do that brings nothing forward.

One bucket for each connection. Requests that are answered and bytes that are sent fill it, and so
does time, slowly; frames that lead to nothing empty it. A connection whose bucket is empty ends
with ENHANCE_YOUR_CALM (RFC 9113 sections 10.5 and 7).
"""

from typing import Final

CAPACITY: Final = 1000.0
"""Units. nghttp2 allows bursts of 1,000 resets, and of as many SETTINGS and PING."""
PER_SECOND: Final = 33.0
"""Units that come with time: nghttp2's rate of resets."""
RESET_COST: Final = 5.0
"""A stream that ends before its response has: by RST_STREAM, or because the client made the server
reset it. 200 at once, twice the streams that may be open, and then 6 a second."""
FRAME_COST: Final = 1.0
"""A frame that brings nothing forward: PING, SETTINGS, PRIORITY, WINDOW_UPDATE, an unknown one,
DATA that nobody reads, a piece of a header block."""
SETTINGS_PER_UNIT: Final = 8
"""Parameters of a SETTINGS frame for one unit: clients send four to six."""
DISCARDED_PER_UNIT: Final = 1024
"""Bytes of a request's body that come when the stream is over, for one unit: a client has a window
of 64 KiB under way when it learns of it."""
ANSWER_GAIN: Final = 4.0
"""For a response: a client may widen two windows for it, twice."""
BYTES_PER_UNIT: Final = 1024
"""Bytes of bodies that are sent for one unit: clients that widen their windows do so for each
frame that has come, at the most, or for each 4 KiB, each time two of them."""


class Budget:
    """How much patience is left with one client."""

    __slots__ = ("_at", "_units")

    def __init__(self, now: float) -> None:
        self._units = CAPACITY
        self._at = now

    def spend(self, units: float, now: float) -> bool:
        """Take *units*; return False when there are not so many left."""
        self._units = min(CAPACITY, self._units + (now - self._at) * PER_SECOND) - units
        self._at = now
        return self._units >= 0

    def earn(self, units: float) -> None:
        """Put *units* in, as far as there is room."""
        self._units = min(CAPACITY, self._units + units)
