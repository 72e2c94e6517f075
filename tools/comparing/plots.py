"""The pictures of the page."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from evloop_tools.campaign.results import Results
from evloop_tools.report.plot import log_size_axis, new_figure, save

from comparing.cells import growth
from comparing.contenders import Strategy
from comparing.scenarios import Scenario
from comparing.tables import THREE, of_one_file

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
_GUIDE = {"color": "#666666", "linestyle": "-.", "linewidth": 1}
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
        series = results.cell(STRESS, strategy).series
        if series:
            times, values = zip(*series, strict=True)
            _line(axes, strategy, times, values, drawstyle="steps-post")
            longest = max(longest, *times)
    axes.axhline(1600 * 1024, label="the guide: about 1.6 MB", **_GUIDE)
    axes.set_xlabel("seconds: connect, hold, read to the end, leave")
    axes.set_xlim(0, longest)
    return _save(figure, axes, path)


def _by_number(results: Results, path: Path) -> Path:
    figure, axes = _figure("downloads of 100 MB at once: process memory by their number")
    scenarios = of_one_file(results)
    for strategy in THREE:
        for is_computed in (False, True):
            points = _points(results, scenarios, strategy, is_computed)
            if points and is_computed:
                axes.plot(*zip(*points, strict=True), ":o", color=_COLOURS[strategy],
                          fillstyle="none", label=f"{strategy}, computed")  # fmt: skip
            elif points:
                _line(axes, strategy, *zip(*points, strict=True), marker="o")
    numbers = [scenario.downloads for scenario in scenarios]
    expected = [number * _PER_DOWNLOAD for number in numbers]
    axes.plot(numbers, expected, label="the guide: 32 KB each", **_GUIDE)
    axes.set_xscale("log")
    axes.set_xticks(numbers, [f"{number:,}" for number in numbers], fontsize=8)
    axes.set_xlabel("downloads in flight")
    return _save(figure, axes, path)


def _points(
    results: Results, scenarios: Sequence[Scenario], strategy: str, is_computed: bool
) -> list[tuple[int, float]]:
    found = ((scenario.downloads, growth(results, scenario, strategy)) for scenario in scenarios)
    return [(x, y.size) for x, y in found if y is not None and y.is_computed is is_computed]


def _figure(title: str) -> tuple[Any, Any]:
    figure = new_figure(8, 4.5, facecolor=_PAPER)
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


def _save(figure: Any, axes: Any, path: Path) -> Path:
    axes.set_yscale("log")
    log_size_axis(axes, *axes.get_ylim())
    axes.set_ylabel("growth of the process's own pages")
    axes.legend(frameon=False, fontsize=8, ncols=2)
    save(figure, path, path.name, facecolor=_PAPER)
    return path
