"""Each call that can fail, each way in which it does, and what is expected then.

After each the connection is at rest or at its end as the table says, nothing is counted
that is not there, no descriptor is open that should not be, and the next client is served.
"""

import errno
import os
from collections.abc import Callable, Iterator
from enum import Enum
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pytest

from evloop.files.cache import CacheSettings
from evloop.http1.states import State
from evloop.observe.exchange import EndReason
from tests.support.bench import write
from tests.support.client import parse_head, request
from tests.support.descriptors import no_leaks
from tests.support.wire import CHUNK, FaultySocket, Peer, Wire

PRELOADED = b"preloaded file\n" * 10
STREAMED = os.urandom(300 * CHUNK + 5)
SETTINGS = CacheSettings(max_in_memory_size=len(PRELOADED), revalidate=0.0)
GET_PRELOADED, GET_STREAMED = request("/preloaded.txt"), request("/streamed.bin")
GET_MISSING, GET_DIRECTORY = request("/missing.txt"), request("/directory")


class Outcome(Enum):
    """What becomes of a connection that was to answer when something failed."""

    SERVED = "as if nothing had been"
    CLOSED = "closed"
    RESET = "reset, so that nobody takes it for whole"


ENDS = {Outcome.SERVED: {}, Outcome.CLOSED: {}, Outcome.RESET: {EndReason.CLIENT_RESET: 1}}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("root")
    write(root / "preloaded.txt", PRELOADED)
    write(root / "streamed.bin", STREAMED)
    write(root / "directory/index.html", PRELOADED)
    return root


@pytest.fixture(params=["copy", "sendfile"])
def wire(request: pytest.FixtureRequest, root: Path) -> Iterator[Wire]:
    with no_leaks():
        with Wire(
            root, cache_settings=SETTINGS, openat2=False, sendfile=request.param == "sendfile"
        ) as wire:
            yield wire
            check_order(wire)
        assert wire.cache.budget.used == 0


def check_order(wire: Wire) -> None:
    """See to it that the next client is served and that nothing is left when all have gone."""
    peer, _ = wire.connect()
    for get, body in ((GET_PRELOADED, PRELOADED), (GET_STREAMED, STREAMED)):
        assert split(wire.exchange(peer, get)) == (200, body)
    for each in wire._peers:
        each.close()
    wire.until(lambda: not wire.connections)
    assert wire.pool.count == 0


def split(answer: bytes) -> tuple[int, bytes]:
    head, end, body = answer.partition(b"\r\n\r\n")
    return parse_head(head + end)[0], body


def outcome_of(wire: Wire, peer: Peer, sock: FaultySocket, expected: bytes) -> Outcome:
    """Return what became of the connection that was to answer with *expected*."""
    wire.until(
        lambda: (
            sock.fileno() < 0
            or (wire.observer.responses > 0 and wire.connections[0].protocol.state is State.IDLE)
        ),
        peer,
    )
    wire.until(lambda: sock.fileno() >= 0 or peer.is_ended or peer.is_reset, peer)
    if sock.fileno() >= 0:
        assert split(bytes(peer.received)) == (200, expected)
        return Outcome.SERVED
    return Outcome.RESET if peer.is_reset else Outcome.CLOSED


# Sockets

_PEER_GONE = (errno.ECONNRESET, errno.EPIPE, errno.ETIMEDOUT, errno.ENOTCONN, errno.ECONNABORTED)
_STRANGE = (errno.ENOBUFS, errno.ENOMEM, errno.EIO, errno.EHOSTUNREACH, errno.EBADF, errno.EINVAL)

SOCKET_FAULTS = {
    ("recv", errno.EAGAIN): Outcome.SERVED,
    **dict.fromkeys([("recv", number) for number in _PEER_GONE + _STRANGE], Outcome.CLOSED),
    ("send", errno.EAGAIN): Outcome.SERVED,
    **dict.fromkeys([("send", number) for number in _PEER_GONE + _STRANGE], Outcome.RESET),
}


@pytest.mark.parametrize("get", [GET_PRELOADED, GET_STREAMED], ids=["preloaded", "streamed"])
@pytest.mark.parametrize(("call", "number"), SOCKET_FAULTS)
def test_a_socket_that_fails(wire: Wire, get: bytes, call: str, number: int) -> None:
    peer, sock = wire.connect()
    for name in ("send", "sendmsg") if call == "send" else (call,):
        sock.faults[name] = [number]
    peer.send(get)
    body = PRELOADED if get is GET_PRELOADED else STREAMED
    expected = SOCKET_FAULTS[call, number]
    outcome = outcome_of(wire, peer, sock, body)
    if expected is Outcome.CLOSED:
        assert outcome is not Outcome.SERVED  # the request was not read: the kernel tells so
    else:
        assert outcome is expected
    assert wire.observer.ends == ENDS[expected]


