"""All that one process has open while it serves, from the listening sockets to the log.

A worker is built whole or not at all, and closed whole. It knows no phases: Server, or a
supervisor in a process of its own, tells it when to drain and when to close.
"""

import logging
import os
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from math import inf, nextafter
from socket import SocketType
from typing import TYPE_CHECKING

from evloop.files.bodies import FileBody
from evloop.http.serving import Serving
from evloop.http1.protocol import Http1Protocol
from evloop.net.connection import Connection
from evloop.net.listener import Listener, ProtocolFactory
from evloop.net.pool import ConnectionPool
from evloop.net.protocol import Closing, Protocol, Retention
from evloop.net.reactor import Reactor, Waker
from evloop.observe.snapshot import Snapshot
from evloop.process.assembly import pool_limits
from evloop.process.environment import hand_over_log, open_log, open_root, shown_address
from evloop.process.memory import MemoryPlan
from evloop.process.privileges import assume, find_identity, is_root
from evloop.process.service import OpenFiles, Outlook, Service
from evloop.settings.config import Config
from evloop.settings.development import as_served

if TYPE_CHECKING:
    from evloop.process.secure import SecureService
    from evloop.tls.certificates import Certificates

MAX_MEMORY_ERRORS = 50
"""Turns in a row that may end for want of memory before the worker gives up. With the pause
after each it is half a second, in which what is being sent makes room."""
MEMORY_PAUSE = 0.01
"""Seconds to wait after a turn without memory, so that the loop does not spin."""
MAX_FINISHED = 256
"""Connections that are told to end in one turn, at most: to close an idle one takes 50 us."""

_log = logging.getLogger("evloop")


