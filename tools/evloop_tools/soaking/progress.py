"""What is seen while a run goes on: a bar in a terminal, lines in a pipe."""

import time
from collections.abc import Callable
from typing import TextIO

from rich.console import Group
from rich.live import Live
from rich.text import Text

from evloop_tools.lab.history import METRICS
from evloop_tools.report.figures import show_clock, show_count, show_size, show_time
from evloop_tools.report.progress import bar, left
from evloop_tools.report.table import WIDTH, Column, Lines
from evloop_tools.soaking.soak import Soak

_BAR_INTERVAL = 0.25
_LINES = 20  # that a run has, at most, so that a night does not fill a log
_LEAST_INTERVAL = 2.0


class _Since:
    """Requests, bytes and time of the look before, for rates."""

    def __init__(self) -> None:
        self._before = (time.monotonic(), 0, 0)
        self.requests = self.received = 0.0

    def look(self, soak: Soak) -> None:
        """Let the two be per second since the last look."""
        counts = soak.tally.all
        (then, requests, received), now = self._before, time.monotonic()
        elapsed = max(1e-3, now - then)
        self.requests = (counts.requests - requests) / elapsed
        self.received = (counts.received - received) / elapsed
        self._before = (now, counts.requests, counts.received)


def _own(soak: Soak) -> str:
    if soak.watch is None:
        return "n/a"
    return show_size(METRICS[soak.watch.history.own_metric](soak.watch.history.now))


def _growth(soak: Soak) -> str:
    if soak.watch is None:
        return "n/a"
    return show_size(soak.watch.history.growth(soak.watch.history.own_metric), signed=True)


def _first_byte(share: float) -> Callable[[Soak], str]:
    return lambda soak: show_time(soak.tally.all.first_byte.percentile(share))


class ProgressLines:
    """Writes aligned lines to *stream*."""

    def __init__(self, stream: TextIO, duration: float) -> None:
        self.interval = max(_LEAST_INTERVAL, duration / _LINES)
        self._since = _Since()
        columns: tuple[Column[Soak], ...] = (
            Column("time", 7, lambda soak: show_clock(soak.seconds)),
            Column("left", 7, lambda soak: show_clock(_left(soak))),
            Column("conns", 6, lambda soak: show_count(soak.tally.connected)),
            Column("answers", 9, lambda soak: show_count(soak.tally.all.requests), 3),
            Column("per s", 6, lambda soak: show_count(self._since.requests), 4),
            Column("bytes/s", 9, lambda soak: show_size(self._since.received)),
            Column("errors", 6, lambda soak: show_count(soak.tally.error_count)),
            Column("TTFB p50", 8, _first_byte(0.5)),
            Column("p99", 7, _first_byte(0.99), 2),
            Column("own pages", 9, _own),
            Column("growth", 9, _growth),
        )
        self._lines = Lines(stream, columns, WIDTH)

    def __enter__(self) -> "ProgressLines":
        return self

    def __exit__(self, *_: object) -> None:
        """What is written stays."""

    def show(self, soak: Soak) -> None:
        """Write a line."""
        self._since.look(soak)
        self._lines.show(soak)


class ProgressBar:
    """Draws a bar in a terminal, with figures below it; it is gone when the run is over."""

    interval = _BAR_INTERVAL

    def __init__(self, title: str) -> None:
        self._title = title
        self._live = Live(auto_refresh=False, transient=True)
        self._since = _Since()

    def __enter__(self) -> "ProgressBar":
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def show(self, soak: Soak) -> None:
        """Draw, in lines that fit 80 columns."""
        self._since.look(soak)
        share, elapsed = _share(soak), show_clock(soak.seconds)
        clocks = f" {share:4.0%}  {elapsed} elapsed, {left(soak.seconds, share)}"
        head = Text.assemble((f"{self._title} ", "bold"), bar(share), clocks)
        self._live.update(Group(head, *self._load(soak), *_server(soak)), refresh=True)

    def _load(self, soak: Soak) -> tuple[Text, Text]:
        tally = soak.tally
        errors, answers = tally.error_count, show_count(tally.all.requests)
        return (
            Text.assemble(
                *("clients ", show_count(soak.crowd.clients)),
                *("  connections ", show_count(tally.connected)),
                *("  answers ", answers, f" ({show_count(self._since.requests)}/s)"),
            ),
            Text.assemble(
                *(show_size(self._since.received), "/s  "),
                (f"errors {errors:,}", "bold red" if errors else "green"),
                *("  first byte p50 ", _first_byte(0.5)(soak)),
                *(", p99 ", _first_byte(0.99)(soak)),
            ),
        )


def _server(soak: Soak) -> tuple[Text, ...]:
    if soak.watch is None:
        return (Text("the server's memory can't be seen", "dim"),)
    now = soak.watch.history.now
    return (
        Text.assemble(
            *("server: own pages ", (_own(soak), "bold cyan"), f" ({_growth(soak)})"),
            *("  kernel TCP, machine ", show_size(METRICS["kernel_tcp"](now))),
        ),
        Text.assemble(
            *("        descriptors ", show_count(now.descriptors)),
            *("  CPU ", f"{now.cpu:.0f} %"),
        ),
    )


def _share(soak: Soak) -> float:
    """How much of the run is over, from 0 to 1."""
    answered = soak.tally.all.requests / soak.load.requests
    return min(1.0, max(answered, soak.seconds / soak.timing.duration))


def _left(soak: Soak) -> float:
    return max(0.0, soak.timing.duration - soak.seconds)
