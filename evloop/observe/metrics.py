"""The counters of a server, and the way of finished exchanges to the access log."""

import logging
from collections import Counter
from typing import Protocol

from evloop.observe.exchange import EndReason, Exchange
from evloop.observe.ratelimit import RateLimited

LOG_INTERVAL = 10.0
"""Seconds between two messages about files that changed, at least: a file that is written to
all the time cuts each of its downloads."""

_CUT_BY_FILE = {
    EndReason.FILE_CHANGED: "has changed",
    EndReason.READ_ERROR: "can't be read",
}

_log = logging.getLogger("evloop")


class ExchangeLog(Protocol):
    """Takes finished exchanges."""

    def write(self, peer: str, exchange: Exchange, end: EndReason, now: float) -> None:
        """Write one; *now* is in seconds on the reactor's clock."""


class Metrics:
    """The counters of a server since its start, and its access log if it has one.

    `responses`, `refusals`, `bytes_sent`, `tls_hellos` and `logs` are those of an Observer
    (evloop.observe.exchange), which this is; `ends` counts the responses that did not complete,
    by reason.
    """

    __slots__ = (
        "_cuts",
        "_log",
        "bytes_sent",
        "ends",
        "logs",
        "refusals",
        "responses",
        "tls_hellos",
    )

    def __init__(self, log: ExchangeLog | None = None) -> None:
        self._log = log
        self.logs = log is not None
        self.responses = 0
        self.refusals = 0
        self.bytes_sent = 0
        self.tls_hellos = 0
        self.ends: Counter[EndReason] = Counter()
        self._cuts = RateLimited(LOG_INTERVAL)

    def ended(
        self, peer: str, exchange: Exchange | None, end: EndReason, now: float, why: str
    ) -> None:
        """Count the end of a response, and log the exchange if there is one."""
        if end is not EndReason.COMPLETE:
            self.ends[end] += 1
        if end in _CUT_BY_FILE and self._cuts.allows(now):
            what = _CUT_BY_FILE[end]
            _log.warning("a download was cut, its file %s: %s%s", what, why, self._cuts.note)
        if self._log is not None and exchange is not None:
            self._log.write(peer, exchange, end, now)
