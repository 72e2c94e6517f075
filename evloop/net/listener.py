"""The listening socket: it accepts a few at a time, and looks away when there is no room."""

import errno
import logging
from collections.abc import Callable
from math import inf
from socket import SocketType

from evloop.net.connection import Connection
from evloop.net.pool import LOG_INTERVAL, ConnectionPool
from evloop.net.protocol import NOTHING, READ, Protocol
from evloop.net.timers import Slot
from evloop.net.transport import accept
from evloop.observe.ratelimit import RateLimited

ACCEPT_BATCH = 64
"""Connections that are accepted in one turn, at most."""
BACKLOG = 4096
"""Connections that may wait to be accepted: as many as a busy server accepts in a tenth of a
second. The kernel's net.core.somaxconn bounds it too."""
ACCEPT_PAUSE = 0.5
"""Seconds to look away when the system has no room for another connection."""

FULL_PAUSE = 0.05
"""Seconds to look away when all connections are busy, unless one ends before."""

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

_log = logging.getLogger("evloop")


ProtocolFactory = Callable[[str, float], Protocol]
"""Makes the protocol of a connection of its peer's address and the time."""


ConnectionFactory = Callable[[SocketType, Protocol, ConnectionPool], Connection]
"""Makes the connection of an accepted socket, which it owns when it succeeds."""


class Listener:
    """Accepts connections on one socket. Owns it."""

    def __init__(
        self,
        sock: SocketType,
        factory: ProtocolFactory,
        pool: ConnectionPool,
        send_queue: int,
        connect: ConnectionFactory = Connection,
    ) -> None:
        self._socket = sock
        self._factory = factory
        self._connect = connect
        self._pool = pool
        self._send_queue = send_queue
        self._troubles = RateLimited(LOG_INTERVAL)
        self._failures = RateLimited(LOG_INTERVAL)
        self.deadline = inf
        self.slot: Slot | None = None
        self.address = sock.getsockname()
        pool.reactor.add(sock.fileno(), self, READ)

    def ready(self, bits: int, now: float) -> None:
        """Accept what has arrived, up to the batch and the limit."""
        try:
            self._accept_some(ACCEPT_BATCH, now)
        except OSError as error:
            if error.errno not in _NO_ROOM:
                raise
            # The arrival stays in the queue and would be reported again at once. Look away
            # for a while instead of spinning.
            self._pause(error, now)

    def drain(self, now: float) -> None:
        """Accept all that has arrived, as far as there is room, and stop to listen.

        A connection that is closed in the queue is reset, whatever its client has asked.
        """
        try:
            self._accept_some(BACKLOG, now)
        except OSError as error:
            if error.errno not in _NO_ROOM:
                raise
        self.close()

    def _accept_some(self, most: int, now: float) -> None:
        for count in range(most):
            if self._pool.is_full and not self._make_room(now, is_needed=count == 0):
                return
            try:
                accepted, address = accept(self._socket, self._send_queue)
                self._welcome(accepted, address, now)
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                if error.errno not in _LOST:
                    raise

    def _make_room(self, now: float, *, is_needed: bool) -> bool:
        """Close others for one that has arrived; return whether there is room for it.

        Only at the beginning of a turn it is known that one has.
        """
        if is_needed and not self._pool.make_room(now):
            self._look_away(now + FULL_PAUSE)
            return False
        return is_needed

    def _welcome(self, accepted: SocketType, address: str, now: float) -> None:
        pool = self._pool
        if pool.is_overrun(address):
            accepted.close()
            return
        protocol = self._factory(pool.shared(address), now)
        admitted = pool.admit(address)
        try:
            connection = self._connect(accepted, protocol, pool)
        except BaseException:
            accepted.close()
            pool.released(address)
            raise
        if not admitted:
            connection.refuse(now)

    def resume(self) -> None:
        """Accept again, after there was no room."""
        self.deadline = inf
        if self._socket.fileno() >= 0:
            self._pool.reactor.modify(self._socket.fileno(), READ)

    def expire(self, now: float) -> None:
        """The pause is over."""
        self.resume()

    def fail(self, error: Exception) -> None:
        """Log a defect, and go on after a pause."""
        now = self._pool.reactor.now
        if self._failures.allows(now):
            _log.error("accepting failed%s", self._failures.note, exc_info=error)
        self._look_away(now + ACCEPT_PAUSE)

    def close(self) -> None:
        """Stop to listen. May be called again."""
        if self._socket.fileno() >= 0:
            self._pool.reactor.timers.forget(self)
            self._pool.reactor.remove(self._socket.fileno())
            self._socket.close()

    def _look_away(self, until: float) -> None:
        reactor = self._pool.reactor
        reactor.modify(self._socket.fileno(), NOTHING)
        if until != self.deadline:
            self.deadline = until
            reactor.timers.watch_closely(self)

    def _pause(self, error: Exception, now: float) -> None:
        if self._troubles.allows(now):
            note = self._troubles.note
            _log.warning("no room for another connection, waiting: %s%s", error, note)
        self._look_away(now + ACCEPT_PAUSE)
