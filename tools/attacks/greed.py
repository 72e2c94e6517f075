"""Clients that take all they can get, and what is left for one that asks for little."""

import contextlib
import itertools
import multiprocessing
import selectors
import socket
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection

from attacks.docroot import LARGE, SMALL, SMALL_CONTENT
from attacks.target import Address, Target
from attacks.visitor import Visitor

_PATIENCE = 30.0
_TICK = 0.1  # seconds between two looks for the end
_PIPELINE = 200  # requests that are sent in one piece


def _request(target: str, method: str = "GET") -> bytes:
    return f"{method} {target} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()


def greed(target: Target, names: Sequence[str], clients: int, seconds: float) -> Iterator[str]:
    """Measure a good client beside each kind of greed, *seconds* each.

    *names* are targets of files that are small enough to be preloaded and too many to stay.
    """
    kinds: dict[str, list[list[bytes]]] = {
        "nobody else": [],
        "4 downloads at full speed": [[_request(LARGE)]] * 4,
        f"{clients} clients that pipeline missing files": [[_request("/missing") * _PIPELINE]]
        * clients,
        f"{clients} clients that ask for the heads of {len(names)} files": [
            [_request(name, "HEAD") for name in (*names[number:], *names[:number])]
            for number in range(0, len(names), max(1, len(names) // clients))
        ][:clients],
    }
    for name, crowd in kinds.items():
        with (
            contextlib.closing(Visitor(target.address, SMALL, SMALL_CONTENT)) as visitor,
            _greedy(target.address, crowd),
        ):
            visitor.measure(0.5)
            target.reset()
            latency = visitor.measure(seconds)
            lag = target.figures().get("lag", {"p99": 0, "maximum": 0})
        yield f"{name}: a small file {latency}"
        yield f"  loop lag p99 {lag['p99'] * 1000:.2f} ms, max {lag['maximum'] * 1000:.2f} ms"


@contextlib.contextmanager
def _greedy(address: Address, crowd: list[list[bytes]]) -> Iterator[None]:
    """Let a client for each member of *crowd* send its pieces by turns, and take all answers."""
    if not crowd:
        yield
        return
    processes = multiprocessing.get_context("spawn")
    orders, theirs = processes.Pipe()
    process = processes.Process(target=_run, args=(address, crowd, theirs), daemon=True)
    process.start()
    try:
        if not orders.poll(_PATIENCE):
            raise RuntimeError("the server does not take all connections")
        yield
    finally:
        process.kill()
        process.join()


class _Guest:
    """Sends its pieces by turns, the next one when something has come."""

    def __init__(self, address: Address, pieces: list[bytes]) -> None:
        self.socket = socket.create_connection(address)
        self.socket.setblocking(False)
        self._pieces = itertools.cycle(pieces)
        self._pending = b""
        self._ask()

    def take(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self.socket.recv(256 * 1024)
            self._ask()

    def _ask(self) -> None:
        self._pending = self._pending or next(self._pieces)
        self._pending = self._pending[self.socket.send(self._pending) :]


def _run(address: Address, crowd: list[list[bytes]], orders: Connection) -> None:
    with selectors.DefaultSelector() as selector:
        for pieces in crowd:
            guest = _Guest(address, pieces)
            selector.register(guest.socket, selectors.EVENT_READ, guest)
        orders.send(True)
        while not orders.poll():
            for key, _ in selector.select(_TICK):
                key.data.take()
