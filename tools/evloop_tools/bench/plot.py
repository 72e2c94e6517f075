"""The results as a picture: a panel per row, a point per server."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from evloop_tools.bench.rows import Row
from evloop_tools.campaign.results import Cell, Results
from evloop_tools.lab.servers.base import Kind
from evloop_tools.report.figures import digits
from evloop_tools.report.plot import new_figure, save

_COLOURS = {
    Kind.SUBJECT.value: "#1f77b4",
    Kind.NATIVE.value: "#999999",
    Kind.PYTHON.value: "#d99a3f",
    Kind.FLOOR.value: "#444444",
}
_COLUMNS = 2

# Inches: the width of the picture, the height of a line, and of what surrounds a panel's lines.
_WIDTH, _LINE, _FRAME = 13.0, 0.2, 0.9


def draw(results: Results, rows: Sequence[Row], path: Path) -> None:
    """Draw the first figure of each row into *path*; raise OSError when it can't be written.

    The axis is logarithmic, since Python's peers are far out. A point is the median; the
    line through it goes from the least to the most of the rounds.
    """
    panels = {row: _valid_cells(results, row) for row in rows}
    measured = {row: cells for row, cells in panels.items() if len(cells) > 1}
    lines = max(1, -(-len(measured) // _COLUMNS))
    most = max(map(len, measured.values()), default=1)
    picture = new_figure(_WIDTH, lines * (most * _LINE + _FRAME))
    for number, (row, cells) in enumerate(measured.items()):
        _panel(picture.add_subplot(lines, _COLUMNS, number + 1), results, row, cells)
    save(picture, path, "bench", dpi=110)


def _valid_cells(results: Results, row: Row) -> dict[str, Cell]:
    cells = {name: results.cell(row.name, name) for name in results.row_servers(row.name)}
    return {name: cell for name, cell in cells.items() if (cell.median(row.primary) or 0) > 0}


def _panel(axes: Any, results: Results, row: Row, cells: dict[str, Cell]) -> None:
    for number, (name, cell) in enumerate(cells.items()):
        values, median = cell.values(row.primary), cell.median(row.primary) or 0.0
        colour = _COLOURS[results.servers[name].kind]
        axes.plot([min(values), max(values)], [number, number], color=colour, linewidth=2)
        axes.plot([median], [number], "o", color=colour)
        place = {"xytext": (8, -3), "textcoords": "offset points", "fontsize": 8}
        axes.annotate(digits(median), (max(values), number), **place)
    axes.set_yticks(range(len(cells)), list(cells), fontsize=8)
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.xaxis.set_minor_formatter("")
    axes.margins(x=0.15)
    axes.grid(axis="both", color="#eeeeee")
    axes.set_axisbelow(True)
    axes.set_title(row.title, loc="left", fontsize=10)
    axes.set_xlabel(f"{row.primary.heading}, {row.primary.unit}, log scale", fontsize=8)
    axes.tick_params(axis="x", labelsize=8)
