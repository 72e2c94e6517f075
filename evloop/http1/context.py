"""What all connections of a server share: who plans, who looks on, and the limits."""

from typing import NamedTuple, Protocol

from evloop.http.request import Request, RequestError
from evloop.http.response import Response
from evloop.http1.headcache import HeadCache
from evloop.http1.states import State
from evloop.observe.exchange import Observer

REST = 0.002
"""Seconds after which the disk is asked again."""


class Limits(NamedTuple):
    """What a connection may take: seconds and bytes."""

    idle_timeout: float = 60.0
    head_timeout: float = 10.0
    send_timeout: float = 30.0
    linger_timeout: float = 2.0
    max_head_size: int = 16 * 1024
    min_rate: int = 0
    """Bytes per second that a client must take, averaged; 0: any progress will do."""
    min_rate_grace: float = 10.0
    """Seconds over which the rate is averaged."""


class MinRate:
    """How fast a client takes its response, in windows of `min_rate_grace` seconds."""

    __slots__ = ("_bytes", "_limits", "_since")

    def __init__(self, limits: Limits, now: float, count: int = 0) -> None:
        self._limits = limits
        self._since = now
        self._bytes = count

    def pause(self, seconds: float) -> None:
        """Leave out *seconds* in which the client could take nothing."""
        self._since += seconds

    def is_too_slow(self, count: int, now: float) -> bool:
        """Take note of *count* bytes; return whether a window ended below the rate."""
        self._bytes += count
        elapsed = now - self._since
        if elapsed < self._limits.min_rate_grace:
            return False
        too_slow = self._bytes < self._limits.min_rate * elapsed
        self._since, self._bytes = now, 0
        return too_slow


class Responder(Protocol):
    """Plans responses."""

    def respond(self, request: Request, now: float) -> Response | None:
        """Return the response to *request*; None: its file is not at hand, ask again.

        Raises RequestError for what refuse() answers.
        """

    def refuse(self, error: RequestError, request: Request | None, now: float) -> Response:
        """Return the error page for *error*; *request* is None when it was not understood."""


class Context:
    """Shared by all connections. `timeouts` maps each state that has one to its seconds."""

    __slots__ = ("limits", "memo", "observer", "responder", "timeouts")

    def __init__(
        self, responder: Responder, observer: Observer, memo: HeadCache, limits: Limits
    ) -> None:
        self.responder = responder
        self.observer = observer
        self.memo = memo
        self.limits = limits
        self.timeouts = {
            State.IDLE: limits.idle_timeout,
            State.HEAD: limits.head_timeout,
            State.SENDING: limits.send_timeout,
            State.RESTING: REST,
            State.LINGERING: limits.linger_timeout,
        }

    def new_min_rate(self, now: float, count: int = 0) -> MinRate | None:
        """Return what watches the rate of one response; None when no rate is asked for.

        *count*: bytes that were taken before.
        """
        return MinRate(self.limits, now, count) if self.limits.min_rate else None
