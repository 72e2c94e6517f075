"""The connections of a server: how many there may be, and which go first when there is no room.

The set of connections is the reactor's table of handlers; a second one would cost 40 bytes for
each connection.
"""

import socket
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from math import inf, nextafter
from operator import itemgetter

from evloop.net.linger import Lingering
from evloop.net.protocol import WRITE, Protocol, Retention
from evloop.net.reactor import Reactor
from evloop.net.timers import Call
from evloop.observe.ratelimit import RateLimited

SURVEY_INTERVAL = 25e-6
"""Seconds for each connection between two surveys of all of them, at least: to look at one takes
half a microsecond, so that a survey takes 2 % of the time (5 ms of 250 at 10,000)."""
SPARED = 0.25
"""Seconds for which nobody is closed to make room: after a handshake, or between two requests, a
client on another continent has had time to ask."""
LISTED = 1.0
"""Seconds for which a survey's lists are kept, beyond the time of the next survey: of those who
are on them many may have gone by themselves."""
_MAX_ADDRESSES = 1024
ADDRESSES_SIZE = _MAX_ADDRESSES * 256
"""Bytes that the remembered addresses may come to take."""
LOG_INTERVAL = 10.0
"""Seconds between two messages about one kind of trouble, at least: what one request meets, a
client can make the server meet all the time."""
MAX_RESUMED = 64
"""Connections that go on in one turn, at most, of those that waited: each plans a response, which
takes 30 to 60 microseconds."""

