"""One line per sample, for a pipe or a file."""

from collections.abc import Callable
from typing import IO

from lab.history import METRICS, History
from report.figures import show_clock, show_count, show_size

_HEADER_EVERY = 30  # lines


def _size(metric: str) -> Callable[[History], str]:
    return lambda history: show_size(METRICS[metric](history.now))


def _count(metric: str) -> Callable[[History], str]:
    return lambda history: show_count(METRICS[metric](history.now))


def _growth(history: History) -> str:
    return show_size(history.growth(history.own_metric), signed=True)


_COLUMNS: tuple[tuple[str, int, Callable[[History], str]], ...] = (
    ("time", 8, lambda history: show_clock(history.elapsed)),
    ("pss", 10, _size("pss")),
    ("rss", 10, _size("rss")),
    ("own pages", 10, lambda history: show_size(METRICS[history.own_metric](history.now))),
    ("growth", 10, _growth),
    ("files", 10, _size("file_backed")),
    ("send queue", 10, _size("send_queues")),
    ("tcp, all", 10, _size("kernel_tcp")),
    ("cpu %", 6, lambda history: f"{history.now.cpu:.1f}"),
    ("threads", 7, _count("threads")),
    ("fds", 7, _count("descriptors")),
    ("conns", 7, _count("connections")),
    ("downloads", 9, _count("downloads")),
    ("load-all", 10, _size("load_all")),
)


class Lines:
    """Writes aligned columns to *stream*; sizes in binary units, n/a where not known."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream
        self._written = 0

    def show(self, history: History) -> None:
        if self._written % _HEADER_EVERY == 0:
            self._write([f"{title:>{width}}" for title, width, _ in _COLUMNS])
        self._write([f"{figure(history):>{width}}" for _, width, figure in _COLUMNS])
        self._written += 1

    def redraw(self) -> None:
        """What is written stays."""

    def _write(self, cells: list[str]) -> None:
        self._stream.write("  ".join(cells) + "\n")
        self._stream.flush()
