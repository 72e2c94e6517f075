"""Thousands of connections that come and go, well and badly; what is left of them?"""

import random
import socket
import struct
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

from attacks.docroot import LARGE, SMALL, SMALL_CONTENT
from attacks.target import Address, Target, Usage
from evloop.settings.units import format_size

_PATIENCE = 10.0
_WARM_UP = 200
_SETTLE = 20.0  # seconds for the server to notice the last one
# Ports of a closed connection rest for a while: several addresses have more of them.
_SOURCES = tuple(f"127.0.0.{number}" for number in range(2, 10))
_RESET = struct.pack("ii", 1, 0)


class Counts(NamedTuple):
    """How many connections of each kind."""

    gets: int
    aborts: int
    cancels: int


def churn(target: Target, counts: Counts, seed: int) -> Iterator[str]:
    """Open and close connections, and tell how far the server returns to where it was."""
    chance = random.Random(seed)
    kinds: dict[str, tuple[Callable[[Address, random.Random], None], int]] = {
        "connect, GET, close": (get, counts.gets),
        "abort at a random point": (abort, counts.aborts),
        "cancelled download": (cancel, counts.cancels),
    }
    for act, _ in kinds.values():
        _repeat(target, act, _WARM_UP, chance)
    base = settled(target, None)
    for name, (act, count) in kinds.items():
        began = time.monotonic()
        _repeat(target, act, count, chance)
        now = settled(target, base)
        yield (
            f"{count} x {name}: {now.descriptors - base.descriptors:+} descriptors,"
            f" {format_size(now.memory - base.memory)} more memory,"
            f" {count / max(0.001, time.monotonic() - began):.0f} a second"
        )


def get(address: Address, chance: random.Random) -> None:
    """Ask for the small file, take it, and close."""
    with _connect(address, chance) as sock:
        sock.sendall(_request(SMALL))
        received = b""
        while not received.endswith(SMALL_CONTENT):
            piece = sock.recv(64 * 1024)
            assert piece, "the server closed early"
            received += piece


def abort(address: Address, chance: random.Random) -> None:
    """Go away at a random point: in the request, before the answer or in it."""
    request = _request(chance.choice((SMALL, LARGE, "/missing")))
    with _connect(address, chance) as sock:
        sock.sendall(request[: chance.randrange(len(request) + 1)])
        if chance.random() < 0.5:
            sock.settimeout(0.001)
            try:
                sock.recv(chance.randrange(1, 64 * 1024))
            except OSError:
                pass
        if chance.random() < 0.5:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)


def cancel(address: Address, chance: random.Random) -> None:
    """Begin a large download and go away in its middle."""
    with _connect(address, chance) as sock:
        sock.sendall(_request(LARGE))
        wanted = chance.randrange(1, 512 * 1024)
        while wanted > 0:
            piece = sock.recv(64 * 1024)
            assert piece, "the server closed early"
            wanted -= len(piece)


def settled(target: Target, base: Usage | None) -> Usage:
    """Return the usage when it is as low as *base*, or does not change any more."""
    give_up_at = time.monotonic() + _SETTLE
    before = target.usage()
    while time.monotonic() < give_up_at:
        time.sleep(0.2)
        now = target.usage()
        if now.descriptors == before.descriptors if base is None else now[2] <= base[2]:
            break
        before = now
    return target.usage()


def _repeat(
    target: Target, act: Callable[[Address, random.Random], None], count: int, chance: random.Random
) -> None:
    for _ in range(count):
        act(target.address, chance)


def _connect(address: Address, chance: random.Random) -> socket.socket:
    return socket.create_connection(address, _PATIENCE, (chance.choice(_SOURCES), 0))


def _request(target: str) -> bytes:
    return f"GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
