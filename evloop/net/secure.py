"""A TLS connection: OpenSSL directly on the socket, behind the face of a Connection.

CPython sets OpenSSL's modes RELEASE_BUFFERS (an idle connection keeps none),
ACCEPT_MOVING_WRITE_BUFFER and AUTO_RETRY, but not PARTIAL_WRITE: what was sent is known only when
all of a write is done, and a write that was refused must be offered again with at least the same
bytes. It then holds an encrypted record of 16 KiB. So the socket is asked first, and what is
written are whole records that it takes; a stalled download then holds nothing.
"""

import fcntl
import socket
import ssl
import struct
import sys
from collections.abc import Sequence
from socket import MSG_PEEK, SocketType
from typing import Any, Final

from evloop.net.connection import BURST_SENDS, BURST_SIZE, CROWD, Connection
from evloop.net.handshake import Failure, Handshake, HandshakeState
from evloop.net.handshakes import RECORD_OVERHEAD, Handshakes
from evloop.net.hello import MAX_HELLO_SIZE, UNREADABLE, is_plain_text, read_hello
from evloop.net.pool import ConnectionPool
from evloop.net.protocol import NOTHING, READ, WRITE, Closing, Protocol, Security
from evloop.net.transport import close_quietly

# What a socket has that was not sent (tcp(7): SIOCOUTQ counts what was not acknowledged, too).
_SIOCOUTQNSD: Final = 0x894B
_CAN_ASK: Final = sys.platform == "linux"
_COUNT = struct.Struct("i")

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
_NO_SESSION: Final[Any] = None


class SecureSocket(SocketType):
    """OpenSSL's session keeps a weak reference to its socket."""

    __slots__ = ("__weakref__",)


