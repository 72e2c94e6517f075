"""How connections end: whatever the server closes first, no byte of a response is lost by it."""

import os
import signal
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from evloop import Server
from tests.support.bench import write
from tests.support.client import Client, request
from tests.support.deadline import PATIENCE, eventually
from tests.support.serving import Command, call, serving

SMALL = b"small file\n" * 20
LARGE = os.urandom(300 * 1024)
STREAMED = os.urandom(3 * 1024 * 1024)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("root")
    write(root / "small.txt", SMALL)
    write(root / "large.bin", LARGE)
    write(root / "streamed.bin", STREAMED)
    return root


@pytest.fixture(scope="module")
def server(root: Path) -> Iterator[Server]:
    with serving(root, idle_timeout=5.0) as server:
        yield server


BODIES = {"/small.txt": SMALL, "/large.bin": LARGE, "/streamed.bin": STREAMED}


@pytest.mark.parametrize("late", [b"\r\n", b"x", request("/small.txt")])
@pytest.mark.parametrize("target", BODIES)
def test_a_byte_after_the_last_request_cuts_no_response(
    server: Server, target: str, late: bytes
) -> None:
    with call(server, receive_buffer=16 * 1024) as client:
        client.send(request(target, "Connection: close"))
        client.receive_head()
        client.send(late)  # the server reads no more requests
        body = client.receive_end()
        assert len(body) == len(BODIES[target])
        assert body == BODIES[target]


def test_a_client_that_closes_is_not_waited_for(server: Server) -> None:
    with call(server) as client:
        assert client.get("/small.txt", "Connection: close").body == SMALL
        assert client.receive_end() == b""
    eventually(lambda: not server.snapshot().connections, "the connection to be over")


@pytest.mark.parametrize("extra", [b"\r\n", b"\r\n\r\n"])
def test_an_empty_line_after_a_request_is_no_request(root: Path, extra: bytes) -> None:
    with serving(root, head_timeout=0.1, idle_timeout=0.5) as server, call(server) as client:
        client.send(request("/small.txt") + extra)
        assert client.receive().body == SMALL
        assert client.receive_end() == b""  # the idle timeout, and no 408


def test_a_shutdown_does_not_wait_for_an_empty_line(root: Path) -> None:
    with serving(root) as server, call(server) as client:
        client.send(request("/small.txt") + b"\r\n")
        assert client.receive().body == SMALL
        server.finish()
        assert client.receive_end() == b""
        client.socket.close()
        eventually(lambda: not server.snapshot().connections, "the end", PATIENCE)


def test_a_shutdown_answers_what_was_sent_before_it(root: Path) -> None:
    """Requests in the sockets of idle connections, and connections that nobody has accepted."""
    with Command(root) as command:
        idle = [Client(command.address) for _ in range(10)]
        for client in idle:
            client.get("/small.txt")
        command.signal(signal.SIGSTOP)
        new = [Client(command.address) for _ in range(3)]
        for client in (*idle, *new):
            client.send(request("/small.txt"))
        command.signal(signal.SIGTERM)
        command.signal(signal.SIGCONT)
        for client in (*idle, *new):
            reply = client.receive()
            assert (reply.status, reply.body) == (200, SMALL)
            assert client.receive_end() == b""
            client.socket.close()
        assert command.end() == 0


def test_half_a_close_is_still_answered(server: Server) -> None:
    with call(server) as client:
        client.send(request("/streamed.bin"))
        client.socket.shutdown(socket.SHUT_WR)
        assert client.receive().body == STREAMED


def test_nobody_holds_a_port_that_is_drained(root: Path) -> None:
    with serving(root) as server:
        address = server.addresses[0]
        server.finish()
        eventually(lambda: not server.snapshot().connections, "the end")
    with closing(socket.socket()) as again:
        again.bind(address)
