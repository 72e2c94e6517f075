"""How many connections there may be, in all and from one address."""

import socket
from collections.abc import Callable

from evloop.net.reactor import Reactor


class ConnectionPool:
    """Counts the connections of a server, which share it.

    *limit* is on all connections; *per_address* on those from one IPv4 address or IPv6 /64
    network, 0 for no limit. *on_room* is called when a connection ends at the limit.
    """

    __slots__ = ("_from", "count", "limit", "on_room", "per_address", "reactor", "refused")

    def __init__(self, reactor: Reactor, limit: int, per_address: int = 0) -> None:
        self.reactor = reactor
        self.limit = limit
        self.per_address = per_address
        self.count = 0
        self.refused = 0
        self.on_room: Callable[[], None] = lambda: None
        self._from: dict[str, int] = {}

    @property
    def is_full(self) -> bool:
        """Whether no more connections may be accepted."""
        return self.count >= self.limit

    def is_overrun(self, address: str) -> bool:
        """Whether *address* has so many refusals under way that the next one gets no answer.

        An answer takes a connection for a while; a flood of them would take them all.
        """
        if not self.per_address or self._from.get(_network(address), 0) < 2 * self.per_address:
            return False
        self.refused += 1
        return True

    def admit(self, address: str) -> bool:
        """Count a connection from *address*; return whether it may ask for something."""
        self.count += 1
        if not self.per_address:
            return True
        network = _network(address)
        held = self._from.get(network, 0) + 1
        self._from[network] = held
        if held > self.per_address:
            self.refused += 1
            return False
        return True

    def released(self, address: str) -> None:
        """Count the end of a connection from *address*."""
        self.count -= 1
        if self.per_address:
            network = _network(address)
            held = self._from.pop(network) - 1
            if held:
                self._from[network] = held
        if self.count == self.limit - 1:
            self.on_room()


def _network(address: str) -> str:
    """Return the part of *address* that one client holds: an IPv6 host has a whole /64."""
    if ":" not in address:
        return address
    return socket.inet_pton(socket.AF_INET6, address.partition("%")[0])[:8].hex()
