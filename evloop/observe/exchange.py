"""What is remembered of one request and its response, for those who look on."""

from enum import Enum
from typing import Protocol


class EndReason(Enum):
    """Why a response, or a connection without one, came to its end."""

    COMPLETE = "complete"
    CLIENT_CLOSED = "client-closed"
    CLIENT_RESET = "client-reset"
    STALLED = "stalled"
    BELOW_RATE = "below-rate"
    FILE_CHANGED = "file-changed"
    READ_ERROR = "read-error"
    SHUTDOWN = "shutdown"
    REFUSED = "refused"
    ERROR = "error"


OVER_LIMIT = frozenset({408, 414, 431, 503})
"""The statuses that tell a client that it is over a limit, of time, size or number."""

MAX_LOGGED_HEAD = 4 * 1024
"""Bytes of a request head that are kept for the log."""


class Exchange:
    """One request and what was sent for it. Kept only while somebody logs.

    `request_head` is as it came, up to a limit; `head_size` (of the response) and `sent` are
    bytes; `started` is on the reactor's clock.
    """

    __slots__ = ("head_size", "refusal", "request_head", "sent", "started", "status")

    def __init__(
        self, request_head: bytes, status: int, head_size: int, started: float, refusal: str
    ) -> None:
        self.request_head = request_head[:MAX_LOGGED_HEAD]
        self.status = status
        self.head_size = head_size
        self.started = started
        self.refusal = refusal
        self.sent = 0

    @property
    def body_sent(self) -> int:
        """Bytes of the body that the socket has taken."""
        return max(0, self.sent - self.head_size)


class Observer(Protocol):
    """Counts every response, and wants the whole exchange if `logs`."""

    logs: bool
    responses: int
    refusals: int
    """Those with a status of OVER_LIMIT."""
    bytes_sent: int

    def ended(
        self, peer: str, exchange: Exchange | None, end: EndReason, now: float, why: str
    ) -> None:
        """Note the end of a response; *exchange* is None when nobody logs.

        COMPLETE and REFUSED are told only when somebody logs; the others always.
        """