@pytest.mark.parametrize("wire", ["copy"], indirect=True)
@pytest.mark.parametrize("number", [errno.EAGAIN, errno.ECONNRESET, errno.EPIPE])
@pytest.mark.parametrize("after", [1, 2, 7])
def test_a_socket_that_fails_in_the_middle(wire: Wire, number: int, after: int) -> None:
    peer, sock = wire.connect()
    sock.most = 1000
    sock.faults["send"] = [None] * after + [number]
    peer.send(GET_STREAMED)
    outcome = outcome_of(wire, peer, sock, STREAMED)
    assert outcome is (Outcome.SERVED if number == errno.EAGAIN else Outcome.RESET)


@pytest.mark.parametrize("number", [errno.ENOTCONN, errno.ECONNRESET, errno.EIO])
def test_a_shutdown_that_fails_is_the_end(wire: Wire, number: int) -> None:
    peer, sock = wire.connect()
    sock.faults["shutdown"] = [number]
    peer.send(b"nonsense\r\n\r\n")
    wire.until(lambda: sock.fileno() < 0, peer)
    assert split(bytes(peer.received))[0] == 400


def is_closed(sock: FaultySocket) -> bool:
    return sock.fileno() < 0


@pytest.mark.parametrize("number", [errno.EIO, errno.EINTR, errno.ENOSPC])
def test_a_close_that_fails_is_a_close(wire: Wire, number: int) -> None:
    for get in (request("/preloaded.txt", "Connection: close"), b""):
        peer, sock = wire.connect()
        sock.faults["close"] = [number]
        peer.send(get)
        if not get:
            peer.close()
        wire.until(partial(is_closed, sock))
    assert wire.pool.count == 0


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOPROTOOPT])
def test_a_reset_that_can_not_be_asked_for_is_an_end(wire: Wire, number: int) -> None:
    peer, sock = wire.connect()
    sock.faults["setsockopt"] = [number]
    sock.faults["sendmsg"] = sock.faults["send"] = [errno.EPIPE]
    peer.send(GET_STREAMED)
    wire.until(lambda: sock.fileno() < 0)


# The poller

POLLER_FAULTS = {
    ("modify", errno.ENOMEM): Outcome.RESET,  # in the middle of a response
    ("modify", errno.ENOENT): Outcome.RESET,
    ("forget", errno.ENOENT): Outcome.CLOSED,
    ("forget", errno.EBADF): Outcome.CLOSED,
}


@pytest.mark.parametrize(("call", "number"), POLLER_FAULTS)
def test_a_poller_that_fails(wire: Wire, call: str, number: int) -> None:
    peer, sock = wire.connect()
    wire.poller.faults[call] = [number]
    sock.faults["send"] = sock.faults["sendmsg"] = [errno.EAGAIN]  # so that it waits to write
    peer.send(request("/streamed.bin", "Connection: close"))
    wire.until(lambda: sock.fileno() < 0, peer)
    wire.until(lambda: peer.is_ended or peer.is_reset, peer)
    assert peer.is_reset is (POLLER_FAULTS[call, number] is Outcome.RESET)
    assert wire.pool.count == 0


# The disk: os.open, os.fstat, os.preadv, os.close


class Disk(NamedTuple):
    """What a call of the os module does at the first time that counts."""

    call: str
    number: int


_NOTHING_THERE = (
    errno.ENOENT,
    errno.ENOTDIR,
    errno.ELOOP,
    errno.EXDEV,
    errno.ENAMETOOLONG,
    errno.ENXIO,
    errno.ENODEV,
    errno.EINVAL,
)
LOOK_UPS = {
    **dict.fromkeys([("open", number) for number in _NOTHING_THERE], 404),
    ("open", errno.EACCES): 403,
    ("open", errno.EPERM): 403,
    ("open", errno.EMFILE): 503,
    ("open", errno.ENFILE): 503,
    ("open", errno.ENOMEM): 503,
    ("open", errno.EIO): 500,
    ("open", errno.ESTALE): 500,
    ("open", errno.ETIMEDOUT): 500,
    ("fstat", errno.EIO): 500,
    ("fstat", errno.ESTALE): 500,
    ("fstat", errno.ENOMEM): 503,
    ("fstat", errno.EACCES): 403,
}


