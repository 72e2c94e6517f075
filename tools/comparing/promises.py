"""What must hold of evloop with its defaults, whatever the machine: memory, not time."""

from collections.abc import Iterator, Sequence

from evloop_tools.campaign.results import Results
from evloop_tools.report.figures import ratio, show_size
from evloop_tools.report.verdict import Check, Finding, check

from comparing.contenders import Strategy, is_strategy
from comparing.quantities import Quantity
from comparing.scenarios import Scenario, Table

# The send queue's default costs at least so many times less kernel memory than none at all.
LEAST_SAVED = 5.0


def judge(results: Results, scenarios: Sequence[Scenario]) -> Iterator[Check]:
    """Yield a check of each promise that can be judged by *results*."""
    for scenario in scenarios:
        for server, cell in results.cells.get(scenario.name, {}).items():
            if is_strategy(server) and cell.voids:
                yield check(scenario.name, f"{server}: {cell.voids[0]}", "no void round", False)
        if scenario.promise is not None:
            yield from _growth(results, scenario, scenario.promise)
        if scenario.table is Table.SEND_QUEUE:
            yield from _send_queue(results, scenario)


def line(found: Check) -> str:
    """Return a check as a line."""
    word = "kept" if found.finding is Finding.KEPT else "BROKEN"
    return f"{word}  {found.name}: {found.seen}"


def _growth(results: Results, scenario: Scenario, bound: int) -> Iterator[Check]:
    grown = results.cell(scenario.name, Strategy.HYBRID).values(Quantity.GROWTH)
    if not grown:
        return
    worst = max(grown)
    relation = "within" if worst <= bound else "over"
    each = show_size(worst / scenario.downloads)
    seen = f"process memory grew by {show_size(worst)}, {relation} {show_size(bound)}"
    limit = f"up to {show_size(bound)}"
    yield check(scenario.name, f"{seen} ({each} for each download)", limit, worst <= bound)


def _send_queue(results: Results, scenario: Scenario) -> Iterator[Check]:
    bounded = results.median(scenario.name, Strategy.HYBRID, Quantity.KERNEL_TCP)
    unbounded = results.median(scenario.name, Strategy.UNBOUNDED, Quantity.KERNEL_TCP)
    saved = ratio(unbounded, bounded)
    if saved:
        seen = (
            f"kernel TCP memory is {saved:.1f} times less with the send queue's default "
            f"({show_size(bounded)} against {show_size(unbounded)})"
        )
        limit = f"at least {LEAST_SAVED:g} times"
        yield check(scenario.name, f"{seen}, {limit} is wanted", limit, saved >= LEAST_SAVED)
