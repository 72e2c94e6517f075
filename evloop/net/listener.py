"""The listening socket: it accepts a few at a time, and looks away when there is no room."""

import errno
import logging
from math import inf
from socket import SocketType
from sys import intern

from evloop.http.request import RequestError
from evloop.http1.context import Context
from evloop.http1.protocol import Http1Protocol
from evloop.net.connection import Connection
from evloop.net.poller import NOTHING, READ
from evloop.net.pool import ConnectionPool
from evloop.net.timers import NO_SLOT
from evloop.net.transport import accept

ACCEPT_BATCH = 64
"""Connections that are accepted in one turn, at most."""
ACCEPT_PAUSE = 0.5
"""Seconds to look away when the system has no room for another connection."""
LOG_INTERVAL = 10.0
"""Seconds between two log lines about the same trouble, at least."""

# ENOSPC: epoll may not watch one more (epoll_ctl(2)).
_NO_ROOM = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.ENOSPC})
# The connection that was to be accepted is gone, or was never allowed (accept(2)).
_LOST = frozenset(
    {
        errno.ECONNABORTED,
        errno.EPROTO,
        errno.EPERM,
        errno.ENETDOWN,
        errno.ENETUNREACH,
        errno.EHOSTDOWN,
        errno.EHOSTUNREACH,
        errno.ENOPROTOOPT,
        errno.EOPNOTSUPP,
    }
)
_RETRY_AFTER = (b"Retry-After", b"1")

_log = logging.getLogger("evloop")


class Listener:
    """Accepts connections on one socket. Owns it."""

    def __init__(
        self, sock: SocketType, context: Context, admission: ConnectionPool, send_queue: int
    ) -> None:
        self._socket = sock
        self._context = context
        self._admission = admission
        self._send_queue = send_queue
        self._logged = -inf
        self.deadline = inf
        self.slot = NO_SLOT
        self.address = sock.getsockname()
        admission.reactor.add(sock.fileno(), self, READ)

    def ready(self, bits: int, now: float) -> None:
        """Accept what has arrived, up to the batch and the limit."""
        for _ in range(ACCEPT_BATCH):
            if self._admission.is_full:
                self._look_away()
                return
            try:
                accepted, address = accept(self._socket, self._send_queue)
                self._welcome(accepted, address, now)
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                if error.errno in _LOST:
                    continue
                if error.errno not in _NO_ROOM:
                    raise
                # The arrival stays in the queue and would be reported again at once. Look
                # away for a while instead of spinning.
                self._pause(error, now)
                return

    def _welcome(self, accepted: SocketType, address: str, now: float) -> None:
        address = intern(address)  # one text for all connections of a client
        if self._admission.is_overrun(address):
            accepted.close()
            return
        protocol = Http1Protocol(self._context, address, now)
        admitted = self._admission.admit(address)
        try:
            connection = Connection(accepted, protocol, self._admission)
        except OSError:
            accepted.close()
            self._admission.released(address)
            raise
        if not admitted:
            connection.refuse(
                RequestError(503, "too many connections from one address", (_RETRY_AFTER,)), now
            )

    def resume(self) -> None:
        """Accept again, after there was no room."""
        if self._socket.fileno() >= 0:
            self._admission.reactor.modify(self._socket.fileno(), READ)

    def expire(self, now: float) -> None:
        """The pause is over."""
        self.deadline = inf
        self.resume()

    def fail(self, error: Exception) -> None:
        """Log a defect, and go on after a pause."""
        _log.error("accepting failed", exc_info=error)
        self._pause(error, self._admission.reactor.now)

    def close(self) -> None:
        """Stop to listen. May be called again."""
        if self._socket.fileno() >= 0:
            self._admission.reactor.timers.forget(self)
            self._admission.reactor.remove(self._socket.fileno())
            self._socket.close()

    def _look_away(self) -> None:
        self._admission.reactor.modify(self._socket.fileno(), NOTHING)

    def _pause(self, error: Exception, now: float) -> None:
        if now - self._logged >= LOG_INTERVAL:
            self._logged = now
            _log.warning("no room for another connection, waiting: %s", error)
        self._look_away()
        self.deadline = now + ACCEPT_PAUSE
        self._admission.reactor.timers.watch_closely(self)
