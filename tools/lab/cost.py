"""What a server costs: CPU seconds and memory of its process tree, and kernel TCP memory."""

import psutil

from lab.errors import VoidError
from lab.kernel import read_kernel_tcp
from lab.memory import Memory, read_memory
from lab.processes import Tree


class Cost:
    """The meter of one server: its processes as they are when it is ready.

    A server that starts further processes only later would be undercounted; none does.
    """

    def __init__(self, pid: int) -> None:
        self._processes = Tree.of_pid(pid).processes()

    def cpu_seconds(self) -> float:
        """Return user plus system time since the start, that of waited-for children included."""
        return sum(self._cpu(process) for process in self._processes)

    @staticmethod
    def _cpu(process: psutil.Process) -> float:
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            raise VoidError("a process of the server ended in the middle") from None
        return float(times.user + times.system + times.children_user + times.children_system)

    def memory_bytes(self) -> int:
        """Return the Pss of all processes: shared pages are divided among their users."""
        memories = [self._memory(process) for process in self._processes]
        return sum(each.rss if each.pss is None else each.pss for each in memories)

    def own_bytes(self) -> int:
        """Return the anonymous memory of all processes.

        Unlike Pss it does not move when another program that uses the same libraries, such as
        a client of ours, comes or goes.
        """
        memories = [self._memory(process) for process in self._processes]
        return sum(each.rss if each.anonymous is None else each.anonymous for each in memories)

    @staticmethod
    def _memory(process: psutil.Process) -> Memory:
        try:
            memory = read_memory(process)
        except (psutil.NoSuchProcess, OSError):
            memory = None
        if memory is None:
            raise VoidError("a process of the server ended in the middle")
        return memory


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
