"""What all HTTP/1 connections of a server share: who plans, who looks on, and the limits."""

from math import inf

from evloop.http.limits import Limits, MinRate
from evloop.http.responder import Responder
from evloop.http1.headcache import HeadCache
from evloop.http1.states import State
from evloop.observe.exchange import Observer

__all__ = ["Context", "Limits", "MinRate"]


class Context:
    """Shared by all connections. `timeouts` maps each state to its seconds.

    While `draining` is set, each response is the last of its connection.
    """

    __slots__ = ("cache", "draining", "limits", "observer", "responder", "timeouts")

    def __init__(
        self, responder: Responder, observer: Observer, cache: HeadCache, limits: Limits
    ) -> None:
        self.responder = responder
        self.observer = observer
        self.cache = cache
        self.limits = limits
        self.draining = False
        self.timeouts = dict.fromkeys(State, inf) | {
            State.IDLE: limits.idle_timeout,
            State.HEAD: limits.head_timeout,
            State.SENDING: limits.send_timeout,
            State.WAITING_FILE: limits.file_timeout,
        }

    def drain(self) -> None:
        """Make each response the last of its connection from now on."""
        self.draining = True
        self.cache.clear()

    def new_min_rate(self, now: float, count: int = 0) -> MinRate | None:
        """Return what watches the rate of one response; None when no rate is asked for.

        *count*: bytes that were taken before.
        """
        return MinRate(self.limits, now, count) if self.limits.min_rate else None
