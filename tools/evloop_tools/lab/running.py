"""A server that is started, asked, measured, and surely ended."""

import contextlib
import http.client
import shutil
import socket
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from evloop_tools.lab import waiting
from evloop_tools.lab.cost import Cost
from evloop_tools.lab.errors import TargetError, VoidError
from evloop_tools.lab.launch import Launched
from evloop_tools.lab.servers.base import Launch, Server, Setup
from evloop_tools.load.endpoint import LOOPBACK, Endpoint, local_endpoint

START_DEADLINE = 20.0
"""Seconds that a server may take until it answers its first request."""
STOP_DEADLINE = 2.0
"""Seconds that a server may take to end by itself before it is killed."""
ATTEMPT_PAUSE = 0.001
"""Seconds between two attempts to connect: the resolution of the start time."""
LISTEN_PAUSE = 0.02  # seconds between two looks whether a server listens
ANSWER_DEADLINE = 10.0  # seconds


@dataclass(frozen=True, slots=True)
class Running:
    """A server that has answered a request: where, what it costs, and how fast it was there."""

    endpoint: Endpoint
    cost: Cost
    start_seconds: float


@dataclass(frozen=True, slots=True)
class Reply:
    """A response as the server gave it; field names are in lower case."""

    status: int
    fields: Mapping[str, str]
    body_bytes: int


@contextmanager
def started(server: Server, setup: Setup, path: str) -> Iterator[tuple[Running, Launch, Setup]]:
    """Start *server* as *setup* says, on a port and in a directory of its own; end it.

    It must answer at *path*. Raises VoidError when it can't be started or measured.
    """
    scratch = Path(tempfile.mkdtemp(prefix=f"{server.name}-", dir=setup.scratch))
    scratch.chmod(0o755)
    try:
        own = setup.at(free_port(), scratch)
        launch = server.launch(own)
        with running(launch, local_endpoint(own.port, server.prefix), path, scratch) as found:
            yield found, launch, own
    except (OSError, VoidError, TargetError) as error:
        reason = str(error) or type(error).__name__
        raise VoidError(reason.replace(str(scratch), "SCRATCH")) from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


@contextmanager
def running(launch: Launch, endpoint: Endpoint, path: str, scratch: Path) -> Iterator[Running]:
    """Start a server that must answer at *endpoint* and *path*; end it on leaving.

    *scratch* is an empty directory into which the files of *launch* are written.

    Raises VoidError when it doesn't answer in time, TargetError when it can't be started.
    """
    for name, content in launch.files.items():
        (scratch / name).write_text(content)
    directory = launch.directory or scratch
    with Launched(
        launch.command,
        quiet=True,
        directory=directory,
        environment=launch.environment,
        patience=STOP_DEADLINE,
    ) as process:
        _await_answer(process, endpoint, path)
        took = time.perf_counter() - process.began
        yield Running(endpoint, Cost(process.processes()), took)


def _await_answer(process: Launched, endpoint: Endpoint, path: str) -> None:
    deadline = time.monotonic() + START_DEADLINE
    while time.monotonic() < deadline:
        waiting.check()
        if process.has_ended:
            raise VoidError(f"it did not start: {process.epitaph()}")
        try:
            reply = ask(endpoint, path)
        except (ConnectionError, TimeoutError):
            time.sleep(ATTEMPT_PAUSE)
            continue
        if reply.status == http.client.OK:
            return
        raise VoidError(f"it answered {path} with {reply.status}")
    raise VoidError(f"it did not answer within {START_DEADLINE:g} s")


def ask(endpoint: Endpoint, path: str, fields: Mapping[str, str] | None = None) -> Reply:
    """Return the server's answer to one GET on a connection of its own.

    Raises ConnectionError, TimeoutError, or VoidError when it is not HTTP.
    """
    connection = http.client.HTTPConnection(
        endpoint.address[0], endpoint.port, timeout=ANSWER_DEADLINE
    )
    try:
        connection.request(
            "GET", endpoint.prefix + path, headers={"Host": endpoint.host, **(fields or {})}
        )
        response = connection.getresponse()
        body = response.read()
        names = {name.lower(): value for name, value in response.getheaders()}
        return Reply(response.status, names, len(body))
    except http.client.RemoteDisconnected:
        raise
    except http.client.HTTPException as error:
        raise VoidError(f"its answer to {path} is not HTTP: {error!r}") from error
    finally:
        connection.close()


def await_listening(server: Launched, patience: float = START_DEADLINE) -> int:
    """Return the TCP port that *server* listens on, once it does.

    Raises VoidError when it has ended, or does not listen within *patience* seconds.
    """
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline and (processes := server.processes()):
        for process in processes:
            with contextlib.suppress(psutil.Error):
                for connection in process.net_connections("tcp"):
                    if connection.status == psutil.CONN_LISTEN:
                        return int(connection.laddr.port)
        waiting.pause(LISTEN_PAUSE)
    raise VoidError(f"{server.name} did not start: {server.epitaph()}")


def is_here(endpoint: Endpoint) -> bool:
    """Whether *endpoint* is an address of this machine."""
    address = endpoint.address[0]
    if address.startswith("127."):
        return True
    mine = (each.address for all_ in psutil.net_if_addrs().values() for each in all_)
    return address in {each.partition("%")[0] for each in mine}


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port
