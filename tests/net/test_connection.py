"""A connection between a real socket and a real site, turn by turn."""

import errno
import logging
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from evloop.files.cache import CacheSettings
from evloop.http1.context import Limits
from evloop.http1.states import State
from evloop.net.connection import BURST_SENDS, BURST_SIZE, CROWD, Connection
from evloop.net.pool import SPARED
from evloop.net.protocol import NOTHING, READ
from evloop.observe.exchange import EndReason
from tests.support.bench import write
from tests.support.client import parse_head, request
from tests.support.descriptors import no_leaks
from tests.support.wire import CHUNK, ColdReader, FaultySocket, Peer, Wire

SMALL = b"small file\n" * 20
LARGE = os.urandom(3 * 1024 * 1024 + 17)
GET_SMALL, GET_LARGE = request("/small.txt"), request("/large.bin")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("root")
    write(root / "small.txt", SMALL)
    write(root / "large.bin", LARGE)
    return root


@pytest.fixture
def wire(root: Path) -> Iterator[Wire]:
    with no_leaks(), Wire(root) as wire:
        yield wire


def only(wire: Wire) -> Connection:
    (connection,) = wire.connections
    return connection


def split(answer: bytes) -> tuple[int, bytes]:
    head, end, body = answer.partition(b"\r\n\r\n")
    return parse_head(head + end)[0], body


def fail_once(wire: Wire, patch: pytest.MonkeyPatch) -> None:
    """Let the next request meet a defect."""
    respond = wire.site.respond

    def defect(*ignored: object) -> None:
        patch.setattr(wire.site, "respond", respond)
        raise RuntimeError("a defect")

    patch.setattr(wire.site, "respond", defect)


def test_a_request_is_answered_in_the_turn_in_which_it_comes(wire: Wire) -> None:
    peer, sock = wire.connect()
    peer.send(GET_SMALL)
    wire.turn()
    assert len(sock.calls) == 2
    assert sock.calls[0] == "recv"
    assert only(wire).protocol.state is State.IDLE
    assert split(wire.exchange(peer, b"")) == (200, SMALL)


def test_a_request_may_come_byte_by_byte(wire: Wire) -> None:
    peer, _ = wire.connect()
    for byte in GET_SMALL[:-1]:
        peer.send(bytes([byte]))
        wire.turn()
        assert only(wire).protocol.state is State.HEAD
    assert split(wire.exchange(peer, GET_SMALL[-1:])) == (200, SMALL)


def test_requests_follow_each_other(wire: Wire) -> None:
    peer, _ = wire.connect()
    for _ in range(3):
        assert split(wire.exchange(peer, GET_SMALL)) == (200, SMALL)
    assert split(wire.exchange(peer, GET_LARGE)) == (200, LARGE)
    assert split(wire.exchange(peer, GET_SMALL)) == (200, SMALL)
    assert wire.observer.responses == 5


def test_pipelined_requests_are_answered_in_order(wire: Wire) -> None:
    peer, _ = wire.connect()
    peer.send((GET_SMALL + request("/nothing") + request("/small.txt", method="HEAD")) * 10)
    wire.until(lambda: only(wire).protocol.state is State.IDLE, peer)
    statuses = []
    rest = bytes(peer.received)
    while rest:
        head, end, rest = rest.partition(b"\r\n\r\n")
        status, fields = parse_head(head + end)
        statuses.append(status)
        if len(statuses) % 3:  # the third is HEAD's
            rest = rest[int(fields["content-length"]) :]
    assert statuses == [200, 404, 200] * 10


def test_a_slow_reader_gets_every_byte(wire: Wire) -> None:
    peer, _ = wire.connect()
    peer.send(GET_LARGE)
    wire.turn(50)  # the socket is full now
    assert only(wire).protocol.state is State.SENDING
    assert split(wire.exchange(peer, b"")) == (200, LARGE)


@pytest.mark.parametrize("target", ["/small.txt", "/large.bin", "/nothing"])
def test_the_client_may_ask_to_close(wire: Wire, target: str) -> None:
    peer, _ = wire.connect()
    peer.send(request(target, "Connection: close"))
    wire.until(lambda: peer.is_ended, peer)
    assert len(peer.received) > 100
    assert (wire.connections, len(wire.pool.lingering)) == ([], 1)  # until the client closes too
    peer.close()
    wire.until(lambda: wire.pool.count == 0)


