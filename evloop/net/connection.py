"""A socket and its protocol: bytes are carried between the two, and nothing is decided."""

import errno
import logging
from socket import SHUT_WR, SocketType

from evloop.http.request import RequestError
from evloop.http1.protocol import Http1Protocol
from evloop.http1.states import State
from evloop.net.poller import BROKEN, NOTHING, READ, WRITE
from evloop.net.pool import ConnectionPool
from evloop.net.timers import NO_SLOT
from evloop.net.transport import close_quietly, reset_on_close
from evloop.observe.exchange import EndReason

_IDLE, _HEAD, _SENDING, _RESTING = State.IDLE, State.HEAD, State.SENDING, State.RESTING
_LINGERING, _CLOSED, _ABORTED = State.LINGERING, State.CLOSED, State.ABORTED

BURST_SENDS = 8
"""Sends in one turn, at most: a client that pipelines leaves the others their share."""
CROWD = 32
"""When more descriptors than this are ready at once, each sends but once in a turn."""
BURST_SIZE = 256 * 1024
"""Bytes in one turn, at most but for the last send: a fast download leaves them theirs."""

_log = logging.getLogger("evloop")


class Connection:
    """Carries bytes between a socket and an Http1Protocol. Owns the socket."""

    __slots__ = ("_admission", "_interest", "_socket", "protocol", "slot")

    def __init__(
        self, sock: SocketType, protocol: Http1Protocol, admission: ConnectionPool
    ) -> None:
        self._socket = sock
        self.protocol = protocol
        self._admission = admission
        self._interest = READ
        self.slot = NO_SLOT
        admission.reactor.add(sock.fileno(), self, READ)
        admission.reactor.timers.watch(self)

    @property
    def deadline(self) -> float:
        return self.protocol.deadline

    def ready(self, bits: int, now: float) -> None:
        """Read or send, as the state wants it."""
        protocol = self.protocol
        before = protocol.state
        if before is _SENDING:
            self._transmit(now)
        elif before is _RESTING:
            if bits & BROKEN:
                protocol.abort(EndReason.CLIENT_RESET, now)
        else:
            self._receive(now)
            if protocol.state is _SENDING:
                self._transmit(now)
            if before is _IDLE and protocol.state is _IDLE:
                return  # answered at once: interest and slot are still right
        self._settle(before, now)

    def expire(self, now: float) -> None:
        """Act on the deadline."""
        before = self.protocol.state
        self.protocol.expire(now)
        if self.protocol.state is _SENDING:
            self._transmit(now)
        self._settle(before, now)

    def refuse(self, error: RequestError, now: float) -> None:
        """Answer a peer that may not even ask."""
        self.protocol.refuse(error, now)
        self._transmit(now)
        self._settle(_IDLE, now)

    def finish(self, now: float) -> None:
        """Let what is being answered be the last."""
        before = self.protocol.state
        self.protocol.finish(now)
        self._settle(before, now)

    def abort(self, end: EndReason, now: float) -> None:
        """End at once."""
        self.protocol.abort(end, now)
        self.close()

    def fail(self, error: Exception) -> None:
        """Log a defect of this program and close this one connection."""
        _log.error("a connection failed", exc_info=error)
        self.abort(EndReason.ERROR, self._admission.reactor.now)

    def close(self) -> None:
        """Close the socket and let go of all. May be called again."""
        sock = self._socket
        fd = sock.fileno()
        if fd < 0:
            return
        if self.protocol.state is _ABORTED:
            reset_on_close(sock)
        admission = self._admission
        admission.reactor.timers.forget(self)
        try:
            admission.reactor.remove(fd)
        finally:
            close_quietly(sock)
            admission.released(self.protocol.peer)

    def _receive(self, now: float) -> None:
        try:
            data = self._socket.recv(self.protocol.room)
        except BlockingIOError:
            return
        except OSError:
            self.protocol.abort(EndReason.CLIENT_RESET, now)
            return
        if data:
            self.protocol.receive_data(data, now)
        else:
            self.protocol.receive_eof(now)

    def _transmit(self, now: float) -> None:
        """Send what the protocol has and the socket takes, a bounded number of times."""
        protocol, sock = self.protocol, self._socket
        room = BURST_SIZE
        sends = BURST_SENDS if self._admission.reactor.crowd <= CROWD else 1
        for _ in range(sends):
            outgoing = protocol.outgoing(now)
            try:
                if not isinstance(outgoing, tuple):
                    offered, sent = outgoing.size, outgoing.send_to(sock.fileno())
                elif len(outgoing) == 1:
                    offered, sent = len(outgoing[0]), sock.send(outgoing[0])
                elif outgoing:
                    offered, sent = sum(map(len, outgoing)), sock.sendmsg(outgoing)
                else:
                    return
            except BlockingIOError:
                protocol.sent(0, now)
                return
            except OSError as error:
                # ESTALE is not a socket's: the file of a window has become shorter.
                changed = error.errno == errno.ESTALE
                end = EndReason.FILE_CHANGED if changed else EndReason.CLIENT_RESET
                protocol.abort(end, now, str(error))
                return
            protocol.sent(sent, now)
            if sent < offered or protocol.state is not _SENDING:
                return
            room -= sent
            if room <= 0:
                break
        protocol.sent(0, now)  # what waits for its turn must count as in flight

    def _settle(self, before: State, now: float) -> None:
        """Bring interest and deadline in line with the state."""
        state = self.protocol.state
        if state is _CLOSED or state is _ABORTED:
            self.close()
            return
        interest = WRITE if state is _SENDING else NOTHING if state is _RESTING else READ
        if interest != self._interest:
            self._interest = interest
            self._admission.reactor.modify(self._socket.fileno(), interest)
        if state is _RESTING:
            self._admission.reactor.timers.watch_closely(self)
            return
        self._admission.reactor.timers.watch(self)
        if state is _LINGERING and before is not _LINGERING:
            self._shut_down(now)

    def _shut_down(self, now: float) -> None:
        """Tell the peer that this was the last byte, and go on reading for a while.

        A close with unread bytes would make the kernel send a reset, and that may overtake
        the answer (RFC 9112 section 9.6).
        """
        try:
            self._socket.shutdown(SHUT_WR)
        except OSError:
            self.protocol.abort(EndReason.CLIENT_RESET, now)
            self.close()
