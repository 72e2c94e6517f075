"""What a server costs: CPU seconds and memory of its process tree, and kernel TCP memory."""

import operator
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import reduce

import psutil

from evloop_tools.lab.errors import VoidError
from evloop_tools.lab.kernel import read_kernel_tcp
from evloop_tools.lab.memory import Memory, read_memory


class Cost:
    """The meter of one server: its *processes* as they are when it is ready; none: not known.

    A server that starts further processes only later would be undercounted; none does.
    """

    def __init__(self, processes: Sequence[psutil.Process]) -> None:
        self._processes = processes

    @property
    def is_known(self) -> bool:
        """Whether there are processes to ask."""
        return bool(self._processes)

    def cpu_seconds(self) -> float:
        """Return user plus system time since the start, that of waited-for children included."""
        with _all_alive():
            # user, system, and both of children
            return float(sum(sum(process.cpu_times()[:4]) for process in self._processes))

    def memory_bytes(self) -> int:
        """Return the Pss of all processes: shared pages are divided among their users."""
        memory = self._memory()
        return int(getattr(memory, memory.total_metric))

    def own_bytes(self) -> int:
        """Return the anonymous memory of all processes.

        Unlike Pss it does not move when another program that uses the same libraries, such as
        a client of ours, comes or goes.
        """
        memory = self._memory()
        return int(getattr(memory, memory.own_metric))

    def _memory(self) -> Memory:
        with _all_alive():
            found = [read_memory(process) for process in self._processes]
        known = [memory for memory in found if memory is not None]
        if len(known) < len(found):
            raise VoidError(_ENDED)
        return reduce(operator.add, known)


_ENDED = "a process of the server ended in the middle"


@contextmanager
def _all_alive() -> Iterator[None]:
    try:
        yield
    except (psutil.NoSuchProcess, OSError):
        raise VoidError(_ENDED) from None


def kernel_tcp_bytes() -> int:
    """Return the memory of all TCP sockets of this machine.

    Pages that sendfile queued count in full, though they are page cache that all
    connections share; machine_memory_bytes() tells the two apart.
    """
    tcp = read_kernel_tcp()
    if tcp is None:
        raise VoidError("this system does not tell its TCP memory")
    return tcp.used


def machine_memory_bytes() -> int:
    """Return the memory that programs of this machine could still get."""
    return int(psutil.virtual_memory().available)