@pytest.fixture
def fail(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, int, int], None]:
    """Let one call of the os module fail, after some that do not."""

    def fail(call: str, number: int, after: int = 0) -> None:
        real = getattr(os, call)
        calls_left = [after]

        def faulty(*arguments: object, **named: object) -> object:
            if calls_left[0]:
                calls_left[0] -= 1
                return real(*arguments, **named)
            monkeypatch.setattr(os, call, real)
            if call == "close":
                real(*arguments)
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(os, call, faulty)

    return fail


@pytest.mark.parametrize("get", [GET_PRELOADED, GET_STREAMED], ids=["preloaded", "streamed"])
@pytest.mark.parametrize(("call", "number"), LOOK_UPS)
@pytest.mark.parametrize("after", [0, 1])
def test_a_look_up_that_fails(
    wire: Wire,
    fail: Callable[[str, int, int], None],
    get: bytes,
    call: str,
    number: int,
    after: int,
) -> None:
    """The walk opens each name twice, and looks at it twice: any of them may fail."""
    peer, _ = wire.connect()
    fail(call, number, after)
    answer = wire.exchange(peer, get)
    expected = LOOK_UPS[call, number]
    assert split(answer)[0] == expected
    assert (b"Retry-After" in answer) is (expected == 503)
    assert split(wire.exchange(peer, GET_MISSING))[0] == 404  # the connection goes on


@pytest.mark.parametrize("after", range(5))
@pytest.mark.parametrize("call", ["open", "fstat"])
def test_a_directory_that_can_not_be_looked_into(
    wire: Wire, fail: Callable[[str, int, int], None], call: str, after: int
) -> None:
    peer, _ = wire.connect()
    fail(call, errno.EIO, after)
    status, _ = split(wire.exchange(peer, GET_DIRECTORY))
    assert status in {308, 404, 500}


@pytest.mark.parametrize("number", [errno.EIO, errno.EINTR, errno.ENOSPC])
@pytest.mark.parametrize("get", [GET_PRELOADED, GET_STREAMED, GET_DIRECTORY, GET_MISSING])
@pytest.mark.parametrize("after", range(4))
def test_a_file_whose_close_fails_is_served(
    wire: Wire, fail: Callable[[str, int, int], None], get: bytes, number: int, after: int
) -> None:
    peer, _ = wire.connect()
    expected = split(wire.exchange(peer, get))
    fail("close", number, after)
    assert split(wire.exchange(peer, get)) == expected


# Reads, before and after the head of the response has been promised

PRELOADS = {
    errno.EAGAIN: 200,  # not in memory: it is asked again
    errno.EOPNOTSUPP: 200,  # can't tell what is in memory: it is read plainly
    errno.ENOSYS: 200,
    errno.EINVAL: 200,
    errno.EIO: 500,
    errno.ESTALE: 500,
    errno.EISDIR: 404,
    errno.ENOMEM: 503,
}


@pytest.mark.parametrize("number", PRELOADS)
def test_a_preload_that_fails(
    wire: Wire, fail: Callable[[str, int, int], None], number: int
) -> None:
    peer, _ = wire.connect()
    fail("preadv", number, 0)
    status, body = split(wire.exchange(peer, GET_PRELOADED))
    assert status == PRELOADS[number]
    if status == 200:
        assert body == PRELOADED


@pytest.mark.parametrize("after", [0, 1, 3])
@pytest.mark.parametrize(
    ("number", "is_served"),
    [
        (errno.EAGAIN, True),
        (errno.EOPNOTSUPP, True),
        (errno.EIO, False),
        (errno.ESTALE, False),
        (errno.ENOMEM, False),
    ],
)
def test_a_refill_that_fails(
    wire: Wire, fail: Callable[[str, int, int], None], number: int, is_served: bool, after: int
) -> None:
    peer, sock = wire.connect()
    fail("preadv", number, after)
    peer.send(GET_STREAMED)
    outcome = outcome_of(wire, peer, sock, STREAMED)
    assert outcome is (Outcome.SERVED if is_served else Outcome.RESET)
    end = EndReason.FILE_CHANGED if number == errno.ESTALE else EndReason.READ_ERROR
    assert wire.observer.ends == ({} if is_served else {end: 1})


WINDOWS = {
    errno.EAGAIN: None,
    errno.ECONNRESET: EndReason.CLIENT_RESET,
    errno.EPIPE: EndReason.CLIENT_RESET,
    errno.EIO: EndReason.READ_ERROR,
    errno.ENOMEM: EndReason.READ_ERROR,
    errno.ESTALE: EndReason.FILE_CHANGED,
}


