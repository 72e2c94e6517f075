"""Clients that take their time, many at once: each is ended by the deadline of its state."""

import contextlib
import os
import socket
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from attacks.docroot import LARGE, SMALL, SMALL_CONTENT, make_docroot
from attacks.siege import Forces
from attacks.swarm import SMALL_BUFFER, Swarm

from evloop import Config, Server
from evloop.files.preload import TURN_SIZE
from evloop.http1.context import Limits
from evloop.net.connection import CROWD
from evloop.net.reactor import MAX_EXPIRED
from evloop.observe.exchange import EndReason
from evloop.process.server import Phase
from tests.support.bench import write
from tests.support.client import Client, request
from tests.support.deadline import PATIENCE, eventually
from tests.support.wire import Peer, Wire

LOOPBACK = ("127.0.0.1",)
EACH = 40
"""Clients of each kind."""
SMALL_FILE = b"small file\n" * 20
PRELOADED = os.urandom(700 * 1024)
STREAMED = os.urandom(1500 * 1024)


@pytest.fixture(scope="module")
def docroot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_docroot(tmp_path_factory.mktemp("docroot"))


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("root")
    write(root / "small.txt", SMALL_FILE)
    write(root / "preloaded.bin", PRELOADED)
    write(root / "streamed.bin", STREAMED)
    for number in range(100):
        write(root / f"{number}.bin", bytes(512 * 1024))
    return root


@contextlib.contextmanager
def guests(address: tuple[str, int], opening: bytes, count: int = EACH) -> Iterator[list[Client]]:
    """Connections on which *opening* was sent, and whose kernel holds little for them."""
    with contextlib.ExitStack() as stack:
        clients = [
            stack.enter_context(Client(address, receive_buffer=SMALL_BUFFER)) for _ in range(count)
        ]
        for client in clients:
            client.send(opening)
        yield clients


def trickle(clients: list[Client]) -> None:
    """Send one more byte of each head, as far as the server still takes it."""
    for client in clients:
        with contextlib.suppress(OSError):
            client.send(b"x")


def take_slowly(client: Client) -> None:
    """Read a bite at a time, to the end."""
    while client.socket.recv(2 * 1024):
        time.sleep(0.001)


def count_connections(server: Server) -> int:
    return sum(server.snapshot().connections.values())


def test_each_state_ends_by_its_own_deadline_and_the_good_client_goes_on(docroot: Path) -> None:
    config = Config(
        root=str(docroot),
        port=0,
        host=LOOPBACK,
        head_timeout=0.8,
        idle_timeout=1.2,
        send_timeout=1.6,
        linger_timeout=0.5,
    )
    head = request("/").removesuffix(b"\r\n") + b"X-slow: "
    with Server(config).in_thread() as server, contextlib.ExitStack() as stack:
        address = server.addresses[0]
        heads = stack.enter_context(guests(address, head))
        readers = stack.enter_context(guests(address, request(LARGE)))
        idle = stack.enter_context(guests(address, b""))
        good = stack.enter_context(Client(address))
        eventually(lambda: count_connections(server) == 3 * EACH + 1, "all to be accepted")

        def is_over() -> bool:
            trickle(heads)
            assert good.get(SMALL).body == SMALL_CONTENT
            return count_connections(server) == 1

        eventually(is_over, "the good client to be the last")
        for client in heads:
            assert client.receive().status == 408
            assert client.receive_end() == b""
        for client in idle:
            assert client.receive_end() == b""
        for client in readers:
            with pytest.raises(ConnectionResetError):
                client.receive_end()
        assert server.snapshot().ends == {EndReason.STALLED.value: EACH}
        assert server.snapshot().refusals == EACH


def test_a_swarm_is_replaced_as_it_is_ended_and_leaves_nothing(docroot: Path) -> None:
    config = Config(root=str(docroot), port=0, host=LOOPBACK, head_timeout=0.5, idle_timeout=0.5)
    with Server(config).in_thread() as server:
        address = server.addresses[0]
        with Swarm(address, Forces(20, 20, 20).kinds()) as swarm:
            eventually(lambda: server.snapshot().refusals > 20, "a second wave of slow heads")
            with Client(address) as good:
                assert good.get(SMALL).body == SMALL_CONTENT
        assert swarm.ended["slow heads"] >= 20
        assert swarm.ended["idle"] >= 20
        assert not swarm.ended["slow readers"]
        eventually(lambda: count_connections(server) == 0, "all to be gone")


def test_shutting_down_under_attack_has_an_end(docroot: Path) -> None:
    config = Config(root=str(docroot), port=0, host=LOOPBACK, shutdown_timeout=0.5)
    with Server(config).in_thread() as server, contextlib.ExitStack() as stack:
        address = server.addresses[0]
        for opening in (request("/")[:-2], request(LARGE), b"", request(SMALL) + b"G"):
            stack.enter_context(guests(address, opening))
        eventually(lambda: server.snapshot().responses == 2 * EACH, "the attack to stand")
        server.finish()
        eventually(
            lambda: server.snapshot().ends == {EndReason.SHUTDOWN.value: EACH},
            "the downloads to be cut",
        )
    assert server.phase is Phase.CLOSED
    assert count_connections(server) == 0