_IDLE, _BUSY = Retention.IDLE, Retention.BUSY  # quicker to reach than members of an enum
_SINCE = itemgetter(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolLimits:
    """Numbers of connections, and seconds; 0: no limit.

    `per_address` is on connections from one IPv4 address or IPv6 /64 network, `heavy` on those
    that keep more than a light one does from one turn of the loop to another.
    """

    connections: int
    per_address: int = 0
    heavy: int = 0
    linger_timeout: float = 2.0
    """How long a connection that the server closed first waits for the client's close."""


class Member:
    """A connection of a pool."""

    __slots__ = ()

    protocol: Protocol

    def resume(self, now: float) -> None:
        """Go on: what the protocol waited for has come."""
        raise NotImplementedError

    @property
    def is_heavy(self) -> bool:
        """Whether more is kept for it than for a light connection, now."""
        return self.protocol.is_heavy

    def evict(self, now: float) -> bool:
        """Close at once, unless a request has arrived; return whether it was closed now."""
        raise NotImplementedError


class ConnectionPool:
    """Counts the connections of a server, which share it, and keeps them within *limits*.

    *on_room* is called when a connection ends that was at a limit.
    """

    __slots__ = (
        "_addresses",
        "_forgetting",
        "_from",
        "_idle",
        "_kept",
        "_next_survey",
        "_partial",
        "_woken",
        "count",
        "evicted",
        "failures",
        "heavy",
        "limits",
        "lingering",
        "on_room",
        "reactor",
        "refused",
    )

    def __init__(self, reactor: Reactor, limits: PoolLimits) -> None:
        self.reactor = reactor
        self.limits = limits
        self.count = 0
        self.heavy: set[Member] = set()
        self._kept: set[Member] = set()  # of these, as long as the client likes
        self.refused = 0
        self.evicted = 0
        self.on_room: Callable[[], None] = lambda: None
        self._from: dict[str, int] = {}
        self._addresses: dict[str, str] = {}
        self._idle: list[tuple[float, Member]] = []  # since when; as _survey() says
        self._partial: list[tuple[float, Member]] = []
        self._next_survey = -inf
        self._forgetting: Call | None = None
        self.lingering = Lingering(reactor, limits.linger_timeout, self.released)
        self.failures = RateLimited(LOG_INTERVAL)
        self._woken: deque[Member] = deque()

    def members(self) -> list[Member]:
        """Return all connections but those that linger."""
        return [each for each in self.reactor.handlers() if isinstance(each, Member)]

    def shared(self, address: str) -> str:
        """Return one text for all connections from *address*, as far as it is remembered."""
        if len(self._addresses) >= _MAX_ADDRESSES:
            self._addresses.clear()
        return self._addresses.setdefault(address, address)

    # Admission

    @property
    def is_full(self) -> bool:
        """Whether no more connections may be accepted."""
        return self.count >= self.limits.connections

    def is_overrun(self, address: str) -> bool:
        """Whether *address* has so many refusals under way that the next one gets no answer.

        An answer takes a connection for a while; a flood of them would take them all.
        """
        most = self.limits.per_address
        if not most or self._from.get(network_of(address), 0) < 2 * most:
            return False
        self.refused += 1
        return True

    def admit(self, address: str) -> bool:
        """Count a connection from *address*; return whether it may ask for something."""
        self.count += 1
        if not self.limits.per_address:
            return True
        network = network_of(address)
        held = self._from.get(network, 0) + 1
        self._from[network] = held
        if held > self.limits.per_address:
            self.refused += 1
            return False
        return True

    def released(self, address: str) -> None:
        """Count the end of a connection from *address*."""
        was_full = self.is_full
        self.count -= 1
        if self.limits.per_address:
            network = network_of(address)
            held = self._from.pop(network) - 1
            if held:
                self._from[network] = held
        if was_full and not self.is_full:
            self.on_room()

    # Waking

    def wake(self, member: Member) -> None:
        """Have *member* resume in its turn: many may have waited for one file."""
        if not self._woken:
            self.reactor.call_at(self.reactor.now, self._resume_some)
        self._woken.append(member)

    def _resume_some(self, now: float) -> None:
        try:
            for _ in range(min(len(self._woken), MAX_RESUMED)):
                self._woken.popleft().resume(now)
        finally:  # one that raises does not keep the others asleep
            if self._woken:
                self.reactor.call_at(nextafter(now, inf), self._resume_some)

    # Room

    @property
    def spares_place(self) -> bool:
        """Whether one more may be heavy while it sends: half of the places are left to partial
        requests, since those of clients that do not read can't be taken back."""
        return not self.limits.heavy or len(self._kept) < (self.limits.heavy + 1) // 2

    def lighten(self, member: Member) -> None:
        """Note that *member* is not heavy any more, or gone."""
        self.heavy.discard(member)
        self._kept.discard(member)

    def weigh(self, member: Member, now: float) -> bool:
        """Note whether *member* is heavy now; return False when there is no room for it.

        The oldest partial request is given up for it first. Weighed is what lasts from one turn
        of the loop to another: what a request takes that is answered at once is gone by then.
        """
        heavy = self.heavy
        if not member.is_heavy:
            if member in heavy:
                self.lighten(member)
            return True
        state = member.protocol.state
        keeps = state.interest & WRITE != 0
        if keeps and member not in self._kept and not self.spares_place:
            return False
        if member not in heavy:
            if not self.make_room(now, member, heavy=True):
                return False
            heavy.add(member)
        if keeps:
            self._kept.add(member)
        elif not state.is_brief:
            self._kept.discard(member)
        return True

    def make_room(self, now: float, asking: Member | None = None, *, heavy: bool = False) -> bool:
        """Return whether there is room for one more, after closing others if that is needed.

        One that lingers goes first, then the one that is idle the longest, then the oldest partial
        request; with *heavy* room for a heavy one is wanted, and only a heavy partial request
        goes. *asking* is spared, and who came or asked less than SPARED ago.
        """
        if self._evict_until_room(now, asking, heavy=heavy):
            return True
        if now < self._next_survey:
            return False
        self._next_survey = now + SURVEY_INTERVAL * self.count
        self._survey(now - SPARED)
        if self._forgetting is not None:
            self._forgetting.cancel()
        self._forgetting = self.reactor.call_at(self._next_survey + LISTED, self._forget_survey)
        return self._evict_until_room(now, asking, heavy=heavy)

    def _has_room(self, *, heavy: bool) -> bool:
        if heavy:
            return not self.limits.heavy or len(self.heavy) < self.limits.heavy
        return not self.is_full

    def _evict_until_room(self, now: float, asking: Member | None, *, heavy: bool) -> bool:
        # One that is asked to go may find the rest of its request instead, and then makes room
        # in another way, or asks for room itself. So nothing is remembered between two steps.
        while not self._has_room(heavy=heavy):
            if not heavy and self.lingering.close_one():
                continue
            member = self._next_victim(heavy=heavy)
            if member is None:
                return False
            if member is not asking and member.evict(now):
                self.evicted += 1
        return True

    def _next_victim(self, *, heavy: bool) -> Member | None:
        """Take the first to go off the lists, unless it has done something since the survey."""
        for victims in (self._partial,) if heavy else (self._idle, self._partial):
            while victims:
                since, member = victims.pop()
                protocol = member.protocol
                is_same = protocol.since == since and protocol.state.retention is not _BUSY
                if is_same and (member in self.heavy or not heavy):
                    return member
        return None

    def _survey(self, before: float) -> None:
        """List those that may be closed and are so since *before*, the first to go at the end.

        Weigh the heavy ones, too.
        """
        self._idle, self._partial = [], []
        for member in self.members():
            protocol = member.protocol
            retention = protocol.state.retention
            if retention is not _BUSY and protocol.since <= before:
                is_light = retention is _IDLE and member not in self.heavy
                victims = self._idle if is_light else self._partial
                victims.append((protocol.since, member))
        # Of two requests that came together one was kept while the other was answered; a connection
        # that still sends is in the same state after that, and was not weighed again.
        for member in [each for each in self.heavy if not each.is_heavy]:
            self.lighten(member)
        for victims in (self._idle, self._partial):
            victims.sort(key=_SINCE, reverse=True)

    def _forget_survey(self, now: float) -> None:
        self._idle, self._partial = [], []


def network_of(address: str) -> str:
    """Return the part of *address* that one client holds: an IPv6 host has a whole /64."""
    if ":" not in address:
        return address
    return socket.inet_pton(socket.AF_INET6, address.partition("%")[0])[:8].hex()
