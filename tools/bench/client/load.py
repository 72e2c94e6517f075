"""Answer after answer on a number of connections: what wrk does, in Python."""

import time
from array import array
from itertools import count

from bench.client.console import percentiles, say_and_wait
from bench.client.crowd import Crowd
from bench.client.exchange import BadResponseError, Exchange
from bench.client.orders import Load

# How long select() may wait before the clock is looked at again, in seconds.
_TURN = 0.05

# After so many errors the measurement is void anyway, and the server perhaps gone.
_ENOUGH_ERRORS = 100


class _Client:
    def __init__(self, order: Load) -> None:
        self._order = order
        self._crowd = Crowd(order.port)
        self._numbers = count()
        self._latencies = array("d")
        self._bad_status = 0
        self.sent = self.answered = self.received = 0

    def run(self, until: float) -> None:
        """Ask and read until the monotonic clock says *until*, or there were too many errors."""
        errors = self._crowd.errors
        while (now := time.monotonic()) < until and errors.total() < _ENOUGH_ERRORS:
            for exchange, is_new in self._crowd.ready(min(_TURN, until - now)):
                try:
                    self._turn(exchange, is_new)
                except BadResponseError as error:
                    self._crowd.drop(exchange, error)
                    self._crowd.connect()

    def open_connections(self) -> None:
        for _ in range(self._order.connections):
            self._crowd.connect()

    def _turn(self, exchange: Exchange, is_new: bool) -> None:
        if is_new:
            self._ask(exchange)
        elif exchange.read():
            self.answered += 1
            self.received += exchange.received
            self._bad_status += exchange.status >= 400
            self._latencies.append(time.monotonic() - exchange.started)
            if exchange.closes:
                self._crowd.drop(exchange)
                self._crowd.connect()
            else:
                self._ask(exchange)

    def _ask(self, exchange: Exchange) -> None:
        number = next(self._numbers)
        order = self._order
        unique = str(number) if order.numbered else ""
        head = order.lines[number % len(order.lines)] + order.fields + unique + order.end
        exchange.begin()
        exchange.send(head.encode("ascii"))
        exchange.started = time.monotonic()
        self.sent += 1

    def summary(self) -> dict[str, object]:
        return {
            "requests": self.answered,
            "bytes": self.received,
            "sent": self.sent,
            "latency": percentiles(self._latencies),
            "errors": {**self._crowd.errors, "statuses of 400 or more": self._bad_status},
        }


def run_load(order: Load) -> None:
    """Carry out *order*: `settled` when the count starts, if it starts late, and `done`."""
    client = _Client(order)
    started = time.monotonic()
    client.open_connections()
    settled = 0
    if order.settle:
        client.run(started + order.settle)
        settled = client.sent
        say_and_wait("settled")
    client.run(time.monotonic() + order.seconds)
    seconds = time.monotonic() - started
    say_and_wait("done", seconds=seconds, settled=settled, **client.summary())
