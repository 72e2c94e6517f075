"""What all pictures share: where they may be written, lines over time, axes of sizes."""

from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from evloop.settings.units import format_size
from evloop_tools.report.arguments import UsageError
from evloop_tools.report.scale import TICKS, binary_unit, nice_top

SUFFIXES = (".png", ".svg")
Points = Iterable[tuple[float, float]]


def check_plot(path: Path) -> None:
    """Raises UsageError when the name or the installation forbids to plot, before a long run."""
    if path.suffix.lower() not in SUFFIXES:
        raise UsageError(f"{str(path)!r} does not end in {' or '.join(SUFFIXES)}")
    if not can_plot():
        raise UsageError("plots need matplotlib: pip install 'evloop-server[plot]'")


def can_plot() -> bool:
    """Whether matplotlib is installed."""
    return find_spec("matplotlib") is not None


def new_figure(width: float, height: float, **how: Any) -> Any:
    """Return an empty figure of so many inches."""
    from matplotlib.figure import Figure  # slow, and wanted by few

    return Figure(figsize=(width, height), layout="constrained", **how)


def line(axes: Any, points: Points, label: str, colour: str, style: str = "-") -> None:
    """Draw *points* as the steps that they were seen in; nothing when there are none."""
    pairs = list(points)
    if pairs:
        times, values = zip(*pairs, strict=True)
        axes.plot(times, values, style, label=label, color=colour, drawstyle="steps-post")


def size_axis(axes: Any, peak: float, parts: int = 5) -> None:
    """Let the axis of sizes go from 0 to a little above *peak*, with round ticks."""
    step = nice_top(peak / parts, binary_unit(peak / parts))
    axes.set_yticks([step * number for number in range(parts + 3)])
    axes.set_ylim(0, 1.15 * peak)
    _sizes(axes)


def log_size_axis(axes: Any, low: float, high: float) -> None:
    """Let the axis of sizes be logarithmic, from *low* to *high* bytes."""
    axes.set_yscale("log")
    axes.set_yticks([tick for tick in TICKS if low <= tick <= high])
    axes.set_ylim(low, high)
    axes.minorticks_off()
    _sizes(axes)


def _sizes(axes: Any) -> None:
    axes.yaxis.set_major_formatter(lambda size, _: format_size(size))
    axes.grid(visible=True, axis="y", alpha=0.3)


def count_axis(axes: Any, points: Points, label: str, colour: str) -> Any:
    """Draw counts against a second axis, on the right, and return that."""
    pairs = list(points)
    right = axes.twinx()
    line(right, pairs, f"{label} (right)", colour, ":")
    right.set_ylim(0, 1.15 * max([1.0, *(value for _, value in pairs)]))
    return right


def legend(*axes: Any) -> None:
    """One legend for all *axes*, above the first, where no line runs."""
    drawn = [one for each in axes for one in each.get_lines()]
    axes[0].legend(handles=drawn, loc="lower left", bbox_to_anchor=(0, 1), ncols=4, frameon=False)


def save(figure: Any, target: Any, salt: str, **how: Any) -> None:
    """Write *figure*; the same figures make the same file. Raises OSError."""
    from matplotlib import rc_context

    is_svg = how.get("format") == "svg" or str(target).endswith(".svg")
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": salt}):
        figure.savefig(target, metadata={"Date": None} if is_svg else None, **how)