def test_the_server_lingers_after_it_has_closed(wire: Wire) -> None:
    peer, sock = wire.connect()
    peer.send(b"nonsense\r\n\r\n")
    wire.until(lambda: peer.is_ended, peer)
    assert split(bytes(peer.received))[0] == 400
    assert (wire.connections, len(wire.pool.lingering)) == ([], 1)
    assert sock.calls[-1] == "shutdown"
    peer.socket.sendall(b"x" * 1000)
    wire.wait(0.1)
    assert (wire.pool.count, sock.calls[-1]) == (1, "recv")
    peer.close()
    wire.until(lambda: wire.pool.count == 0)


def test_a_client_that_leaves_is_let_go(wire: Wire) -> None:
    for sent in (b"", b"GET /small.txt", GET_LARGE):
        peer, _ = wire.connect()
        peer.send(sent)
        wire.turn()
        peer.close()
        wire.until(lambda: not wire.connections)
    assert wire.observer.ends == {EndReason.CLIENT_RESET: 1}


def test_a_client_that_has_said_all_still_gets_its_answer(wire: Wire) -> None:
    peer, _ = wire.connect()
    peer.send(GET_LARGE)
    peer.socket.shutdown(socket.SHUT_WR)
    wire.until(lambda: peer.is_ended, peer)
    assert split(bytes(peer.received)) == (200, LARGE)
    wire.until(lambda: wire.pool.count == 0)


class TestDeadlines:
    def test_an_idle_connection_ends_tidily(self, wire: Wire) -> None:
        peer, _ = wire.connect()
        wire.exchange(peer, GET_SMALL)
        wire.wait(59.9)
        assert len(wire.connections) == 1
        wire.wait(0.3)
        wire.until(lambda: peer.is_ended, peer)
        assert not peer.received

    def test_a_slow_head_is_not_excused_by_its_trickle(self, wire: Wire) -> None:
        peer, _ = wire.connect()
        for byte in b"GET /small":
            peer.send(bytes([byte]))
            wire.wait(0.99)
        assert only(wire).protocol.state is State.HEAD
        wire.wait(1.3)
        wire.until(lambda: peer.is_ended, peer)
        assert split(bytes(peer.received))[0] == 408

    def test_a_stalled_download_is_reset(self, wire: Wire) -> None:
        peer, sock = wire.connect()
        sock.faults["send"] = sock.faults["sendmsg"] = [errno.EAGAIN] * 1000
        peer.send(GET_LARGE)
        wire.turn(50)
        wire.wait(29.9)
        assert len(wire.connections) == 1
        wire.wait(0.3)
        assert wire.connections == []
        wire.until(lambda: peer.is_reset, peer)
        assert wire.observer.ends == {EndReason.STALLED: 1}

    def test_progress_is_what_counts_not_the_time_in_all(self, wire: Wire) -> None:
        peer, sock = wire.connect()
        sock.is_bottomless, sock.most = True, 10
        peer.send(GET_LARGE)
        for turn in range(100):
            wire.wait(25.0)
            assert len(wire.connections) == 1, turn
        assert wire.observer.ends == {}

    @pytest.mark.parametrize(("taken", "ends"), [(900, {EndReason.BELOW_RATE: 1}), (1100, {})])
    @pytest.mark.parametrize("kind", ["streamed", "preloaded"])
    def test_a_minimum_rate_can_be_asked_for(
        self, root: Path, taken: int, ends: dict[EndReason, int], kind: str
    ) -> None:
        limits = Limits(min_rate=1000, min_rate_grace=10.0)
        largest = len(LARGE) if kind == "preloaded" else 0
        settings = CacheSettings(max_in_memory_size=largest)
        with Wire(root, limits=limits, cache_settings=settings) as wire:
            peer, sock = wire.connect()
            sock.is_bottomless, sock.most = True, taken
            peer.send(GET_LARGE)
            wire.until(lambda: wire.observer.responses == 1)
            for _ in range(9):
                wire.wait(1.0)
                assert len(wire.connections) == 1
            for _ in range(25):
                wire.wait(1.0)
            assert wire.observer.ends == ends
            assert len(wire.connections) == (0 if ends else 1)


