"""What a server tells about itself, as JSON."""

import json
from collections.abc import Callable

from evloop import __version__
from evloop.observe.snapshot import Snapshot

INTERVAL = 0.2
"""Seconds for which the figures hold. A snapshot visits every connection, which took 4 ms for
10,000 of them, so whoever asks all the time takes 2 % of the loop. The page that draws the figures
asks twice a second, and knows how old they may be (public/static/report.js)."""


class Figures:
    """Makes the document, at most once per INTERVAL, however many ask.

    Sizes are in bytes, times in seconds:

        version                        of evloop
        memory.now, .start, .ceiling   the process now and before it served; what it may come to
        connections                    open now
        downloads, load_all            streamed from a file now; the sizes of those files in all
        bytes_sent, responses          since the start
        uptime                         since the start

    *measure* returns the size of the process; *start* and *ceiling* are those of the memory plan;
    *started* is when serving began, on the reactor's clock.
    """

    def __init__(
        self,
        snapshot: Callable[[], Snapshot],
        measure: Callable[[], int],
        *,
        start: int,
        ceiling: int,
        started: float,
    ) -> None:
        self._snapshot = snapshot
        self._measure = measure
        self._start = start
        self._ceiling = ceiling
        self._started = started
        self._document = b""
        self._until = started

    def document(self, now: float) -> bytes:
        """Return the document of *now*, which is on the reactor's clock."""
        if now >= self._until:
            self._document = self._made(now)
            self._until = now + INTERVAL
        return self._document

    def _made(self, now: float) -> bytes:
        seen = self._snapshot()
        figures = {
            "version": __version__,
            "memory": {"now": self._measure(), "start": self._start, "ceiling": self._ceiling},
            "connections": sum(seen.connections.values()),
            "downloads": seen.downloads,
            "load_all": seen.load_all,
            "bytes_sent": seen.bytes_sent,
            "responses": seen.responses,
            "uptime": round(now - self._started, 3),
        }
        return json.dumps(figures).encode()
