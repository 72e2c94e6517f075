"""Talking with a process of ours: wrk with our script, a crowd of clients, a server that tells.

It prints lines that start with MARK and hold a JSON object with an "event"; after each it
waits for a line on its standard input. So a server's CPU time is read at the very moment
that its requests were counted, while nothing is asked of it. A child ends when its input
ends, and is ended when it does not.
"""

import json
import os
import selectors
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psutil

from evloop_tools.lab import waiting
from evloop_tools.lab.errors import VoidError
from evloop_tools.lab.python import environment
from evloop_tools.load.console import MARK

# How often `meanwhile` is called and a wish to end is obeyed while we wait, in seconds.
TICK = 0.1

# How long a child may take to end by itself once its input has ended, in seconds.
FAREWELL = 2.0

Event = Mapping[str, Any]


class Conversation:
    """A child process, from its start to its end (a context manager)."""

    def __init__(self, command: Sequence[str]) -> None:
        self._complaints = tempfile.TemporaryFile()
        self._name = Path(command[0]).name
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._complaints,
                start_new_session=True,
                env=environment(),
            )
        except OSError as error:
            self._complaints.close()
            raise VoidError(f"{self._name} did not start: {error.strerror}") from error
        self._unread = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.end(FAREWELL if error is None else 0.0)

    @property
    def pid(self) -> int:
        """The number of the child process."""
        return self._process.pid

    def log(self) -> str:
        """Return what the child has written to its standard error."""
        self._complaints.seek(0)
        return self._complaints.read().decode(errors="replace")

    def cpu_seconds(self) -> float:
        """Return user plus system time that the child has spent so far."""
        try:
            times = psutil.Process(self._process.pid).cpu_times()
        except psutil.NoSuchProcess:
            raise VoidError(self._last_words()) from None
        return float(times.user + times.system)

    def say(self, line: str = "") -> None:
        """Send *line*, which by itself means: go on."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(line.encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise VoidError(self._last_words()) from None

    def expect(
        self, event: str, seconds: float, meanwhile: Callable[[], object] = lambda: None
    ) -> Event:
        """Return the next event, which must be *event* and come within *seconds*.

        *meanwhile* is called every TICK until then. Raises VoidError when the child ends,
        is silent for too long, or says something else.
        """
        deadline = time.monotonic() + seconds
        while (line := self._next_line(deadline, meanwhile)) is not None:
            if not line.startswith(MARK):
                continue
            said: Event = json.loads(line.removeprefix(MARK))
            if said["event"] != event:
                raise VoidError(f"{self._name} was {said['event']} before it was {event}")
            return said
        raise VoidError(f"{self._name} said nothing for {seconds:g} s while we waited for {event}")

    def _next_line(self, deadline: float, meanwhile: Callable[[], object]) -> bytes | None:
        assert self._process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            while b"\n" not in self._unread:
                left = deadline - time.monotonic()
                if left <= 0:
                    return None
                if selector.select(min(left, TICK)):
                    self._read()
                waiting.check()
                meanwhile()
        line, _, self._unread = self._unread.partition(b"\n")
        return line

    def _read(self) -> None:
        assert self._process.stdout is not None
        data = os.read(self._process.stdout.fileno(), 64 * 1024)
        if not data:
            raise VoidError(self._last_words())
        self._unread += data

    def _last_words(self) -> str:
        try:
            self._process.wait(FAREWELL)
        except subprocess.TimeoutExpired:
            return f"{self._name} closed its output"
        said = next((line for line in reversed(self.log().split("\n")) if line.strip()), "")
        return f"{self._name} ended with status {self._process.returncode} {said}".rstrip()

    def end(self, patience: float) -> None:
        """End the child, which may take *patience* seconds; it is gone when this returns."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.close()
        except BrokenPipeError:
            pass
        try:
            self._process.wait(patience)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
        self._complaints.close()
