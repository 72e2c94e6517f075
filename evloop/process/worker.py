"""All that one process has open while it serves, from the listening sockets to the log.

A worker is built whole or not at all, and closed whole. It knows no phases: Server, or a
supervisor in a process of its own, tells it when to drain and when to close.
"""

import logging
import os
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from socket import SocketType
from typing import TYPE_CHECKING

from evloop.files.bodies import FileBody
from evloop.files.cache import Cache, CacheSettings
from evloop.files.compression import Compressor
from evloop.files.content import Budget
from evloop.files.listing import SORT_SIZE
from evloop.files.reader import Reader
from evloop.files.root import Root
from evloop.files.variants import Variants
from evloop.http1.context import Context, Limits
from evloop.http1.headcache import HeadCache
from evloop.http1.protocol import Http1Protocol
from evloop.net.connection import Connection
from evloop.net.listener import Listener
from evloop.net.pool import ConnectionPool, PoolLimits
from evloop.net.protocol import Closing, Retention
from evloop.net.reactor import Reactor, Waker
from evloop.observe.accesslog import AccessLog
from evloop.observe.logwriter import LogWriter
from evloop.observe.metrics import Metrics
from evloop.observe.snapshot import Snapshot
from evloop.process.environment import (
    hand_over_log,
    is_loopback,
    open_log,
    open_root,
    shown_address,
)
from evloop.process.memory import MemoryPlan
from evloop.process.privileges import assume, find_identity, is_root
from evloop.settings.choices import Listing, Transfer
from evloop.settings.config import Config
from evloop.settings.development import as_served
from evloop.settings.printable import printable
from evloop.site.clock import Clock
from evloop.site.directories import Directories
from evloop.site.listing import Listings
from evloop.site.negotiator import Negotiator
from evloop.site.prepared import PreparedResponses
from evloop.site.site import Site, SiteSettings

if TYPE_CHECKING:
    from evloop.process.secure import SecureService
    from evloop.tls.certificates import Certificates

