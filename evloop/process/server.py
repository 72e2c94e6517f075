"""A server as a program uses it: opened, run, told to end. What it has open is its Worker's."""

import logging
import os
import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from math import inf
from socket import socket
from typing import Any, Unpack
from weakref import WeakSet

from evloop.observe import messages
from evloop.observe.snapshot import NO_FIGURES, Snapshot
from evloop.process.cgroup import cgroup_limit
from evloop.process.environment import ServerError, connection_limit, listening, url_of
from evloop.process.memory import MemoryPlan, plan_memory, process_size, speaks_http2
from evloop.process.phases import (
    COMMANDS,
    EFFECTS,
    FINISH_BYTE,
    SIGNALS,
    STOP_BYTE,
    WRONG_PHASE,
    Effect,
    Phase,
)
from evloop.process.worker import Worker
from evloop.settings.config import Config
from evloop.settings.keywords import Settings
from evloop.settings.units import format_duration

__all__ = ["Phase", "Server"]

_log = logging.getLogger("evloop")


class Server:
    """A server of one directory, for one life.

    The settings are those of a Config, which may be given ready made instead:
    `Server(root="public", port=0)`. With *sock*, one or more TCP sockets that listen already,
    `host` and `port` mean nothing. open() takes them over: they are closed for whoever gave them.

    Raises ConfigError, which names the setting, for values that can't be used.

    open() binds, run() serves until finish() or stop(), which any thread may call at any time.
    All that is open is closed when run() returns, or by close() when it was not called. The
    child of a fork has the server closed, and the parent goes on undisturbed.
    """

    def __init__(
        self,
        config: Config | None = None,
        *,
        sock: socket | Sequence[socket] = (),
        **settings: Unpack[Settings],
    ) -> None:
        if config is not None and settings:
            raise TypeError(f"a Config, or its settings: both were given ({', '.join(settings)})")
        values: Mapping[str, Any] = settings
        self.config = config or Config(**values)
        self._given = (sock,) if isinstance(sock, socket) else tuple(sock)
        self.phase = Phase.NEW
        self._worker: Worker | None = None
        self._plan: MemoryPlan | None = None
        self._said_early = bytearray()
        self._lock = threading.RLock()  # a signal handler may call stop() in the midst of open()
        self._patience = self.config.shutdown_timeout
        self._give_up_at = inf
        _servers.add(self)

    # Life

    def open(self) -> None:
        """Open the root and the log, and listen; then become `user` and `group` if asked to.

        Becoming somebody else is for the whole process, and for good.

        Raises ServerError when the environment does not allow it, ConfigError when the
        settings do not fit it, RuntimeError when it was open before.
        """
        if self.phase is not Phase.NEW:
            raise RuntimeError(WRONG_PHASE[self.phase])
        config = self.config
        certificates = None
        if config.has_tls:
            from evloop.process.secure import load_certificates  # which loads OpenSSL

            certificates = load_certificates(config)
        limit = connection_limit(config.max_connections, has_streams=speaks_http2(config))
        plan = plan_memory(config, process_size(), limit, cgroup_limit())
        sockets, beside = listening(config, self._given)
        try:
            worker = Worker(config, plan, sockets, self._obey, certificates, beside)
        except OSError as error:
            raise ServerError(f"can't open what serving takes: {error.strerror}") from error
        with self._lock:
            self._worker, self._plan, self.phase = worker, plan, Phase.OPEN
            worker.waker.write(bytes(self._said_early))

    def run(self) -> None:
        """Serve until it is over. Opens first if that was not done.

        Raises RuntimeError for a server that runs or has ended.
        """
        if self.phase is Phase.NEW:
            self.open()
        with self._lock:
            worker = self._opened()
            self.phase = Phase.RUNNING
        messages.attach(worker.reactor.call_at)
        try:
            while not self._is_over(worker):
                worker.turn(self._time_left(worker))
        finally:
            self.phase = Phase.CLOSED
            messages.detach()
            worker.close()

    def finish(self, timeout: float | None = None) -> None:
        """Stop accepting and let downloads finish, for *timeout* seconds at most.

        None: `shutdown_timeout`. Before run() it is kept in mind: run() then returns at once.
        """
        if timeout is not None:
            self._patience = timeout
        self._say(FINISH_BYTE)

    def stop(self) -> None:
        """End at once. Before run() it is kept in mind: run() then returns at once."""
        self._say(STOP_BYTE)

    def close(self) -> None:
        """Close what open() has opened, when run() is not going to be called.

        May be called again. Raises RuntimeError while run() runs: stop() ends it.
        """
        with self._lock:
            if self.phase in {Phase.RUNNING, Phase.FINISHING}:
                raise RuntimeError("the server runs: stop() ends it")
            self.phase = Phase.CLOSED
        if self._worker is not None:
            self._worker.close()

    @contextmanager
    def in_thread(self, timeout: float | None = None) -> Iterator["Server"]:
        """Serve in a thread of its own while the context lasts.

        At its end downloads may finish, for *timeout* seconds at most (None:
        `shutdown_timeout`); an exception ends them at once. What ended the loop is raised.
        """
        self.open()
        failures: list[BaseException] = []
        thread = threading.Thread(
            target=self._run_in_thread, args=(failures,), name="evloop", daemon=True
        )
        thread.start()
        try:
            yield self
            self.finish(timeout)
            thread.join(min(self._patience, threading.TIMEOUT_MAX))
        finally:
            self.stop()
            thread.join()
            if failures:
                raise failures[0]

    def _run_in_thread(self, failures: list[BaseException]) -> None:
        try:
            self.run()
        except BaseException as error:  # whatever it is belongs to the one who waits
            failures.append(error)

    @contextmanager
    def signals(self) -> Iterator[None]:
        """Let SIGINT and SIGTERM finish the server and a second one stop it.

        SIGUSR1 and SIGHUP reopen the log. For the main thread only (ValueError); the server
        must be open and not run yet (RuntimeError). Neither error changes a handler.
        """
        worker = self._opened()
        with ExitStack() as restored:
            # First the descriptor: a signal that comes between must not be lost.
            fd = worker.waker.writer.fileno()
            before = signal.set_wakeup_fd(fd, warn_on_full_buffer=False)
            restored.callback(signal.set_wakeup_fd, before)
            for number in SIGNALS:
                handler = signal.signal(number, _ignore)
                restored.callback(signal.signal, number, handler or signal.SIG_DFL)
            yield

    # The loop

    def _opened(self) -> Worker:
        """Return the worker of a server that is open. Raises RuntimeError in other phases."""
        if self.phase is not Phase.OPEN or self._worker is None:
            raise RuntimeError(WRONG_PHASE[self.phase])
        return self._worker

    def _say(self, command: int) -> None:
        with self._lock:
            if self._worker is None:
                self._said_early.append(command)
            elif EFFECTS[self.phase][COMMANDS[command]] is not Effect.NOTHING:
                self._worker.waker.write(bytes([command]))

    def _obey(self, said: bytes, now: float) -> None:
        """Do what was said to the waker, in the loop's thread."""
        for byte in said:
            if byte in COMMANDS:
                self._do(EFFECTS[self.phase][COMMANDS[byte]], now)

    def _do(self, effect: Effect, now: float) -> None:
        worker = self._worker
        if worker is None:
            return
        if effect is Effect.REOPEN_LOG:
            worker.reopen_log()
        elif effect is Effect.END:
            self.phase, self._give_up_at = Phase.FINISHING, now
        elif effect is Effect.DRAIN:
            self.phase, self._give_up_at = Phase.FINISHING, now + self._patience
            if count := worker.drain(now):
                _log.info(
                    "under way: %d, which may finish for %s; a second signal ends at once",
                    count,
                    format_duration(self._patience),
                )

    def _is_over(self, worker: Worker) -> bool:
        if self.phase is Phase.FINISHING:
            return worker.is_idle or worker.reactor.now >= self._give_up_at
        return self.phase is Phase.CLOSED  # in the child of a fork

    def _time_left(self, worker: Worker) -> float:
        if self.phase is not Phase.FINISHING:
            return -1.0
        return max(0.0, self._give_up_at - worker.reactor.now)

    def _forsake(self) -> None:
        """Be closed in the child of a fork."""
        self._lock = threading.RLock()  # another thread, which is not here, may have had it
        worker, was = self._worker, self.phase
        self._worker, self.phase = None, Phase.CLOSED
        if worker is not None and was is not Phase.CLOSED:
            worker.forsake()

    # What can be seen

    @property
    def worker(self) -> Worker:
        """What serves, for those who look into it. Raises RuntimeError before open()."""
        return self._after_open()

    @property
    def memory(self) -> MemoryPlan:
        """What was planned at open(). Raises RuntimeError before."""
        if self._plan is None:
            raise RuntimeError(WRONG_PHASE[Phase.NEW])
        return self._plan

    @property
    def addresses(self) -> list[tuple[str, int]]:
        """Host and port of each listening socket, the real port included; none before open()."""
        return [] if self._worker is None else self._worker.addresses

    @property
    def urls(self) -> list[str]:
        """What to open in a browser on this machine, for each listening socket."""
        return [url_of(host, port, self.config.scheme) for host, port in self.addresses]

    @property
    def url(self) -> str:
        """The first of `urls`. Raises RuntimeError before open()."""
        self._after_open()
        return self.urls[0]

    @property
    def port(self) -> int:
        """The port of the first listening socket. Raises RuntimeError before open()."""
        return self._after_open().addresses[0][1]

    def _after_open(self) -> Worker:
        if self._worker is None:
            raise RuntimeError(WRONG_PHASE[Phase.NEW])
        return self._worker

    def snapshot(self) -> Snapshot:
        """Return the figures of this moment; the last ones after the end, none before open().

        May be called from any thread.
        """
        return NO_FIGURES if self._worker is None else self._worker.snapshot()


_servers: WeakSet[Server] = WeakSet()


def _forsake_all() -> None:
    for server in list(_servers):
        server._forsake()


os.register_at_fork(after_in_child=_forsake_all)


def _ignore(number: int, frame: object) -> None:
    """The signal's number is in the wake-up descriptor already."""