class Worker:
    """Serves on *sockets*, which are its own from the call on, whether it succeeds or not.

    With *certificates* they speak TLS, and *plain_sockets* send everybody to them.

    *on_bytes* gets what was written to `waker`, and the time, in the loop's thread. When
    `config` names a user or a group the process becomes that, once the root is open.

    Raises ServerError, ConfigError (for the user or the group) or OSError; nothing is left
    open then.
    """

    def __init__(
        self,
        config: Config,
        plan: MemoryPlan,
        sockets: Sequence[SocketType],
        on_bytes: Callable[[bytes, float], None],
        certificates: "Certificates | None" = None,
        plain_sockets: Sequence[SocketType] = (),
    ) -> None:
        self._memory_errors = 0
        config = as_served(config)
        with ExitStack() as opened:
            for sock in (*sockets, *plain_sockets):
                opened.callback(sock.close)
            self.addresses = [shown_address(sock) for sock in sockets]
            files = _open_files(config, opened)
            self._root, _, self._sink = files
            self.reactor = Reactor()
            opened.callback(self.reactor.close)
            if self._sink is not None:
                self._sink.attach(self.reactor.call_at)
            self.waker = Waker(self.reactor, on_bytes)
            opened.callback(self.waker.close)
            self.service = Service(
                config,
                plan,
                files,
                self.reactor,
                self.addresses,
                Outlook(self.snapshot, lambda: self._pool.spares_place),
            )
            opened.callback(self.service.close)
            self._pool = ConnectionPool(self.reactor, pool_limits(config, plan))
            self._pool.on_room = self._resume_listeners
            opened.callback(self._abort_connections)
            self._listeners: list[Listener] = []
            self.secure: SecureService | None = None
            if certificates is not None:
                from evloop.process import secure  # which loads OpenSSL

                context = self.service.context
                self.secure = secure.SecureService(
                    config, certificates, context, self.service.http2, self._pool
                )
                opened.callback(self.secure.close)
            for listener in self._new_listeners(config, sockets, plain_sockets):
                opened.callback(listener.close)
                self._listeners.append(listener)
            self._opened = opened.pop_all()

    def _new_listeners(
        self, config: Config, sockets: Sequence[SocketType], plain_sockets: Sequence[SocketType]
    ) -> Iterator[Listener]:
        if self.secure is not None:
            yield from self.secure.listeners(sockets, plain_sockets, config.queue_size)
            return
        factory = self._factory(config)
        for sock in sockets:
            yield Listener(sock, factory, self._pool, config.queue_size)

    def _new_http1(self, peer: str, now: float) -> Protocol:
        return Http1Protocol(self.service.context, peer, now)

    def _factory(self, config: Config) -> ProtocolFactory:
        """Return what makes the protocols of plain connections."""
        http2 = self.service.http2
        if http2 is None or not config.h2c:
            return self._new_http1
        return http2.with_prior_knowledge(self._new_http1)

    # The loop

    def turn(self, max_wait: float = -1.0) -> None:
        """Wait for something to happen, *max_wait* seconds at most (-1: as long as it takes).

        Then handle what is ready and what is due. A turn for which there is no memory is given
        up: what was ready is reported again.

        Raises MemoryError when that happens MAX_MEMORY_ERRORS times in a row.
        """
        try:
            self.reactor.turn(max_wait)
            self._memory_errors = 0
        except MemoryError:
            self._make_do()

    def _make_do(self) -> None:
        """Free what can be had again, and give the system a moment."""
        self._memory_errors += 1
        if self._memory_errors >= MAX_MEMORY_ERRORS:
            raise MemoryError(f"no memory in {MAX_MEMORY_ERRORS} turns")
        self.service.forget_responses()
        if self._memory_errors == 1:
            _log.error("out of memory, going on")
        time.sleep(MEMORY_PAUSE)

    # What it is told

    def drain(self, now: float) -> int:
        """Stop accepting and let each answer be the last; return how many are under way."""
        self.service.drain()
        if self.secure is not None:
            self.secure.drain()
        for listener in self._listeners:
            listener.drain(now)
        self._finish_some(deque(self.connections()), now)
        states = [connection.protocol.state for connection in self.connections()]
        return sum(state.retention is not Retention.IDLE for state in states)

    def _finish_some(self, waiting: deque[Connection], now: float) -> None:
        """Let each of *waiting* end when it is idle; some now, the others in the next turns."""
        for _ in range(min(len(waiting), MAX_FINISHED)):
            waiting.popleft().finish(now)
        if waiting:
            self.reactor.call_at(
                nextafter(now, inf), lambda later: self._finish_some(waiting, later)
            )

    @property
    def is_idle(self) -> bool:
        """Whether there is no connection."""
        return not self._pool.count

    def reopen_log(self) -> None:
        """Go on in a new file of the same name: the old one was moved away.

        Certificates are looked at, too: who renews them may say so by the same signal.
        """
        if self.secure is not None:
            self.secure.certificates.check()
        if self._sink is not None:
            try:
                self._sink.reopen()
            except OSError as error:
                _log.warning("the access log can't be reopened: %s", error)

    def close(self) -> None:
        """Close all that is open, whatever one part has to say about it. May be called again."""
        self._opened.close()

    def forsake(self) -> None:
        """Let go of every descriptor in the child of a fork, and of nothing that both share.

        The epoll instance and the sockets' state are the parent's as well: nothing is taken off
        the one, shut down or reset; and no log line is written that the parent will write.
        """
        descriptors = self._shared_descriptors()
        for connection in self.connections():
            if isinstance(connection.protocol, Serving):
                for body in connection.protocol.bodies:
                    body.close()
        self.reactor.close()
        # Their objects still own the numbers, so these have to stay taken until they go.
        null = os.open(os.devnull, os.O_RDWR)
        for fd in descriptors:
            os.dup2(null, fd, inheritable=False)
        os.close(null)
        self.service.cache.close()
        self._root.close()

    def _shared_descriptors(self) -> list[int]:
        descriptors = [*self.reactor.descriptors(), self.waker.writer.fileno()]
        if self.service.inbox is not None:
            descriptors.append(self.service.inbox.writer_descriptor)
        descriptors += self._pool.lingering.descriptors()
        if self._sink is not None and self._sink.descriptor >= 0:
            descriptors.append(self._sink.descriptor)
        return descriptors

    def _abort_connections(self) -> None:
        now = self.reactor.now
        with ExitStack() as ends:
            for connection in self.connections():
                ends.callback(connection.shut_down, now)
            ends.callback(self._pool.lingering.close)
        self.service.forget_responses()

    def _resume_listeners(self) -> None:
        for listener in self._listeners:
            listener.resume()

    # What can be seen

    @property
    def fingerprints(self) -> list[str]:
        """The SHA-256 of each certificate in use, the default one first; none without TLS."""
        return self.secure.fingerprints if self.secure is not None else []

    def connections(self) -> list[Connection]:
        """Return those that are open now. May be called from any thread."""
        return [each for each in self.reactor.handlers() if isinstance(each, Connection)]

    def snapshot(self) -> Snapshot:
        """Return the figures of this moment. May be called from any thread."""
        all_protocols = [connection.protocol for connection in self.connections()]
        protocols = [each for each in all_protocols if isinstance(each, Serving)]
        bodies = [body for protocol in protocols for body in protocol.bodies]
        sizes = tuple(body.file_size for body in bodies if isinstance(body, FileBody))
        metrics, reader, cache = self.service.metrics, self.service.reader, self.service.cache
        connections = Counter(protocol.state.value for protocol in all_protocols)
        if lingering := len(self._pool.lingering):
            connections[Closing.LINGER.value] = lingering
        return Snapshot(
            connections=connections,
            downloads=len(sizes),
            download_sizes=sizes,
            bytes_to_send=sum(body.remaining or 0 for body in bodies),
            bytes_buffered=sum(protocol.buffered for protocol in protocols),
            bytes_preloaded=cache.budget.used,
            files_preloaded=len(cache),
            responses=metrics.responses,
            bytes_sent=metrics.bytes_sent,
            ends={end.value: count for end, count in metrics.ends.items()},
            streams=sum(protocol.streams for protocol in protocols),
            refusals=metrics.refusals,
            refused_connections=self._pool.refused,
            refills=reader.refills,
            waits=reader.waits,
            blocking_reads=reader.blocking,
            lag=self.reactor.lag.figures(),
            tls_hellos=metrics.tls_hellos,
            **(self.secure.figures() if self.secure is not None else {}),
        )


def _open_files(config: Config, opened: ExitStack) -> OpenFiles:
    """Open the root and the log, and become whom *config* asks for in between.

    The root is opened before, since its parents may be closed to that user. The log is opened
    after, since a link in its place must lead nowhere that the user could not go.
    """
    identity = find_identity(config.user, config.group)
    root, only = open_root(config)
    opened.callback(root.close)
    if identity is not None:
        if is_root():
            hand_over_log(config, identity)
        assume(identity)
    sink = open_log(config)
    if sink is not None:
        opened.callback(sink.close)
    return OpenFiles(root, only, sink)