@pytest.mark.parametrize(("number", "end"), WINDOWS.items())
def test_a_window_that_can_not_be_sent(
    root: Path, fail: Callable[[str, int, int], None], number: int, end: EndReason | None
) -> None:
    with no_leaks(), Wire(root, cache_settings=SETTINGS, sendfile=True) as wire:
        peer, sock = wire.connect()
        fail("sendfile", number, 0)
        peer.send(GET_STREAMED)
        outcome = outcome_of(wire, peer, sock, STREAMED)
        assert outcome is (Outcome.SERVED if end is None else Outcome.RESET)
        assert wire.observer.ends == ({} if end is None else {end: 1})


@pytest.mark.parametrize("most", [1, 2, 3, 100, 999, CHUNK, CHUNK + 1])
def test_short_reads_lose_nothing(wire: Wire, monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    real = os.preadv

    def preadv(fd: int, buffers: list[memoryview], offset: int, flags: int = 0, /) -> int:
        return real(fd, [buffers[0][:most]], offset, flags)

    monkeypatch.setattr(os, "preadv", preadv)
    peer, _ = wire.connect()
    assert split(wire.exchange(peer, GET_PRELOADED)) == (200, PRELOADED)
    ranged = request("/streamed.bin", "Range: bytes=1000-4999")
    assert split(wire.exchange(peer, ranged)) == (206, STREAMED[1000:5000])


# What happens to files while they are served


def test_a_file_that_vanishes_is_sent_to_its_end(tmp_path: Path) -> None:
    path = write(tmp_path / "streamed.bin", STREAMED)
    with no_leaks(), Wire(tmp_path, cache_settings=SETTINGS) as wire:
        peer, _ = wire.connect()
        peer.send(GET_STREAMED)
        wire.turn(2)
        path.unlink()
        assert split(wire.exchange(peer, b"")) == (200, STREAMED)
        assert split(wire.exchange(peer, GET_STREAMED))[0] == 404


def test_a_file_that_is_replaced_is_sent_as_it_was(tmp_path: Path) -> None:
    path = write(tmp_path / "streamed.bin", STREAMED)
    with no_leaks(), Wire(tmp_path, cache_settings=SETTINGS) as wire:
        peer, _ = wire.connect()
        peer.send(GET_STREAMED)
        wire.turn(2)
        write(tmp_path / "new", STREAMED[::-1]).rename(path)
        assert split(wire.exchange(peer, b"")) == (200, STREAMED)
        assert split(wire.exchange(peer, GET_STREAMED)) == (200, STREAMED[::-1])


def test_a_file_that_grows_is_sent_as_it_was_promised(tmp_path: Path) -> None:
    path = write(tmp_path / "streamed.bin", STREAMED)
    with no_leaks(), Wire(tmp_path, cache_settings=SETTINGS) as wire:
        peer, _ = wire.connect()
        peer.send(GET_STREAMED)
        wire.turn(2)
        with path.open("ab") as file:
            file.write(b"more" * 1000)
        assert split(wire.exchange(peer, b"")) == (200, STREAMED)
        assert split(wire.exchange(peer, GET_STREAMED)) == (200, STREAMED + b"more" * 1000)


def test_a_file_that_becomes_unreadable_is_sent_to_its_end(
    tmp_path: Path, fail: Callable[[str, int, int], None]
) -> None:
    write(tmp_path / "streamed.bin", STREAMED)
    with no_leaks(), Wire(tmp_path, cache_settings=SETTINGS, openat2=False) as wire:
        peer, _ = wire.connect()
        peer.send(GET_STREAMED)
        wire.turn(2)
        fail("open", errno.EACCES, 0)  # as for everybody but root
        assert split(wire.exchange(peer, b"")) == (200, STREAMED)
        assert split(wire.exchange(peer, GET_STREAMED))[0] == 403


def test_a_root_that_is_renamed_is_gone_but_for_downloads_and_comes_back(tmp_path: Path) -> None:
    write(tmp_path / "root/streamed.bin", STREAMED)
    with no_leaks(), Wire(tmp_path / "root", cache_settings=SETTINGS) as wire:
        peer, _ = wire.connect()
        peer.send(GET_STREAMED)
        wire.turn(2)
        (tmp_path / "root").rename(tmp_path / "moved")
        assert split(wire.exchange(peer, b"")) == (200, STREAMED)
        wire.wait(1.0)
        assert split(wire.exchange(peer, GET_STREAMED))[0] == 404
        (tmp_path / "moved").rename(tmp_path / "root")
        wire.wait(1.0)
        assert split(wire.exchange(peer, GET_STREAMED)) == (200, STREAMED)
