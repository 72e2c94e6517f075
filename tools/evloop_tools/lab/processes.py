"""Whom to watch: the processes that listen on a port, or a pid, and all they started."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

import psutil

from evloop_tools.lab.descriptors import read_descriptors
from evloop_tools.lab.errors import AmbiguousTargetError, NoRightError, NoSuchTargetError
from evloop_tools.lab.sockets import listening_inodes, open_tables
from evloop_tools.load.text import printable

_LONGEST_NAME = 60  # characters


class Target(Protocol):
    """A server: one or several processes, which may come and go."""

    name: str

    def processes(self) -> list[psutil.Process]:
        """Return those that run now, the main one first; none when the server ended."""
        ...

    def epitaph(self) -> str:
        """Say how it ended; empty when nobody knows."""
        ...


class Tree:
    """Processes and everything they started, now or later."""

    def __init__(self, roots: Iterable[psutil.Process]) -> None:
        self.roots = list(roots)
        self.pid = self.roots[0].pid
        self.name = name_of(self.roots[0])

    @classmethod
    def of_pid(cls, pid: int) -> "Tree":
        """Raises NoSuchTargetError when no process has that number."""
        try:
            process = psutil.Process(pid)
        except psutil.NoSuchProcess:
            raise NoSuchTargetError(f"no process has the pid {pid}") from None
        if not runs(process):
            raise NoSuchTargetError(f"the process with the pid {pid} has ended")
        return cls([process])

    @classmethod
    def of_port(cls, port: int) -> "Tree":
        """Find who listens on TCP *port*, on any address.

        Raises NoSuchTargetError, NoRightError, and AmbiguousTargetError when processes
        that have nothing to do with each other listen there.
        """
        try:
            return cls(_main_processes(find_listeners(port), port))
        except psutil.NoSuchProcess:
            raise NoSuchTargetError(f"who listened on TCP port {port} has just ended") from None

    def epitaph(self) -> str:
        return ""  # its parent was told

    def processes(self) -> list[psutil.Process]:
        found = {root.pid: root for root in self.roots if runs(root)}
        for root in list(found.values()):
            try:
                children = root.children(recursive=True)
            except psutil.NoSuchProcess:
                continue
            found.update({child.pid: child for child in children if runs(child)})
        return list(found.values())


def find_listeners(port: int) -> list[psutil.Process]:
    """Return the processes that hold a socket listening on TCP *port*, in order of pid.

    Raises NoSuchTargetError when nobody listens, NoRightError when it can't be seen who.
    """
    pids = _holders_linux(port) if psutil.LINUX else _holders_portable(port)
    found = []
    for pid in sorted(pids):
        try:
            found.append(psutil.Process(pid))
        except psutil.NoSuchProcess:
            continue
    if not found:
        raise NoRightError(f"who listens on port {port} belongs to another user: try as root")
    return found


def _holders_linux(port: int) -> set[int]:
    """Every process that holds the socket: after a fork there are several."""
    inodes = listening_inodes(port, open_tables(os.getpid()))
    if not inodes:
        raise NoSuchTargetError(f"nobody listens on TCP port {port}")
    found = set()
    for pid in psutil.pids():
        try:
            if not inodes.isdisjoint(read_descriptors([pid]).sockets):
                found.add(pid)
        except PermissionError:
            continue
    return found


def _holders_portable(port: int) -> set[int]:
    try:
        table = psutil.net_connections(kind="tcp")
    except psutil.AccessDenied:
        raise NoRightError(f"who listens on port {port} can't be seen: try as root") from None
    rows = [row for row in table if row.status == psutil.CONN_LISTEN and row.laddr[1:] == (port,)]
    if not rows:
        raise NoSuchTargetError(f"nobody listens on TCP port {port}")
    return {row.pid for row in rows if row.pid}


def _main_processes(listeners: list[psutil.Process], port: int) -> list[psutil.Process]:
    """Leave out workers whose parent listens too; replace siblings by their supervisor."""
    pids = {process.pid for process in listeners}
    tops = [process for process in listeners if process.ppid() not in pids]
    programs = {_program(process) for process in tops}
    if len(programs) > 1:
        whom = ", ".join(f"{process.pid} ({name_of(process)})" for process in tops)
        raise AmbiguousTargetError(f"port {port} is shared by the pids {whom}: choose with --pid")
    parents = {process.ppid() for process in tops}
    if len(tops) > 1 and len(parents) == 1:
        supervisor = psutil.Process(parents.pop())
        if _program(supervisor) in programs:
            return [supervisor]
    return tops


def _program(process: psutil.Process) -> str:
    try:
        return process.exe() or process.name()
    except psutil.AccessDenied:
        return process.name()


def runs(process: psutil.Process) -> bool:
    """Whether *process* is alive: a zombie is not, nor is a pid that has a new owner."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def name_of(process: psutil.Process) -> str:
    """Return what a person calls it: "nginx", or the module or script that Python runs."""
    try:
        name, words = process.name(), process.cmdline()
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return f"pid {process.pid}"
    if words and Path(words[0]).name.startswith("python"):
        name = _python_program(words[1:]) or name
    return printable(name, _LONGEST_NAME)


def _python_program(words: list[str]) -> str | None:
    """The module or script among the arguments of a Python interpreter."""
    rest = iter(words)
    for word in rest:
        if not word.startswith("-"):
            return Path(word).name
        if word.startswith("--"):
            continue
        if word.endswith("m"):
            return next(rest, None)
        if word.endswith("c"):
            return None
        if word in ("-X", "-W"):
            next(rest, None)
    return None