MAX_MEMORY_ERRORS = 50
"""Turns in a row that may end for want of memory before the worker gives up. With the pause
after each it is half a second, in which what is being sent makes room."""
MEMORY_PAUSE = 0.01
"""Seconds to wait after a turn without memory, so that the loop does not spin."""

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
        *,
        certificates: "Certificates | None" = None,
        plain_sockets: Sequence[SocketType] = (),
    ) -> None:
        self._memory_errors = 0
        config = as_served(config)
        with ExitStack() as opened:
            for sock in (*sockets, *plain_sockets):
                opened.callback(sock.close)
            self.addresses = [shown_address(sock) for sock in sockets]
            self._root, self._sink = _open_files(config, opened)
            self.reactor = Reactor()
            opened.callback(self.reactor.close)
            if self._sink is not None:
                self._sink.attach(self.reactor.call_at)
            self.waker = Waker(self.reactor, on_bytes)
            opened.callback(self.waker.close)
            self._build_site(config, plan)
            opened.callback(self._cache.close)
            if self._negotiator is not None:
                opened.callback(self._negotiator.close)
            self._pool = ConnectionPool(self.reactor, _pool_limits(config, plan))
            self._pool.on_room = self._resume_listeners
            opened.callback(self._abort_connections)
            self._listeners: list[Listener] = []
            self.secure: SecureService | None = None
            if certificates is not None:
                from evloop.process import secure  # which loads OpenSSL

                self.secure = secure.SecureService(
                    config, certificates, self._context, self._pool, self._site, self._clock
                )
                opened.callback(self.secure.close)
            for sock in sockets:
                self._listen(config, sock, opened)
            for sock in plain_sockets:
                assert self.secure is not None
                port = sock.getsockname()[1]
                factory = self.secure.redirects(self.addresses[0][1], port)
                self._add(Listener(sock, factory, self._pool, config.queue_size), opened)
            self._opened = opened.pop_all()

    def _listen(self, config: Config, sock: SocketType, opened: ExitStack) -> None:
        if self.secure is not None:
            listener = self.secure.listener(sock, config.queue_size)
        else:
            listener = Listener(sock, self._new_protocol, self._pool, config.queue_size)
        self._add(listener, opened)

    def _add(self, listener: Listener, opened: ExitStack) -> None:
        opened.callback(listener.close)
        self._listeners.append(listener)

    def _build_site(self, config: Config, plan: MemoryPlan) -> None:
        """Put together what answers requests."""
        self._reader = Reader(config.refill_size)
        self._head_cache = HeadCache()
        self._prepared = PreparedResponses(self._head_cache.forget)
        cache_settings = CacheSettings(
            config.max_in_memory_size, plan.memory_budget, config.revalidate, config.preload
        )
        self._index_names = [
            name for name in config.index if config.hidden or not name.startswith(".")
        ]
        self._cache = Cache(
            self._root,
            self._reader,
            cache_settings,
            self._forget_responses,
            call_at=self.reactor.call_at,
        )
        site_settings = SiteSettings(
            tuple(os.fsencode(name) for name in config.index),
            config.cache_control.encode(),
            config.hidden,
            config.transfer is Transfer.SENDFILE and not config.has_tls,  # nothing to encrypt
            int(config.hsts),
        )
        self._clock = Clock()
        self._negotiator = self._new_negotiator(config)
        self._site = Site(
            self._cache,
            self._reader,
            self._clock,
            site_settings,
            self._prepared,
            directories=self._directories(config),
            negotiator=self._negotiator,
        )
        log = AccessLog(self._sink, config.log_format) if self._sink is not None else None
        self._metrics = Metrics(log)
        self._context = Context(self._site, self._metrics, self._head_cache, _limits(config))

    def _directories(self, config: Config) -> Directories:
        """Return what answers for directories without an index, or that are asked for whole."""
        is_local = all(is_loopback(host) for host, _ in self.addresses)
        lists = is_local if config.listing is Listing.AUTO else config.listing is Listing.ON
        self.lists = lists
        budget, hidden = Budget(SORT_SIZE), config.hidden
        listings = archives = None
        if lists:
            listings = Listings(self._root, budget, hidden=hidden, has_archives=config.archives)
        if config.archives:
            # With tarfile, which costs a megabyte.
            from evloop.site.archives import Archives

            archives = Archives(self._root, self._reader, budget, hidden=hidden)
        return Directories(listings, archives)

    def _new_negotiator(self, config: Config) -> Negotiator | None:
        cache = self._cache
        variants = compressor = None
        if config.precompressed:
            variants = Variants(self._root, self._reader, cache, _name_unused)
        if config.compress:
            compressor = Compressor(cache.store, cache.budget, self.reactor.call_at)
        return Negotiator(variants, compressor) if variants or compressor else None

    def _new_protocol(self, peer: str, now: float) -> Http1Protocol:
        return Http1Protocol(self._context, peer, now)

    def _forget_responses(self) -> None:
        """Release what responses hold: a file they were made of has gone."""
        self._head_cache.clear()
        self._prepared.clear()

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
        self._forget_responses()
        if self._memory_errors == 1:
            _log.error("out of memory, going on")
        time.sleep(MEMORY_PAUSE)

    # What it is told

    def drain(self, now: float) -> int:
        """Stop accepting and let each answer be the last; return how many are under way."""
        self._context.drain()
        if self.secure is not None:
            self.secure.drain()
        for listener in self._listeners:
            listener.drain(now)
        for connection in self.connections():
            connection.finish(now)
        states = [connection.protocol.state for connection in self.connections()]
        return sum(state.retention is not Retention.IDLE for state in states)

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
            protocol = connection.protocol
            if isinstance(protocol, Http1Protocol) and protocol.body is not None:
                protocol.body.close()
        self.reactor.close()
        # Their objects still own the numbers, so these have to stay taken until they go.
        null = os.open(os.devnull, os.O_RDWR)
        for fd in descriptors:
            os.dup2(null, fd, inheritable=False)
        os.close(null)
        self._cache.close()
        self._root.close()

    def _shared_descriptors(self) -> list[int]:
        descriptors = [*self.reactor.descriptors(), self.waker.writer.fileno()]
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
        self._forget_responses()

    def _resume_listeners(self) -> None:
        for listener in self._listeners:
            listener.resume()

    # What can be seen

    @property
    def fingerprints(self) -> list[str]:
        """The SHA-256 of each certificate in use, the default one first; none without TLS."""
        pairs = self.secure.certificates.pairs if self.secure is not None else []
        return [pair.fingerprint for pair in pairs]

    @property
    def has_index(self) -> bool:
        """Whether the root itself has a page to show. Looks at the disk."""
        return any(self._cache.is_file(os.fsencode(name)) for name in self._index_names)

    def connections(self) -> list[Connection]:
        """Return those that are open now. May be called from any thread."""
        return [each for each in self.reactor.handlers() if isinstance(each, Connection)]

    def snapshot(self) -> Snapshot:
        """Return the figures of this moment. May be called from any thread."""
        all_protocols = [connection.protocol for connection in self.connections()]
        protocols = [each for each in all_protocols if isinstance(each, Http1Protocol)]
        bodies = [body for protocol in protocols if (body := protocol.body) is not None]
        sizes = tuple(body.file_size for body in bodies if isinstance(body, FileBody))
        metrics, reader = self._metrics, self._reader
        connections = Counter(protocol.state.value for protocol in all_protocols)
        if lingering := len(self._pool.lingering):
            connections[Closing.LINGER.value] = lingering
        return Snapshot(
            connections=connections,
            downloads=len(sizes),
            download_sizes=sizes,
            bytes_to_send=sum(body.remaining or 0 for body in bodies),
            bytes_buffered=sum(protocol.buffered for protocol in protocols),
            bytes_preloaded=self._cache.budget.used,
            files_preloaded=len(self._cache),
            responses=metrics.responses,
            bytes_sent=metrics.bytes_sent,
            ends={end.value: count for end, count in metrics.ends.items()},
            refusals=metrics.refusals,
            refused_connections=self._pool.refused,
            refills=reader.refills,
            waits=reader.waits,
            blocking_reads=reader.blocking,
            lag=self.reactor.lag.figures(),
            tls_hellos=metrics.tls_hellos,
            **(self.secure.figures() if self.secure is not None else {}),
        )


