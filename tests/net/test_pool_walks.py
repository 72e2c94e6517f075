"""Random walks of clients over a whole loop with tight limits: what holds after each turn.

Clients come, send parts of requests, read or do not, and end in every way, while files change
and are in memory or not, and time passes by a set clock. What is checked:

- the pool counts exactly the connections that are there, and only they are heavy;
- each has a timer that comes in time, and who waits for a file is known to those who wake;
- with nothing to do the loop comes to rest: no descriptor is ready that nobody handles;
- no part of the program raises an error, whatever the order;
- in the end nothing is left: no connection, no byte of the budget, no descriptor.
"""

import logging
import socket
import struct
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evloop.files.cache import CacheSettings
from evloop.files.preload import Preload
from evloop.http1.context import Limits
from evloop.http1.protocol import Http1Protocol
from evloop.http1.states import State
from evloop.net.connection import Connection
from evloop.net.pool import PoolLimits
from evloop.net.timers import TICK
from tests.support.bench import OLD, write
from tests.support.descriptors import no_leaks
from tests.support.wire import ColdReader, Peer, Wire

CONNECTIONS, HEAVY, PER_ADDRESS = 3, 1, 3
LIMITS = Limits(
    idle_timeout=5.0, head_timeout=2.0, send_timeout=3.0, file_timeout=1.0, linger_timeout=0.5
)
IN_MEMORY = 20_000
"""Bytes of the largest file that is preloaded."""
FILES = {"a": 10, "b": 9000, "c": 20_000, "d": 200_000}
BUDGET = 45_000
"""Bytes: room for two files of those in memory, not for all."""
REST = 400
"""Turns after which a loop without news is at rest, at most: each sends at least a piece."""


def get(name: str, fields: bytes = b"") -> bytes:
    return b"GET /%b HTTP/1.1\r\nHost: a\r\n%b\r\n" % (name.encode(), fields)


PARTS = b"Range: bytes=0-1,3-5,7-9\r\n"
WHOLE = [
    *(get(name) for name in [*FILES, "missing"]),
    get("d", PARTS),
    get("b", b"Connection: close\r\n"),
    get("c", b"Content-Length: 3\r\n") + b"abc",
    get("c") + get("d"),
    get("a") * 3 + get("b") + get("d", PARTS) + get("c"),
    get("d") + get("a")[:-4],
]
BYTES = [*WHOLE, b"\r\n", b"\n", b"\x16\x03\x01", b"Host: a\r\n\r\n"]


