"""A server that is started, asked, and surely ended."""

import ctypes
import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.figures import VoidError
from bench.load import Address

from lab import interruption
from lab.cost import Cost
from lab.servers.base import Launch

# How long a server may take until it answers its first request, in seconds.
START_DEADLINE = 20.0

# How long a server may take to end by itself before it is killed, in seconds.
STOP_DEADLINE = 2.0

# The pause between two attempts to connect, in seconds: the resolution of the start time.
ATTEMPT_PAUSE = 0.001

ANSWER_DEADLINE = 10.0

_LIBC = ctypes.CDLL(None)
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True)
class Running:
    """A server that has answered a request: where, what it costs, and how fast it was there."""

    address: Address
    cost: Cost
    start_seconds: float


@dataclass(frozen=True, slots=True)
class Answer:
    """A response as the server gave it; field names are in lower case."""

    status: int
    fields: Mapping[str, str]
    body_bytes: int


@contextmanager
def running(launch: Launch, address: Address, path: str, scratch: Path) -> Iterator[Running]:
    """Start a server that must answer at *address* and *path*; end it on leaving.

    *scratch* is an empty directory into which the files of *launch* are written.

    Raises VoidError when it doesn't answer in time.
    """
    for name, content in launch.files.items():
        (scratch / name).write_text(content)
    complaints = scratch / "stderr"
    with complaints.open("wb") as errors:
        started = time.perf_counter()
        try:
            process = subprocess.Popen(
                launch.command,
                stdin=subprocess.DEVNULL,
                stdout=errors,
                stderr=errors,
                cwd=launch.directory or scratch,
                env=os.environ | launch.environment,
                start_new_session=True,
                preexec_fn=_end_with_us,
            )
        except OSError as error:
            raise VoidError(f"{launch.command[0]} did not start: {error.strerror}") from error
    try:
        _await_answer(process, address, path, complaints)
        took = time.perf_counter() - started
        yield Running(address, Cost(process.pid), took)
    finally:
        end_tree(process)


def _end_with_us() -> None:
    """Have this child ended when we are killed outright, see prctl(2)."""
    if sys.platform == "linux":
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _await_answer(
    process: subprocess.Popen[bytes], address: Address, path: str, complaints: Path
) -> None:
    deadline = time.monotonic() + START_DEADLINE
    while time.monotonic() < deadline:
        interruption.check()
        if process.poll() is not None:
            said = complaints.read_text(errors="replace").strip().split("\n")[-1]
            raise VoidError(f"it ended with status {process.returncode} on its start: {said}")
        try:
            answer = ask(address, path)
        except (ConnectionError, TimeoutError):
            time.sleep(ATTEMPT_PAUSE)
            continue
        if answer.status == http.client.OK:
            return
        raise VoidError(f"it answered {path} with {answer.status}")
    raise VoidError(f"it did not answer within {START_DEADLINE:g} s")


def ask(address: Address, path: str, fields: Mapping[str, str] | None = None) -> Answer:
    """Return the server's answer to one GET on a connection of its own.

    Raises ConnectionError, TimeoutError, or VoidError when it is not HTTP.
    """
    connection = http.client.HTTPConnection(address.host, address.port, timeout=ANSWER_DEADLINE)
    try:
        connection.request("GET", address.prefix + path, headers=dict(fields or {}))
        response = connection.getresponse()
        body = response.read()
        names = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, names, len(body))
    except http.client.RemoteDisconnected:
        raise
    except http.client.HTTPException as error:
        raise VoidError(f"its answer to {path} is not HTTP: {error!r}") from error
    finally:
        connection.close()


def end_tree(process: subprocess.Popen[bytes]) -> None:
    """End *process* and all of its session; they are gone when this returns."""
    process.terminate()
    try:
        process.wait(STOP_DEADLINE)
    except subprocess.TimeoutExpired:
        pass
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass
    process.wait()


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
