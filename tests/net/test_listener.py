"""Accepting: a bounded number at a time, and none while there is no room."""

import errno
import logging
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from evloop.net.listener import ACCEPT_BATCH, ACCEPT_PAUSE, LOG_INTERVAL
from tests.support.bench import write
from tests.support.client import parse_head, request
from tests.support.descriptors import no_leaks
from tests.support.wire import Wire

GET = request("/file.txt")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("root")
    write(root / "file.txt", b"data")
    return root


@pytest.fixture
def wire(root: Path) -> Iterator[Wire]:
    with no_leaks(), Wire(root) as wire:
        yield wire


def status(answer: bytes) -> int:
    return parse_head(answer.partition(b"\r\n\r\n")[0] + b"\r\n\r\n")[0]


def test_what_arrives_is_accepted_and_answered(wire: Wire) -> None:
    wire.listen()
    peers = [wire.call() for _ in range(5)]
    wire.turn()
    assert len(wire.connections) == 5
    assert wire.admission.count == 5
    for peer in peers:
        assert status(wire.exchange(peer, GET)) == 200
    assert {connection.protocol.peer for connection in wire.connections} == {"127.0.0.1"}


def test_a_flood_is_accepted_in_pieces(root: Path) -> None:
    with Wire(root, max_connections=1000) as wire:
        wire.listen()
        for _ in range(ACCEPT_BATCH + 10):
            wire.call()
        wire.turn()
        assert len(wire.connections) == ACCEPT_BATCH
        wire.turn()
        assert len(wire.connections) == ACCEPT_BATCH + 10


def count_is(wire: Wire, count: int) -> bool:
    return len(wire.connections) == count


def test_at_the_limit_the_others_wait_until_one_is_gone(root: Path) -> None:
    with Wire(root, max_connections=2) as wire:
        _, sock = wire.listen()
        peers = [wire.call() for _ in range(4)]
        wire.turn(3)
        assert len(wire.connections) == 2
        asked = sock.calls.count("accept")
        wire.turn(10)
        assert sock.calls.count("accept") == asked  # and it does not spin meanwhile
        for done, peer in enumerate(peers):
            assert status(wire.exchange(peer, GET)) == 200, done
            peer.close()
            left = min(2, 3 - done)  # the next one takes the place
            wire.until(partial(count_is, wire, left))
        assert wire.admission.count == 0


def test_a_connection_over_the_limit_of_its_address_is_told(root: Path) -> None:
    with Wire(root, per_address=1) as wire:
        wire.listen()
        first, second = wire.call(), wire.call()
        wire.until(lambda: second.is_ended, second)
        assert status(bytes(second.received)) == 503
        assert b"Retry-After: 1\r\n" in second.received
        assert status(wire.exchange(first, GET)) == 200
        assert wire.admission.refused == 1
        second.close()
        first.close()
        wire.until(lambda: not wire.connections)
        assert status(wire.exchange(wire.call(), GET)) == 200


def test_an_address_that_does_not_stop_gets_no_answers(root: Path) -> None:
    with no_leaks(), Wire(root, per_address=2) as wire:
        wire.listen()
        peers = [wire.call() for _ in range(10)]
        wire.turn(5)
        assert wire.admission.count == 4
        assert wire.admission.refused == 8
        wire.until(lambda: sum(peer.is_ended for peer in peers) == 8, *peers)
        assert sum(1 for peer in peers if peer.is_ended and not peer.received) == 6


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM])
def test_without_room_it_looks_away_and_comes_back(
    wire: Wire, number: int, caplog: pytest.LogCaptureFixture
) -> None:
    _, sock = wire.listen()
    peer = wire.call()
    sock.faults["accept"] = [number] * 3
    with caplog.at_level(logging.WARNING, "evloop"):
        for attempt in range(3):
            wire.turn(20)  # without a spin
            assert sock.calls.count("accept") == attempt + 1
            wire.wait(ACCEPT_PAUSE)
        assert len(caplog.records) == 1
    wire.turn()
    assert status(wire.exchange(peer, GET)) == 200


def test_connections_of_one_client_share_its_address(wire: Wire) -> None:
    wire.listen()
    for _ in range(2):
        wire.call()
    wire.turn()
    one, two = wire.connections
    assert one.protocol.peer is two.protocol.peer


def test_trouble_that_goes_on_is_logged_once_an_interval(
    wire: Wire, caplog: pytest.LogCaptureFixture
) -> None:
    _, sock = wire.listen()
    wire.call()
    sock.faults["accept"] = [errno.EMFILE] * 1000
    with caplog.at_level(logging.WARNING, "evloop"):
        for _ in range(50):
            wire.wait(ACCEPT_PAUSE)
    assert 2 <= len(caplog.records) <= 50 * 2 * ACCEPT_PAUSE / LOG_INTERVAL + 1


@pytest.mark.parametrize(
    "number",
    [
        errno.ECONNABORTED,
        errno.EPROTO,
        errno.EPERM,
        errno.ENETDOWN,
        errno.EHOSTUNREACH,
        errno.EOPNOTSUPP,
    ],
)
def test_who_is_gone_before_its_turn_does_not_stop_the_others(wire: Wire, number: int) -> None:
    _, sock = wire.listen()
    peer = wire.call()
    sock.faults["accept"] = [number, number]
    wire.turn()
    assert len(wire.connections) == 1
    assert status(wire.exchange(peer, GET)) == 200


@pytest.mark.parametrize("number", [errno.EAGAIN, errno.EINTR])
def test_nothing_to_accept_is_no_trouble(wire: Wire, number: int) -> None:
    _, sock = wire.listen()
    peer = wire.call()
    sock.faults["accept"] = [number]
    wire.turn(2)
    assert status(wire.exchange(peer, GET)) == 200


@pytest.mark.parametrize("number", [errno.EINVAL, errno.EBADF, errno.EIO])
def test_what_should_not_happen_is_logged_and_not_the_end(
    wire: Wire, number: int, caplog: pytest.LogCaptureFixture
) -> None:
    _, sock = wire.listen()
    peer = wire.call()
    sock.faults["accept"] = [number]
    with caplog.at_level(logging.ERROR, "evloop"):
        wire.turn(3)
    assert [record.message for record in caplog.records] == ["accepting failed"]
    wire.wait(ACCEPT_PAUSE)
    wire.turn()
    assert status(wire.exchange(peer, GET)) == 200


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.ENOMEM])
def test_a_poller_without_room_costs_the_connection_and_no_more(
    wire: Wire, number: int, caplog: pytest.LogCaptureFixture
) -> None:
    wire.listen()
    lost = wire.call()
    wire.poller.faults["register"] = [number]
    with caplog.at_level(logging.WARNING, "evloop"):
        wire.turn(3)
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert wire.admission.count == 0
    wire.until(lambda: lost.is_ended or lost.is_reset, lost)
    wire.wait(ACCEPT_PAUSE)
    assert status(wire.exchange(wire.call(), GET)) == 200


def test_a_closed_listener_leaves_its_connections_alone(wire: Wire) -> None:
    listener, sock = wire.listen()
    peer = wire.call()
    wire.turn()
    listener.close()
    listener.close()
    assert status(wire.exchange(peer, GET)) == 200
    listener.resume()
    listener.expire(wire.now)
    assert sock.fileno() < 0


def test_a_listener_that_pauses_may_be_closed(wire: Wire) -> None:
    listener, sock = wire.listen()
    wire.call()
    sock.faults["accept"] = [errno.EMFILE]
    wire.turn()
    listener.close()
    wire.wait(2 * ACCEPT_PAUSE)
