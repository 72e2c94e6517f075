"""Sockets with their options."""

import errno
import socket
import struct
import sys
from collections.abc import Iterator
from socket import SocketType

import pytest

from evloop.net.transport import accept, adopt, check_listener, listening_socket, reset_on_close
from tests.support.descriptors import no_leaks

NOTSENT_LOWAT = 25 if sys.platform == "linux" else 0x201
QUEUE = 54321


@pytest.fixture(params=["127.0.0.1", "::1"])
def listener(request: pytest.FixtureRequest) -> Iterator[SocketType]:
    with no_leaks():
        try:
            listener = listening_socket(request.param, 0, 5, QUEUE)
        except OSError as error:
            if error.errno in {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}:
                pytest.skip(f"no {request.param} on this machine")
            raise
        yield listener
        listener.close()


@pytest.fixture
def pair(listener: SocketType) -> Iterator[tuple[SocketType, socket.socket]]:
    client = socket.create_connection(listener.getsockname()[:2])
    accepted, _ = accept(listener, QUEUE)
    yield accepted, client
    accepted.close()
    client.close()


def option(sock: SocketType, level: int, name: int) -> int:
    return sock.getsockopt(level, name)


def test_nothing_waits_for_the_listener(listener: SocketType) -> None:
    with pytest.raises(BlockingIOError):
        accept(listener, QUEUE)


def test_an_accepted_socket_has_the_options(
    listener: SocketType, pair: tuple[SocketType, socket.socket]
) -> None:
    accepted, client = pair
    assert accepted.getpeername() == client.getsockname()
    assert accepted.family == client.family
    assert accepted.gettimeout() == 0.0
    assert option(accepted, socket.IPPROTO_TCP, socket.TCP_NODELAY)
    assert option(accepted, socket.IPPROTO_TCP, NOTSENT_LOWAT) == QUEUE


def test_options_are_set_where_they_are_not_inherited(
    listener: SocketType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("evloop.net.transport._INHERITS", False)
    with socket.create_connection(listener.getsockname()[:2]):
        accepted, address = accept(listener, QUEUE + 1)
    assert address == listener.getsockname()[0]
    assert option(accepted, socket.IPPROTO_TCP, NOTSENT_LOWAT) == QUEUE + 1
    accepted.close()


def test_what_is_gone_before_it_has_its_options_is_lost_and_closed(
    listener: SocketType, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr("evloop.net.transport._INHERITS", False)
    monkeypatch.setattr("evloop.net.transport._set_options", refuse)
    with socket.create_connection(listener.getsockname()[:2]) as client:
        with no_leaks(), pytest.raises(ConnectionAbortedError):
            accept(listener, QUEUE)
        assert client.recv(1) == b""


def test_a_platform_without_the_queue_limit_does_without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evloop.net.transport._NOTSENT_LOWAT", None)
    listener = listening_socket("127.0.0.1", 0, 5, QUEUE)
    assert option(listener, socket.IPPROTO_TCP, NOTSENT_LOWAT) != QUEUE
    listener.close()


def test_version_6_leaves_version_4_alone() -> None:
    try:
        six = listening_socket("::", 0, 5, QUEUE)
    except OSError:
        pytest.skip("no IPv6 on this machine")
    assert option(six, socket.IPPROTO_IPV6, socket.IPV6_V6ONLY)
    six.close()


def test_version_6_takes_version_4_as_well_when_it_is_asked_to() -> None:
    try:
        both = listening_socket("::", 0, 5, QUEUE, dual_stack=True)
    except OSError:
        pytest.skip("no IPv6 on this machine")
    for host in ("127.0.0.1", "::1"):
        with socket.create_connection((host, both.getsockname()[1])):
            accepted, address = accept(both, QUEUE)
            accepted.close()
        assert address == host  # not ::ffff:127.0.0.1
    both.close()


class TestAdopted:
    def test_it_is_taken_over_with_the_options(self) -> None:
        with no_leaks():
            given = socket.create_server(("127.0.0.1", 0))
            name = given.getsockname()
            check_listener(given)
            adopted = adopt(given, QUEUE)
            assert given.fileno() == -1
            assert adopted.getsockname() == name
            with pytest.raises(BlockingIOError):
                accept(adopted, QUEUE)
            with socket.create_connection(name):
                accepted, _ = accept(adopted, QUEUE)
                assert option(accepted, socket.IPPROTO_TCP, NOTSENT_LOWAT) == QUEUE
                accepted.close()
            adopted.close()

    @pytest.mark.parametrize(
        ("family", "kind", "reason"),
        [
            (socket.AF_INET, socket.SOCK_STREAM, "it does not listen"),
            (socket.AF_INET, socket.SOCK_DGRAM, "a TCP socket is wanted"),
            (socket.AF_UNIX, socket.SOCK_STREAM, "a TCP socket is wanted"),
        ],
    )
    def test_what_is_no_listener_is_told(
        self, family: socket.AddressFamily, kind: socket.SocketKind, reason: str
    ) -> None:
        with socket.socket(family, kind) as given, pytest.raises(ValueError, match=reason):
            check_listener(given)

    def test_one_that_is_closed_is_told(self) -> None:
        given = socket.socket()
        given.close()
        with pytest.raises(ValueError, match="it is closed"):
            check_listener(given)

    def test_one_that_fails_after_that_is_closed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(*_: object) -> None:
            raise OSError(errno.EINVAL, "Invalid argument")

        monkeypatch.setattr("evloop.net.transport._set_options", refuse)
        with no_leaks():
            given = socket.create_server(("127.0.0.1", 0))
            with pytest.raises(OSError, match="Invalid"):
                adopt(given, QUEUE)


def test_a_port_in_use_costs_no_descriptor(listener: SocketType) -> None:
    host, port = listener.getsockname()[:2]
    with no_leaks(), pytest.raises(OSError, match="in use"):
        listening_socket(host, port, 5, QUEUE)


def test_a_close_can_be_a_reset(pair: tuple[SocketType, socket.socket]) -> None:
    accepted, client = pair
    reset_on_close(accepted)
    linger = accepted.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8)
    assert struct.unpack("ii", linger) == (1, 0)
    accepted.close()
    with pytest.raises(ConnectionResetError):
        client.recv(1)


def test_a_reset_of_what_is_gone_does_no_harm() -> None:
    gone = socket.socket()
    gone.close()
    reset_on_close(gone)
