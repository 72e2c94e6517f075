"""What `--list` shows: the rows with their goals, and the servers with what they lack."""

from collections.abc import Sequence

from lab.servers.base import Server

from bench.figures import PRESENTATION, show
from bench.rows import Goal, Row


def print_listing(rows: Sequence[Row], servers: Sequence[Server]) -> None:
    """Print the names that --rows and --servers take."""
    print("rows:")
    for row in rows:
        goals = "; ".join(goal_text(goal) for goal in row.goals)
        print(f"  {row.name:<12} {row.title}\n  {'':<12}   goal: {goals}")
    print("servers:")
    for server in servers:
        reason = server.missing()
        said = server.version() if reason is None else f"not here: {reason}"
        print(f"  {server.name:<16} {server.kind.value:<12} {said}")


def goal_text(goal: Goal) -> str:
    """Return *goal* in words, e.g. `CPU per request ≤ 1.6 x floor`."""
    presentation = PRESENTATION[goal.figure]
    sign = "≥" if presentation.more_is_better else "≤"
    limit = f"{goal.limit:g} x {goal.against}" if goal.against else show(goal.figure, goal.limit)
    return f"{presentation.heading} {sign} {limit}"
