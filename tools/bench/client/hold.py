"""Connections that are held: idle, stalled behind the head, or read slowly."""

import selectors
import socket
import sys
import time
from collections import deque

from bench.client.console import say, say_and_wait
from bench.client.crowd import Crowd
from bench.client.exchange import HOST, BadResponseError, Exchange
from bench.client.orders import Hold

# Connections that are being made at a time, so that no backlog overflows.
_IN_PROGRESS = 64

# Every slow connection is read from once per round, in seconds.
_ROUND = 0.25

# The shortest pause between two turns of slow reading, in seconds.
_TURN = 0.01

# How long it may take until every connection has its answer, in seconds.
READY_DEADLINE = 30.0


class _Client:
    def __init__(self, order: Hold) -> None:
        self._order = order
        fields = f"Host: {HOST}:{order.port}\r\nUser-Agent: bench\r\nAccept: */*\r\n\r\n"
        self._head = f"GET {order.path} HTTP/1.1\r\n{fields}".encode("ascii")
        self.crowd = Crowd(order.port, order.receive_buffer)
        self.held: deque[Exchange] = deque()
        self.received = 0

    def gather(self) -> None:
        """Bring every connection to the state in which it is held."""
        to_open = self._order.connections
        in_progress = 0
        deadline = time.monotonic() + READY_DEADLINE
        while (to_open or in_progress) and time.monotonic() < deadline:
            while to_open and in_progress < _IN_PROGRESS:
                to_open -= 1
                in_progress += self.crowd.connect() is not None
            for exchange, is_new in self.crowd.ready(0.1):
                in_progress -= self._is_settled(exchange, is_new)
        if in_progress + to_open:
            self.crowd.errors["no answer in time"] += in_progress + to_open

    def _is_settled(self, exchange: Exchange, is_new: bool) -> bool:
        try:
            if is_new:
                exchange.send(self._head)
                return False
            wants_all = self._order.rate is None
            if not (exchange.read() if wants_all else exchange.read_head_only()):
                return False
            exchange.refuse_unless_kept()
        except BadResponseError as error:
            self.crowd.drop(exchange, error)
            return True
        self.crowd.ignore(exchange)
        self.held.append(exchange)
        return True

    def read_slowly(self, due: int) -> None:
        """Read its share from each of the *due* connections whose turn it is."""
        share = int((self._order.rate or 0) * _ROUND)
        for _ in range(min(due, len(self.held))):
            exchange = self.held.popleft()
            before = exchange.received
            try:
                is_complete = exchange.read_some(share)
            except BadResponseError as error:
                exchange.sock.close()
                self.crowd.errors[str(error)] += 1
                continue
            self.received += exchange.received - before
            if is_complete:
                exchange.sock.close()
            else:
                self.held.append(exchange)

    def lost(self) -> int:
        """Return how many of the held connections the server has closed meanwhile."""
        return sum(not _is_open(exchange) for exchange in self.held)


def _is_open(exchange: Exchange) -> bool:
    try:
        return bool(exchange.sock.recv(1, socket.MSG_PEEK))
    except BlockingIOError:
        return True
    except OSError:
        return False


def run_hold(order: Hold) -> None:
    """Carry out *order*: `ready` when all are held, then, told to go on, `held`."""
    client = _Client(order)
    client.gather()
    say("ready", held=len(client.held), errors=client.crowd.errors)
    started = time.monotonic()
    read_turns = 0
    with selectors.DefaultSelector() as stdin:
        stdin.register(sys.stdin, selectors.EVENT_READ)
        while not stdin.select(_TURN if order.rate else None):
            turns = int((time.monotonic() - started) / _ROUND * len(client.held))
            client.read_slowly(turns - read_turns)
            read_turns = turns
    if not sys.stdin.readline():
        return
    say_and_wait(
        "held",
        lost=client.lost(),
        bytes=client.received,
        seconds=time.monotonic() - started,
        errors=client.crowd.errors,
    )
