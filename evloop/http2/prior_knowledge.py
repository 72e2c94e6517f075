"""Who speaks on a plain connection: the first bytes of a client say so (RFC 9113 section 3.3)."""

from collections.abc import Callable
from enum import Enum
from typing import NamedTuple

from evloop.http.limits import Limits
from evloop.http.response import Buffer, Window
from evloop.http2.frames import PREFACE
from evloop.net.protocol import NOTHING, READ, Closing, Protocol, Retention

Factory = Callable[[str, float], Protocol]
"""Makes a protocol of its peer's address and the time."""


class Factories(NamedTuple):
    """Who may go on."""

    http1: Factory
    http2: Factory


class Choice(Enum):
    """What is known of a client; see ProtocolState for the attributes."""

    interest: int
    retention: Retention
    closing: Closing

    def __new__(
        cls, name: str, interest: int, retention: Retention, closing: Closing = Closing.OPEN
    ) -> "Choice":
        """Make the state that those who look on call *name*."""
        state = object.__new__(cls)
        state._value_ = name
        state.interest = interest
        state.retention = retention
        state.closing = closing
        return state

    SILENT = "idle", READ, Retention.IDLE
    """Has sent nothing."""
    BEGUN = "head", READ, Retention.PARTIAL
    """Has sent the beginning of the preface, which may become something else."""
    MADE = "chosen", NOTHING, Retention.BUSY, Closing.PASSED_ON

    @property
    def is_brief(self) -> bool:
        return False

    @property
    def wakes(self) -> bool:
        return False


class PriorKnowledge:
    """Looks at the first bytes, and passes the connection on to one of two protocols.

    Whatever else happens is HTTP/1's business: it has words for it.
    """

    __slots__ = ("_factories", "_limits", "_received", "_successor", "peer", "since", "state")

    def __init__(self, factories: Factories, limits: Limits, peer: str, now: float) -> None:
        self._factories = factories
        self._limits = limits
        self._received = b""
        self._successor: Protocol | None = None
        self.peer = peer
        self.since = now
        self.state = Choice.SILENT

    @property
    def successor(self) -> Protocol:
        """Who goes on, HTTP/1 when nothing speaks for the other."""
        if self._successor is None:
            self._choose(self._factories.http1)
        assert self._successor is not None
        return self._successor

    def _choose(self, factory: Factory) -> None:
        successor = self._successor = factory(self.peer, self.since)
        self.state = Choice.MADE
        if self._received:
            successor.receive_data(self._received, self.since)

    @property
    def deadline(self) -> float:
        limits = self._limits
        is_silent = self.state is Choice.SILENT
        return self.since + (limits.idle_timeout if is_silent else limits.head_timeout)

    @property
    def room(self) -> int:
        return self._limits.max_head_size + 1 - len(self._received)

    @property
    def is_heavy(self) -> bool:
        return False

    def receive_data(self, data: bytes, now: float) -> None:
        if self.state is Choice.SILENT:
            self.since = now
        received = self._received = self._received + data
        if received.startswith(PREFACE):
            self._choose(self._factories.http2)
        elif PREFACE.startswith(received):
            self.state = Choice.BEGUN
        else:
            self._choose(self._factories.http1)

    def receive_eof(self, now: float) -> None:
        self.successor.receive_eof(now)

    def outgoing(self, now: float) -> tuple[Buffer, ...] | Window:
        return ()

    def sent(self, count: int, now: float) -> None:
        """Nothing is ever offered."""

    def expire(self, now: float) -> None:
        self.successor.expire(now)

    def on_wake(self, wake: Callable[[float], None]) -> None:
        """Nothing is waited for that no descriptor tells of."""

    def resume(self, now: float) -> None:
        """Nothing was waited for."""

    def lost(self, error: OSError, now: float) -> None:
        self.successor.lost(error, now)

    def source_lost(self, error: OSError, now: float) -> None:
        self.successor.source_lost(error, now)

    def refuse(self, now: float) -> None:
        self.successor.refuse(now)

    def finish(self, now: float) -> None:
        self.successor.finish(now)

    def shut_down(self, now: float) -> None:
        self.successor.shut_down(now)

    def fail(self, now: float) -> None:
        self.successor.fail(now)
