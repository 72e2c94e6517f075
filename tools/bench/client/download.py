"""Whole files at full speed, so that what was counted is what was sent."""

import time

from bench.client.console import percentiles, say_and_wait
from bench.client.crowd import Crowd
from bench.client.exchange import HOST, BadResponseError, Exchange
from bench.client.orders import Download

# How long a turn may wait for data before the deadline is looked at again, in seconds.
_TURN = 0.1

# How long the downloads that are under way at the end may still take, in seconds.
FINISH_DEADLINE = 120.0


class _Client:
    def __init__(self, order: Download) -> None:
        fields = f"Host: {HOST}:{order.port}\r\nUser-Agent: bench\r\nAccept: */*\r\n\r\n"
        self._head = f"GET {order.path} HTTP/1.1\r\n{fields}".encode("ascii")
        self.crowd = Crowd(order.port)
        self.took: list[float] = []
        self.received = 0
        self.active = 0

    def connect(self, connections: int) -> None:
        for _ in range(connections):
            if self.crowd.connect() is not None:
                self.active += 1

    def turn(self, may_ask: bool) -> None:
        """Serve what is ready; a connection that may not ask again is closed when it is done."""
        for exchange, is_new in self.crowd.ready(_TURN):
            try:
                if is_new:
                    self._ask(exchange)
                elif exchange.read():
                    self._finish(exchange, may_ask)
            except BadResponseError as error:
                self.crowd.drop(exchange, error)
                self.active -= 1

    def _ask(self, exchange: Exchange) -> None:
        exchange.begin()
        exchange.send(self._head)
        exchange.started = time.monotonic()

    def _finish(self, exchange: Exchange, may_ask: bool) -> None:
        self.took.append(time.monotonic() - exchange.started)
        self.received += exchange.received
        if exchange.status != 200:
            raise BadResponseError(f"status {exchange.status}")
        if may_ask and not exchange.closes:
            self._ask(exchange)
            return
        self.crowd.drop(exchange)
        self.active -= 1
        if may_ask:
            self.connect(1)


def run_download(order: Download) -> None:
    """Carry out *order*: `ready` before the first connect, and `done`."""
    client = _Client(order)
    say_and_wait("ready")
    started = time.monotonic()
    client.connect(order.connections)
    while client.active:
        elapsed = time.monotonic() - started
        if elapsed > order.seconds + FINISH_DEADLINE:
            client.crowd.errors["download that never ended"] += client.active
            break
        client.turn(elapsed < order.seconds)
    say_and_wait(
        "done",
        files=len(client.took),
        bytes=client.received,
        seconds=time.monotonic() - started,
        latency=percentiles(client.took),
        errors=client.crowd.errors,
    )
