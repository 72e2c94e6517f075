"""Everything about a server at one moment."""

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import psutil

from evloop_tools.lab.cgroup import Cgroup, find_cgroup, read_cgroup
from evloop_tools.lab.descriptors import (
    Downloads,
    count_descriptors,
    portable_descriptors,
    read_descriptors,
)
from evloop_tools.lab.errors import NoRightError, TargetEndedError
from evloop_tools.lab.kernel import KernelTcp, read_kernel_tcp
from evloop_tools.lab.memory import Memory, read_memory
from evloop_tools.lab.processes import Target, runs
from evloop_tools.lab.sockets import (
    Connections,
    count_connections,
    portable_connections,
    read_table,
)

_LINUX = Path("/proc/self/fd").exists()
_GONE = (psutil.NoSuchProcess, ProcessLookupError, FileNotFoundError)
_DENIED = (psutil.AccessDenied, PermissionError)


@dataclass(frozen=True, slots=True)
class Sample:
    """One look at a server; None where the platform does not say or nobody asked.

    at: seconds on the monotonic clock
    clock: seconds since the epoch
    cpu: percent of one core since the look before
    cost: seconds that the look took
    """

    at: float
    clock: float
    processes: int
    memory: Memory
    cpu: float
    threads: int
    descriptors: int | None
    connections: Connections | None
    downloads: Downloads | None
    kernel: KernelTcp | None
    cgroup: Cgroup | None
    cost: float


@dataclass(slots=True)
class _Running:
    """What the processes that could be asked add up to."""

    alive: list[psutil.Process] = field(default_factory=list)
    memory: Memory | None = None
    threads: int = 0
    cpu_seconds: dict[tuple[int, float], float] = field(default_factory=dict)

    def add(self, process: psutil.Process) -> None:
        with process.oneshot():
            memory = read_memory(process)
            if memory is None:
                return
            times = process.cpu_times()
            threads = process.num_threads()
            who = (process.pid, process.create_time())
        self.alive.append(process)
        self.memory = memory if self.memory is None else self.memory + memory
        self.threads += threads
        self.cpu_seconds[who] = times.user + times.system


class _Open(NamedTuple):
    descriptors: int | None = None
    connections: Connections | None = None
    downloads: Downloads | None = None


class Sampler:
    """Looks at a server as often as it is asked to.

    Without *detail* the descriptors are only counted and the connections are not: a look
    then takes the same short time, whatever the number of connections.
    """

    def __init__(self, target: Target, detail: bool = True) -> None:
        self._target = target
        self._detail = detail
        self._at = 0.0
        self._cpu_seconds: dict[tuple[int, float], float] = {}  # by pid and create time
        main = next(iter(target.processes()), None)
        self._cgroup = None if main is None else find_cgroup(main.pid)

    def sample(self) -> Sample:
        """Look once.

        Raises TargetEndedError when no process of the server is left and NoRightError
        when one of them may not be read.
        """
        began = time.perf_counter()
        at = time.monotonic()
        running = self._running()
        if running.memory is None:
            how = self._target.epitaph()
            raise TargetEndedError(f"{self._target.name} has ended{how and ': '}{how}")
        opened = self._open(running.alive)
        return Sample(
            at=at,
            clock=time.time(),
            processes=len(running.alive),
            memory=running.memory,
            cpu=self._cpu_since(running.cpu_seconds, at),
            threads=running.threads,
            descriptors=opened.descriptors,
            connections=opened.connections,
            downloads=opened.downloads,
            kernel=read_kernel_tcp(),
            cgroup=None if self._cgroup is None else read_cgroup(self._cgroup),
            cost=time.perf_counter() - began,
        )

    def _running(self) -> _Running:
        running = _Running()
        for process in self._target.processes():
            try:
                running.add(process)
            except _GONE:
                continue
            except _DENIED:
                if runs(process):  # a zombie denies everything
                    raise self._no_right(process) from None
        return running

    def _cpu_since(self, seconds: dict[tuple[int, float], float], at: float) -> float:
        """Percent of one core since the last look; who came since then counts from zero."""
        elapsed, before = at - self._at, self._cpu_seconds
        self._at, self._cpu_seconds = at, seconds
        if not before or elapsed <= 0:
            return 0.0
        return 100 * sum(now - before.get(who, 0.0) for who, now in seconds.items()) / elapsed

    def _open(self, alive: list[psutil.Process]) -> _Open:
        try:
            if self._detail:
                return _open_linux(alive) if _LINUX else _open_portable(alive)
            return _Open(sum(count_descriptors(process) for process in alive))
        except _GONE:
            return _Open()  # one ended in the middle of the look: the next one will tell
        except _DENIED:
            if not all(runs(process) for process in alive):
                return _Open()
            raise self._no_right(alive[0]) from None

    def _no_right(self, process: psutil.Process) -> NoRightError:
        return NoRightError(
            f"{self._target.name} (pid {process.pid}) belongs to another user and may not be "
            "read: run as that user or as root"
        )


def _open_linux(alive: list[psutil.Process]) -> _Open:
    descriptors = read_descriptors(process.pid for process in alive)
    connections = count_connections(read_table(alive[0].pid, descriptors.sockets))
    return _Open(descriptors.count, connections, descriptors.downloads)


def _open_portable(alive: list[psutil.Process]) -> _Open:
    count, downloads = portable_descriptors(alive)
    return _Open(count, portable_connections(alive), downloads)
