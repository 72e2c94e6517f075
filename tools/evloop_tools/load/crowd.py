"""Who comes when: a number of clients, each replaced when it leaves, or arrivals at a rate.

Every client has its own chance, made of the seed and of its place in the crowd, so the
same seed brings the same clients, whatever the server does meanwhile.
"""

import heapq
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import inf
from typing import NamedTuple

from evloop.net.reactor import Reactor
from evloop_tools.load.behaviours import BEHAVIOURS, CONNECTIONS, Behaviour, Habits, Visitor
from evloop_tools.load.client import Client
from evloop_tools.load.content import CHECK_SIZE
from evloop_tools.load.endpoint import Connector, Endpoint
from evloop_tools.load.faults import Fault, FaultError
from evloop_tools.load.files import Catalogue, Kind
from evloop_tools.load.requests import COMMON
from evloop_tools.load.steps import Script
from evloop_tools.load.tally import Counts, Tally

BATCH = 64
"""Clients that may begin in one turn of the loop, at most: the others have their share."""


@dataclass(frozen=True, slots=True)
class Group:
    """Clients of one behaviour: their share of all, and the kinds of files they want."""

    name: str
    behaviour: str
    weight: int
    kinds: tuple[Kind, ...] = ()


_HABITS = Habits()


@dataclass(frozen=True, slots=True)
class Load:
    """How many clients of which groups there are.

    clients: at once; with arrivals, the most that are let in
    arrivals: new clients per second; None: as many as leave
    ramp_up: seconds until all clients, or the full rate, are there
    requests: after so many the run is over
    timeout: seconds that a client waits for the server, for each thing anew
    fields: header lines that all requests have in common
    is_replaced: whether a client that leaves is followed by another
    visits: connections that come and go, for whose ports there must be room
    after_failure: seconds that the place of a client stays empty that met an error
    """

    groups: tuple[Group, ...]
    clients: int
    arrivals: float | None = None
    ramp_up: float = 0.0
    requests: float = inf
    habits: Habits = _HABITS
    timeout: float = 30.0
    seed: int = 1
    fields: str = COMMON
    is_replaced: bool = True
    after_failure: float = 1.0
    visits: int = 0

    @property
    def connections(self) -> int:
        """How many connections there may be at once."""
        weights = sum(group.weight for group in self.groups)
        each = (CONNECTIONS.get(group.behaviour, 1) * group.weight for group in self.groups)
        return -(-self.clients * sum(each) // weights)


def deal(groups: Sequence[Group]) -> Iterator[Group]:
    """Yield *groups* for ever, each as often as its weight says, and evenly spread.

    The smooth weighted round-robin of nginx: whoever has the most credit pays for all.
    """
    credit = [0] * len(groups)
    total = sum(group.weight for group in groups)
    while True:
        for index, group in enumerate(groups):
            credit[index] += group.weight
        chosen = max(range(len(groups)), key=credit.__getitem__)
        credit[chosen] -= total
        yield groups[chosen]


class _Place(NamedTuple):
    """A place in the crowd, and how many have had it before. No two have one number."""

    number: int
    visit: int
    group: Group


class Crowd:
    """All clients of a run, and what they share."""

    def __init__(
        self,
        reactor: Reactor,
        endpoint: Endpoint,
        catalogue: Catalogue,
        load: Load,
        tally: Tally,
        behaviours: Mapping[str, Behaviour] = BEHAVIOURS,
    ) -> None:
        self.reactor = reactor
        self.tally = tally
        self.connector = Connector(endpoint, max(load.connections, load.visits))
        self.host, self.prefix, self.fields = endpoint.host, endpoint.prefix, load.fields
        self.timeout = load.timeout
        self.buffer = memoryview(bytearray(CHECK_SIZE))
        self._load = load
        self._catalogue = catalogue
        self._places: dict[Client, _Place | None] = {}
        self._coming: list[tuple[float, _Place]] = []  # a heap, by time
        self._behaviours = behaviours
        self._most = load.requests
        self.asked = 0

    # From outside

    def open(self, now: float) -> None:
        """Let the first ones come."""
        load = self._load
        self._opened = now
        self._groups = deal(load.groups)
        if load.arrivals is not None:
            self._arrivals = random.Random(f"{load.seed} arrivals")
            self._coming = [(now, _Place(0, 0, next(self._groups)))]
            return
        gap = load.ramp_up / load.clients
        places = (_Place(number, 0, next(self._groups)) for number in range(load.clients))
        self._coming = [(now + place.number * gap, place) for place in places]

    @property
    def next_due(self) -> float:
        """When the next client comes, on the reactor's clock; inf: not foreseen."""
        return self._coming[0][0] if self._coming and not self.is_sated else inf

    @property
    def clients(self) -> int:
        """How many clients there are now."""
        return sum(place is not None for place in self._places.values())

    @property
    def is_empty(self) -> bool:
        """Whether nobody is there."""
        return not self._places

    def admit(self, now: float, most: int = BATCH) -> None:
        """Let those in who are due, up to *most* of them."""
        for _ in range(most):
            if not self._coming or self._coming[0][0] > now or self.is_sated:
                return
            due, place = heapq.heappop(self._coming)
            if self._load.arrivals is not None:
                self._foresee_arrival(due, place.number + 1)
                if len(self._places) >= self._load.clients:
                    text = f"an arrival met {self._load.clients:,} clients and was turned away"
                    self.tally.fault(FaultError(Fault.OVERRUN, text), "")
                    continue
            self._begin(due, place, now)

    @property
    def is_sated(self) -> bool:
        """Whether all requests were sent that the run is to have."""
        return self.asked >= self._most

    @property
    def is_done(self) -> bool:
        """Whether all of these have an answer, or will never get one."""
        return self.is_sated and not any(client.is_busy for client in self._places)

    def sate(self) -> None:
        """Let nobody ask any more; who has asked may wait for the answer."""
        self._most = self.asked

    def wake(self) -> None:
        """End the rest of each client, or its reading, before its time."""
        for client in list(self._places):
            client.wake(self.reactor.now)

    def stop(self) -> None:
        """Send everybody away."""
        for client in list(self._places):
            client.stop()
        self._places.clear()

    # From the clients

    def allow(self, requests: int) -> bool:
        """Whether so many more may be sent; they are counted if so."""
        if self.is_sated:
            return False
        self.asked += requests
        return True

    def left(self, client: Client, failed: bool, now: float) -> None:
        """Free the place of *client* for another."""
        place = self._places.pop(client)
        if place is not None and self._load.arrivals is None and self._load.is_replaced:
            when = now + (self._load.after_failure if failed else 0.0)
            heapq.heappush(self._coming, (when, place._replace(visit=place.visit + 1)))

    # Coming

    def _foresee_arrival(self, due: float, number: int) -> None:
        """Arrivals are independent of each other, and of how the server does (Poisson).

        *due* is when the arrival before was.
        """
        assert self._load.arrivals is not None
        ramp_up = self._load.ramp_up
        risen = min(1.0, max(0.05, (due - self._opened) / ramp_up)) if ramp_up else 1.0
        after = self._arrivals.expovariate(self._load.arrivals * risen)
        heapq.heappush(self._coming, (due + after, _Place(number, 0, next(self._groups))))

    def _begin(self, due: float, place: _Place, now: float) -> None:
        group = place.group
        chance = random.Random(f"{self._load.seed} {place.number} {place.visit}")
        counts = self.tally.groups[group.name]
        bring = partial(self._bring, counts)
        visitor = Visitor(chance, self._catalogue, self._load.habits, bring, group.kinds)
        script = self._behaviours[group.behaviour](visitor)
        self._enter(Client(self, script, counts, due), place, now)
        counts.clients += 1

    def _bring(self, counts: Counts, script: Script) -> None:
        now = self.reactor.now
        self._enter(Client(self, script, counts, now), None, now)

    def _enter(self, client: Client, place: _Place | None, now: float) -> None:
        self._places[client] = place
        client.begin(now)
