"""Windows: how many bytes of DATA each side may send (RFC 9113 section 6.9)."""

from typing import Final

from evloop.http2.frames import INITIAL_WINDOW, MAX_WINDOW

RETURNED_SIZE: Final = INITIAL_WINDOW // 2
"""Bytes of DATA after which the client gets them back for the connection, in one frame."""


class WindowError(ValueError):
    """A window of more than MAX_WINDOW bytes."""


def widened(window: int, increment: int) -> int:
    """Return *window* with *increment* more bytes. Raises WindowError."""
    window += increment
    if window > MAX_WINDOW:
        raise WindowError("a window of more than 2^31 - 1 bytes")
    return window


class Windows:
    """Those of one connection, in bytes.

    `connection` is what may be sent on all streams together, and `initial` what a new stream
    begins with; either may be negative (section 6.9.2).
    """

    __slots__ = ("_received", "connection", "initial")

    def __init__(self) -> None:
        self.connection = INITIAL_WINDOW
        self.initial = INITIAL_WINDOW
        self._received = 0  # bytes of DATA that the client did not get back yet

    def receive(self, size: int) -> int:
        """Take *size* bytes of DATA, which nobody reads; return how many to give back now.

        They are never so many that the window is full: they come in frames.
        """
        self._received += size
        if self._received < RETURNED_SIZE:
            return 0
        returned, self._received = self._received, 0
        return returned
