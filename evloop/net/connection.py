"""A socket and its protocol: bytes are carried between the two, and nothing is decided."""

import logging
from collections.abc import Callable
from socket import SHUT_WR, SocketType
from typing import cast

from evloop.net.poller import BROKEN
from evloop.net.pool import ConnectionPool, Member
from evloop.net.protocol import READ, WRITE, Closing, PassingProtocol, Protocol, Retention
from evloop.net.timers import Slot
from evloop.net.transport import PEER_GONE, close_quietly, reset_on_close

_OPEN, _LINGER, _RESET = Closing.OPEN, Closing.LINGER, Closing.RESET
_PASSED_ON = Closing.PASSED_ON

BURST_SENDS = 8
"""Sends in one turn, at most: a client that pipelines leaves the others their share."""
CROWD = 32
"""When more descriptors than this are ready at once, each sends but once in a turn."""
BURST_SIZE = 256 * 1024
"""Bytes in one turn, at most but for the last send: a fast download leaves them theirs."""

# What a connection has when its own is closed or lingers.
_NO_SOCKET = SocketType()
_NO_SOCKET.close()

_log = logging.getLogger("evloop")


class Connection(Member):
    """Carries bytes between a socket and a protocol. Owns the socket, until it lingers."""

    __slots__ = ("_pool", "_settled", "_socket", "protocol", "slot")

    def __init__(self, sock: SocketType, protocol: Protocol, pool: ConnectionPool) -> None:
        self._socket = sock
        self.protocol = protocol
        self._pool = pool
        self._settled = protocol.state  # what interest, timer and pool are in line with
        self.slot: Slot | None = None
        pool.reactor.add(sock.fileno(), self, self._settled.interest)
        pool.reactor.timers.watch(self, protocol.since)

    @property
    def deadline(self) -> float:
        return self.protocol.deadline

    # Stimuli

    def ready(self, bits: int, now: float) -> None:
        """Read or send, as the protocol wants it."""
        protocol = self.protocol
        interest = self._settled.interest
        if interest & READ and bits != WRITE:
            self._receive(now)
            if protocol.state.interest & WRITE:
                self._transmit(now)
        elif interest & WRITE and bits != READ:
            self._transmit(now)
        elif bits & BROKEN:
            protocol.lost(ConnectionResetError(), now)
        if protocol.state is not self._settled:
            self._settle(now)

    def expire(self, now: float) -> None:
        """Act on the deadline."""
        self._go_on(self.protocol.expire, now)

    def wake(self, now: float) -> None:
        """What the protocol waits for has come: let it go on, soon."""
        self._pool.wake(self)

    def resume(self, now: float) -> None:
        """Go on after wake()."""
        self._go_on(self.protocol.resume, now)

    def refuse(self, now: float) -> None:
        """Answer a peer that may not even ask."""
        self._do(self.protocol.refuse, now)

    def finish(self, now: float) -> None:
        """Let what is being answered, or waits in the socket to be read, be the last."""
        self._do(self._finish, now)

    def shut_down(self, now: float) -> None:
        """End at once, because the server does or needs the room."""
        self.protocol.shut_down(now)
        self.close()

    def evict(self, now: float) -> bool:
        if self._socket.fileno() < 0:
            return False  # it went by itself
        protocol, since = self.protocol, self.protocol.since
        self._do(self._receive, now)
        if self._socket.fileno() < 0:
            return True
        if protocol.since != since or protocol.state.retention is Retention.BUSY:
            return False  # a request was there, and is answered or being answered
        self.shut_down(now)
        return True

    def fail(self, error: Exception) -> None:
        """Log a defect of this program and close this one connection."""
        now = self._pool.reactor.now
        failures = self._pool.failures
        try:
            if failures.allows(now):
                _log.error("a connection failed%s", failures.note, exc_info=error)
        finally:  # without memory there may be no message either
            self.protocol.fail(now)
            self.close()

    def close(self) -> None:
        """Close the socket and release everything. May be called again."""
        sock = self._socket
        fd = sock.fileno()
        if fd < 0:
            return
        if self.protocol.state.closing is _RESET:
            reset_on_close(sock)
        pool = self._pool
        pool.reactor.timers.forget(self)
        if self in pool.heavy:
            pool.lighten(self)
        try:
            pool.reactor.remove(fd)
        finally:
            close_quietly(sock)
            pool.released(self.protocol.peer)

    # Bytes

    def _receive(self, now: float) -> None:
        try:
            data = self._socket.recv(self.protocol.room)
        except BlockingIOError:
            return
        except OSError as error:
            self.protocol.lost(error, now)
            return
        if data:
            self.protocol.receive_data(data, now)
        else:
            self.protocol.receive_eof(now)

    def _transmit(self, now: float) -> None:
        """Send what the protocol has and the socket takes, a bounded number of times."""
        protocol, sock = self.protocol, self._socket
        room = BURST_SIZE
        sends = BURST_SENDS if self._pool.reactor.crowd <= CROWD else 1
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
                if isinstance(outgoing, tuple) or error.errno in PEER_GONE:
                    protocol.lost(error, now)
                else:
                    protocol.source_lost(error, now)
                return
            protocol.sent(sent, now)
            if sent < offered or not protocol.state.interest & WRITE:
                return
            room -= sent
            if room <= 0:
                break
        protocol.sent(0, now)  # what waits for its turn must count as in flight

    # Keeping in line with the protocol

    def _finish(self, now: float) -> None:
        if self._settled.interest & READ:
            self._receive(now)
        self.protocol.finish(now)

    def _do(self, stimulus: Callable[[float], None], now: float) -> None:
        """Do what another one asks for, whose work goes on whatever becomes of this connection."""
        try:
            stimulus(now)
            if self.protocol.state.interest & WRITE:
                self._transmit(now)
            if self.protocol.state is not self._settled:
                self._settle(now)
        except Exception as error:
            self.fail(error)

    def _go_on(self, stimulus: Callable[[float], None], now: float) -> None:
        before = self._settled
        self._do(stimulus, now)
        if self.protocol.state is before:
            self._watch(now)  # it waits for the same again, and nobody knows any more

    def _settle(self, now: float) -> None:
        """Bring interest, timer and pool in line with the protocol's state."""
        state, settled = self.protocol.state, self._settled
        if state.closing is not _OPEN:
            self._end(state.closing, now)
            return
        self._settled = state
        if state.interest != settled.interest:
            self._wait_for(state.interest)
        self._watch(now)
        if not self._pool.weigh(self, now):
            self._do(self.protocol.refuse, now)

    def _wait_for(self, interest: int) -> None:
        self._pool.reactor.modify(self._socket.fileno(), interest)

    def _watch(self, now: float) -> None:
        state = self.protocol.state
        timers = self._pool.reactor.timers
        if state.is_brief:
            timers.watch_closely(self)
            return
        timers.watch(self, now)
        if state.wakes:
            self.protocol.on_wake(self.wake)

    def _pass_on(self, now: float) -> None:
        """Go on with the protocol that the one before has chosen."""
        self.protocol = cast(PassingProtocol, self.protocol).successor
        if self.protocol.state.interest & WRITE:
            self._transmit(now)
        if self.protocol.state is not self._settled:
            self._settle(now)

    def _end(self, closing: Closing, now: float) -> None:
        sock, pool = self._socket, self._pool
        if closing is _PASSED_ON:
            self._pass_on(now)
            return
        if closing is not _LINGER or sock.fileno() < 0:
            self.close()
            return
        try:
            sock.shutdown(SHUT_WR)
        except OSError:
            self.close()  # the peer is gone
            return
        pool.reactor.timers.forget(self)
        if self in pool.heavy:
            pool.lighten(self)
        pool.reactor.unregister(sock.fileno())
        self._socket = _NO_SOCKET
        pool.lingering.add(sock, self.protocol.peer, now)
