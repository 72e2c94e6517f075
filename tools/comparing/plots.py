"""The pictures of the page."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from report.graph import TICKS

from comparing.computed import growth
from comparing.contenders import Strategy
from comparing.results import Results
from comparing.scenarios import Scenario
from comparing.tables import THREE, of_one_file
from evloop.settings.units import format_size

OVER_TIME = "memory-over-time.svg"
BY_NUMBER = "memory-by-number.svg"

# The scenario whose memory is drawn over time.
STRESS = "50x100MB"

# Apart in brightness as well, for those who don't see the difference of the colours.
_COLOURS = {
    Strategy.LOAD_ALL: "#c1272d",
    Strategy.STREAMING: "#e69f00",
    Strategy.HYBRID: "#0b5cad",
}
# Streaming and hybrid are mostly the same: the broad line shows beneath the thin one.
_WIDTHS = {Strategy.LOAD_ALL: 1.8, Strategy.STREAMING: 5.0, Strategy.HYBRID: 1.8}

# The least that is drawn: a page of memory, since a logarithmic scale has no zero.
_PAGE = 4096.0

# One picture serves light and dark pages, so it brings its own paper.
_PAPER = "white"
_GUIDE = "#666666"
_PER_DOWNLOAD = 32 * 1024


def draw(results: Results, directory: Path) -> list[Path]:
    """Draw what *results* have the figures for. Raises OSError when it can't be written."""
    drawn = []
    if any(cell.series for cell in results.cells.get(STRESS, {}).values()):
        drawn.append(_over_time(results, directory / OVER_TIME))
    if len(of_one_file(results)) > 1:
        drawn.append(_by_number(results, directory / BY_NUMBER))
    return drawn


def _over_time(results: Results, path: Path) -> Path:
    figure, axes = _figure("50 downloads of 100 MB: process memory over time")
    longest = 0.0
    for strategy in THREE:
        cell = results.cell(STRESS, strategy)
        if cell is None or not cell.series:
            continue
        times, values = zip(*cell.series, strict=True)
        _line(axes, strategy, times, values, drawstyle="steps-post")
        longest = max(longest, *times)
    _reference(axes, 1600 * 1024, "the guide: about 1.6 MB")
    axes.set_xlabel("seconds: connect, hold, read to the end, leave")
    axes.set_xlim(0, longest)
    _save(figure, axes, path)
    return path


def _by_number(results: Results, path: Path) -> Path:
    figure, axes = _figure("downloads of 100 MB at once: process memory by their number")
    scenarios = of_one_file(results)
    for strategy in THREE:
        points = [
            (scenario.downloads, _growth(results, scenario, strategy)) for scenario in scenarios
        ]
        measured = [(x, value[0]) for x, value in points if value and not value[1]]
        computed = [(x, value[0]) for x, value in points if value and value[1]]
        if measured:
            _line(axes, strategy, *zip(*measured, strict=True), marker="o")
        if computed:
            x, y = zip(*computed, strict=True)
            axes.plot(x, y, ":o", color=_COLOURS[strategy], fillstyle="none",
                      label=f"{strategy}, computed")  # fmt: skip
    numbers = [scenario.downloads for scenario in scenarios]
    axes.plot(numbers, [number * _PER_DOWNLOAD for number in numbers], "-.", color=_GUIDE,
              linewidth=1, label="the guide: 32 KB each")  # fmt: skip
    axes.set_xscale("log")
    axes.set_xticks(numbers, [f"{number:,}" for number in numbers], fontsize=8)
    axes.set_xlabel("downloads in flight")
    _save(figure, axes, path)
    return path


def _growth(results: Results, scenario: Scenario, strategy: str) -> tuple[float, bool] | None:
    found = growth(results, scenario, strategy)
    return None if found is None else (found.size, found.is_computed)


def _figure(title: str) -> tuple[Any, Any]:
    from matplotlib.figure import Figure  # slow, and wanted by few

    figure = Figure(figsize=(8, 4.5), layout="constrained", facecolor=_PAPER)
    axes = figure.subplots()
    axes.set_title(title, fontsize=11, loc="left")
    return figure, axes


def _line(
    axes: Any, strategy: Strategy, x: Sequence[float], y: Sequence[float], **how: Any
) -> None:
    axes.plot(
        x,
        [max(_PAGE, value) for value in y],
        label=strategy.value,
        color=_COLOURS[strategy],
        linewidth=_WIDTHS[strategy],
        solid_capstyle="butt",
        markersize=4,
        **how,
    )


def _reference(axes: Any, value: float, label: str) -> None:
    axes.axhline(value, color=_GUIDE, linestyle="-.", linewidth=1, label=label)


def _save(figure: Any, axes: Any, path: Path) -> None:
    from matplotlib import rc_context

    axes.set_yscale("log")
    low, high = axes.get_ylim()
    axes.set_yticks([tick for tick in TICKS if low <= tick <= high])
    axes.yaxis.set_major_formatter(lambda size, _: format_size(size))
    axes.minorticks_off()
    axes.grid(visible=True, axis="y", alpha=0.3)
    axes.set_ylabel("growth of the process's own pages")
    axes.legend(frameon=False, fontsize=8, ncols=2)
    # Without a date, and with ids that are not random, the same figures make the same file.
    with rc_context({"svg.hashsalt": path.name}):
        figure.savefig(path, facecolor=_PAPER, metadata={"Date": None})