class TestFairness:
    def test_a_fast_download_leaves_the_others_their_share(self, wire: Wire) -> None:
        peer, sock = wire.connect()
        peer.send(GET_LARGE)
        before = wire.observer.bytes_sent
        wire.turn()
        sends = sock.calls.count("send") + sock.calls.count("sendmsg")
        assert 1 <= sends <= BURST_SENDS
        assert wire.observer.bytes_sent - before <= BURST_SIZE + 2 * CHUNK

    def test_a_fast_client_of_large_pieces_leaves_the_others_their_share(self, root: Path) -> None:
        in_memory = CacheSettings(max_in_memory_size=len(LARGE))
        with Wire(root, cache_settings=in_memory) as wire:
            peer, sock = wire.connect()
            peer.send(GET_LARGE[:-1])
            wire.turn()
            sock.is_bottomless = True
            peer.send(GET_LARGE[-1:])
            turns: list[int] = []
            while not wire.observer.responses:
                wire.wait(0.002)
                turns = [wire.observer.bytes_sent]
            while only(wire).protocol.state is State.SENDING:
                before = wire.observer.bytes_sent
                wire.turn()
                turns.append(wire.observer.bytes_sent - before)
            assert len(turns) > 1
            assert max(turns) <= BURST_SIZE + 64 * 1024  # with the head, and one piece over

    def test_a_client_that_pipelines_leaves_the_others_their_share(self, wire: Wire) -> None:
        peer, sock = wire.connect()
        wire.exchange(peer, GET_SMALL)
        sock.calls.clear()
        peer.send(GET_SMALL * 50)
        wire.turn()
        assert len(sock.calls) == 1 + BURST_SENDS
        wire.until(lambda: only(wire).protocol.state is State.IDLE, peer)
        assert bytes(peer.received).count(b"HTTP/1.1 200 OK") == 50

    def test_in_a_crowd_each_sends_but_once(self, wire: Wire) -> None:
        ends = [wire.connect() for _ in range(CROWD + 1)]
        for peer, _ in ends:
            peer.send(GET_LARGE)
        wire.turn()
        assert wire.reactor.crowd == CROWD + 1
        for _, sock in ends:
            assert sock.calls[0] == "recv"
            assert len(sock.calls) <= 2

    @pytest.mark.parametrize("crowd", [False, True])
    def test_what_waits_for_its_turn_counts_as_in_flight(self, wire: Wire, crowd: bool) -> None:
        # Or an evicted file that nobody has taken a byte of would be held behind the budget's back.
        peer, _ = wire.connect()
        others = [wire.connect()[0] for _ in range(CROWD)] if crowd else []
        for other in others:
            other.send(request("/nothing"))
        before = 1 if crowd else BURST_SENDS
        peer.send(request("/nothing") * before + GET_SMALL)
        wire.turn()
        (waiting,) = [each for each in wire.connections if each.protocol.state is State.SENDING]
        assert waiting.protocol.outgoing(wire.now)
        content = wire.cache._entries[b"small.txt"].content
        assert content is not None
        assert content.is_in_flight


