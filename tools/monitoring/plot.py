"""The run as a picture: memory and connections, and memory against loading whole files."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from lab.history import History
from report.graph import TICKS, binary_unit, nice_top

from evloop.settings.units import format_size
from monitoring.sentences import pages

SUFFIXES = (".png", ".svg")


class PlotError(Exception):
    """The picture can't be drawn; the message is one line for the user."""


def check_plot(path: Path) -> None:
    """Raises PlotError when the name or the installation forbids to plot, before a long run."""
    if path.suffix.lower() not in SUFFIXES:
        raise PlotError(f"{str(path)!r} does not end in {' or '.join(SUFFIXES)}")
    if find_spec("matplotlib") is None:
        raise PlotError("plots need matplotlib: pip install 'evloop-server[plot]'")


def draw(history: History, name: str, path: Path) -> None:
    """Write the picture of *history* to *path*. Raises OSError when it can't be written."""
    from matplotlib.figure import Figure  # slow, and wanted by few

    figure = Figure(figsize=(9, 7.5), layout="constrained")
    figure.suptitle(f"{name}: memory over {history.elapsed:.0f} s")
    memory, against = figure.subplots(2, 1, sharex=True)
    _draw_memory(memory, history)
    _draw_against(against, history, name)
    figure.savefig(path, dpi=120)


def _draw_memory(axes: Any, history: History) -> None:
    """What the server takes, from 0, with its connections on a second axis."""
    own, total = history.own_metric, history.total_metric
    _line(axes, history, total, f"memory ({total.upper()})", "tab:blue")
    if own != total:
        _line(axes, history, own, pages(own), "tab:cyan")
    peak = history.peak(total) or 1.0
    step = nice_top(peak / 6, binary_unit(peak / 6))
    axes.set_yticks([step * number for number in range(9)])
    axes.set_ylim(0, 1.15 * peak)
    _size_axis(axes)
    number = axes.twinx()
    _line(number, history, "connections", "connections (right)", "tab:gray", ":")
    number.set_ylim(0, 1.15 * (history.peak("connections") or 1))
    _legend(axes, number)


def _draw_against(axes: Any, history: History, name: str) -> None:
    """The same against loading whole files, and against what waits in the kernel."""
    total = history.total_metric
    _line(axes, history, total, f"{name} ({total.upper()})", "tab:blue")
    _line(axes, history, "load_all", "loading whole files", "tab:red")
    _line(axes, history, "send_queues", "its send queues", "tab:orange")
    _line(axes, history, "kernel_tcp", "TCP memory, machine", "tab:olive")
    axes.set_yscale("log")
    axes.set_yticks(TICKS)
    axes.set_ylim(64 * 1024, 4 * max(history.peak(metric) or 1 for metric in (total, "load_all")))
    axes.minorticks_off()
    _size_axis(axes)
    axes.grid(visible=True, axis="y", alpha=0.3)
    axes.set_xlabel("seconds")
    _legend(axes)


def _line(
    axes: Any, history: History, metric: str, label: str, colour: str, style: str = "-"
) -> None:
    """Draw one metric as the steps that it was seen in."""
    points = history.series(metric)
    if points:
        times, values = zip(*points, strict=True)
        axes.plot(times, values, style, label=label, color=colour, drawstyle="steps-post")


def _size_axis(axes: Any) -> None:
    axes.yaxis.set_major_formatter(lambda size, _: format_size(size))


def _legend(*axes: Any) -> None:
    """One legend for all *axes*, above the first, where no line runs."""
    drawn = [line for one in axes for line in one.get_lines()]
    axes[0].legend(handles=drawn, loc="lower left", bbox_to_anchor=(0, 1), ncols=4, frameon=False)
