"""The part of a TLS connection before its protocol is agreed: its states, and how it may fail."""

from collections import Counter
from collections.abc import Callable
from enum import Enum

from evloop.net.protocol import NOTHING, READ, Closing, Retention, Window


class HandshakeState(Enum):
    """Where a handshake is; see evloop.net.protocol.ProtocolState for the attributes.

    Where OpenSSL wants to write, the connection waits for that instead.
    """

    interest: int
    retention: Retention
    closing: Closing
    is_brief: bool
    wakes: bool

    def __new__(
        cls, name: str, interest: int, retention: Retention, closing: Closing = Closing.OPEN
    ) -> "HandshakeState":
        """Make the state that those who look on call *name*."""
        state = object.__new__(cls)
        state._value_ = name
        state.interest = interest
        state.retention = retention
        state.closing = closing
        state.is_brief = False
        state.wakes = False
        return state

    __hash__ = object.__hash__

    WAITING = "tls-waiting", READ, Retention.IDLE
    """Nothing has come, or a part of the hello, which stays in the socket."""
    SHAKING = "tls-handshake", READ, Retention.PARTIAL
    """The hello is whole: the handshake is under way, or waits for its turn."""
    REFUSED = "tls-refused", NOTHING, Retention.IDLE, Closing.LINGER
    """Is over, and the client was told so: by an alert, or by a readable answer."""
    CLOSED = "tls-closed", NOTHING, Retention.IDLE, Closing.NOW
    """Is over, and nobody is there to be told."""


class Failure(Enum):
    """Why a connection did not come to be a TLS connection. The values are the snapshot's words."""

    PLAIN_REQUEST = "plain-request"
    """HTTP without TLS: it is answered with 400."""
    NO_VERSION = "no-shared-version"
    NO_CIPHER = "no-shared-cipher"
    NO_PROTOCOL = "no-shared-protocol"
    """None of the application's protocols (RFC 7301 section 3.2)."""
    ALERT = "client-alert"
    """The client refused: it does not trust the certificate, for example."""
    CERTIFICATE = "client-certificate"
    """The client's certificate is missing or not trusted."""
    MALFORMED = "malformed"
    """Whatever else OpenSSL refuses."""
    CLOSED = "client-closed"
    TIMEOUT = "timeout"
    SHUTDOWN = "shutdown"
    """The server ended, or needed the room."""
    REFUSED = "refused"
    """There was no room for it."""


class HandshakeCounts:
    """The counters of a server's handshakes since its start."""

    __slots__ = ("begun", "failures", "finished", "resumed")

    def __init__(self) -> None:
        self.begun = 0
        self.finished = 0
        self.resumed = 0
        self.failures: Counter[Failure] = Counter()


_WAITING, _SHAKING = HandshakeState.WAITING, HandshakeState.SHAKING
_OPEN = frozenset({_WAITING, _SHAKING})


class Handshake:
    """What a TLS connection has for a protocol while it has none (evloop.net.protocol.Protocol).

    The deadline is fixed: no byte that comes moves it.
    """

    __slots__ = ("_counts", "deadline", "peer", "since", "state")

    def __init__(self, counts: HandshakeCounts, peer: str, now: float, timeout: float) -> None:
        self._counts = counts
        self.peer = peer
        self.since = now
        self.deadline = now + timeout
        self.state = _WAITING

    is_heavy = False
    room = 1

    def begin(self) -> None:
        """The hello is whole."""
        self.state = _SHAKING
        self._counts.begun += 1

    def end(self, failure: Failure, *, told: bool = False) -> None:
        """It has failed; *told*: the client was sent something that it may still read."""
        if self.state in _OPEN:
            self._counts.failures[failure] += 1
            self.state = HandshakeState.REFUSED if told else HandshakeState.CLOSED

    def receive_data(self, data: bytes, now: float) -> None:
        raise AssertionError("the bytes of a handshake are OpenSSL's")

    def receive_eof(self, now: float) -> None:
        # Those who come and go without a byte are no failures: browsers do, and probes of ports.
        if self.state is _WAITING:
            self.state = HandshakeState.CLOSED
        else:
            self.end(Failure.CLOSED)

    def outgoing(self, now: float) -> tuple[bytes, ...] | Window:
        return ()

    def sent(self, count: int, now: float) -> None: ...

    def expire(self, now: float) -> None:
        self.end(Failure.TIMEOUT)

    def resume(self, now: float) -> None: ...

    def on_wake(self, wake: Callable[[float], None]) -> None: ...

    def lost(self, error: OSError, now: float) -> None:
        self.end(Failure.CLOSED)

    def source_lost(self, error: OSError, now: float) -> None:
        self.end(Failure.CLOSED)

    def refuse(self, now: float) -> None:
        # To say why would take a handshake, which costs more than what is saved.
        self.end(Failure.REFUSED)

    def finish(self, now: float) -> None:
        # Its protocol will know that the server stops. One that has sent nothing is not waited for.
        if self.state is _WAITING:
            self.end(Failure.SHUTDOWN)

    def shut_down(self, now: float) -> None:
        self.end(Failure.SHUTDOWN)

    def fail(self, now: float) -> None:
        self.end(Failure.SHUTDOWN)