class TestEnds:
    def test_a_file_that_shrinks_ends_in_a_reset(self, tmp_path: Path) -> None:
        path = write(tmp_path / "file", LARGE)
        with no_leaks(), Wire(tmp_path) as wire:
            peer, _ = wire.connect()
            peer.send(request("/file"))
            wire.turn(50)
            os.truncate(path, 1000)
            wire.until(lambda: peer.is_reset or peer.is_ended, peer)
            assert peer.is_reset
            assert wire.observer.ends == {EndReason.FILE_CHANGED: 1}
            assert wire.pool.count == 0

    def test_a_file_that_shrinks_under_the_kernel_ends_in_a_reset(self, tmp_path: Path) -> None:
        path = write(tmp_path / "file", LARGE)
        with no_leaks(), Wire(tmp_path, sendfile=True) as wire:
            peer, _ = wire.connect()
            peer.send(request("/file"))
            wire.turn(50)
            os.truncate(path, 1000)
            wire.until(lambda: peer.is_reset or peer.is_ended, peer)
            assert peer.is_reset
            assert wire.observer.ends == {EndReason.FILE_CHANGED: 1}

    def test_the_kernel_can_send_the_file_by_itself(self, root: Path) -> None:
        with no_leaks(), Wire(root, sendfile=True) as wire:
            peer, sock = wire.connect()
            assert split(wire.exchange(peer, GET_LARGE)) == (200, LARGE)
            assert sock.calls.count("send") + sock.calls.count("sendmsg") == 1
            ranges = request("/large.bin", "Range: bytes=5-99,2000-3000000")
            answer = wire.exchange(peer, ranges)
            assert LARGE[5:100] in answer
            assert LARGE[2000:3000001] in answer

    def test_a_defect_ends_one_connection_and_is_logged(
        self, wire: Wire, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        peer, _ = wire.connect()
        other, _ = wire.connect()

        def defect(*ignored: object) -> None:
            raise RuntimeError("a defect")

        with monkeypatch.context() as patch:
            patch.setattr(wire.site, "respond", defect)
            peer.send(GET_SMALL)
            with caplog.at_level(logging.ERROR, "evloop"):
                wire.turn()
        assert [record.message for record in caplog.records] == ["a connection failed"]
        assert caplog.records[0].exc_info is not None
        assert split(wire.exchange(other, GET_SMALL)) == (200, SMALL)
        wire.until(lambda: peer.is_ended or peer.is_reset, peer)
        assert wire.pool.count == 1

    def test_a_defect_that_comes_again_and_again_is_logged_once_in_a_while(
        self, wire: Wire, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        def defect(*ignored: object) -> None:
            raise RuntimeError("a defect")

        monkeypatch.setattr(wire.site, "respond", defect)
        with caplog.at_level(logging.ERROR, "evloop"):
            for _ in range(20):
                peer, _ = wire.connect()
                peer.send(GET_SMALL)
                wire.wait(1.0)
        messages = [record.getMessage() for record in caplog.records]
        assert messages == ["a connection failed", "a connection failed (9 more before it)"]

    def test_a_defect_keeps_nobody_asleep(
        self, root: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        disk = ColdReader()
        disk.is_cold = True
        with no_leaks(), Wire(root, reader=disk) as wire:
            peers = [wire.connect()[0] for _ in range(3)]
            for peer in peers:
                peer.send(GET_SMALL)
            wire.turn()
            states = [each.protocol.state for each in wire.connections]
            assert states == [State.WAITING_FILE] * 3
            fail_once(wire, monkeypatch)
            disk.is_cold = False
            wire.until(lambda: peers[0].is_ended or peers[0].is_reset, *peers)
            assert [record.message for record in caplog.records] == ["a connection failed"]
            for peer in peers[1:]:
                assert split(wire.exchange(peer, b"")) == (200, SMALL)
            assert split(wire.exchange(peers[1], GET_LARGE)) == (200, LARGE)

    def test_a_defect_of_one_that_is_to_go_is_its_own(
        self, root: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        with no_leaks(), Wire(root, max_connections=1) as wire:
            wire.listen()
            idle = wire.call()
            wire.turn()
            wire.wait(SPARED)
            other = wire.call()
            idle.send(GET_SMALL)
            fail_once(wire, monkeypatch)
            wire.turn()
            assert [record.message for record in caplog.records] == ["a connection failed"]
            assert split(wire.exchange(other, GET_SMALL)) == (200, SMALL)

    def test_a_defect_of_one_does_not_keep_the_others_from_finishing(
        self, wire: Wire, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        peers = [wire.connect()[0] for _ in range(3)]
        peers[0].send(GET_SMALL)
        fail_once(wire, monkeypatch)
        for connection in wire.connections:
            connection.finish(wire.now)
        wire.until(lambda: all(peer.is_ended or peer.is_reset for peer in peers), *peers)

    def test_a_defect_that_can_not_be_told_is_an_end_too(
        self, wire: Wire, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        peer, _ = wire.connect()
        peer.send(GET_SMALL)

        def out_of_memory(*ignored: object, **more: object) -> None:
            raise MemoryError

        monkeypatch.setattr(wire.site, "respond", out_of_memory)
        monkeypatch.setattr(logging.getLogger("evloop"), "error", out_of_memory)
        with pytest.raises(MemoryError):
            wire.turn()
        assert wire.pool.count == 0

    def test_an_abort_is_a_reset_while_something_is_under_way(self, wire: Wire) -> None:
        peer, _ = wire.connect()
        peer.send(GET_LARGE)
        wire.turn()
        only(wire).shut_down(wire.now)
        wire.until(lambda: peer.is_reset, peer)
        assert wire.observer.ends == {EndReason.SHUTDOWN: 1}

    def test_an_abort_of_an_idle_connection_is_a_tidy_end(self, wire: Wire) -> None:
        peer, _ = wire.connect()
        only(wire).shut_down(wire.now)
        wire.until(lambda: peer.is_ended, peer)
        assert wire.observer.ends == {}

    def test_a_close_may_be_repeated(self, wire: Wire) -> None:
        wire.connect()
        connection = only(wire)
        connection.close()
        connection.close()
        assert wire.pool.count == 0
        assert connection.slot is None

    def test_a_peer_may_be_refused_before_it_asks(self, wire: Wire) -> None:
        peer, _ = wire.connect()
        only(wire).refuse(wire.now)
        wire.until(lambda: peer.is_ended, peer)
        assert split(bytes(peer.received))[0] == 503

    def test_finishing_lets_the_answer_under_way_be_the_last(self, wire: Wire) -> None:
        idle, _ = wire.connect()
        busy, _ = wire.connect()
        asking, _ = wire.connect()
        busy.send(GET_LARGE)
        asking.send(GET_SMALL[:10])
        wire.turn()
        for connection in wire.connections:
            connection.finish(wire.now)
        wire.until(lambda: idle.is_ended, idle)
        asking.send(GET_SMALL[10:])
        wire.until(lambda: busy.is_ended and asking.is_ended, busy, asking)
        assert split(bytes(busy.received)) == (200, LARGE)
        assert split(bytes(asking.received)) == (200, SMALL)


@pytest.fixture
def cold(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Let every read find nothing in memory while the list has True in it."""
    is_cold = [True]
    real = os.preadv

    def preadv(fd: int, buffers: list[memoryview], offset: int, flags: int = 0, /) -> int:
        if is_cold[0] and flags:
            raise BlockingIOError
        return real(fd, buffers, offset, 0)

    monkeypatch.setattr(os, "preadv", preadv)
    return is_cold


class TestWaiting:
    @pytest.mark.parametrize(("asked", "data"), [(GET_SMALL, SMALL), (GET_LARGE, LARGE)])
    def test_a_cold_file_rests_and_lets_others_pass(
        self, wire: Wire, cold: list[bool], asked: bytes, data: bytes
    ) -> None:
        peer, _ = wire.connect()
        peer.send(asked)
        wire.turn()
        waiting = only(wire)
        state = waiting.protocol.state
        assert state is (State.WAITING_FILE if asked is GET_SMALL else State.WAITING_DISK)
        other, _ = wire.connect()
        assert split(wire.exchange(other, request("/nothing")))[0] == 404
        assert waiting.protocol.state is state
        cold[0] = False
        wire.until(lambda: waiting.protocol.state is State.IDLE, peer)
        assert split(bytes(peer.received)) == (200, data)

    def test_a_disk_that_does_not_keep_its_promise_is_waited_for(
        self, wire: Wire, cold: list[bool]
    ) -> None:
        peer, _ = wire.connect()
        assert split(wire.exchange(peer, GET_SMALL)) == (200, SMALL)
        assert wire.reader.blocking == 1

    def test_a_client_that_breaks_off_while_it_waits_is_let_go(
        self, wire: Wire, cold: list[bool]
    ) -> None:
        peer, _ = wire.connect()
        peer.send(GET_LARGE)
        wire.turn()
        assert only(wire).protocol.state is State.WAITING_DISK
        reset(peer)
        wire.until(lambda: not wire.connections)
        assert wire.observer.ends == {EndReason.CLIENT_RESET: 1}
        wire.wait(1.0)  # its rest is over, and it is not there any more

    def test_an_event_that_says_nothing_disturbs_no_rest(
        self, wire: Wire, cold: list[bool]
    ) -> None:
        peer, _ = wire.connect()
        peer.send(GET_LARGE)
        wire.turn()
        only(wire).ready(READ, wire.now)
        assert only(wire).protocol.state is State.WAITING_DISK

    def test_nothing_is_read_while_it_rests(self, wire: Wire, cold: list[bool]) -> None:
        peer, sock = wire.connect()
        peer.send(GET_LARGE)
        wire.turn()
        calls = list(sock.calls)
        assert wire.poller.interests[sock.fileno()] == NOTHING  # or the loop would spin
        peer.send(GET_SMALL)
        wire.turn(5)
        assert sock.calls == calls


def reset(peer: Peer) -> None:
    """End the connection with a reset."""
    peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    peer.close()


@pytest.mark.parametrize("target", ["/small.txt", "/short.bin", "/nothing"])
def test_short_sends_of_every_size_lose_nothing(root: Path, target: str) -> None:
    write(root / "short.bin", LARGE[: 2 * CHUNK + 300])
    streamed = CacheSettings(max_in_memory_size=2 * CHUNK)
    with Wire(root, cache_settings=streamed) as wire:
        peer, _ = wire.connect()
        wire.exchange(peer, request(target))
        wire.wait(1.0)  # the tag of what is streamed is a digest by then
        wire.observer.bytes_sent = 0
        expected = wire.exchange(peer, request(target))
        for most in range(1, len(expected) + 2):
            sock = faulty_of(wire)
            sock.most = most
            assert wire.exchange(peer, request(target)) == expected, most
        assert wire.observer.bytes_sent % len(expected) == 0


def faulty_of(wire: Wire) -> FaultySocket:
    sock = only(wire)._socket
    assert isinstance(sock, FaultySocket)
    return sock
