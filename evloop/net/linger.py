"""The last part of a connection that the server closes first (RFC 9112 section 9.6)."""

from collections.abc import Callable
from typing import Final

from evloop.net.protocol import NOTHING, READ, Closing, Retention, Window

LINGER_SIZE = 256 * 1024
"""Bytes that are discarded, at most: what a client has on its way when it learns of the end."""
_PIECE_SIZE = 16 * 1024  # read at once; as much as a request head may have


class _State:
    """A state of Lingering, as the connection sees it."""

    __slots__ = ("closing", "interest", "is_brief", "retention", "value")

    def __init__(self, interest: int, closing: Closing) -> None:
        self.value = Closing.LINGER.value
        self.interest = interest
        self.closing = closing
        self.retention = Retention.IDLE
        self.is_brief = False


_READING: Final = _State(READ, Closing.OPEN)
_OVER: Final = _State(NOTHING, Closing.NOW)


class Lingering:
    """Discards what still arrives from *peer*, for a bounded time and up to LINGER_SIZE bytes.

    It takes the place of the protocol that has sent its last byte.
    """

    __slots__ = ("_left", "deadline", "peer", "since", "state")

    def __init__(self, peer: str, now: float, timeout: float) -> None:
        self.peer = peer
        self.since = now
        self.deadline = now + timeout
        self.state = _READING
        self._left = LINGER_SIZE

    @property
    def room(self) -> int:
        return _PIECE_SIZE

    @property
    def is_heavy(self) -> bool:
        return False

    def receive_data(self, data: bytes, now: float) -> None:
        self._left -= len(data)
        if self._left < 0:
            self.state = _OVER

    def receive_eof(self, now: float) -> None:
        self.state = _OVER

    def outgoing(self, now: float) -> tuple[bytes, ...] | Window:
        return ()

    def sent(self, count: int, now: float) -> None:
        """Nothing is sent any more."""

    def resume(self, now: float) -> None:
        """Nothing is waited for but the peer."""

    def on_wake(self, wake: Callable[[float], None]) -> None:
        """Nothing is waited for but the peer."""

    def lost(self, error: OSError, now: float) -> None:
        self.state = _OVER

    def source_lost(self, error: OSError, now: float) -> None:
        """Nothing is sent any more."""

    def finish(self, now: float) -> None:
        """This is the end already."""

    def _end(self, now: float) -> None:
        self.state = _OVER

    expire = refuse = shut_down = fail = _end
