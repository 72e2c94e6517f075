"""The results as tables, in a terminal and on the page; and what `--list` shows."""

from collections.abc import Sequence

from evloop_tools.bench.figures import show
from evloop_tools.bench.rows import PYTHON_PEERS, Row
from evloop_tools.bench.verdict import Verdict, against_python, goal_text, peer_goal, with_spread
from evloop_tools.campaign.results import Results
from evloop_tools.lab.servers.base import Server
from evloop_tools.lab.servers.registry import SUBJECT
from evloop_tools.report.figures import digits, ratio
from evloop_tools.report.table import Table
from evloop_tools.report.verdict import Finding

_MARKS = {Finding.KEPT: "met", Finding.BROKEN: "missed"}


def row_table(results: Results, row: Row) -> Table:
    """Return what was measured in *row*: the servers, their figures, evloop's ratio to each."""
    headings = (figure.heading for figure in row.figures)
    servers = list(results.row_servers(row.name))
    lines = [("server", *headings, "evloop / it")]
    lines += [tuple(_cells(results, row, server)) for server in servers]
    if SUBJECT not in servers or len(servers) == 1:  # nothing to compare
        lines = [line[:-1] for line in lines]
    return Table(f"{row.name}: {row.title}", lines[0], lines[1:])


def _cells(results: Results, row: Row, server: str) -> list[str]:
    cell = results.cell(row.name, server)
    ours = results.median(row.name, SUBJECT, row.primary)
    against = None if server == SUBJECT else ratio(ours, cell.median(row.primary))
    others = ((figure, cell.median(figure)) for figure in row.figures[1:])
    return [
        server,
        with_spread(cell, row.primary),
        *("" if value is None else show(figure, value) for figure, value in others),
        "" if against is None else digits(against),
    ]


def goals_table(verdicts: Sequence[Verdict]) -> Table:
    """Return what became of each goal."""
    headings = ("row", "goal", "evloop", "the other", "reached", "")
    return Table("goals", headings, [verdict.cells for verdict in verdicts], words=True)


def peers_table(results: Results, rows: Sequence[Row]) -> Table | None:
    """Return how evloop compares with servers in Python; None when none of them was run."""
    peers, found = against_python(results, rows)
    titles = {row.name: row.title for row in rows}
    lines = [[titles[name], *map(_advantage, times)] for name, times in found.items()]
    title = f"times better than Python's peers (goal: {PYTHON_PEERS:g})"
    return Table(title, ("row", *peers), lines) if lines else None


def _advantage(times: float | None) -> str:
    return "-" if times is None else f"{digits(times)} {_MARKS[peer_goal(times)]}"


def tables(results: Results, rows: Sequence[Row], verdicts: Sequence[Verdict]) -> list[Table]:
    """Return all that a terminal is to show."""
    found = [row_table(results, row) for row in rows if results.cells.get(row.name)]
    peers = peers_table(results, rows)
    goals = [goals_table(verdicts)] if verdicts else []
    return [*found, *goals, *([peers] if peers else [])]


def listing(rows: Sequence[Row], servers: Sequence[Server]) -> str:
    """Return the names that --rows and --servers take."""
    lines = ["rows:"]
    for row in rows:
        goals = "; ".join(goal_text(goal) for goal in row.goals)
        lines.append(f"  {row.name:<12} {row.title}\n  {'':<12}   goal: {goals}")
    lines.append("servers:")
    for server in servers:
        reason = server.missing()
        said = server.version() if reason is None else f"not here: {reason}"
        lines.append(f"  {server.name:<16} {server.kind.value:<12} {said}")
    return "\n".join(lines)
