"""Scripts for measuring and for attacks: clients that do one thing, again and again.

Beside the visitor's own chance they know the order that they belong to.
"""

import itertools
from collections.abc import Callable
from dataclasses import replace

from evloop_tools.load.behaviours import BEHAVIOURS, Behaviour, Visitor
from evloop_tools.load.files import File
from evloop_tools.load.orders import Run
from evloop_tools.load.requests import Request, some_ranges, whole
from evloop_tools.load.steps import FOREVER, Ask, Close, Ending, Rest, Script

LEAST_BUFFER = 4 * 1024
"""Bytes that the kernel takes in for clients who never read, or hardly."""
_PIPELINE = 200  # requests that are sent in one piece
_SLOW_HEAD = 3600  # seconds that a head takes which never ends, a field each
_MOST_CANCELLED = 512 * 1024  # bytes that are read of a download before it is given up


class Drill:
    """The scripts of one order, which take the files by turns."""

    def __init__(self, order: Run) -> None:
        self._order = order
        self._wanted = [wanted for wanted in order.files for _ in range(wanted.count)]
        self._files = [wanted.file for wanted in self._wanted]
        self._numbers = itertools.count()
        self._places = itertools.count()
        self._statuses = frozenset({order.status})
        self._closes = "connection: close" in order.fields.lower()
        self._requests = [
            self._request(file, wanted.part)
            for file, wanted in zip(self._files, self._wanted, strict=True)
        ]
        self._plain = itertools.cycle(self._requests)

    @property
    def scripts(self) -> dict[str, Behaviour]:
        """Every behaviour by its name."""
        own: dict[str, Callable[[Visitor], Script]] = {
            "repeat": self._repeat,
            "full-speed": self._full_speed,
            "fresh": self._fresh,
            "arrive": self._arrive,
            "stay": self._stay,
            "idle-guest": self._idle,
            "slow-head-guest": self._slow_head,
            "slow-reader": self._slow_reader,
            "never-reads": self._never_reads,
            "pipeline": self._pipeline,
            "heads": self._heads,
            "hoard": self._hoard,
            "leave": self._leave,
            "cancel": self._cancel,
        }
        return {**BEHAVIOURS, **own}

    def _request(self, file: File, part: tuple[int, int] | None) -> Request:
        if part is not None:
            return some_ranges(file, (range(*part),))
        return replace(whole(file), statuses=self._statuses)

    def _next(self) -> Request:
        request = next(self._plain)
        if not self._order.serial:
            return request
        serial = f"Cookie: theme=dark; visit={self._order.serial}-{next(self._numbers)}\r\n"
        return replace(request, fields=serial)

    def _repeat(self, visitor: Visitor) -> Script:
        """Answer after answer on one connection."""
        while True:
            if self._closes:
                yield Ask(())  # so that an answer is timed from its request
            yield Ask((self._next(),), rate=self._order.rate, quantum=0.01)
            if self._order.pause:
                yield Rest(self._order.pause)

    def _full_speed(self, visitor: Visitor) -> Script:
        """Answer after answer, as fast as they come."""
        while True:
            yield Ask((self._next(),))

    def _fresh(self, visitor: Visitor) -> Script:
        """Answer after answer, each on a connection of its own, timed from the request on."""
        while True:
            yield Ask(())
            yield Ask((self._next(),), rate=self._order.rate, quantum=0.01)
            yield Close()
            if self._order.pause:
                yield Rest(self._order.pause)

    def _arrive(self, visitor: Visitor) -> Script:
        """The same, timed from the connect on."""
        while True:
            yield Ask((self._next(),))
            yield Close()
            if self._order.pause:
                yield Rest(self._order.pause)

    def _stay(self, visitor: Visitor) -> Script:
        """One answer, and the connection is kept."""
        yield Ask((self._next(),))
        yield Rest(FOREVER, until_closed=True)

    # Guests who keep their connection as long as they can

    def _idle(self, visitor: Visitor) -> Script:
        """A connection that never asks for anything."""
        yield Ask(())
        yield Rest(FOREVER, until_closed=True)

    def _slow_head(self, visitor: Visitor) -> Script:
        """A request that never ends: a field every second, as slowloris does it."""
        endless = replace(self._next(), fields="X-a: b\r\n" * _SLOW_HEAD)
        yield Ask((endless,), trickle=_SLOW_HEAD, pieces=_SLOW_HEAD)

    def _slow_reader(self, visitor: Visitor) -> Script:
        """A download that is taken by a few bytes a second."""
        rate = self._order.rate
        yield Ask((self._next(),), rate=rate, quantum=1.0, receive_buffer=LEAST_BUFFER)

    def _never_reads(self, visitor: Visitor) -> Script:
        yield Ask((self._next(),), body_bytes=0, receive_buffer=LEAST_BUFFER)
        yield Rest(FOREVER)

    def _pipeline(self, visitor: Visitor) -> Script:
        """Many requests in one piece, and all answers."""
        while True:
            yield Ask(tuple(self._next() for _ in range(_PIPELINE)))

    def _heads(self, visitor: Visitor) -> Script:
        """The heads of all files, each client beginning at another."""
        start = next(self._places) * max(1, len(self._files) // self._order.clients)
        for file in itertools.islice(itertools.cycle(self._files), start, None):
            yield Ask((replace(whole(file), method="HEAD"),))

    def _hoard(self, visitor: Visitor) -> Script:
        """A share of all files in one piece, of which nothing is ever read."""
        share = -(-len(self._files) // self._order.clients)
        start = next(self._places) * share
        requests = tuple(self._requests[start : start + share])
        yield Ask(requests, head_bytes=1 << 30, receive_buffer=LEAST_BUFFER)
        yield Rest(FOREVER)

    # Guests who leave early

    def _leave(self, visitor: Visitor) -> Script:
        """Away at a random point: in the request, before the answer or in it."""
        chance = visitor.chance
        request = chance.choice(self._requests)
        size = len(request.wire("localhost", "", self._order.fields))
        yield Ask((request,), head_bytes=chance.randrange(size + 1))
        if chance.random() < 0.5:
            yield Rest(0.001)
        yield Close(chance.choice(list(Ending)))

    def _cancel(self, visitor: Visitor) -> Script:
        """A download that is given up in its middle."""
        yield Ask((self._next(),), body_bytes=visitor.chance.randrange(1, _MOST_CANCELLED))
        yield Close(Ending.RESET)
