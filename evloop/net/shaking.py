"""How a TLS connection begins: the hello is read in the socket, then OpenSSL shakes hands."""

import socket
import ssl
from socket import MSG_PEEK, SocketType
from typing import Any, Final

from evloop.net.connection import BURST_SENDS, Connection
from evloop.net.handshake import Failure, Handshake, HandshakeState
from evloop.net.handshakes import Handshakes
from evloop.net.hello import MAX_HELLO_SIZE, UNREADABLE, is_plain_text, read_hello
from evloop.net.pool import ConnectionPool
from evloop.net.protocol import NOTHING, READ, WRITE, Closing, Protocol, Security
from evloop.net.transport import close_quietly

# The method by which ssl.SSLSocket makes its session. The public ones want a socket.socket, or
# memory in between, which costs a copy and a call in each direction.
_WRAP: Final = "_wrap_socket"
# A fatal alert (RFC 8446 section 6): no_application_protocol.
_NO_PROTOCOL_ALERT: Final = b"\x15\x03\x03\x00\x02\x02\x78"

_FAILURES: Final = {
    "NO_SHARED_CIPHER": Failure.NO_CIPHER,
    "UNSUPPORTED_PROTOCOL": Failure.NO_VERSION,
    "VERSION_TOO_LOW": Failure.NO_VERSION,
    "WRONG_VERSION_NUMBER": Failure.NO_VERSION,
    "UNKNOWN_PROTOCOL": Failure.NO_VERSION,
    "PEER_DID_NOT_RETURN_A_CERTIFICATE": Failure.CERTIFICATE,
    "CERTIFICATE_VERIFY_FAILED": Failure.CERTIFICATE,
}
_WAITING: Final = HandshakeState.WAITING
NO_SESSION: Final[Any] = None


class SecureSocket(SocketType):
    """OpenSSL's session keeps a weak reference to its socket."""

    __slots__ = ("__weakref__",)


