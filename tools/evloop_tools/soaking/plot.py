"""The run as pictures: memory and connections, throughput and errors over time."""

import io
import itertools
from collections.abc import Sequence
from typing import Any

from evloop_tools.lab.history import History
from evloop_tools.report.plot import can_plot, count_axis, legend, line, new_figure, save, size_axis
from evloop_tools.report.words import pages
from evloop_tools.soaking.result import Point, Result


def draw(result: Result) -> list[str]:
    """Return the pictures as SVG elements; none without matplotlib."""
    if not can_plot():
        return []
    history, points = result.history, result.outcome.timeline.points
    figure = new_figure(10, 8 if history else 3.2)
    panels = figure.subplots(3 if history else 1, 1, sharex=True, squeeze=False)[:, 0]
    if history is not None:
        _draw_memory(panels[0], history, points)
        _draw_kernel(panels[1], history)
    _draw_load(panels[-1], points)
    panels[-1].set_xlabel("seconds")
    buffer = io.StringIO()
    save(figure, buffer, "soak", format="svg")
    text = buffer.getvalue()
    return [text[text.index("<svg") :]]


def _draw_memory(axes: Any, history: History, points: Sequence[Point]) -> None:
    own, total = history.own_metric, history.total_metric
    line(axes, history.series(total), f"{total.upper()} of the server", "tab:blue")
    if own != total:
        line(axes, history.series(own), pages(own), "tab:cyan")
    size_axis(axes, history.peak(total) or 1.0)
    connections = ((point.at, point.connections) for point in points)
    legend(axes, count_axis(axes, connections, "connections", "tab:gray"))


def _draw_kernel(axes: Any, history: History) -> None:
    line(axes, history.series("kernel_tcp"), "TCP memory, whole machine", "tab:olive")
    line(axes, history.series("send_queues"), "send queues of the server", "tab:orange")
    size_axis(axes, max(history.peak(name) or 1.0 for name in ("kernel_tcp", "send_queues")))
    legend(axes)


def _draw_load(axes: Any, points: Sequence[Point]) -> None:
    rates = [
        (later.at, (later.received - earlier.received) / max(1e-9, later.at - earlier.at))
        for earlier, later in itertools.pairwise(points)
    ]
    line(axes, rates, "bytes per second", "tab:green")
    size_axis(axes, max([1.0, *(rate for _, rate in rates)]))
    errors = ((point.at, point.errors) for point in points)
    legend(axes, count_axis(axes, errors, "errors so far", "tab:red"))
