"""The connection of a client, and its registration with the reactor."""

import os
import socket
import struct
from typing import Protocol

from evloop.net.protocol import WRITE
from evloop.net.reactor import Handler, Reactor
from evloop_tools.load.endpoint import Connector
from evloop_tools.load.steps import Ending
from evloop_tools.load.tally import Tally

_DRAIN = 16  # reads before a tidy close, so that no unread byte makes a reset of it
_ABORTIVE = struct.pack("ii", 1, 0)  # SO_LINGER: no time, so that close() resets


class Shared(Protocol):
    """What all clients of a run share.

    buffer: what arrives is read into this, and checked at once
    host, prefix, fields: of the requests
    timeout: seconds to wait for the server, for each thing anew
    """

    reactor: Reactor
    connector: Connector
    tally: Tally
    buffer: memoryview
    host: str
    prefix: str
    fields: str
    timeout: float


class Connection:
    """At most one connection at a time; *owner* is told of its readiness.

    answered: answers that came on this connection
    """

    __slots__ = ("_interest", "_is_made", "_owner", "_shared", "_socket", "answered")

    def __init__(self, shared: Shared, owner: Handler) -> None:
        self._shared = shared
        self._owner = owner
        self._socket: socket.socket | None = None
        self._interest = WRITE
        self._is_made = False
        self.answered = 0

    @property
    def is_open(self) -> bool:
        """Whether there is a connection, or one on its way."""
        return self._socket is not None

    def open(self, receive_buffer: int | None) -> None:
        """Begin a connection; see Connector.connect(). Raises OSError."""
        sock = self._socket = self._shared.connector.connect(receive_buffer)
        self.answered = 0
        self._is_made = False
        self._interest = WRITE
        self._shared.reactor.add(sock.fileno(), self._owner, WRITE)

    def finish_open(self) -> None:
        """Count the connection as made. Raises OSError when it failed."""
        assert self._socket is not None
        code = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            raise OSError(code, os.strerror(code))
        self._is_made = True
        self._shared.tally.connection_made()

    def watch(self, interest: int) -> None:
        """Let the owner be told when the connection is ready for *interest*."""
        if self._socket is not None and self._interest != interest:
            self._interest = interest
            self._shared.reactor.modify(self._socket.fileno(), interest)

    def send(self, data: bytes) -> int:
        """Send what fits in. Raises OSError."""
        assert self._socket is not None
        return self._socket.send(data)

    def receive(self, limit: int) -> int:
        """Read up to *limit* bytes into the buffer and return how many. Raises OSError."""
        assert self._socket is not None
        return self._socket.recv_into(self._shared.buffer, limit)

    def close(self, ending: Ending) -> None:
        """Close the connection, if there is one."""
        sock, self._socket = self._socket, None
        if sock is None:
            return
        self._shared.reactor.remove(sock.fileno())
        if ending is Ending.RESET:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _ABORTIVE)
        else:
            self._drain(sock)
        sock.close()
        self._shared.tally.connected -= self._is_made

    def _drain(self, sock: socket.socket) -> None:
        try:
            for _ in range(_DRAIN):
                if not sock.recv_into(self._shared.buffer):
                    return
        except OSError:
            pass  # nothing more, or reset: all the same now
