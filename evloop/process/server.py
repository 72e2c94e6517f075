"""One process's server: the parts put together, started, and brought to its end."""

import logging
import os
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from math import inf

from evloop.files.bodies import FileBody
from evloop.files.cache import Cache, CacheSettings
from evloop.files.reader import Reader
from evloop.http1.context import Context, Limits
from evloop.http1.headcache import HeadCache
from evloop.net.connection import Connection
from evloop.net.listener import Listener
from evloop.net.pool import ConnectionPool
from evloop.net.reactor import Reactor, Waker
from evloop.observe.accesslog import AccessLog
from evloop.observe.exchange import EndReason
from evloop.observe.metrics import Observer
from evloop.observe.snapshot import Snapshot
from evloop.process.environment import ServerError, connection_limit, listen, open_log, open_root
from evloop.process.memory import MemoryPlan, cgroup_limit, plan_memory, process_size
from evloop.settings.choices import Transfer
from evloop.settings.config import Config
from evloop.settings.units import format_duration
from evloop.site.clock import Clock
from evloop.site.site import Site, SiteSettings

_log = logging.getLogger("evloop")


class Phase(Enum):
    """Where a server is in its life."""

    NEW = "new"
    OPEN = "open"
    FINISHING = "finishing"
    CLOSED = "closed"


