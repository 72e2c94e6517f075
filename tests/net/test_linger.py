"""Sockets that the server closed first: bounded in time and bytes, and rarely looked at."""

import errno
import socket
from collections.abc import Iterator
from typing import cast

import pytest

from evloop.net.linger import LINGER_SIZE, MAX_LOOKS, Lingering
from evloop.net.reactor import Reactor


class Socket:
    """A socket that gives what it is told: bytes, an error, or nothing for now."""

    def __init__(self, *gives: bytes | int) -> None:
        self.gives = list(gives)
        self.looks = 0
        self.is_open = True

    def fileno(self) -> int:
        return 99 if self.is_open else -1

    def recv(self, size: int) -> bytes:
        self.looks += 1
        if not self.gives:
            raise BlockingIOError
        given = self.gives.pop(0)
        if isinstance(given, int):
            raise OSError(given, "")
        return given

    def close(self) -> None:
        self.is_open = False


class Clocked:
    """Lingering sockets on a clock of numbers."""

    def __init__(self, timeout: float = 2.0) -> None:
        self.now = 100.0
        self.reactor = Reactor(clock=lambda: self.now)
        self.released: list[str] = []
        self.lingering = Lingering(self.reactor, timeout, self.released.append)

    def add(self, *gives: bytes | int) -> Socket:
        sock = Socket(*gives)
        self.lingering.add(cast(socket.SocketType, sock), f"peer {len(self.lingering)}", self.now)
        return sock

    def wait(self, seconds: float) -> None:
        for _ in range(round(seconds / 0.005)):
            self.now += 0.005
            self.reactor.turn(0.0)


@pytest.fixture
def clocked() -> Iterator[Clocked]:
    clocked = Clocked()
    yield clocked
    clocked.lingering.close()
    clocked.reactor.close()


# What arrives, and whether the socket is closed at the first look.
ARRIVALS: dict[str, tuple[list[bytes | int], bool]] = {
    "nothing": ([], False),
    "the end": ([b""], True),
    "a line and the end": ([b"\r\n", b""], True),
    "a line": ([b"\r\n"], False),
    "a reset": ([errno.ECONNRESET], True),
    "as much as may be": ([bytes(LINGER_SIZE)], False),
    "more than may be": ([bytes(LINGER_SIZE), b"x"], True),
}


@pytest.mark.parametrize("name", ARRIVALS)
def test_what_arrives_is_discarded_up_to_a_limit(clocked: Clocked, name: str) -> None:
    gives, is_closed = ARRIVALS[name]
    sock = clocked.add(*gives)
    clocked.wait(0.06)
    assert sock.is_open is not is_closed
    assert clocked.released == (["peer 0"] if is_closed else [])
    assert len(clocked.lingering) == (not is_closed)


def test_nobody_lingers_longer_than_the_timeout(clocked: Clocked) -> None:
    sock = clocked.add()
    clocked.wait(1.98)
    assert sock.is_open
    clocked.wait(0.05)  # each look may be a turn late
    assert not sock.is_open


def test_a_silent_peer_is_looked_at_a_few_times_only(clocked: Clocked) -> None:
    sock = clocked.add()
    clocked.wait(2.1)
    assert sock.looks == 4


def test_bytes_do_not_buy_time(clocked: Clocked) -> None:
    sock = clocked.add()
    for _ in range(21):
        sock.gives.append(b"x")
        clocked.wait(0.1)
    assert not sock.is_open


def test_many_are_looked_at_in_bounded_pieces(clocked: Clocked) -> None:
    for _ in range(MAX_LOOKS + 10):
        clocked.add(b"")
    clocked.now += 0.051
    clocked.reactor.turn(0.0)
    assert len(clocked.lingering) == 10
    clocked.now += 0.001
    clocked.reactor.turn(0.0)
    assert len(clocked.lingering) == 0


def test_the_one_that_has_lingered_longest_makes_room(clocked: Clocked) -> None:
    first = clocked.add()
    clocked.wait(0.3)
    second = clocked.add()
    assert clocked.lingering.close_one()
    assert (first.is_open, second.is_open) == (False, True)
    assert clocked.lingering.close_one()
    assert not clocked.lingering.close_one()


def test_all_are_closed_at_the_end(clocked: Clocked) -> None:
    sockets = [clocked.add() for _ in range(3)]
    assert clocked.lingering.descriptors() == [99] * 3
    clocked.lingering.close()
    assert not any(sock.is_open for sock in sockets)
    clocked.wait(3.0)  # nobody is left to look at