def _open_files(config: Config, opened: ExitStack) -> tuple[Root, LogWriter | None]:
    """Open the root and the log, and become whom *config* asks for in between.

    The root is opened before, since its parents may be closed to that user. The log is opened
    after, since a link in its place must lead nowhere that the user could not go.
    """
    identity = find_identity(config.user, config.group)
    root = open_root(config)
    opened.callback(root.close)
    if identity is not None:
        if is_root():
            hand_over_log(config, identity)
        assume(identity)
    sink = open_log(config)
    if sink is not None:
        opened.callback(sink.close)
    return root, sink


def _name_unused(path: bytes, fault: str) -> None:
    """Say once which precompressed file is not sent, and why."""
    _log.warning("%s %s and is not sent", printable(os.fsdecode(path)), fault)


def _limits(config: Config) -> Limits:
    return Limits(
        idle_timeout=config.idle_timeout,
        head_timeout=config.head_timeout,
        send_timeout=config.send_timeout,
        linger_timeout=config.linger_timeout,
        max_head_size=config.max_head_size,
        min_rate=config.min_rate,
        min_rate_grace=config.min_rate_grace,
    )


def _pool_limits(config: Config, plan: MemoryPlan) -> PoolLimits:
    return PoolLimits(
        connections=plan.connections,
        per_address=config.max_connections_per_ip,
        heavy=plan.heavy_connections,
        linger_timeout=config.linger_timeout,
    )
