"""A TLS connection: OpenSSL directly on the socket, behind the face of a Connection.

CPython sets OpenSSL's modes RELEASE_BUFFERS (an idle connection keeps none),
ACCEPT_MOVING_WRITE_BUFFER and AUTO_RETRY, but not PARTIAL_WRITE: what was sent is known only when
all of a write is done, and a write that was refused must be offered again with at least the same
bytes. It then holds an encrypted record of 16 KiB. So the socket is asked first, and what is
written are whole records that it takes; a stalled download then holds nothing.
"""

import fcntl
import ssl
import struct
import sys
from collections.abc import Sequence
from socket import SocketType
from typing import Final

from evloop.net.connection import BURST_SENDS, BURST_SIZE, CROWD
from evloop.net.handshake import Handshake
from evloop.net.handshakes import RECORD_OVERHEAD, Handshakes
from evloop.net.pool import ConnectionPool
from evloop.net.protocol import READ, WRITE, Protocol
from evloop.net.shaking import ShakingConnection

# What a socket has that was not sent (tcp(7): SIOCOUTQ counts what was not acknowledged, too).
_SIOCOUTQNSD: Final = 0x894B
_CAN_ASK: Final = sys.platform == "linux"
_COUNT = struct.Struct("i")


class SecureConnection(ShakingConnection):
    """Carries bytes between a TLS session and the protocol that the handshake agrees on."""

    __slots__ = ("_credit", "_has_part", "_offered", "_owed", "_refused")

    def __init__(
        self, sock: SocketType, protocol: Protocol, pool: ConnectionPool, shared: Handshakes
    ) -> None:
        self._credit = 0  # bytes that the socket takes for certain: its queue can only shrink
        self._has_part = False  # OpenSSL may hold part of a record, in a buffer for the whole
        self._offered = 0  # bytes of a write that was refused, and are offered again
        self._refused = b""  # what was refused and might be offered otherwise the next time
        self._owed = 0  # bytes that are sent, and that the protocol still has to be told of
        super().__init__(sock, protocol, pool, shared)

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

    def close(self) -> None:
        """Close the socket and release everything. May be called again."""
        super().close()
        self._refused = b""

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
