"""The results as tables in a terminal, and the cells that the page shows too."""

from collections.abc import Sequence

from lab.servers.registry import SUBJECT
from rich.console import Console
from rich.table import Table

from bench.figures import PRESENTATION, Figure, digits, show
from bench.report.verdict import (
    Advantage,
    Outcome,
    Verdict,
    against_python,
    ratio,
    with_spread,
)
from bench.results import Cell, Results
from bench.rows import PYTHON_PEERS, Row

_COLOURS = {Outcome.MET: "green", Outcome.MISSED: "red", Outcome.NOT_MEASURED: "yellow"}

_MARKS = {Outcome.MET: "met", Outcome.MISSED: "missed", Outcome.NOT_MEASURED: ""}

# The width of the tables where there is no terminal to ask, in characters.
_WIDTH = 160

GOAL_HEADINGS = ("row", "goal", "evloop", "the other", "reached", "")


def row_headings(row: Row) -> list[str]:
    """Return the headings above row_cells()."""
    return ["server", *(PRESENTATION[figure].heading for figure in row.figures), "evloop / it"]


def row_cells(results: Results, row: Row, server: str) -> list[str]:
    """Return what is shown of *server* in *row*: its name, the figures, evloop's ratio to it."""
    cell = results.cell(row.name, server)
    ours = results.cell(row.name, SUBJECT).median(row.primary)
    against = None if server == SUBJECT else ratio(ours, cell.median(row.primary))
    return [
        server,
        with_spread(cell, row.primary),
        *(_median(cell, figure) for figure in row.figures[1:]),
        "" if against is None else digits(against),
    ]


def peer_cells(title: str, advantages: Sequence[Advantage]) -> list[str]:
    """Return a line of the table of Python peers: the row's *title*, and one cell per peer."""
    shown = [
        "-" if one.times is None else f"{digits(one.times)} {_MARKS[one.outcome]}"
        for one in advantages
    ]
    return [title, *shown]


def goal_cells(verdict: Verdict) -> list[str]:
    """Return what stands below GOAL_HEADINGS."""
    return [
        verdict.row.title,
        verdict.goal,
        verdict.ours,
        verdict.theirs,
        verdict.reached,
        verdict.outcome.value,
    ]


def _median(cell: Cell, figure: Figure) -> str:
    value = cell.median(figure)
    return "" if value is None else show(figure, value)


def print_tables(results: Results, rows: Sequence[Row], verdicts: Sequence[Verdict]) -> None:
    """Print a table per row, and the one of the goals."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=_WIDTH)
    for row in rows:
        lines = Table(*row_headings(row), title=f"{row.name}: {row.title}", title_justify="left")
        for server in results.row_servers(row.name):
            lines.add_row(*row_cells(results, row, server))
        if lines.row_count:
            console.print(lines)
    goals = Table(*GOAL_HEADINGS, title="goals", title_justify="left")
    for verdict in verdicts:
        goals.add_row(*goal_cells(verdict), style=_COLOURS[verdict.outcome])
    console.print(goals)
    peers, table = against_python(results, rows)
    if table:
        title = f"times better than Python's peers (goal: {PYTHON_PEERS:g})"
        lines = Table("row", *peers, title=title, title_justify="left")
        for name, advantages in table.items():
            lines.add_row(*peer_cells(name, advantages))
        console.print(lines)
