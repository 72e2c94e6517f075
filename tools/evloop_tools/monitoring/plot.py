"""The run as a picture: memory and connections, and memory against loading whole files."""

from pathlib import Path
from typing import Any

from evloop_tools.lab.history import History
from evloop_tools.report.plot import (
    count_axis,
    legend,
    line,
    log_size_axis,
    new_figure,
    save,
    size_axis,
)
from evloop_tools.report.words import pages

_LEAST = 64 * 1024  # bytes at which the logarithmic axis begins


def draw(history: History, name: str, path: Path) -> None:
    """Write the picture of *history* to *path*. Raises OSError when it can't be written."""
    figure = new_figure(9, 7.5)
    figure.suptitle(f"{name}: memory over {history.elapsed:.0f} s")
    memory, against = figure.subplots(2, 1, sharex=True)
    _draw_memory(memory, history)
    _draw_against(against, history, name)
    save(figure, path, "monitor", dpi=120)


def _draw_memory(axes: Any, history: History) -> None:
    """What the server takes, from 0, with its connections on a second axis."""
    own, total = history.own_metric, history.total_metric
    line(axes, history.series(total), f"memory ({total.upper()})", "tab:blue")
    if own != total:
        line(axes, history.series(own), pages(own), "tab:cyan")
    size_axis(axes, history.peak(total) or 1.0, 6)
    legend(axes, count_axis(axes, history.series("connections"), "connections", "tab:gray"))


def _draw_against(axes: Any, history: History, name: str) -> None:
    """The same against loading whole files, and against what waits in the kernel."""
    total = history.total_metric
    line(axes, history.series(total), f"{name} ({total.upper()})", "tab:blue")
    line(axes, history.series("load_all"), "loading whole files", "tab:red")
    line(axes, history.series("send_queues"), "its send queues", "tab:orange")
    line(axes, history.series("kernel_tcp"), "TCP memory, machine", "tab:olive")
    peak = max(history.peak(metric) or 1 for metric in (total, "load_all"))
    log_size_axis(axes, _LEAST, max(2 * _LEAST, 4 * peak))
    axes.set_xlabel("seconds")
    legend(axes)
