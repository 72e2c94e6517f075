"""Whether each goal was met: ratios of medians, with the spread of the rounds."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from lab.servers.base import Kind
from lab.servers.registry import SUBJECT

from bench.figures import PRESENTATION, Figure, digits, show
from bench.report.listing import goal_text
from bench.results import Cell, Results
from bench.rows import PYTHON_PEERS, Goal, Row


class Outcome(Enum):
    """What came of a goal."""

    MET = "met"
    MISSED = "missed"
    NOT_MEASURED = "not measured"


@dataclass(frozen=True, slots=True)
class Verdict:
    """A goal in words, what evloop and the other took, their ratio or the value, the outcome."""

    row: Row
    goal: str
    ours: str
    theirs: str
    reached: str
    outcome: Outcome


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
        outcome=_outcome(reached, goal.limit, PRESENTATION[goal.figure].more_is_better),
    )


@dataclass(frozen=True, slots=True)
class Advantage:
    """How many times better than a Python peer evloop is in a row, None if nobody knows."""

    times: float | None

    @property
    def outcome(self) -> Outcome:
        """Return what came of the goal of PYTHON_PEERS times."""
        return _outcome(self.times, PYTHON_PEERS, more_is_better=True)


def against_python(
    results: Results, rows: Sequence[Row]
) -> tuple[list[str], dict[str, list[Advantage]]]:
    """Return the Python peers, and by row how evloop compares with each of them."""
    peers = [name for name, note in results.servers.items() if note.kind == Kind.PYTHON.value]
    table = {}
    for row in rows:
        ours = results.cell(row.name, SUBJECT).median(row.primary)
        if any(peer in results.row_servers(row.name) for peer in peers):
            medians = [results.cell(row.name, peer).median(row.primary) for peer in peers]
            table[row.name] = [Advantage(ratio(theirs, ours)) for theirs in medians]
    return peers, table


def ratio(ours: float | None, theirs: float | None) -> float | None:
    """Return *ours* divided by *theirs*; None when one is unknown or there is nothing to divide."""
    if ours is None or not theirs:
        return None
    return ours / theirs


def _outcome(reached: float | None, limit: float, more_is_better: bool) -> Outcome:
    if reached is None:
        return Outcome.NOT_MEASURED
    is_met = reached >= limit if more_is_better else reached <= limit
    return Outcome.MET if is_met else Outcome.MISSED


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
