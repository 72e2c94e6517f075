"""What all HTTP/1 connections of a server share: who plans, who looks on, and the limits."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from math import inf

from evloop.http.responder import Responder
from evloop.http1.head import FIELDS
from evloop.http1.headcache import HeadCache
from evloop.http1.pace import Pacing
from evloop.http1.states import State
from evloop.observe.exchange import Observer


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a connection may take: seconds and bytes."""

    idle_timeout: float = 60.0
    head_timeout: float = 10.0
    send_timeout: float = 30.0
    file_timeout: float = 10.0
    """How long a request waits for its file to come into memory: a disk that takes longer than a
    head may take is in trouble."""
    linger_timeout: float = 2.0
    """How long after a response a close may still cut it off."""
    max_head_size: int = 16 * 1024
    min_rate: int = 0
    """Bytes per second that a client must take, averaged; 0: any progress will do."""
    min_rate_grace: float = 10.0
    """Seconds over which the rate is averaged."""


class MinRate:
    """Whether a client takes its response fast enough, in windows of `min_rate_grace` seconds."""

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
