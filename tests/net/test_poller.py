"""All pollers say the same of the same sockets."""

import selectors
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from evloop.net.poller import BROKEN, Poller, SelectorPoller, default_poller
from evloop.net.protocol import NOTHING, READ, WRITE
from tests.support.bench import write
from tests.support.client import request
from tests.support.descriptors import no_leaks
from tests.support.wire import Wire

POLLERS: dict[str, Callable[[], Poller]] = {
    "default": default_poller,
    "selector": SelectorPoller,
    "select": lambda: SelectorPoller(selectors.SelectSelector()),
    "poll": lambda: SelectorPoller(selectors.PollSelector()),
}


@pytest.fixture(params=POLLERS)
def poller(request: pytest.FixtureRequest) -> Iterator[Poller]:
    with no_leaks():
        poller = POLLERS[request.param]()
        yield poller
        poller.close()


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    for each in (ours, theirs):
        each.setblocking(False)
    yield ours, theirs
    ours.close()
    theirs.close()


def ready(poller: Poller, sock: socket.socket) -> int:
    """Return for what *sock* is ready, at once."""
    events = poller.poll(0, 16)
    assert len(events) <= 1
    assert all(fd == sock.fileno() for fd, _ in events)
    return events[0][1] & (READ | WRITE) if events else 0


def test_a_socket_is_ready_for_what_is_of_interest(
    poller: Poller, pair: tuple[socket.socket, socket.socket]
) -> None:
    ours, theirs = pair
    poller.register(ours.fileno(), READ)
    assert ready(poller, ours) == 0
    theirs.send(b"x")
    assert ready(poller, ours) == READ
    assert ready(poller, ours) == READ  # as long as it is not read
    poller.modify(ours.fileno(), WRITE)
    assert ready(poller, ours) == WRITE
    poller.modify(ours.fileno(), READ | WRITE)
    assert ready(poller, ours) == READ | WRITE
    ours.recv(10)
    assert ready(poller, ours) == WRITE
    poller.forget(ours.fileno())
    ours.close()
    assert poller.poll(0, 16) == []


def test_interest_can_be_put_to_rest(
    poller: Poller, pair: tuple[socket.socket, socket.socket]
) -> None:
    ours, theirs = pair
    theirs.send(b"x")
    poller.register(ours.fileno(), READ)
    poller.modify(ours.fileno(), NOTHING)
    assert ready(poller, ours) == 0
    poller.modify(ours.fileno(), NOTHING)
    assert ready(poller, ours) == 0
    poller.modify(ours.fileno(), READ)
    assert ready(poller, ours) == READ
    poller.modify(ours.fileno(), NOTHING)
    poller.forget(ours.fileno())


def test_a_socket_can_come_without_interest(
    poller: Poller, pair: tuple[socket.socket, socket.socket]
) -> None:
    ours, theirs = pair
    poller.register(ours.fileno(), NOTHING)
    theirs.send(b"x")
    assert ready(poller, ours) == 0
    poller.modify(ours.fileno(), READ)
    assert ready(poller, ours) == READ
    poller.forget(ours.fileno())


def test_a_full_socket_is_not_ready_to_write(
    poller: Poller, pair: tuple[socket.socket, socket.socket]
) -> None:
    ours, theirs = pair
    with suppress(BlockingIOError):
        while True:
            ours.send(b"x" * 65536)
    poller.register(ours.fileno(), WRITE)
    assert ready(poller, ours) == 0
    with suppress(BlockingIOError):
        while True:
            theirs.recv(65536)
    assert ready(poller, ours) == WRITE
    poller.forget(ours.fileno())


def test_the_end_of_the_peer_can_be_read(
    poller: Poller, pair: tuple[socket.socket, socket.socket]
) -> None:
    ours, theirs = pair
    poller.register(ours.fileno(), READ)
    theirs.close()
    assert ready(poller, ours) & READ
    poller.forget(ours.fileno())


def test_many_are_reported_in_bounded_pieces(poller: Poller) -> None:
    pairs = [socket.socketpair() for _ in range(10)]
    for ours, theirs in pairs:
        poller.register(ours.fileno(), READ)
        theirs.send(b"x")
    assert len(poller.poll(0, 4)) == 4
    assert {fd for fd, _ in poller.poll(0, 100)} == {ours.fileno() for ours, _ in pairs}
    for ours, theirs in pairs:
        poller.forget(ours.fileno())
        ours.close()
        theirs.close()


def test_a_wait_ends_with_the_first_event(
    poller: Poller, pair: tuple[socket.socket, socket.socket]
) -> None:
    ours, theirs = pair
    poller.register(ours.fileno(), READ)
    theirs.send(b"x")
    assert [fd for fd, _ in poller.poll(-1, 4)] == [ours.fileno()]  # and not for ever
    assert [fd for fd, _ in poller.poll(1000.0, 4)] == [ours.fileno()]
    poller.forget(ours.fileno())


@pytest.mark.parametrize("name", POLLERS)
def test_a_server_runs_on_each(name: str, tmp_path: Path) -> None:
    data = bytes(range(256)) * 10_000
    write(tmp_path / "large.bin", data)
    with no_leaks(), Wire(tmp_path, poller=POLLERS[name]()) as wire:
        wire.listen()
        peers = [wire.call() for _ in range(5)]
        for peer in peers:
            assert wire.exchange(peer, request("/large.bin")).endswith(b"\r\n\r\n" + data)
            assert wire.exchange(peer, request("/nothing")).startswith(b"HTTP/1.1 404 ")
            peer.close()
        wire.until(lambda: not wire.connections)


def test_the_bits_are_apart() -> None:
    assert READ & WRITE == READ & BROKEN == WRITE & BROKEN == NOTHING == 0
