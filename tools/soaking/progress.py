"""What is seen while a run goes on: a bar in a terminal, lines in a pipe."""

import time
from typing import IO

from lab.history import METRICS
from report.figures import show_clock, show_count, show_size, show_time
from rich.console import Group
from rich.live import Live
from rich.progress_bar import ProgressBar as Bar
from rich.table import Table
from rich.text import Text

from soaking.soak import Soak

_BAR_INTERVAL = 0.25
_LINES = 20  # that a run has, at most, so that a night does not fill a log
_LEAST_INTERVAL = 2.0


class _Since:
    """Requests, bytes and time of the call before, for rates."""

    def __init__(self) -> None:
        self._at = time.monotonic()
        self._requests = self._received = 0

    def rates(self, requests: int, received: int) -> tuple[float, float]:
        """Return requests and bytes per second since the last call."""
        now = time.monotonic()
        elapsed = max(1e-3, now - self._at)
        rates = (requests - self._requests) / elapsed, (received - self._received) / elapsed
        self._at, self._requests, self._received = now, requests, received
        return rates


def _memory(soak: Soak) -> tuple[str, str]:
    """Return own pages and their growth."""
    if soak.watch is None:
        return "n/a", "n/a"
    history = soak.watch.history
    own = history.own_metric
    return show_size(METRICS[own](history.now)), show_size(history.growth(own), signed=True)


class ProgressLines:
    """Writes aligned lines to *stream*."""

    _COLUMNS = (
        ("time", 8), ("clients", 8), ("conns", 8), ("answers", 10), ("per s", 8),
        ("bytes/s", 10), ("errors", 7), ("TTFB p50", 9), ("p99", 9), ("own pages", 10),
        ("growth", 10),
    )  # fmt: skip

    def __init__(self, stream: IO[str], duration: float) -> None:
        self.interval = max(_LEAST_INTERVAL, duration / _LINES)
        self._stream = stream
        self._since = _Since()
        self._has_header = False

    def __enter__(self) -> "ProgressLines":
        return self

    def __exit__(self, *_: object) -> None:
        """What is written stays."""

    def show(self, soak: Soak) -> None:
        """Write a line."""
        if not self._has_header:
            self._write([title for title, _ in self._COLUMNS])
            self._has_header = True
        tally, counts = soak.tally, soak.tally.all
        per_second, bytes_per_second = self._since.rates(counts.requests, counts.received)
        self._write(
            [
                show_clock(soak.seconds),
                show_count(soak.crowd.clients),
                show_count(tally.connected),
                show_count(counts.requests),
                show_count(per_second),
                show_size(bytes_per_second),
                show_count(tally.error_count),
                show_time(counts.first_byte.percentile(0.5)),
                show_time(counts.first_byte.percentile(0.99)),
                *_memory(soak),
            ]
        )

    def _write(self, cells: list[str]) -> None:
        widths = (width for _, width in self._COLUMNS)
        line = "  ".join(f"{cell:>{width}}" for cell, width in zip(cells, widths, strict=True))
        self._stream.write(line + "\n")
        self._stream.flush()


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
        """Draw."""
        grid = Table.grid(padding=(0, 1), expand=True)
        grid.add_column(no_wrap=True)
        grid.add_column(ratio=1)
        grid.add_column(no_wrap=True)
        share = _share(soak)
        clock = f"{share:4.0%}  {show_clock(soak.seconds)} of {show_clock(soak.timing.duration)}"
        grid.add_row(Text(self._title, "bold"), Bar(total=1.0, completed=share), clock)
        self._live.update(Group(grid, self._load(soak), self._server(soak)), refresh=True)

    def _load(self, soak: Soak) -> Text:
        tally, counts = soak.tally, soak.tally.all
        per_second, bytes_per_second = self._since.rates(counts.requests, counts.received)
        errors = tally.error_count
        return Text.assemble(
            *("clients ", show_count(soak.crowd.clients)),
            *("   connections ", show_count(tally.connected)),
            *("   answers ", show_count(counts.requests), f" ({show_count(per_second)}/s)"),
            *("   ", show_size(bytes_per_second), "/s   "),
            (f"errors {errors:,}", "bold red" if errors else "green"),
            *("   first byte p50 ", show_time(counts.first_byte.percentile(0.5))),
            *(", p99 ", show_time(counts.first_byte.percentile(0.99))),
        )

    def _server(self, soak: Soak) -> Text:
        if soak.watch is None:
            return Text("the server's memory can't be seen", "dim")
        history = soak.watch.history
        memory, growth = _memory(soak)
        return Text.assemble(
            *("server: own pages ", (memory, "bold cyan"), f" ({growth})"),
            *("   kernel TCP, machine ", show_size(METRICS["kernel_tcp"](history.now))),
            *("   descriptors ", show_count(history.now.descriptors)),
            *("   CPU ", f"{history.now.cpu:.0f} %"),
        )


def _share(soak: Soak) -> float:
    """How much of the run is over, from 0 to 1."""
    answered = soak.tally.all.requests / soak.load.requests
    return min(1.0, max(answered, soak.seconds / soak.timing.duration))
