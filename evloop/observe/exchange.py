"""What is kept of one request and its response for the counters and the access log."""

from enum import Enum
from typing import Protocol

from evloop.net.protocol import Security


class EndReason(Enum):
    """Why a response ended, or a connection without one. The values are the log's words."""

    COMPLETE = "complete"
    """All bytes were handed to the kernel."""
    CLIENT_CLOSED = "client-closed"
    """The client closed the connection in an orderly way (FIN)."""
    CLIENT_RESET = "client-reset"
    """The connection was reset, or the socket failed in another way."""
    STALLED = "stalled"
    """The client took nothing for as long as the send timeout."""
    BELOW_RATE = "below-rate"
    """The client took less than the minimum rate."""
    FILE_CHANGED = "file-changed"
    """The file became shorter while it was sent: the head has promised more than there is."""
    READ_ERROR = "read-error"
    """The file can't be read any more."""
    SHUTDOWN = "shutdown"
    """The server ended."""
    REFUSED = "refused"
    """The client was told of a limit, with a status of OVER_LIMIT."""
    PROTOCOL_ERROR = "protocol-error"
    """The client did what HTTP/2 does not allow."""
    ERROR = "error"
    """A defect of this program."""


OVER_LIMIT = frozenset({408, 414, 429, 431, 503})
"""The statuses that tell a client that it is over a limit of time, size or number."""

MAX_LOGGED_HEAD = 4 * 1024
"""Bytes of a request head that are kept for the log: twice the request line that is logged."""


class Exchange:
    """One request and what was sent for it. Made only when there is an access log.

    `request_head` are the bytes as they came, MAX_LOGGED_HEAD at most; empty for a connection
    that was refused before it sent any. `head_size` are the bytes of the response's head, `sent`
    those of the whole response that the socket has taken. `started` is in seconds on the
    reactor's clock. `user` is the name that came with a password, empty for none; whether that was
    right the status says. `refusal` says why there was an error response, or is empty. `security`
    is that of a TLS connection.
    """

    __slots__ = (
        "head_size",
        "refusal",
        "request_head",
        "security",
        "sent",
        "started",
        "status",
        "user",
    )

    def __init__(
        self, request_head: bytes, status: int, head_size: int, started: float, refusal: str
    ) -> None:
        self.request_head = request_head[:MAX_LOGGED_HEAD]
        self.status = status
        self.head_size = head_size
        self.started = started
        self.refusal = refusal
        self.security: Security | None = None
        self.sent = 0
        self.user = b""

    @property
    def body_sent(self) -> int:
        """Bytes of the body that the socket has taken."""
        return max(0, self.sent - self.head_size)


class Observer(Protocol):
    """What a connection reports to: counters, and whoever wants finished exchanges.

    `logs` says whether exchanges are to be made at all. The counters are incremented by the
    connections themselves, which saves a call per response.
    """

    logs: bool
    responses: int
    """Responses that were begun."""
    refusals: int
    """Those with a status of OVER_LIMIT."""
    bytes_sent: int
    """Bytes that sockets have taken, heads included."""
    tls_hellos: int
    """Clients that began with TLS where it is not spoken."""

    def ended(
        self, peer: str, exchange: Exchange | None, end: EndReason, now: float, why: str
    ) -> None:
        """Take note of the end of a response.

        *peer* is the client's address; *exchange* is None without a log; *now* is on the
        reactor's clock; *why* explains *end*, or is empty. COMPLETE and REFUSED are reported only
        when there is a log, the others always.
        """
