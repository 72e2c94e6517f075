"""Servers for tests: in a thread of this process, or as the command in one of its own."""

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from evloop import Config, Server
from tests.support.client import Client
from tests.support.deadline import PATIENCE, eventually

SHORT_LINGER = 0.2
"""Seconds that a server of a test waits for its client's close: most tests keep their client open
when they end the server, and would wait for all of the default each time."""


@contextmanager
def serving(root: Path, **settings: Any) -> Iterator[Server]:
    """Serve *root* on a free port of the loopback in a thread while the context lasts."""
    values: dict[str, Any] = {
        "root": str(root),
        "host": ("127.0.0.1",),
        "port": 0,
        "access_log": "off",
        "linger_timeout": SHORT_LINGER,
        **settings,
    }
    with Server(Config(**values)).in_thread() as server:
        yield server


def call(server: Server, *, receive_buffer: int | None = None) -> Client:
    """Return a client that is connected to *server*."""
    return Client(server.addresses[0], receive_buffer=receive_buffer)


class Command:
    """`python -m evloop serve` in a process of its own. Use it as a context.

    `address` is what it listens on, `printed` all that came on its standard output so far and
    `said` what came on its standard error: the greeting and whatever follows it.
    """

    def __init__(
        self,
        root: Path,
        *options: str,
        environment: dict[str, str] | None = None,
    ) -> None:
        where = ["--port", "0", "--host", "127.0.0.1", "--linger-timeout", f"{SHORT_LINGER}s"]
        arguments = ["serve", str(root), *where, *options]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "evloop", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, **(environment or {})},
        )
        self.printed = b""
        self.said = b""
        self._threads = [
            threading.Thread(target=self._drain, args=(name,)) for name in ("stdout", "stderr")
        ]
        for thread in self._threads:
            thread.start()

    def __enter__(self) -> "Command":
        try:
            self.wait_to_hear(rb"\n  Ctrl-C stops\n")
        except BaseException:
            self.__exit__()
            raise
        found = re.search(rb"https?://127\.0\.0\.1:(\d+)/", self.said)
        assert found is not None
        self.address = ("127.0.0.1", int(found[1]))
        return self

    def __exit__(self, *ignored: object) -> None:
        self.process.kill()
        self.end()

    def wait_for(self, pattern: bytes) -> None:
        """Return when *pattern* is in what was printed."""
        self._wait(lambda: re.search(pattern, self.printed) is not None, pattern)

    def wait_to_hear(self, pattern: bytes) -> None:
        """Return when *pattern* is in what was said."""
        self._wait(lambda: re.search(pattern, self.said) is not None, pattern)

    def _wait(self, is_there: Callable[[], bool], pattern: bytes) -> None:
        eventually(lambda: is_there() or self.process.poll() is not None, f"{pattern!r}")
        assert is_there(), (self.printed, self.said)

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def end(self) -> int:
        """Wait for the end of the process and return its exit code."""
        code = self.process.wait(PATIENCE)
        for thread in self._threads:
            thread.join(PATIENCE)
        for stream in (self.process.stdout, self.process.stderr):
            assert stream is not None
            stream.close()
        return code

    def _drain(self, name: str) -> None:
        stream = self.process.stdout if name == "stdout" else self.process.stderr
        assert stream is not None
        while piece := os.read(stream.fileno(), 65536):
            if name == "stdout":
                self.printed += piece
            else:
                self.said += piece


def run_command(*arguments: str, **environment: str) -> tuple[int, str, str]:
    """Run `python -m evloop` to its end; return exit code, standard output and error."""
    done = subprocess.run(
        [sys.executable, "-m", "evloop", *arguments],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        env={**os.environ, **environment},
        check=False,
    )
    return done.returncode, done.stdout, done.stderr