@pytest.mark.skipif(sys.platform != "linux", reason="needs a second address on the loopback")
@pytest.mark.parametrize("opening", [b"", request(SMALL)[:-2]], ids=["silent", "half a request"])
def test_one_address_can_not_take_all_connections(docroot: Path, opening: bytes) -> None:
    config = Config(
        root=str(docroot), port=0, host=LOOPBACK, max_connections=60, max_connections_per_ip=10
    )
    with Server(config).in_thread() as server, contextlib.ExitStack() as stack:
        address = server.addresses[0]
        for _ in range(200):
            sock = stack.enter_context(socket.socket())
            sock.bind(("127.0.0.2", 0))
            sock.connect(address)
            with contextlib.suppress(OSError):
                sock.sendall(opening)
        with Client(address) as good:
            assert good.get(SMALL).body == SMALL_CONTENT
        snapshot = server.snapshot()
        assert snapshot.refused_connections == 190
        assert snapshot.refusals <= 10  # answers take a connection, so there are not many
        assert count_connections(server) <= 21
        stack.close()
        eventually(lambda: count_connections(server) == 0, "the flood to be gone")
        with socket.create_connection(address, PATIENCE, ("127.0.0.2", 0)) as again:
            again.sendall(request(SMALL))
            assert again.recv(12) == b"HTTP/1.1 200"


def test_over_the_limit_of_an_address_one_is_told_when_to_come_again(docroot: Path) -> None:
    config = Config(root=str(docroot), port=0, host=LOOPBACK, max_connections_per_ip=1)
    with Server(config).in_thread() as server:
        address = server.addresses[0]
        with Client(address) as first, Client(address) as second:
            reply = second.receive()
            assert (reply.status, reply.fields["retry-after"]) == (503, "1")
            assert reply.fields["connection"] == "close"
            assert second.receive_end() == b""
            assert first.get(SMALL).body == SMALL_CONTENT


@pytest.mark.parametrize("target", ["/preloaded.bin", "/streamed.bin"])
def test_a_trickle_below_the_rate_is_cut(root: Path, target: str) -> None:
    config = Config(
        root=str(root), port=0, host=LOOPBACK, min_rate=64 * 1024**2, min_rate_grace=0.05
    )
    with (
        Server(config).in_thread() as server,
        Client(server.addresses[0], receive_buffer=SMALL_BUFFER) as client,
    ):
        client.send(request(target))
        with pytest.raises(ConnectionResetError):
            take_slowly(client)
        eventually(lambda: bool(server.snapshot().ends), "the end to be counted")
        assert server.snapshot().ends == {EndReason.BELOW_RATE.value: 1}


# With a set clock: seconds pass when the test says so.


@pytest.mark.parametrize("target", ["/preloaded.bin", "/streamed.bin"])
def test_a_slow_and_steady_client_is_not_cut(root: Path, target: str) -> None:
    content = PRELOADED if target == "/preloaded.bin" else STREAMED
    with Wire(root, limits=Limits(send_timeout=10.0)) as wire:
        wire.listen()
        peer = wire.call()
        peer.send(request(target))
        began = wire.now

        def goes_on(sent: int) -> bool:
            return wire.observer.bytes_sent > sent or peer.received.endswith(content[-16:])

        while not peer.received.endswith(content[-16:]):
            wire.wait(9.0)
            wire.until(partial(goes_on, wire.observer.bytes_sent), peer)
        assert peer.received.endswith(content)
        assert wire.now > began + 2 * 10.0
        assert not wire.observer.ends


# What many may have of one turn of the loop, so that one more gets its answer in it.


def call_many(wire: Wire, count: int, data: bytes) -> list[Peer]:
    """Connections that have sent *data*, of which nothing was read yet."""
    peers = [wire.connect()[0] for _ in range(count)]
    for peer in peers:
        peer.send(data)
    return peers


def test_the_deadlines_of_a_flood_do_not_all_come_in_one_turn(root: Path) -> None:
    count = MAX_EXPIRED + 100
    with Wire(root, max_connections=1000, limits=Limits(head_timeout=10.0)) as wire:
        call_many(wire, count, b"G")
        wire.turn()
        good, _ = wire.connect()
        wire.wait(9.0)
        good.send(request("/small.txt"))
        wire.wait(2.0)
        good.take()
        assert good.received.endswith(SMALL_FILE)
        assert wire.observer.refusals == MAX_EXPIRED
        wire.turn()
        assert wire.observer.refusals == count


def test_in_a_crowd_a_client_that_pipelines_has_one_answer_in_a_turn(root: Path) -> None:
    with Wire(root, max_connections=1000) as wire:
        peers = call_many(wire, CROWD + 10, request("/missing") * 10)
        peers.append(wire.connect()[0])
        peers[-1].send(request("/small.txt"))
        for turn in range(1, 10):
            wire.turn()
            for peer in peers:
                peer.take()
            assert peers[-1].received.endswith(SMALL_FILE)
            assert {peer.received.count(b"HTTP/1.1 404 ") for peer in peers[:-1]} == {turn}


def test_what_is_cheap_to_ask_for_and_dear_to_load_is_loaded_in_pieces(root: Path) -> None:
    with Wire(root, max_connections=1000) as wire:
        good, _ = wire.connect()
        wire.exchange(good, request("/small.txt"))
        wire.now += 2.0  # so that the small file has to be checked too
        peers = [wire.connect()[0] for _ in range(100)]
        for number, peer in enumerate(peers):
            peer.send(request(f"/{number}.bin", method="HEAD"))
        good.send(request("/small.txt"))
        wire.turn()
        good.take()
        assert good.received.endswith(SMALL_FILE)
        assert len(wire.cache) <= 2 + TURN_SIZE // (512 * 1024)
        wire.until(lambda: wire.observer.responses == 102, *peers)
        assert all(peer.received.startswith(b"HTTP/1.1 200 ") for peer in peers)
