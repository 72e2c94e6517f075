"""One line per sample, for a pipe or a file."""

from collections.abc import Callable
from typing import TextIO

from evloop_tools.lab.history import METRICS, History
from evloop_tools.report.figures import show_clock, show_count, show_size
from evloop_tools.report.table import Column, Lines


def _size(metric: str) -> Callable[[History], str]:
    return lambda history: show_size(METRICS[metric](history.now))


def _count(metric: str) -> Callable[[History], str]:
    return lambda history: show_count(METRICS[metric](history.now))


def _growth(history: History) -> str:
    return show_size(history.growth(history.own_metric), signed=True)


COLUMNS: tuple[Column[History], ...] = (
    Column("time", 8, lambda history: show_clock(history.elapsed)),
    Column("pss", 10, _size("pss"), 1),
    Column("rss", 10, _size("rss"), 9),
    Column("own pages", 10, lambda history: show_size(METRICS[history.own_metric](history.now))),
    Column("growth", 10, _growth),
    Column("files", 10, _size("file_backed"), 8),
    Column("send queue", 10, _size("send_queues"), 2),
    Column("tcp, all", 10, _size("kernel_tcp"), 6),
    Column("cpu %", 6, lambda history: f"{history.now.cpu:.1f}", 3),
    Column("threads", 7, _count("threads"), 10),
    Column("fds", 7, _count("descriptors"), 7),
    Column("conns", 7, _count("connections"), 4),
    Column("downloads", 9, _count("downloads"), 5),
    Column("load-all", 10, _size("load_all")),
)


def lines(stream: TextIO) -> Lines[History]:
    """Return what writes aligned columns to *stream*; n/a where a figure is not known."""
    return Lines(stream, COLUMNS)