# What another thread, or a signal handler, says to the loop: one byte each. Signals say
# their number, and there are none as high as these.
_FINISH = 0xF0
_STOP = 0xF1
_END_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Server:
    """A server of one directory.

    open() binds, run() serves until finish() or stop(), which any thread may call. All that
    is open is closed when run() returns.
    """

    def __init__(self, config: Config | None = None) -> None:
        self.config = config or Config()
        self.phase = Phase.NEW
        self._listeners: list[Listener] = []
        self._give_up_at = inf

    def open(self) -> None:
        """Open the root and the log, and listen.

        Raises ServerError when the environment does not allow it, ConfigError when the
        settings do not fit it.
        """
        config = self.config
        limit = connection_limit(config.max_connections)
        plan = plan_memory(config, process_size(), limit, cgroup_limit())
        root, sink = open_root(config), None
        try:
            sink = open_log(config)
            sockets = listen(config)
        except ServerError:
            root.close()
            if sink is not None:
                sink.close()
            raise
        self._root, self._sink = root, sink
        self._reactor = Reactor()
        self._waker = Waker(self._reactor, self._obey)
        self.memory = plan
        self._build(config, plan)
        self._listeners = [
            Listener(sock, self._context, self._admission, config.send_queue) for sock in sockets
        ]
        self._admission.on_room = self._resume_listeners
        self.phase = Phase.OPEN

    def _build(self, config: Config, plan: MemoryPlan) -> None:
        """Put together what answers requests."""
        self._reader = Reader(config.chunk_size)
        self._memo = HeadCache()
        cache_settings = CacheSettings(
            config.max_in_memory_size, plan.memory_budget, config.revalidate, config.preload
        )
        self._cache = Cache(
            self._root,
            self._reader,
            cache_settings,
            self._memo.clear,
            call_at=self._reactor.call_at,
        )
        site_settings = SiteSettings(
            tuple(os.fsencode(name) for name in config.index),
            config.cache_control.encode(),
            config.hidden,
            config.transfer is Transfer.SENDFILE,
        )
        self._site = Site(self._cache, self._reader, Clock(), site_settings)
        log = AccessLog(self._sink, config.log_format) if self._sink is not None else None
        self._observer = Observer(log)
        limits = Limits(
            config.idle_timeout,
            config.head_timeout,
            config.send_timeout,
            config.linger_timeout,
            config.max_head_size,
            config.min_rate,
            config.min_rate_grace,
        )
        self._context = Context(self._site, self._observer, self._memo, limits)
        self._admission = ConnectionPool(
            self._reactor, plan.connections, config.max_connections_per_ip
        )

    # Addresses

    @property
    def addresses(self) -> list[tuple[str, int]]:
        """Host and port of each listening socket, the real port included."""
        return [(listener.address[0], listener.address[1]) for listener in self._listeners]

    @property
    def urls(self) -> list[str]:
        """What to open in a browser on this machine, for each listening socket."""
        return [f"http://{_url_host(host)}:{port}/" for host, port in self.addresses]

    # Life

    def run(self) -> None:
        """Serve until it is over. Opens first if that was not done.

        Raises RuntimeError for a server that has ended.
        """
        if self.phase is Phase.CLOSED:
            raise RuntimeError("a server runs only once")
        if self.phase is Phase.NEW:
            self.open()
        try:
            while not self._is_over():
                self._reactor.turn(self._max_wait())
                if self._sink is not None:
                    self._sink.flush(self._reactor.now)
        finally:
            self._close()

    def finish(self) -> None:
        """Stop accepting and let downloads finish, for `shutdown_timeout` at most."""
        self._say(_FINISH)

    def stop(self) -> None:
        """End at once."""
        self._say(_STOP)

    @contextmanager
    def in_thread(self) -> Iterator["Server"]:
        """Serve in a thread of its own while the context lasts."""
        self.open()
        thread = threading.Thread(target=self.run, name="evloop", daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self.stop()
            thread.join()

    @contextmanager
    def signals(self) -> Iterator[None]:
        """Let SIGINT and SIGTERM finish the server and a second one stop it.

        SIGUSR1 reopens the log. For the main thread only; the server must be open.
        """
        numbers = (*_END_SIGNALS, signal.SIGUSR1)
        before = {number: signal.signal(number, _ignore) for number in numbers}
        wakeup_fd = signal.set_wakeup_fd(self._waker.writer.fileno(), warn_on_full_buffer=False)
        try:
            yield
        finally:
            signal.set_wakeup_fd(wakeup_fd)
            for number, handler in before.items():
                signal.signal(number, handler)

    def _say(self, command: int) -> None:
        if self.phase in {Phase.OPEN, Phase.FINISHING}:
            self._waker.write(bytes([command]))

    def _obey(self, commands: bytes, now: float) -> None:
        for command in commands:
            if command == signal.SIGUSR1:
                self._reopen_log()
            elif command == _STOP or (command in _END_SIGNALS and self.phase is Phase.FINISHING):
                self._give_up_at = now
                self.phase = Phase.FINISHING
            elif command == _FINISH or command in _END_SIGNALS:
                self._begin_to_finish(now)

    def _begin_to_finish(self, now: float) -> None:
        if self.phase is not Phase.OPEN:
            return
        self.phase = Phase.FINISHING
        self._give_up_at = now + self.config.shutdown_timeout
        for listener in self._listeners:
            listener.close()
        self._site.draining = True
        self._memo.clear()
        for connection in self._connections():
            connection.finish(now)
        if self._admission.count:
            _log.info(
                "finishing %d connections, for %s at most; a second signal ends at once",
                self._admission.count,
                format_duration(self.config.shutdown_timeout),
            )

    def _is_over(self) -> bool:
        if self.phase is not Phase.FINISHING:
            return False
        return not self._admission.count or self._reactor.now >= self._give_up_at

    def _max_wait(self) -> float:
        now = self._reactor.now
        waits = [self._give_up_at - now] if self.phase is Phase.FINISHING else []
        if self._sink is not None and (wait := self._sink.wait(now)) >= 0:
            waits.append(wait)
        return max(0.0, min(waits)) if waits else -1.0

    def _close(self) -> None:
        self.phase = Phase.CLOSED
        for listener in self._listeners:
            listener.close()
        for connection in self._connections():
            connection.abort(EndReason.SHUTDOWN, self._reactor.now)
        self._memo.clear()
        self._cache.close()
        self._root.close()
        if self._sink is not None:
            self._sink.close()
        self._waker.close()
        self._reactor.close()

    def _connections(self) -> list[Connection]:
        return [each for each in self._reactor.handlers() if isinstance(each, Connection)]

    def _resume_listeners(self) -> None:
        if self.phase is Phase.OPEN:
            for listener in self._listeners:
                listener.resume()

    def _reopen_log(self) -> None:
        if self._sink is not None:
            try:
                self._sink.reopen()
            except OSError as error:
                _log.warning("the access log can't be reopened: %s", error)

    # What can be seen

    def snapshot(self) -> Snapshot:
        """Return the figures of this moment. May be called from any thread."""
        protocols = [connection.protocol for connection in self._connections()]
        bodies = [body for protocol in protocols if (body := protocol.body) is not None]
        sizes = tuple(body.file_size for body in bodies if isinstance(body, FileBody))
        observer, reader = self._observer, self._reader
        return Snapshot(
            connections=Counter(protocol.state.value for protocol in protocols),
            downloads=len(sizes),
            download_sizes=sizes,
            bytes_to_send=sum(body.remaining for body in bodies),
            bytes_buffered=sum(protocol.buffered for protocol in protocols),
            bytes_preloaded=self._cache.budget.used,
            files_preloaded=len(self._cache),
            responses=observer.responses,
            bytes_sent=observer.bytes_sent,
            ends={end.value: count for end, count in observer.ends.items()},
            refusals=observer.refusals,
            refused_connections=self._admission.refused,
            refills=reader.refills,
            waits=reader.waits,
            blocking_reads=reader.blocking,
            lag=self._reactor.lag.figures(),
        )


def _ignore(number: int, frame: object) -> None:
    """The signal's number is in the wake-up descriptor already."""


def _url_host(host: str) -> str:
    if host in {"0.0.0.0", "::"}:
        return "localhost"
    return f"[{host}]" if ":" in host else host
