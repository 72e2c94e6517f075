"""Accepting: a bounded number at a time, and none while there is no room."""

import contextlib
import errno
import gc
import logging
import os
import socket
import struct
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from evloop.http1.states import State
from evloop.net.connection import Connection
from evloop.net.listener import ACCEPT_BATCH, ACCEPT_PAUSE, FULL_PAUSE
from evloop.net.pool import LISTED, LOG_INTERVAL, SPARED, ConnectionPool, PoolLimits
from evloop.net.reactor import Waker
from tests.support.bench import write
from tests.support.client import parse_head, request
from tests.support.descriptors import no_leaks
from tests.support.wire import ColdReader, Peer, Wire

GET = request("/file.txt")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("root")
    write(root / "file.txt", b"data")
    write(root / "large.bin", bytes(8 * 1024 * 1024))
    first = write(root / "many/first", b"")
    for number in range(3000):  # its listing does not fit into a socket
        os.link(first, root / f"many/{number:04d}{'x' * 200}")
    return root


@pytest.fixture
def wire(root: Path) -> Iterator[Wire]:
    with no_leaks(), Wire(root) as wire:
        yield wire


def status(answer: bytes) -> int:
    return parse_head(answer.partition(b"\r\n\r\n")[0] + b"\r\n\r\n")[0]


def has_head(peer: Peer) -> bool:
    return b"\r\n\r\n" in peer.received


def test_what_arrives_is_accepted_and_answered(wire: Wire) -> None:
    wire.listen()
    peers = [wire.call() for _ in range(5)]
    wire.turn()
    assert len(wire.connections) == 5
    assert wire.pool.count == 5
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


def test_at_the_limit_the_others_wait_while_all_are_busy(root: Path) -> None:
    with Wire(root, max_connections=2) as wire:
        _, sock = wire.listen()
        peers = [wire.call() for _ in range(2)]
        wire.turn()
        for peer in peers:
            peer.send(request("/large.bin"))
        wire.until(lambda: wire.observer.responses == 2)
        waiting = [wire.call() for _ in range(2)]
        wire.turn(10)
        asked = sock.calls.count("accept")
        wire.turn(10)
        assert sock.calls.count("accept") == asked  # it does not spin meanwhile
        peers[0].close()
        wire.until(lambda: sock.calls.count("accept") > asked)
        assert status(wire.exchange(waiting[0], GET)) == 200
        assert wire.pool.evicted == 0


def test_at_the_limit_the_oldest_idle_connection_makes_room(root: Path) -> None:
    with no_leaks(), Wire(root, max_connections=3) as wire:
        wire.listen()
        oldest, partial, busy = (wire.call() for _ in range(3))
        wire.turn()
        for peer, data in ((partial, GET[:5]), (busy, request("/large.bin"))):
            wire.wait(1.0)
            peer.send(data)
            wire.turn()
        wire.wait(1.0)
        assert status(wire.exchange(wire.call(), GET)) == 200
        wire.until(lambda: oldest.is_ended, oldest)
        wire.wait(1.0)
        second = wire.call()  # the one before it is idle now, and goes before the partial head
        assert status(wire.exchange(second, GET)) == 200
        assert (wire.pool.evicted, partial.is_ended) == (2, False)
        second.send(GET[:5])
        wire.turn()
        wire.wait(1.0)
        assert status(wire.exchange(wire.call(), GET)) == 200
        wire.until(lambda: partial.is_ended, partial)
        busy.take()
        assert not busy.is_ended


def test_silent_connections_at_the_limit_shut_nobody_out(root: Path) -> None:
    with Wire(root, max_connections=50) as wire:
        wire.listen()
        for _ in range(70):
            wire.call()
            wire.turn()
        for _ in range(20):
            wire.wait(SPARED)
            peer = wire.call()
            assert status(wire.exchange(peer, GET)) == 200
        assert wire.pool.count == 50


def test_who_was_listed_to_go_and_went_is_not_kept(root: Path) -> None:
    with Wire(root, max_connections=20) as wire:
        wire.listen()
        peers = [wire.call() for _ in range(20)]
        wire.turn()
        wire.wait(2 * SPARED)
        assert status(wire.exchange(wire.call(), GET)) == 200  # one went for it
        assert wire.pool.evicted == 1
        for peer in peers:
            peer.close()
        wire.wait(SPARED)
        wire.wait(LISTED)
        gc.collect()
        alive = [each for each in gc.get_objects() if isinstance(each, Connection)]
        assert len(alive) == len(wire.connections) == 1


def test_a_connection_that_has_just_come_is_spared(root: Path) -> None:
    with Wire(root, max_connections=1) as wire:
        wire.listen()
        first = wire.call()
        wire.turn()
        second = wire.call()
        wire.wait(SPARED * 0.9)
        wire.turn(3)
        first.take()
        assert not first.is_ended
        wire.wait(SPARED * 0.2)
        assert status(wire.exchange(second, GET)) == 200
        assert wire.pool.evicted == 1


