"""A server that is started to be watched, and that never outlives the one who watches.

It gets a process group of its own, so that Ctrl-C reaches us and not the server. On Linux
two more things are asked of the kernel, see prctl(2): PR_SET_PDEATHSIG ends it when we
are killed outright, and PR_SET_CHILD_SUBREAPER makes us the parent of what it leaves
behind when it goes to the background as a daemon. Such an orphan is known by being
younger, in a process group that is neither ours nor that of another Launched; so start
one daemon at a time.
"""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import IO, ClassVar

import psutil

from evloop_tools.lab import STOP_WAIT
from evloop_tools.lab.errors import NoSuchTargetError
from evloop_tools.lab.processes import name_of
from evloop_tools.load.text import printable

_POLL = 0.05  # seconds
_STDERR = 2
_LAST_WORDS = 5  # lines
_LINE = 200  # bytes of a line that are kept
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


class Launched:
    """A running command: a Target, and a context manager that ends it.

    With *quiet* its output is swallowed but for the last lines; otherwise both of its
    streams go to our stderr. *directory* and *environment* are its own, if given; it has
    *patience* seconds to end by itself when it is told to.

    began: when it was started, by time.perf_counter()

    Raises NoSuchTargetError when the command can't be started.
    """

    _mains: ClassVar[set[int]] = set()

    def __init__(
        self,
        command: Sequence[str],
        quiet: bool = False,
        *,
        directory: Path | None = None,
        environment: Mapping[str, str] | None = None,
        patience: float | None = None,
    ) -> None:
        self._patience = STOP_WAIT if patience is None else patience
        _prctl(_PR_SET_CHILD_SUBREAPER, 1)
        self._older = {child.pid for child in psutil.Process().children()}
        self.began = time.perf_counter()
        try:
            self._popen = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE if quiet else _STDERR,
                stderr=subprocess.STDOUT if quiet else None,
                cwd=directory,
                env=os.environ | dict(environment or {}),
                process_group=0,
                preexec_fn=partial(_die_with_parent, os.getpid()) if _LIBC else None,
            )
        except OSError as exc:
            self._stop_adopting()
            why = exc.strerror or exc
            raise NoSuchTargetError(f"{command[0]!r} can't be started: {why}") from None
        self._mains.add(self._popen.pid)
        self.name = Path(command[0]).name
        self._last_words: deque[str] = deque(maxlen=_LAST_WORDS)
        self._listener: threading.Thread | None = None
        if self._popen.stdout is not None:
            self._listener = threading.Thread(
                target=self._listen, args=[self._popen.stdout], daemon=True
            )
            self._listener.start()

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def has_ended(self) -> bool:
        """Whether its main process has ended."""
        return self._popen.poll() is not None

    def processes(self) -> list[psutil.Process]:
        """Return all of its processes, the main one first; none when it ended."""
        self._popen.poll()
        found: list[psutil.Process] = []
        for child in psutil.Process().children():
            with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError):
                if child.pid == self.pid or self._is_orphan(child):
                    found += [one for one in (child, *child.children(True)) if self._runs(one)]
        found.sort(key=lambda process: process.pid != self.pid)
        if found:
            self.name = name_of(found[0])
        return found

    def _is_orphan(self, child: psutil.Process) -> bool:
        if child.pid in self._older or child.pid in self._mains:
            return False
        return os.getpgid(child.pid) not in {os.getpgrp(), *(self._mains - {self.pid})}

    def _runs(self, process: psutil.Process) -> bool:
        """False for a zombie, which is buried if it was left to us."""
        if process.status() != psutil.STATUS_ZOMBIE:
            return True
        if process.pid != self.pid and process.ppid() == os.getpid():
            with contextlib.suppress(ChildProcessError):
                os.waitpid(process.pid, os.WNOHANG)
        return False

    def epitaph(self) -> str:
        """Say how it ended, with its last words if they were kept."""
        try:
            # It may be a zombie that the last look came too early for.
            status = self._popen.wait(self._patience)
        except subprocess.TimeoutExpired:
            return "it still runs"
        if self._listener is not None:
            self._listener.join(_POLL)  # an orphan may keep the pipe open
        how = f"by signal {-status}" if status < 0 else f"with code {status}"
        words = " | ".join(self._last_words)
        return f"it ended {how}" + (f"; its last words: {words}" if words else "")

    def end(self, hurry: Callable[[], bool] = lambda: False) -> None:
        """SIGTERM to all of it, SIGKILL to what is left in time, or when *hurry* says so."""
        self._signal(signal.SIGTERM)
        deadline = time.monotonic() + self._patience
        while self.processes() and time.monotonic() < deadline and not hurry():
            time.sleep(_POLL)
        deadline = time.monotonic() + STOP_WAIT
        while self.processes() and time.monotonic() < deadline:
            self._signal(signal.SIGKILL)
            time.sleep(_POLL)
        self._popen.poll()
        self._mains.discard(self.pid)
        self._stop_adopting()

    def _stop_adopting(self) -> None:
        if not self._mains:  # nobody is left who would bury an orphan
            _prctl(_PR_SET_CHILD_SUBREAPER, 0)

    def __enter__(self) -> "Launched":
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def _signal(self, number: signal.Signals) -> None:
        for process in self.processes():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(number)

    def _listen(self, stream: IO[bytes]) -> None:
        with stream:
            while line := stream.readline(_LINE):
                self._last_words.append(printable(line.decode(errors="replace").strip()))


def _die_with_parent(parent: int) -> None:
    _prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        os._exit(1)  # it died before we asked to be told


def _prctl(option: int, value: int) -> None:
    """Ask the kernel; where there is no prctl there is nothing to ask."""
    if _LIBC is not None:
        _LIBC.prctl(option, value, 0, 0, 0)