class SecureConnection(Connection):
    """Carries bytes between a TLS session and a protocol, which the handshake agrees on.

    Until then a Handshake stands in its place. Where OpenSSL waits for another direction than
    the protocol does, that goes before.
    """

    __slots__ = (
        "_context",
        "_credit",
        "_crossed",
        "_has_more",
        "_has_part",
        "_offered",
        "_owed",
        "_refused",
        "_session",
        "_shared",
        "_wanted",
    )

    def __init__(
        self, sock: SocketType, protocol: Protocol, pool: ConnectionPool, shared: Handshakes
    ) -> None:
        self._shared = shared
        self._context: ssl.SSLContext | None = None  # until there is a session
        self._session: Any = _NO_SESSION  # an _ssl._SSLSocket, from the first step on
        self._credit = 0  # bytes that the socket takes for certain: its queue can only shrink
        self._crossed: int | None = None  # the interest that takes the place of the protocol's
        self._has_more = False  # OpenSSL may have bytes that no poller can see
        self._has_part = False  # OpenSSL may hold part of a record, in a buffer for the whole
        self._offered = 0  # bytes of a write that was refused, and are offered again
        self._refused = b""  # what was refused and might be offered otherwise the next time
        self._owed = 0  # bytes that are sent, and that the protocol still has to be told of
        self._wanted = 1  # bytes that the hello has to have
        mine = SecureSocket(sock.family, sock.type, sock.proto, sock.detach())
        try:
            mine.setblocking(False)  # which the object has to know, too
            super().__init__(mine, protocol, pool)
        except BaseException:
            close_quietly(mine)
            raise

    @property
    def is_heavy(self) -> bool:
        """Whether more is kept for it than for a light connection, now."""
        return self._has_part or self.protocol.is_heavy

    # Stimuli

    def ready(self, bits: int, now: float) -> None:
        """Read or send, as the protocol or OpenSSL wants it."""
        if self._refused:
            if not self._write_refused(now):
                if self.protocol.state is not self._settled:
                    self._settle(now)
                return
            bits = self._settled.interest
        elif self._crossed is not None and not isinstance(self.protocol, Handshake):
            self._cross(None)
            bits = self._settled.interest
        super().ready(bits, now)
        if self._has_more:
            self._drain(now)

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
        self._session = _NO_SESSION
        self._refused = b""

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

    # Bytes

    def _receive(self, now: float) -> None:
        protocol = self.protocol
        if isinstance(protocol, Handshake):
            self._greet(protocol, now)
            return
        self._has_more = self._has_part = False
        room = protocol.room
        try:
            data = self._session.read(room)
        except ssl.SSLWantReadError:
            self._has_part = True
            if not self._pool.weigh(self, now):
                protocol.refuse(now)
            return
        except ssl.SSLWantWriteError:
            self._cross(WRITE)
            return
        except (ssl.SSLEOFError, ssl.SSLZeroReturnError):
            # Without close_notify: a request tells its own end, so that nothing can be cut off.
            data = b""
        except OSError as error:
            protocol.lost(error, now)
            return
        if data:
            self._has_more = len(data) == room
            protocol.receive_data(data, now)
        else:
            protocol.receive_eof(now)

    def _transmit(self, now: float) -> None:
        """Send what the protocol has and the socket takes, a bounded number of times."""
        protocol = self.protocol
        room = BURST_SIZE
        sends = BURST_SENDS if self._pool.reactor.crowd <= CROWD else 1
        if self._refused and not self._write_refused(now):
            return
        for _ in range(sends):
            outgoing = protocol.outgoing(now)
            if not isinstance(outgoing, tuple):
                raise TypeError("a window of a file can't be encrypted")
            if not outgoing:
                return
            if self._owed:
                sent, self._owed = self._owed, 0
            else:
                data = self._piece(outgoing)
                if data is None:
                    protocol.sent(0, now)
                    return
                try:
                    sent = self._session.write(data)
                except (ssl.SSLWantReadError, ssl.SSLWantWriteError) as error:
                    self._keep_refused(data, error, now)
                    return
                except OSError as error:
                    protocol.lost(error, now)
                    return
                self._offered = 0
            protocol.sent(sent, now)
            if not protocol.state.interest & WRITE:
                return
            room -= sent
            if room <= 0:
                break
        protocol.sent(0, now)  # what waits for its turn must count as in flight

    def _keep_refused(self, data: bytes | memoryview, error: ssl.SSLError, now: float) -> None:
        """Remember that *data* was refused, some of which OpenSSL has encrypted already.

        A large piece of a file is offered again by itself. Of all else a protocol may make another
        plan, so it is kept, and the protocol is told that all but the last byte was sent: it then
        goes on with that one, and still has something to send until OpenSSL has nothing.
        """
        self._credit = 0
        if isinstance(data, memoryview) and len(data) > self._shared.record_size:
            self._offered = len(data)
            if isinstance(error, ssl.SSLWantReadError):
                self._cross(READ)
            self.protocol.sent(0, now)
            return
        self._refused = bytes(data)
        self._cross(READ if isinstance(error, ssl.SSLWantReadError) else WRITE)
        self.protocol.sent(len(data) - 1, now)

    def _write_refused(self, now: float) -> bool:
        """Write what was refused; return whether that is done."""
        try:
            self._session.write(self._refused)
        except ssl.SSLWantReadError:
            self._cross(READ)
            return False
        except ssl.SSLWantWriteError:
            self._cross(WRITE)
            return False
        except OSError as error:
            self._refused = b""
            self._cross(None)
            self.protocol.lost(error, now)
            return False
        self._refused = b""
        self._owed = 1
        self._cross(None)
        return True

    def _piece(self, outgoing: Sequence[bytes | memoryview]) -> bytes | memoryview | None:
        """Return what may be written now; None when the socket has no room for a record."""
        if self._offered:
            return _first_bytes(outgoing, self._offered)
        # What has to be joined is copied, and what is refused kept: no more than a record takes.
        record = self._shared.record_size
        data = outgoing[0]
        if len(outgoing) > 1 or not isinstance(data, memoryview):
            data = _first_bytes(outgoing, record)
        size = len(data)
        wanted = size + RECORD_OVERHEAD * (1 + size // record)
        if wanted > self._credit:
            self._credit = self._shared.send_queue - self._unsent()
            if wanted > self._credit:
                # The poller tells of room when half of the queue is free: enough for one then.
                count = self._credit // (record + RECORD_OVERHEAD)
                if count <= 0:
                    return None
                data = memoryview(data)[: count * record]
                wanted = self._credit
        self._credit -= wanted
        return data

    def _unsent(self) -> int:
        if not _CAN_ASK:
            return 0
        try:
            answer = fcntl.ioctl(self._socket.fileno(), _SIOCOUTQNSD, b"\0\0\0\0")
        except OSError:
            return 0  # the write will say what is wrong
        count: int = _COUNT.unpack(answer)[0]
        return count

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
        session, self._session = self._session, _NO_SESSION
        self._shared.forget(self)
        if session is not None and closing is not Closing.RESET:
            try:
                session.shutdown()
            except (OSError, ValueError):
                pass  # close_notify is sent, and nobody waits for the client's here
        super()._end(closing, now)


def _first_bytes(buffers: Sequence[bytes | memoryview], size: int) -> bytes | memoryview:
    """Return the first *size* bytes of *buffers*, joined where there are more than one."""
    if len(buffers) == 1:
        return buffers[0] if len(buffers[0]) <= size else memoryview(buffers[0])[:size]
    pieces: list[bytes | memoryview] = []
    for buffer in buffers:
        pieces.append(buffer if len(buffer) <= size else memoryview(buffer)[:size])
        size -= len(pieces[-1])
        if not size:
            break
    return b"".join(pieces)


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
