"""What all HTTP/1 connections of a server share: who plans, who looks on, and the limits."""

import re
from collections.abc import Callable
from math import inf

from evloop.http.head_fields import FIELDS
from evloop.http.limits import Limits, MinRate
from evloop.http.pace import Pacing
from evloop.http.responder import Responder
from evloop.http1.headcache import HeadCache
from evloop.http1.states import State
from evloop.observe.exchange import Observer

__all__ = ["Context", "Limits", "MinRate"]


class Context:
    """Shared by all connections. `timeouts` maps each state to its seconds.

    While `draining` is set, each response is the last of its connection. `fields` picks those
    that the responder reads of a request. `pacing`, if there is one, makes what keeps a
    connection to a rate; `user_of` finds the user in a request head for the log.
    """

    __slots__ = (
        "cache",
        "draining",
        "fields",
        "limits",
        "observer",
        "pacing",
        "responder",
        "timeouts",
        "user_of",
    )

    def __init__(
        self,
        responder: Responder,
        observer: Observer,
        cache: HeadCache,
        limits: Limits,
        *,
        fields: re.Pattern[bytes] = FIELDS,
        pacing: Pacing | None = None,
        user_of: Callable[[bytes], bytes] | None = None,
    ) -> None:
        self.fields = fields
        self.pacing = pacing
        self.user_of = user_of
        self.responder = responder
        self.observer = observer
        self.cache = cache
        self.limits = limits
        self.draining = False
        self.timeouts = dict.fromkeys(State, inf) | {
            State.IDLE: limits.idle_timeout,
            State.EMPTY_LINE: limits.idle_timeout,
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
