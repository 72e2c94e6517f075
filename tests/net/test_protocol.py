"""Connection, Listener and reactor carry any protocol: here one that echoes lines."""

import socket
from collections.abc import Callable, Iterator

import pytest

from evloop.net.listener import Listener
from evloop.net.pool import ConnectionPool, PoolLimits
from evloop.net.reactor import Reactor
from evloop.net.transport import listening_socket
from tests.support.deadline import eventually
from tests.support.descriptors import no_leaks
from tests.support.echo import Echo


class EchoServer:
    """An echo server in single steps, on a clock of numbers."""

    def __init__(self, **limits: int) -> None:
        self.now = 100.0
        self.reactor = Reactor(clock=lambda: self.now)
        self.pool = ConnectionPool(self.reactor, PoolLimits(**{"connections": 10, **limits}))
        sock = listening_socket("127.0.0.1", 0, 100, 64 * 1024)
        self.address = sock.getsockname()
        self.listener = Listener(sock, Echo, self.pool, 64 * 1024)

    def call(self) -> socket.socket:
        client = socket.create_connection(self.address)
        client.setblocking(False)
        return client

    def received(self, client: socket.socket, size: int) -> bytes:
        """Turn until *client* has *size* bytes, or its end, and return them."""
        got = b""

        def take() -> bool:
            nonlocal got
            self.reactor.turn(0.001)
            try:
                piece = client.recv(65536)
            except BlockingIOError:
                return False
            got += piece
            return not piece or len(got) >= size

        eventually(take, "the bytes to come")
        return got

    def until(self, condition: Callable[[], bool]) -> None:
        def turned() -> bool:
            self.now += 0.01
            self.reactor.turn(0.001)
            return condition()

        eventually(turned, "it to hold")


@pytest.fixture
def server() -> Iterator[EchoServer]:
    with no_leaks():
        server = EchoServer()
        yield server
        for member in server.pool.members():
            member.evict(server.now)
        server.pool.lingering.close()
        server.listener.close()
        server.reactor.close()


def test_lines_come_back(server: EchoServer) -> None:
    with server.call() as client:
        client.send(b"one\ntw")
        assert server.received(client, 4) == b"one\n"
        client.send(b"o\nthree\n")
        assert server.received(client, 10) == b"two\nthree\n"


def test_the_protocol_says_when_it_ends(server: EchoServer) -> None:
    with server.call() as client:
        client.send(b"bye\n")
        assert server.received(client, 4) == b"bye\n"
        assert server.received(client, 1) == b""
        assert (server.pool.members(), len(server.pool.lingering)) == ([], 1)
    server.until(lambda: server.pool.count == 0)


def test_a_deadline_is_the_protocol_s_own(server: EchoServer) -> None:
    with server.call() as client:
        server.until(lambda: server.pool.count == 1)
        server.now += 5.2
        assert server.received(client, 1) == b""


def test_there_is_a_limit_and_the_protocol_tells_of_it() -> None:
    with no_leaks():
        server = EchoServer(per_address=1)
        with server.call() as first, server.call() as second:
            assert server.received(second, 5) == b"full\n"
            first.send(b"one\n")
            assert server.received(first, 4) == b"one\n"
        server.until(lambda: server.pool.count == 0)
        server.listener.close()
        server.reactor.close()
