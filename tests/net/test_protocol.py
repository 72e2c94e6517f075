"""Connection, Listener and reactor carry any protocol: here one that echoes lines."""

import socket
from collections.abc import Callable, Iterator

import pytest

from evloop.net.linger import LINGER_SIZE, Lingering
from evloop.net.listener import Listener
from evloop.net.pool import ConnectionPool, PoolLimits
from evloop.net.protocol import Closing
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
        (member,) = server.pool.members()
        assert isinstance(member.protocol, Lingering)
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


def test_a_lingering_connection_is_not_ended_by_a_drain() -> None:
    lingering = Lingering("192.0.2.1", 100.0, 2.0)
    lingering.finish(100.5)
    assert lingering.state.closing is Closing.OPEN


# Lingering, which takes the place of every protocol


@pytest.mark.parametrize(
    ("sizes", "closing"),
    [
        ([LINGER_SIZE], Closing.OPEN),
        ([LINGER_SIZE - 1, 1], Closing.OPEN),
        ([LINGER_SIZE, 1], Closing.NOW),
        ([1000] * (LINGER_SIZE // 1000 + 1), Closing.NOW),
    ],
)
def test_a_lingering_peer_may_send_only_so_much(sizes: list[int], closing: Closing) -> None:
    lingering = Lingering("192.0.2.1", 100.0, 2.0)
    for size in sizes:
        lingering.receive_data(bytes(size), 101.0)
    assert lingering.state.closing is closing


def test_a_lingering_peer_does_not_buy_time_with_bytes() -> None:
    lingering = Lingering("192.0.2.1", 100.0, 2.0)
    lingering.receive_data(b"x", 101.9)
    assert lingering.deadline == 102.0


@pytest.mark.parametrize(
    "end",
    [
        lambda lingering: lingering.receive_eof(101.0),
        lambda lingering: lingering.expire(102.0),
        lambda lingering: lingering.lost(ConnectionResetError(), 101.0),
        lambda lingering: lingering.shut_down(101.0),
        lambda lingering: lingering.fail(101.0),
    ],
)
def test_lingering_ends_tidily(end: Callable[[Lingering], None]) -> None:
    lingering = Lingering("192.0.2.1", 100.0, 2.0)
    lingering.finish(100.5)
    end(lingering)
    assert lingering.state.closing is Closing.NOW