def test_a_survey_that_finds_nobody_is_not_made_again_at_once(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Wire(root, max_connections=1) as wire:
        wire.listen()
        busy = wire.call()
        wire.turn()
        busy.send(request("/large.bin"))
        wire.until(lambda: wire.observer.responses == 1)
        surveys: list[float] = []

        def survey(pool: ConnectionPool, before: float) -> None:
            surveys.append(wire.now)

        monkeypatch.setattr(ConnectionPool, "_survey", survey)
        wire.call()
        for _ in range(100):
            wire.wait(FULL_PAUSE / 10)
        assert 9 <= len(surveys) <= 11


def test_a_drain_answers_what_waits_to_be_accepted(root: Path) -> None:
    with no_leaks(), Wire(root) as wire:
        listener, _ = wire.listen()
        peers = [wire.call() for _ in range(3)]
        for peer in peers:
            peer.socket.send(GET)
        wire.context.drain()
        listener.drain(wire.now)
        for connection in wire.connections:
            connection.finish(wire.now)
        wire.until(lambda: all(peer.is_ended for peer in peers), *peers)
        assert [status(bytes(peer.received)) for peer in peers] == [200] * 3


def test_a_drain_answers_what_an_idle_connection_has_sent_already(root: Path) -> None:
    with no_leaks(), Wire(root) as wire:
        listener, _ = wire.listen()
        peer = wire.call()
        wire.exchange(peer, GET)
        peer.send(GET)
        wire.context.drain()
        listener.drain(wire.now)
        for connection in wire.connections:
            connection.finish(wire.now)
        wire.until(lambda: peer.is_ended, peer)
        assert status(bytes(peer.received)) == 200
        assert b"\r\nConnection: close\r\n" in peer.received


def test_the_end_of_one_is_not_that_of_who_takes_its_number_in_a_drain(root: Path) -> None:
    """The drain closes an idle connection that was reset, and accepts another in its place."""
    reader = ColdReader()
    with (
        no_leaks(),
        Wire(root, max_connections=1, reader=reader) as wire,
        contextlib.ExitStack() as stack,
    ):
        listener, _ = wire.listen()
        old = wire.call()
        wire.turn()
        wire.wait(2 * SPARED)
        (idle,) = wire.connections
        number = wire.reactor.descriptors()[-1]

        def drain(data: bytes, now: float) -> None:
            wire.context.drain()
            listener.drain(now)
            for connection in wire.connections:
                connection.finish(now)

        waker = Waker(wire.reactor, drain)
        stack.callback(waker.close)
        new = wire.call()
        reader.is_cold = True  # so that the new one waits, and is not to read
        new.socket.send(GET)
        waker.write(b"x")
        old.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        old.close()
        # The number of its client's end, which is lower, is taken.
        stack.callback(os.close, os.open(os.devnull, os.O_RDONLY))
        wire.turn()
        assert wire.connections != [idle]
        assert number in wire.reactor.descriptors()
        reader.is_cold = False
        wire.until(lambda: new.is_ended, new)
        assert status(bytes(new.received)) == 200


SLOW = GET[:5]
PIPELINED = request("/large.bin") * 2
PARTS = request("/large.bin", "Range: bytes=0-99999,200000-299999,400000-8000000")
HEAVY = {"part of a head": SLOW, "a request that waits": PIPELINED, "several parts": PARTS}


@pytest.mark.parametrize("sent", HEAVY.values(), ids=HEAVY.keys())
def test_connections_that_keep_much_are_few(root: Path, sent: bytes) -> None:
    with no_leaks(), Wire(root, pool_limits=PoolLimits(connections=100, heavy=3)) as wire:
        wire.listen()
        peers = [wire.call() for _ in range(10)]
        wire.turn()
        for peer in peers:
            wire.wait(2 * SPARED)
            peer.send(sent)
            wire.turn(3)
            assert len(wire.pool.heavy) <= 3
        if sent is SLOW:  # the oldest made room for the next
            wire.until(lambda: peers[0].is_ended, peers[0])
            assert status(wire.exchange(peers[-1], GET[5:])) == 200
        elif sent is PIPELINED:  # nobody could: a response that has begun is kept
            wire.until(lambda: peers[-1].is_ended or peers[-1].is_reset, peers[-1])
        light = wire.call()
        assert status(wire.exchange(light, GET)) == 200


@pytest.mark.parametrize(
    "sent", [PIPELINED, PARTS, request("/many/")], ids=["waits", "parts", "lists"]
)
def test_clients_that_do_not_read_leave_places_to_those_who_ask(root: Path, sent: bytes) -> None:
    limits = PoolLimits(connections=100, heavy=8)
    with no_leaks(), Wire(root, pool_limits=limits, lists=True) as wire:
        wire.listen()
        for peer in [wire.call() for _ in range(12)]:
            wire.turn()
            peer.send(sent)
            for _ in range(100):
                wire.wait(1e-5)
        assert 0 < len(wire.pool.heavy) <= 4
        late = wire.call()
        wire.turn()
        late.send(SLOW)
        wire.turn()
        assert status(wire.exchange(late, GET[5:])) == 200


def test_parts_are_sent_whole_when_there_is_no_place_for_them(root: Path) -> None:
    """Range may be ignored (RFC 9110 section 14.2)."""
    with no_leaks(), Wire(root, pool_limits=PoolLimits(connections=100, heavy=4)) as wire:
        wire.listen()
        statuses = []
        for peer in [wire.call() for _ in range(4)]:
            wire.turn()
            peer.send(PARTS)
            wire.until(partial(has_head, peer), peer)
            statuses.append(status(bytes(peer.received)))
        assert statuses == [206, 206, 200, 200]
        assert status(wire.exchange(wire.call(), request("/large.bin", "Range: bytes=-5"))) == 206


def test_who_is_asked_to_go_may_ask_for_room_itself(root: Path) -> None:
    with no_leaks(), Wire(root, pool_limits=PoolLimits(connections=2, heavy=1)) as wire:
        wire.listen()
        old = wire.call()
        wire.turn()
        old.send(SLOW)
        wire.turn()
        idle = wire.call()
        wire.turn()
        wire.wait(2 * SPARED)
        third = wire.call()
        idle.send(SLOW)
        wire.turn()  # the idle one is to go, has part of a request, and takes the old one's place
        assert [each.protocol.state for each in wire.connections] == [State.HEAD, State.IDLE]
        wire.until(lambda: old.is_ended, old)
        assert status(wire.exchange(third, GET)) == 200
        assert status(wire.exchange(idle, GET[5:])) == 200


def test_nobody_goes_for_one_who_went_by_itself(root: Path) -> None:
    with no_leaks(), Wire(root, max_connections=2) as wire:
        wire.listen()
        peers = []
        for _ in range(2):
            peers.append(wire.call())
            wire.turn()
            wire.wait(2 * SPARED)
        peers.append(wire.call())
        peers[0].close()
        wire.turn()
        assert len(wire.connections) == 2
        for peer in peers[1:]:
            assert status(wire.exchange(peer, GET)) == 200


def test_a_heavy_one_that_becomes_light_makes_room(root: Path) -> None:
    with no_leaks(), Wire(root, pool_limits=PoolLimits(connections=100, heavy=1)) as wire:
        wire.listen()
        first, second = wire.call(), wire.call()
        wire.turn()
        first.send(SLOW)
        wire.wait(2 * SPARED)
        wire.wait(2 * SPARED)  # and once more, so that the second is reported first
        second.send(SLOW)
        first.send(GET[5:])
        wire.turn()  # asked to go, the first finds the rest of its request
        assert wire.pool.evicted == 0
        assert status(wire.exchange(first, b"")) == status(wire.exchange(second, GET[5:])) == 200


def test_one_that_is_light_again_does_not_count_as_heavy(root: Path) -> None:
    with no_leaks(), Wire(root, pool_limits=PoolLimits(connections=100, heavy=1)) as wire:
        wire.listen()
        download, other = wire.call(), wire.call()
        wire.turn()
        download.send(PIPELINED)
        wire.turn()
        assert len(wire.pool.heavy) == 1  # it keeps the second request
        wire.until(lambda: wire.observer.responses == 2, download)
        other.send(SLOW)
        wire.turn()
        assert status(wire.exchange(other, GET[5:])) == 200


def test_plain_downloads_are_light(root: Path) -> None:
    with no_leaks(), Wire(root, pool_limits=PoolLimits(connections=100, heavy=1)) as wire:
        wire.listen()
        peers = [wire.call() for _ in range(10)]
        wire.turn()
        for peer in peers:
            peer.send(request("/large.bin", "Range: bytes=5-"))
        wire.until(lambda: wire.observer.responses == 10)
        wire.turn(20)
        assert len(wire.connections) == 10
        assert wire.pool.heavy == set()


def test_a_heavy_connection_is_forgotten_when_it_ends(root: Path) -> None:
    with no_leaks(), Wire(root, pool_limits=PoolLimits(connections=100, heavy=1)) as wire:
        wire.listen()
        for _ in range(5):
            peer = wire.call()
            wire.turn()
            peer.send(SLOW)
            wire.until(lambda: len(wire.pool.heavy) == 1)
            peer.close()
            wire.until(lambda: not wire.connections)
            assert wire.pool.heavy == set()
        assert wire.pool.evicted == 0


def test_a_connection_over_the_limit_of_its_address_is_told(root: Path) -> None:
    with Wire(root, per_address=1) as wire:
        wire.listen()
        first, second = wire.call(), wire.call()
        wire.until(lambda: second.is_ended, second)
        assert status(bytes(second.received)) == 503
        assert b"Retry-After: 1\r\n" in second.received
        assert status(wire.exchange(first, GET)) == 200
        assert wire.pool.refused == 1
        second.close()
        first.close()
        wire.until(lambda: wire.pool.count == 0)
        assert status(wire.exchange(wire.call(), GET)) == 200


def test_an_address_that_does_not_stop_gets_no_answers(root: Path) -> None:
    with no_leaks(), Wire(root, per_address=2) as wire:
        wire.listen()
        peers = [wire.call() for _ in range(10)]
        wire.turn(5)
        assert wire.pool.count == 4
        assert wire.pool.refused == 8
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
    assert wire.pool.count == 0
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
