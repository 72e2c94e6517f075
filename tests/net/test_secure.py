"""Where OpenSSL waits for another direction than the protocol does: a session that is told when."""

import socket
import ssl
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from evloop.net.handshakes import Handshakes
from evloop.net.poller import default_poller
from evloop.net.pool import ConnectionPool, PoolLimits
from evloop.net.protocol import READ, WRITE
from evloop.net.reactor import Reactor
from evloop.net.secure import SecureConnection
from tests.support.deadline import PATIENCE
from tests.support.echo import Echo, EchoState


class Session:
    """OpenSSL's session on *sock*: it refuses what *refusals* say, in this order.

    A write that was refused has to be offered again with the same bytes.
    """

    def __init__(self, sock: socket.SocketType, *refusals: tuple[str, type[ssl.SSLError]]) -> None:
        self._socket = sock
        self.refusals = list(refusals)
        self.refused = b""

    def _refuse(self, call: str) -> None:
        if self.refusals and self.refusals[0][0] == call:
            raise self.refusals.pop(0)[1]

    def read(self, size: int) -> bytes:
        self._refuse("read")
        try:
            return self._socket.recv(size)
        except BlockingIOError:
            raise ssl.SSLWantReadError from None

    def write(self, data: bytes | memoryview) -> int:
        assert bytes(data).startswith(self.refused)
        self.refused = bytes(data)
        self._refuse("write")
        self.refused = b""
        return self._socket.send(data)

    def pending(self) -> int:
        return 0

    def shutdown(self) -> None: ...


class Stage(SimpleNamespace):
    """A connection that speaks Echo, and its client."""

    reactor: Reactor
    connection: SecureConnection
    protocol: Echo
    session: Session
    client: socket.socket
    interests: list[int]


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    reactor = Reactor(poller=default_poller())
    pool = ConnectionPool(reactor, PoolLimits(connections=4))
    listener = socket.create_server(("127.0.0.1", 0))
    client = socket.create_connection(listener.getsockname(), timeout=PATIENCE)
    accepted, _ = listener.accept()
    listener.close()
    handshakes = Handshakes(reactor, lambda name: None, {}, timeout=5.0, send_queue=128 * 1024)
    protocol = Echo("127.0.0.1", reactor.now)
    pool.admit("127.0.0.1")
    connection = SecureConnection(accepted, protocol, pool, handshakes)
    session = Session(connection._socket)
    connection._session = session
    interests: list[int] = []
    modify = reactor.modify

    def noting(fd: int, interest: int) -> None:
        interests.append(interest)
        modify(fd, interest)

    monkeypatch.setattr(reactor, "modify", noting)
    yield Stage(
        reactor=reactor,
        connection=connection,
        protocol=protocol,
        session=session,
        client=client,
        interests=interests,
    )
    client.close()
    connection.close()
    reactor.close()


def test_a_read_that_wants_to_write_is_made_again_when_that_is_possible(stage: Stage) -> None:
    stage.session.refusals = [("read", ssl.SSLWantWriteError)]
    stage.client.sendall(b"hello\n")
    stage.reactor.turn(5.0)
    assert stage.interests == [WRITE]
    stage.reactor.turn(5.0)  # it can be written to: the read comes first
    assert stage.interests[1] == READ
    assert stage.client.recv(100) == b"hello\n"
    assert stage.protocol.state is EchoState.LISTENING


def test_a_write_that_wants_to_read_is_made_again_when_something_comes(stage: Stage) -> None:
    stage.session.refusals = [("write", ssl.SSLWantReadError)]
    stage.client.sendall(b"hello\n")
    stage.reactor.turn(5.0)
    assert stage.protocol.state is EchoState.ECHOING
    assert stage.connection._crossed == READ
    stage.reactor.turn(0.0)  # it could be written to, and that is not what it waits for
    assert stage.session.refused == b"hello\n"
    stage.client.sendall(b"x")
    stage.reactor.turn(5.0)
    assert stage.client.recv(100) == b"hello\n"
    assert stage.connection._crossed is None
    stage.client.sendall(b"y\n")
    stage.reactor.turn(5.0)
    assert stage.client.recv(100) == b"xy\n"


def test_a_write_that_is_refused_is_made_again_with_the_same_bytes(stage: Stage) -> None:
    stage.session.refusals = [("write", ssl.SSLWantWriteError)] * 3
    stage.client.sendall(b"hello\n")
    for _ in range(4):
        stage.reactor.turn(5.0)
    assert stage.client.recv(100) == b"hello\n"
    assert not stage.session.refusals
