"""What all TLS connections of a server share: whose turn it is to shake hands, and with what.

A handshake takes half a millisecond (P-256) to two and a half (RSA), in which nobody else is
served. So only a few steps are taken in a turn, after all that is ready, in the order of arrival.
"""

from collections.abc import Callable, Mapping
from itertools import islice
from math import inf, nextafter
from typing import Any, Final
from typing import Protocol as Face

from evloop.net.handshake import Handshake, HandshakeCounts
from evloop.net.protocol import Protocol, Security
from evloop.net.reactor import Reactor

STEPS_PER_TURN: Final = 4
"""Steps of handshakes in one turn, at most: about two milliseconds."""

RECORD_SIZE: Final = 16 * 1024
"""Bytes that a record carries, at most (RFC 8446 section 5.1)."""
RECORD_OVERHEAD: Final = 64
"""Bytes of a record beside them: a header of 5, the content's type and a tag of 16, and with TLS
1.2 a nonce of 8; rounded up."""
MAX_SESSIONS: Final = 512
"""Handshakes that are under way at once, at most; the oldest is given up for the next. Each takes
44 KiB, by measure, until it is over, and a flood of a thousand a second leaves half a second."""
HANDSHAKE_SIZE: Final = 28 * 1024
"""Bytes of each of them, beside what its connection takes later."""

SecureFactory = Callable[[str, float, Security], Protocol]
"""Makes the protocol of a connection of its peer's address, the time and what was agreed."""


class Shaking(Face):
    """A connection that shakes hands."""

    def shake(self, now: float) -> None:
        """Take one step of the handshake."""

    def refuse(self, now: float) -> None:
        """Give it up."""


class Handshakes:
    """Takes steps of handshakes, some in each turn of *reactor*.

    *context_for* returns the ssl.SSLContext for the name that a client asks for (b"": for none).
    *factories* are by the agreed protocol of RFC 7301 and in the order of the server's choice;
    that of None is for clients that name none. *timeout*: seconds for a handshake;
    *send_queue*: see evloop.net.transport; *plain_answer*: sent to those who ask without TLS;
    *asks_clients*: whether contexts demand certificates of clients.
    """

    def __init__(
        self,
        reactor: Reactor,
        context_for: Callable[[bytes], Any],
        factories: Mapping[str | None, SecureFactory],
        *,
        timeout: float,
        send_queue: int,
        plain_answer: bytes = b"",
        asks_clients: bool = False,
    ) -> None:
        self.asks_clients = asks_clients
        self.context_for = context_for
        self.factories = factories
        self.names = tuple(name.encode() for name in factories if name is not None)
        self.plain_answer = plain_answer
        self.send_queue = send_queue
        self.record_size = min(RECORD_SIZE, send_queue // 2 - RECORD_OVERHEAD)
        self.counts = HandshakeCounts()
        self._reactor = reactor
        self._timeout = timeout
        self._waiting: dict[Shaking, bool] = {}  # in the order of arrival
        self._sessions: dict[Shaking, bool] = {}  # in the order in which they began
        self._is_scheduled = False
        self._securities: dict[Security, Security] = {}

    def new_protocol(self, peer: str, now: float) -> Handshake:
        """Return what stands for the protocol of a new connection."""
        return Handshake(self.counts, peer, now, self._timeout)

    def enqueue(self, connection: Shaking) -> bool:
        """Let *connection* take a step when it is its turn; return whether that is this turn."""
        self._waiting[connection] = True
        if not self._is_scheduled:
            self._is_scheduled = True
            self._reactor.call_at(self._reactor.now, self._take_steps)
        return len(self._waiting) <= STEPS_PER_TURN

    def begin(self, connection: Shaking, now: float) -> None:
        """Count *connection* among those that hold a session for a handshake."""
        while len(self._sessions) >= MAX_SESSIONS:
            oldest = next(iter(self._sessions))
            del self._sessions[oldest]
            oldest.refuse(now)
        self._sessions[connection] = True

    def forget(self, connection: Shaking) -> None:
        """Its handshake is over, or it is closed."""
        self._waiting.pop(connection, False)
        self._sessions.pop(connection, False)

    def shared(self, security: Security) -> Security:
        """Return one object for all that agreed on the same; there are some twenty suites."""
        return security if security.subject else self._securities.setdefault(security, security)

    def _take_steps(self, now: float) -> None:
        self._is_scheduled = False
        try:
            for connection in list(islice(self._waiting, STEPS_PER_TURN)):
                # One that failed before may have closed this one.
                if self._waiting.pop(connection, False):
                    connection.shake(now)
        finally:
            if self._waiting and not self._is_scheduled:
                self._is_scheduled = True
                self._reactor.call_at(nextafter(now, inf), self._take_steps)
