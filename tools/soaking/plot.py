"""The run as pictures: memory and connections, throughput and errors over time."""

import io
import itertools
from collections.abc import Sequence
from typing import Any

from lab.history import History
from monitoring.sentences import pages
from report.graph import binary_unit, nice_top

from evloop.settings.units import format_size
from soaking.result import Point, Result

_Line = tuple[Sequence[float], Sequence[float]]


def draw(result: Result) -> list[str]:
    """Return the pictures as SVG elements; none without matplotlib."""
    try:
        from matplotlib import rc_context
        from matplotlib.figure import Figure
    except ImportError:
        return []
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "soak", "font.size": 9}):
        history = result.history
        figure = Figure(figsize=(10, 8 if history else 3.2), layout="constrained")
        panels = figure.subplots(3 if history else 1, 1, sharex=True, squeeze=False)[:, 0]
        if history is not None:
            _draw_memory(panels[0], result, history)
            _draw_kernel(panels[1], result, history)
        _draw_load(panels[-1], result.outcome.timeline.points)
        panels[-1].set_xlabel("seconds")
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    text = buffer.getvalue()
    return [text[text.index("<svg") :]]


def _draw_memory(axes: Any, result: Result, history: History) -> None:
    own, total = history.own_metric, history.total_metric
    _line(axes, _series(history, total), f"{total.upper()} of the server", "tab:blue")
    if own != total:
        _line(axes, _series(history, own), pages(own), "tab:cyan")
    _size_axis(axes, history.peak(total) or 1.0)
    number = axes.twinx()
    points = result.outcome.timeline.points
    connections = [float(point.connections) for point in points]
    _line(number, (_times(points), connections), "connections (right)", "tab:gray", ":")
    number.set_ylim(0, 1.15 * max([1.0, *connections]))
    _legend(axes, number)


def _draw_kernel(axes: Any, result: Result, history: History) -> None:
    _line(axes, _series(history, "kernel_tcp"), "TCP memory, whole machine", "tab:olive")
    _line(axes, _series(history, "send_queues"), "send queues of the server", "tab:orange")
    _size_axis(axes, max(history.peak(name) or 1.0 for name in ("kernel_tcp", "send_queues")))
    _legend(axes)


def _draw_load(axes: Any, points: Sequence[Point]) -> None:
    rates = [
        (later.received - earlier.received) / max(1e-9, later.at - earlier.at)
        for earlier, later in itertools.pairwise(points)
    ]
    _line(axes, (_times(points[1:]), rates), "bytes per second", "tab:green")
    _size_axis(axes, max([1.0, *rates]))
    number = axes.twinx()
    errors = [float(point.errors) for point in points]
    _line(number, (_times(points), errors), "errors so far (right)", "tab:red", ":")
    number.set_ylim(0, 1.15 * max([1.0, *errors]))
    _legend(axes, number)


def _series(history: History, metric: str) -> _Line:
    pairs = history.series(metric)
    return [at for at, _ in pairs], [value for _, value in pairs]


def _times(points: Sequence[Point]) -> list[float]:
    return [point.at for point in points]


def _line(axes: Any, line: _Line, label: str, colour: str, style: str = "-") -> None:
    if line[0]:
        axes.plot(*line, style, label=label, color=colour, drawstyle="steps-post")


def _size_axis(axes: Any, peak: float) -> None:
    step = nice_top(peak / 5, binary_unit(peak / 5))
    axes.set_yticks([step * number for number in range(8)])
    axes.set_ylim(0, 1.15 * peak)
    axes.yaxis.set_major_formatter(lambda size, _: format_size(size))
    axes.grid(visible=True, axis="y", alpha=0.3)


def _legend(*axes: Any) -> None:
    drawn = [line for one in axes for line in one.get_lines()]
    axes[0].legend(handles=drawn, loc="lower left", bbox_to_anchor=(0, 1), ncols=4, frameon=False)
