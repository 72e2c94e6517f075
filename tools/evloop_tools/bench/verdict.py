"""Whether each goal was met: ratios of medians, with the spread of the rounds."""

from collections.abc import Sequence
from dataclasses import dataclass

from evloop_tools.bench.figures import Figure, show
from evloop_tools.bench.rows import PYTHON_PEERS, Goal, Row
from evloop_tools.campaign.results import Cell, Results
from evloop_tools.lab.servers.base import Kind
from evloop_tools.lab.servers.registry import SUBJECT
from evloop_tools.report.figures import digits, ratio
from evloop_tools.report.verdict import Finding

WORDS = {Finding.KEPT: "met", Finding.BROKEN: "missed", Finding.NOT_JUDGED: "not measured"}


@dataclass(frozen=True, slots=True)
class Verdict:
    """A goal in words, what evloop and the other took, their ratio or the value, the finding."""

    row: Row
    goal: str
    ours: str
    theirs: str
    reached: str
    finding: Finding

    @property
    def cells(self) -> tuple[str, ...]:
        """Return it as a line of a table."""
        reached = (self.reached, WORDS[self.finding])
        return (self.row.title, self.goal, self.ours, self.theirs, *reached)


def goal_text(goal: Goal) -> str:
    """Return *goal* in words, e.g. `CPU per request ≤ 1.6 x floor`."""
    sign = "≥" if goal.figure.more_is_better else "≤"
    limit = f"{goal.limit:g} x {goal.against}" if goal.against else show(goal.figure, goal.limit)
    return f"{goal.figure.heading} {sign} {limit}"


def judge(results: Results, rows: Sequence[Row]) -> list[Verdict]:
    """Return a verdict on each goal of *rows*; those on the Python peers are judged apart."""
    return [
        verdict_on(
            row,
            goal,
            results.cell(row.name, SUBJECT),
            results.cell(row.name, goal.against) if goal.against else None,
        )
        for row in rows
        for goal in row.goals
    ]


def verdict_on(row: Row, goal: Goal, ours: Cell, theirs: Cell | None) -> Verdict:
    """Return the verdict on *goal*; *theirs* is None when it is absolute."""
    value = ours.median(goal.figure)
    if theirs is None:
        reached = value
        shown = None if value is None else show(goal.figure, value)
    else:
        reached = ratio(value, theirs.median(goal.figure))
        shown = None if reached is None else f"{digits(reached)} x"
    return Verdict(
        row=row,
        goal=goal_text(goal),
        ours=with_spread(ours, goal.figure),
        theirs="" if theirs is None else with_spread(theirs, goal.figure),
        reached=shown or "",
        finding=finding(reached, goal.limit, goal.figure.more_is_better),
    )


def finding(reached: float | None, limit: float, more_is_better: bool) -> Finding:
    """Say what became of a goal."""
    if reached is None:
        return Finding.NOT_JUDGED
    is_met = reached >= limit if more_is_better else reached <= limit
    return Finding.KEPT if is_met else Finding.BROKEN


def against_python(
    results: Results, rows: Sequence[Row]
) -> tuple[list[str], dict[str, list[float | None]]]:
    """Return the Python peers, and by row how many times better than each of them evloop is."""
    peers = [name for name, note in results.servers.items() if note.kind == Kind.PYTHON.value]
    table = {}
    for row in rows:
        ours = results.median(row.name, SUBJECT, row.primary)
        if any(peer in results.row_servers(row.name) for peer in peers):
            medians = (results.median(row.name, peer, row.primary) for peer in peers)
            table[row.name] = [ratio(theirs, ours) for theirs in medians]
    return peers, table


def peer_goal(times: float | None) -> Finding:
    """Say what became of the goal of PYTHON_PEERS times."""
    return finding(times, PYTHON_PEERS, more_is_better=True)


def with_spread(cell: Cell, figure: Figure) -> str:
    """Return the median of *figure* with the least and most of the rounds behind it."""
    values = cell.values(figure)
    median = cell.median(figure)
    if median is None:
        return f"void: {cell.voids[-1]}" if cell.voids else "not measured"
    text = show(figure, median)
    if len(values) > 1:
        text += f" ({digits(min(values))}-{digits(max(values))})"
    if cell.voids:
        text += f", {len(cell.voids)} void"
    return text
