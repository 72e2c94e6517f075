"""What all HTTP/2 connections of a server share."""

import re
from collections.abc import Callable
from typing import Final

from evloop.http.head_fields import FIELDS
from evloop.http.limits import Limits, MinRate
from evloop.http.pace import Pacing
from evloop.http.responder import Responder
from evloop.http2.frames import MAX_FRAME_SIZE, Setting, settings_frame
from evloop.http2.memo import Memo
from evloop.observe.exchange import Observer

MAX_STREAMS: Final = 100
"""Streams that a connection may have open: the least that a server should allow (RFC 9113 section
6.5.2); browsers open as many for a page with many pictures."""
MAX_FIELDS: Final = 100
"""Fields of a request, as in HTTP/1.1."""


class Context:
    """Shared by all connections.

    `places` are streams that connections may have open beside their first ones, all together: each
    may hold a descriptor. `header_limit` are the bytes of a header block that is read. `fields`,
    `pacing` and `user_of` are those of HTTP/1.
    """

    __slots__ = (
        "draining",
        "fields",
        "header_limit",
        "least_timeout",
        "limits",
        "memo",
        "observer",
        "pacing",
        "places",
        "responder",
        "settings",
        "user_of",
    )

    def __init__(
        self,
        responder: Responder,
        observer: Observer,
        memo: Memo,
        limits: Limits,
        places: int = MAX_STREAMS,
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
        self.memo = memo
        self.limits = limits
        self.places = places
        self.draining = False
        self.header_limit = max(limits.max_head_size, MAX_FRAME_SIZE)
        self.least_timeout = min(limits.send_timeout, limits.file_timeout, limits.head_timeout)
        self.settings = settings_frame(
            {
                Setting.HEADER_TABLE_SIZE: 0,
                Setting.MAX_CONCURRENT_STREAMS: MAX_STREAMS,
                Setting.MAX_HEADER_LIST_SIZE: limits.max_head_size,
                Setting.NO_RFC7540_PRIORITIES: 1,
            }
        )

    def drain(self) -> None:
        """Take no more requests from now on."""
        self.draining = True
        self.memo.clear()

    def new_min_rate(self, now: float) -> MinRate | None:
        """Return what watches the rate of one connection; None when no rate is asked for."""
        return MinRate(self.limits, now) if self.limits.min_rate else None