class Errors(logging.Handler):
    """Gathers what the program says of its own defects."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.records: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(logging.Formatter().format(record))


class Walk:
    """A loop, its clients, and what must hold."""

    def __init__(self, wire: Wire, root: Path, reader: ColdReader, errors: Errors) -> None:
        self.wire = wire
        self.root = root
        self.reader = reader
        self.errors = errors
        self.peers: list[Peer] = []
        self.listener, _ = wire.listen()
        self._changes = 0

    # Steps

    def connect(self) -> None:
        if len(self.peers) < 3 * CONNECTIONS:
            self.peers.append(self.wire.call())

    def send(self, which: int, data: bytes) -> None:
        if peer := self._peer(which):
            with suppress(OSError):  # the server may have ended it, or its queue be full
                peer.socket.send(data)

    def take(self, which: int) -> None:
        if peer := self._peer(which):
            peer.take()

    def half_close(self, which: int) -> None:
        if peer := self._peer(which):
            with suppress(OSError):
                peer.socket.shutdown(socket.SHUT_WR)

    def close(self, which: int) -> None:
        if peer := self._peer(which):
            self.peers.remove(peer)
            peer.close()

    def reset(self, which: int) -> None:
        if peer := self._peer(which):
            peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close(which)

    def change(self, name: str) -> None:
        self._changes += 1
        write(self.root / name, b"y" * FILES[name], OLD + self._changes)

    def turn(self) -> None:
        self.wire.turn()
        self.check()
        for peer in self.peers[:]:
            if _is_over(peer):
                self.peers.remove(peer)
                peer.close()

    def wait(self, seconds: float) -> None:
        self.wire.wait(seconds)
        self.check()

    def rest(self) -> None:
        """Let the loop do all that it can do at this time."""
        for _ in range(REST):
            self.turn()
            if not self.wire.reactor.crowd:
                return
        states = [each.protocol.state for each in self.wire.connections]
        raise AssertionError(f"a descriptor is ready all the time: {states}")

    def _peer(self, which: int) -> Peer | None:
        return self.peers[which % len(self.peers)] if self.peers else None

    # What holds

    def check(self) -> None:
        assert self.errors.records == []
        pool, members = self.wire.pool, self.wire.connections
        assert pool.count == len(members) + len(pool.lingering) <= CONNECTIONS
        assert pool.heavy <= set(members)
        assert len(pool.heavy) <= HEAVY
        assert sum(pool._from.values()) == pool.count
        for member in members:
            assert not member.protocol.is_heavy or member in pool.heavy
            assert self._is_timed(member), f"{member.protocol.state} is in no timer"
            assert self._is_woken(member), "nobody will wake it"
        budget = self.wire.cache.budget
        assert 0 <= budget.idle <= budget.used <= budget.limit

    def _is_timed(self, member: Connection) -> bool:
        timers, deadline, slot = self.wire.reactor.timers, member.deadline, member.slot
        if slot is not None and slot.due * TICK <= deadline + TICK:
            return member in slot and timers._slots.get(slot.due) is slot
        return any(timed is member and at == deadline for at, _, timed in timers._heap)

    def _is_woken(self, member: Connection) -> bool:
        protocol = member.protocol
        if not isinstance(protocol, Http1Protocol) or protocol.state is not State.WAITING_FILE:
            return True
        if member in self.wire.pool._woken:
            return True
        wait, preloads = protocol._wait, self.wire.cache._preloads
        assert wait is not None
        pending = wait.pending
        assert isinstance(pending, Preload)
        is_alive = preloads._running.get(pending.path) is pending or id(pending) in preloads._wakes
        return is_alive and member.wake in pending._subscribers

    def end(self) -> None:
        """Everybody leaves, and nothing is left of them."""
        self.reader.is_cold = False
        for peer in self.peers:
            peer.close()
        for _ in range(40):
            self.wait(1.0)
        self.listener.close()
        pool, wire = self.wire.pool, self.wire
        assert (pool.count, pool.heavy, pool._from) == (0, set(), {})
        assert wire.cache.budget.used == wire.cache.budget.idle
        wire.cache.close()
        assert wire.cache.budget.used == 0

    def drain(self) -> None:
        """The server is told to end, and does so by itself, whatever the clients do."""
        self.reader.is_cold = False  # a disk that never answers is waited for in the end
        self.wire.context.drain()
        self.listener.drain(self.wire.now)
        for connection in self.wire.connections:
            connection.finish(self.wire.now)
        self.check()
        for _ in range(60):
            self.wait(0.5)
        assert self.wire.pool.count == 0, [each.protocol.state for each in self.wire.connections]


def _is_over(peer: Peer) -> bool:
    """Whether *peer* can learn no more."""
    try:
        return not peer.socket.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return False
    except OSError:
        return True


@contextmanager
def walking() -> Iterator[Walk]:
    errors, reader = Errors(), ColdReader()
    log = logging.getLogger("evloop")
    log.addHandler(errors)
    try:
        with tempfile.TemporaryDirectory() as directory, no_leaks():
            root = Path(directory)
            for name, size in FILES.items():
                write(root / name, b"x" * size)
            with Wire(
                root,
                limits=LIMITS,
                cache_settings=CacheSettings(IN_MEMORY, BUDGET, revalidate=0.1),
                pool_limits=PoolLimits(
                    connections=CONNECTIONS,
                    per_address=PER_ADDRESS,
                    heavy=HEAVY,
                    linger_timeout=LIMITS.linger_timeout,
                ),
                reader=reader,
            ) as wire:
                yield Walk(wire, root, reader, errors)
    finally:
        log.removeHandler(errors)


Step = Callable[[Walk], object]
WHICH = st.integers(0, 3 * CONNECTIONS - 1)


def _set_cold(cold: bool) -> Step:
    def set_cold(walk: Walk) -> None:
        walk.reader.is_cold = cold

    return set_cold


PARTIAL = [get("a")[:-2], get("c")[:9], b"\r"]
STEPS: st.SearchStrategy[tuple[str, Step]] = st.one_of(
    st.just(("connect", Walk.connect)),
    st.tuples(WHICH, st.sampled_from(BYTES)).map(
        lambda given: (f"send {given}", lambda walk: walk.send(*given))
    ),
    st.tuples(WHICH, st.sampled_from(PARTIAL)).map(
        lambda given: (f"send {given}", lambda walk: walk.send(*given))
    ),
    st.tuples(WHICH, st.sampled_from(["take", "half_close", "close", "reset"])).map(
        lambda given: (f"{given[1]} {given[0]}", lambda walk: getattr(walk, given[1])(given[0]))
    ),
    st.sampled_from(sorted(FILES)).map(
        lambda name: (f"change {name}", lambda walk: walk.change(name))
    ),
    st.booleans().map(lambda cold: (f"cold: {cold}", _set_cold(cold))),
    st.just(("turn", Walk.turn)),
    st.just(("rest", Walk.rest)),
    st.sampled_from([0.001, 0.01, 0.3, 0.6, 2.1, 6.0]).map(
        lambda seconds: (f"wait {seconds}", lambda walk: walk.wait(seconds))
    ),
)


WALKS = {"steps": st.lists(STEPS, min_size=20, max_size=80), "drains": st.booleans()}


@settings(max_examples=150)
@given(**WALKS)
def test_whatever_clients_do_the_books_are_right(
    steps: list[tuple[str, Step]], drains: bool
) -> None:
    walk_through(steps, drains=drains)


@pytest.mark.slow
@settings(max_examples=1000)
@given(**WALKS)
def test_whatever_clients_do_for_longer(steps: list[tuple[str, Step]], drains: bool) -> None:
    walk_through(steps, drains=drains)


def walk_through(steps: list[tuple[str, Step]], *, drains: bool) -> None:
    with walking() as walk:
        for _, step in steps:
            step(walk)
        if drains:
            walk.drain()
        walk.end()
