"""Files, and a root, that change under a server: what clients get over real sockets."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from evloop.files.cache import CacheSettings
from evloop.files.reader import Reader
from evloop.observe.exchange import EndReason
from tests.support.bench import write
from tests.support.client import parse_head, request
from tests.support.descriptors import no_leaks
from tests.support.wire import Peer, Wire

NPM = 499_162_500
"""1985-10-26T08:15:00Z: what npm makes of every time."""
LARGE = 100_000
SETTINGS = CacheSettings(max_in_memory_size=1000, revalidate=1.0)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for number in "12":
        release = tmp_path / "releases" / number
        write(release / "small.txt", number.encode() * 10, NPM)
        write(release / "large.bin", number.encode() * LARGE, NPM)
    (tmp_path / "current").symlink_to("releases/1")
    return tmp_path / "current"


@pytest.fixture
def wire(root: Path) -> Iterator[Wire]:
    with no_leaks(), Wire(root, cache_settings=SETTINGS) as wire:
        yield wire


def swap(root: Path) -> None:
    """Put the second release in place, in one step."""
    (root.parent / "next").symlink_to("releases/2")
    (root.parent / "next").rename(root)


def ask(wire: Wire, peer: Peer, path: str, fields: str = "") -> tuple[int, dict[str, str], bytes]:
    answer = wire.exchange(peer, request(path, fields))
    head, _, body = answer.partition(b"\r\n\r\n")
    status, values = parse_head(head + b"\r\n\r\n")
    return status, values, body


def test_the_next_release_is_served_to_those_who_are_connected(wire: Wire, root: Path) -> None:
    peer, _ = wire.connect()
    assert ask(wire, peer, "/small.txt")[2] == b"1" * 10
    swap(root)
    wire.wait(1.0)
    assert ask(wire, peer, "/small.txt")[2] == b"2" * 10
    assert ask(wire, peer, "/large.bin")[2] == b"2" * LARGE


@pytest.mark.parametrize("is_known", [False, True])
def test_two_releases_of_one_time_and_size_are_never_spliced(
    wire: Wire, root: Path, is_known: bool
) -> None:
    peer, _ = wire.connect()
    _, fields, body = ask(wire, peer, "/large.bin")
    assert body == b"1" * LARGE
    if is_known:
        for _ in range(20):
            wire.wait(0.1)
        _, fields, _ = ask(wire, peer, "/large.bin")
    tag = fields["etag"]
    assert tag.startswith('"' if is_known else 'W/"')
    status, _, body = ask(wire, peer, "/large.bin", f"Range: bytes=5-9\nIf-Range: {tag}")
    assert (status, len(body)) == ((206, 5) if is_known else (200, LARGE))
    swap(root)
    wire.wait(1.0)
    status, _, body = ask(wire, peer, "/large.bin", f"Range: bytes=5-9\nIf-Range: {tag}")
    assert (status, body) == (200, b"2" * LARGE)
    status, _, body = ask(wire, peer, "/large.bin", f"If-None-Match: {tag}")
    assert (status, body) == (200, b"2" * LARGE)


def test_a_file_under_a_lease_is_to_be_asked_for_later(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lease(path: bytes) -> int:
        raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    peer, _ = wire.connect()
    with monkeypatch.context() as patch:
        patch.setattr(wire.root, "open", lease)
        status, fields, _ = ask(wire, peer, "/small.txt")
    assert (status, fields["retry-after"]) == (503, "1")
    assert ask(wire, peer, "/small.txt")[0] == 200


def test_no_memory_is_the_answer_of_one_request(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_memory(*_: object) -> None:
        raise MemoryError

    peer, _ = wire.connect()
    with monkeypatch.context() as patch:
        patch.setattr("evloop.files.preload.new_digest", no_memory)
        status, fields, _ = ask(wire, peer, "/small.txt")
    assert (status, fields["retry-after"]) == (503, "1")
    assert ask(wire, peer, "/small.txt")[0] == 200


@pytest.mark.parametrize(
    ("number", "end"),
    [
        (errno.EIO, EndReason.READ_ERROR),
        (errno.ESTALE, EndReason.FILE_CHANGED),
        (errno.ECONNRESET, EndReason.CLIENT_RESET),
        (errno.ETIMEDOUT, EndReason.CLIENT_RESET),
    ],
)
def test_sendfile_tells_who_is_at_fault(
    root: Path, monkeypatch: pytest.MonkeyPatch, number: int, end: EndReason
) -> None:
    def fail(*_: int) -> int:
        raise OSError(number, os.strerror(number))

    with no_leaks(), Wire(root, cache_settings=SETTINGS, sendfile=True) as wire:
        peer, _ = wire.connect()
        monkeypatch.setattr(os, "sendfile", fail)
        peer.send(request("/large.bin"))
        wire.turn(5)
        assert wire.observer.ends == {end: 1}


def test_a_file_that_nobody_waits_for_any_more_is_given_up(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    peers = [wire.connect()[0] for _ in range(3)]
    with monkeypatch.context() as patch:
        patch.setattr(Reader, "read_into", lambda *_: None)
        for peer in peers:
            peer.send(request("/small.txt"))
        wire.turn(2)
        assert wire.cache.is_loading
        for connection in wire.connections:
            connection.shut_down(wire.now)
        for _ in range(3):
            wire.wait(2.0)
    assert not wire.cache.is_loading
    assert wire.cache.budget.used == 0


@pytest.mark.parametrize("sendfile", [False, True])
@pytest.mark.parametrize("is_known", [False, True])
def test_a_download_of_what_is_rewritten_in_place_is_never_whole_under_a_strong_tag(
    root: Path, sendfile: bool, is_known: bool
) -> None:
    with no_leaks(), Wire(root, cache_settings=SETTINGS, sendfile=sendfile) as wire:
        peer, sock = wire.connect()
        if is_known:
            ask(wire, peer, "/large.bin")
            for _ in range(20):
                wire.wait(0.1)
        sock.most = 500  # less than is offered, so that it waits for the next turn
        peer.send(request("/large.bin"))
        wire.turn()
        with (root / "large.bin").open("r+b") as file:
            file.write(b"x")
        sock.most = None
        wire.until(lambda: peer.is_reset or peer.received.endswith(b"1" * 1000), peer)
        for _ in range(200):
            wire.wait(0.002)
            peer.take()
        assert wire.observer.ends == ({EndReason.FILE_CHANGED: 1} if is_known else {})
