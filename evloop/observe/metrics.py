"""Who looks on: counts every response and hands the finished ones to the access log."""

import logging
from collections import Counter
from typing import Protocol

from evloop.observe.exchange import EndReason, Exchange

LOG_INTERVAL = 10.0
"""Seconds between two log lines about files that changed, at least."""

_log = logging.getLogger("evloop")


class ExchangeLog(Protocol):
    """Takes finished exchanges."""

    def write(self, peer: str, exchange: Exchange, end: EndReason, now: float) -> None: ...


class Observer:
    """The counters of a server, and its access log if it has one.

    `bytes_sent` are those that the sockets took, heads included; `ends` counts the responses
    that did not complete, by reason.
    """

    __slots__ = ("_last_warning", "_log", "bytes_sent", "ends", "logs", "refusals", "responses")

    def __init__(self, log: ExchangeLog | None = None) -> None:
        self._log = log
        self.logs = log is not None
        self.responses = 0
        self.refusals = 0
        self.bytes_sent = 0
        self.ends: Counter[EndReason] = Counter()
        self._last_warning = -LOG_INTERVAL

    def ended(
        self, peer: str, exchange: Exchange | None, end: EndReason, now: float, why: str
    ) -> None:
        """Note the end of a response."""
        if end is not EndReason.COMPLETE:
            self.ends[end] += 1
        if end is EndReason.FILE_CHANGED and now - self._last_warning >= LOG_INTERVAL:
            self._last_warning = now
            _log.warning("a download was cut, its file has changed: %s", why)
        if self._log is not None and exchange is not None:
            self._log.write(peer, exchange, end, now)
