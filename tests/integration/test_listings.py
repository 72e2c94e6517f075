"""Listings and archives through sockets: what they cost the others, and what they keep."""

import gc
import os
import re
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from evloop.http1.states import State
from evloop.process.environment import is_loopback
from evloop.site.listing import MAX_LISTINGS
from tests.support.bench import join_chunks, write
from tests.support.client import Client, request
from tests.support.serving import Command, serving
from tests.support.wire import Wire

MIB = 1024**2
COUNT = 12_000


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("root")
    write(root / "small.txt", b"small")
    first = write(root / "big/file-00000.bin", b"")
    for number in range(1, COUNT):  # a link is made in a tenth of the time of a file
        os.link(first, root / f"big/file-{number:05d}.bin")
    for number in range(400):
        write(root / f"some/{number:03d}.txt", b"x" * number)
    return root


@pytest.fixture
def wire(root: Path) -> Iterator[Wire]:
    with Wire(root, lists=True) as wire:
        yield wire


def test_a_listing_takes_turns_with_everybody_else(wire: Wire) -> None:
    peer, sock = wire.connect()
    other, _ = wire.connect()
    sock.is_bottomless = True
    peer.send(request("/big/"))
    (listing, asking) = wire.connections
    turns = answered = 0
    while listing.protocol.state is not State.IDLE or not turns:
        other.send(request("/small.txt"))
        sent = wire.observer.bytes_sent
        wire.now += 1e-5
        wire.turn()
        turns += 1
        other.take()
        answered += other.received.count(b"small")
        other.received.clear()
        # In one turn: as much as eight sends, none of which is over 16 KiB.
        assert wire.observer.bytes_sent - sent < 8 * 16 * 1024
    assert asking.protocol.state is State.IDLE
    assert answered >= turns - 1
    assert turns > COUNT / 42 / 8


def test_counting_does_not_spin_within_a_turn(wire: Wire) -> None:
    peer, sock = wire.connect()
    sock.is_bottomless = True
    peer.send(request("/big/"))
    (listing,) = wire.connections
    wire.turn()
    waits = 0
    for _ in range(10):
        # The clock stands: nothing is due, however often the loop turns.
        before = len(sock.calls)
        wire.turn()
        assert len(sock.calls) == before
        if listing.protocol.state is State.WAITING_DISK:
            waits += 1
            assert 0 < listing.deadline - wire.now < 1e-5
    assert waits == 10


@pytest.mark.slow
def test_stalled_listings_at_different_places_take_little(wire: Wire, root: Path) -> None:
    write(root / "warm/x", b"")
    for _ in range(2):
        wire.exchange(wire.connect()[0], request("/warm/", "Connection: close"))
    gc.collect()
    tracemalloc.start()
    base, _ = tracemalloc.get_traced_memory()
    socks = []
    for number in range(MAX_LISTINGS + 8):
        peer, sock = wire.connect()
        socks.append(sock)
        sock.is_bottomless = True
        peer.send(request("/big/"))
        for _ in range(30 + number):
            wire.now += 1e-5
            wire.turn()
        sock.is_bottomless, sock.most = False, 0
    # What the doubles of this test note down is not the server's.
    for sock in socks:
        sock.calls.clear()
    wire.poller.calls.clear()
    gc.collect()
    taken = tracemalloc.get_traced_memory()[0] - base
    tracemalloc.stop()
    assert taken < MIB, taken
    sending = [each for each in wire.connections if each.protocol.is_heavy]
    assert len(sending) == MAX_LISTINGS


@pytest.mark.parametrize("target", ["/big/", "/some/", "/some/?archive=tar", "/some/?archive=zip"])
def test_a_client_gets_all_of_it_and_asks_again(root: Path, target: str) -> None:
    with serving(root, archives=True) as server:
        bodies = []
        for _ in range(2):
            with Client(server.addresses[0]) as client:
                client.send(request(target))
                client.receive_head()
                client.send(request("/small.txt", "Connection: close"))
                data = client.receive_end()
            body, _, following = data.rpartition(b"HTTP/1.1 200 OK")
            assert following.endswith(b"small")
            bodies.append(join_chunks(body))
        assert bodies[0] == bodies[1]
        if target == "/big/":
            assert len(re.findall(rb'<a href="file-\d{5}\.bin">', bodies[0])) == COUNT
            assert b"12,000 entries</p>" in bodies[0]


def test_a_client_that_goes_away_leaves_nothing(root: Path) -> None:
    with serving(root, archives=True) as server:
        for target in ("/big/", "/some/?archive=zip"):
            with Client(server.addresses[0], receive_buffer=4096) as client:
                client.send(request(target))
                client.receive_head()
        with Client(server.addresses[0]) as client:
            for _ in range(MAX_LISTINGS + 1):
                client.send(request("/some/", method="HEAD"))
                assert client.receive("HEAD").status == 200


LOOPBACK = {
    "127.0.0.1": True,
    "127.8.8.8": True,
    "::1": True,
    "::ffff:127.0.0.1": True,
    "0.0.0.0": False,
    "::": False,
    "10.0.0.1": False,
    "::ffff:10.0.0.1": False,
    "fe80::1%eth0": False,
}


@pytest.mark.parametrize("host", LOOPBACK)
def test_a_loopback_address_is_reached_from_here_alone(host: str) -> None:
    assert is_loopback(host) is LOOPBACK[host]


@pytest.mark.parametrize(
    ("host", "listing", "status"),
    [
        ("127.0.0.1", "auto", 200),
        ("127.0.0.1", "off", 404),
        ("0.0.0.0", "auto", 404),
        ("0.0.0.0", "on", 200),
    ],
)
def test_who_may_be_listed_to_is_decided_by_the_addresses(
    root: Path, host: str, listing: str, status: int
) -> None:
    with serving(root, host=(host,), listing=listing) as server:
        assert server.worker.service.lists is (status == 200)
        with Client(("127.0.0.1", server.addresses[0][1])) as client:
            client.send(request("/some/", method="HEAD"))
            assert client.receive("HEAD").status == status


def test_the_command_says_whether_it_lists(root: Path) -> None:
    with Command(root) as command:
        assert b": / is a listing\n" in command.said
    with Command(root, "--listing", "off") as command:
        assert b": / answers 404\n" in command.said