class ShakingConnection(Connection):
    """Agrees on a protocol, for which a Handshake stands until then.

    Where OpenSSL waits for another direction than the protocol does, that goes before.
    """

    __slots__ = ("_context", "_crossed", "_has_more", "_session", "_shared", "_wanted")

    def __init__(
        self, sock: SocketType, protocol: Protocol, pool: ConnectionPool, shared: Handshakes
    ) -> None:
        self._shared = shared
        self._context: ssl.SSLContext | None = None  # until there is a session
        self._session: Any = NO_SESSION  # an _ssl._SSLSocket, from the first step on
        self._crossed: int | None = None  # the interest that takes the place of the protocol's
        self._has_more = False  # OpenSSL may have bytes that no poller can see
        self._wanted = 1  # bytes that the hello has to have
        mine = SecureSocket(sock.family, sock.type, sock.proto, sock.detach())
        try:
            mine.setblocking(False)  # which the object has to know, too
            super().__init__(mine, protocol, pool)
        except BaseException:
            close_quietly(mine)
            raise

    def evict(self, now: float) -> bool:
        """Close at once, unless a request has arrived; a handshake is none."""
        if isinstance(self.protocol, Handshake) and self._socket.fileno() >= 0:
            self.shut_down(now)
            return True
        return super().evict(now)

    def close(self) -> None:
        """Close the socket and release everything. May be called again."""
        self._shared.forget(self)
        super().close()
        self._session = NO_SESSION

    # The handshake

    def _greet(self, protocol: Handshake, now: float) -> None:
        """Have the handshake go on when its turn comes, if the hello is whole."""
        if protocol.state is _WAITING:
            try:
                data = self._socket.recv(MAX_HELLO_SIZE, MSG_PEEK)
            except BlockingIOError:
                return
            except OSError as error:
                protocol.lost(error, now)
                return
            context = self._welcome(data, protocol, now)
            if context is None:
                return
            self._context = context
            protocol.begin()
        if not self._shared.enqueue(self):
            self._cross(NOTHING)  # else it would be reported in each turn until then

    def _welcome(self, data: bytes, protocol: Handshake, now: float) -> ssl.SSLContext | None:
        """Return the context for a handshake that begins with *data*.

        None: it is over, or has to wait for more.
        """
        if not data:
            protocol.receive_eof(now)
            return None
        if is_plain_text(data):
            self._tell(self._shared.plain_answer, Failure.PLAIN_REQUEST, protocol)
            return None
        found = read_hello(data)
        if isinstance(found, int):
            if len(data) >= self._wanted:
                self._want(found)
                return None
            # The end of the stream, or a socket that does not heed what is wanted of it.
            found = UNREADABLE
        if found.protocols and not any(map(found.offers, self._shared.names)):
            self._tell(_NO_PROTOCOL_ALERT, Failure.NO_PROTOCOL, protocol)
            return None
        if self._wanted > 1:
            self._want(1)
        context: ssl.SSLContext = self._shared.context_for(found.name)
        return context

    def _want(self, size: int) -> None:
        """Be told when *size* bytes are there: what stays in the socket would be told at once."""
        self._wanted = size
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, size)
        except OSError:
            pass  # then the handshake begins with what is there

    def _tell(self, data: bytes, failure: Failure, protocol: Handshake) -> None:
        try:
            self._socket.send(data)
        except OSError:
            pass  # it is gone
        protocol.end(failure, told=True)

    def shake(self, now: float) -> None:
        """Take one step of the handshake."""
        if self._socket.fileno() >= 0:
            self._do(self._shake, now)
            if self._has_more:
                self._drain(now)

    def _shake(self, now: float) -> None:
        protocol = self.protocol
        assert isinstance(protocol, Handshake)
        if self._context is not None:
            self._session = getattr(self._context, _WRAP)(self._socket, server_side=True)
            self._context = None
            self._shared.begin(self, now)
        try:
            self._session.do_handshake()
        except ssl.SSLWantReadError:
            self._cross(None)
        except ssl.SSLWantWriteError:
            self._cross(WRITE)
        except OSError as error:
            failure = _failure_of(error)
            protocol.end(failure, told=failure not in {Failure.CLOSED, Failure.ALERT})
        else:
            self._cross(None)
            self._agree(protocol, now)
            self._receive_early(now)

    def _agree(self, handshake: Handshake, now: float) -> None:
        """Go on with the protocol that was agreed."""
        session, shared = self._session, self._shared
        shared.forget(self)
        shared.counts.finished += 1
        shared.counts.resumed += session.session_reused
        subject = _name_of(session.getpeercert()) if shared.asks_clients else ""
        security = shared.shared(Security(session.version(), session.cipher()[0], subject))
        factory = shared.factories[session.selected_alpn_protocol()]
        self.protocol = factory(handshake.peer, now, security)

    def _receive_early(self, now: float) -> None:
        """Take the first request if it has come with the end of the handshake, as it often has.

        What goes wrong goes wrong again when the poller tells of it.
        """
        room = self.protocol.room
        try:
            data = self._session.read(room)
        except OSError:
            return
        if data:
            self._has_more = len(data) == room
            self.protocol.receive_data(data, now)

    def _drain(self, now: float) -> None:
        """Take what OpenSSL still has of a record, within the turn's bounds."""
        for _ in range(BURST_SENDS):
            if self._socket.fileno() < 0 or not self.protocol.state.interest & READ:
                return  # later: nothing is lost, and it is asked for again
            if not self._session.pending():
                self._has_more = False
                return
            self._do(self._receive, now)
        if self._has_more:
            self._pool.wake(self)

    # Keeping in line with the protocol

    def _go_on(self, stimulus: Any, now: float) -> None:
        super()._go_on(stimulus, now)
        if self._has_more:
            self._drain(now)

    def _cross(self, interest: int | None) -> None:
        """Wait for *interest*, whatever the protocol waits for; None: no more."""
        if interest != self._crossed:
            self._crossed = interest
            self._wait_for(self._settled.interest)

    def _wait_for(self, interest: int) -> None:
        super()._wait_for(interest if self._crossed is None else self._crossed)

    def _end(self, closing: Closing, now: float) -> None:
        session, self._session = self._session, NO_SESSION
        self._shared.forget(self)
        if session is not None and closing is not Closing.RESET:
            try:
                session.shutdown()
            except (OSError, ValueError):
                pass  # close_notify is sent, and nobody waits for the client's here
        super()._end(closing, now)


def _failure_of(error: OSError) -> Failure:
    if not isinstance(error, ssl.SSLError) or isinstance(
        error, ssl.SSLEOFError | ssl.SSLZeroReturnError
    ):
        return Failure.CLOSED
    reason = error.reason or ""
    return _FAILURES.get(reason, Failure.ALERT if "ALERT" in reason else Failure.MALFORMED)


# The types of RFC 4514 section 3, by OpenSSL's long names.
_SHORT: Final = {
    "commonName": "CN",
    "organizationName": "O",
    "organizationalUnitName": "OU",
    "countryName": "C",
    "stateOrProvinceName": "ST",
    "localityName": "L",
    "domainComponent": "DC",
    "userId": "UID",
}


def _name_of(certificate: dict[str, Any] | None) -> str:
    """Return the subject, the most specific part first; empty without a certificate."""
    parts = certificate.get("subject", ()) if certificate else ()
    return ",".join(
        "+".join(f"{_SHORT.get(kind, kind)}={value}" for kind, value in part)
        for part in reversed(parts)
    )
