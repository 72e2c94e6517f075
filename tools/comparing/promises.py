"""What must hold of evloop with its defaults, whatever the machine: memory, not time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from report.figures import show_size

from comparing.contenders import Strategy, is_strategy
from comparing.results import Quantity, Results
from comparing.scenarios import Scenario, Table

# The send queue's default costs at least so many times less kernel memory than none at all.
LEAST_SAVED = 5.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a promise is kept, and the line that says so."""

    is_kept: bool
    line: str


def judge(results: Results, scenarios: Sequence[Scenario]) -> Iterator[Verdict]:
    """Yield a verdict on each promise that can be judged by *results*."""
    for scenario in scenarios:
        yield from _voids(results, scenario)
        if scenario.promise is not None:
            yield from _growth(results, scenario, scenario.promise)
        if scenario.table is Table.SEND_QUEUE:
            yield from _send_queue(results, scenario)


def _voids(results: Results, scenario: Scenario) -> Iterator[Verdict]:
    for server, cell in results.cells.get(scenario.name, {}).items():
        if is_strategy(server) and cell.voids:
            yield Verdict(False, f"{scenario.name}: {server}: {cell.voids[0]}")


def _growth(results: Results, scenario: Scenario, bound: int) -> Iterator[Verdict]:
    cell = results.cell(scenario.name, Strategy.HYBRID)
    if cell is None or not cell.rounds:
        return
    worst = max(cell.values(Quantity.GROWTH))
    relation = "within" if worst <= bound else "over"
    yield Verdict(
        worst <= bound,
        f"{scenario.name}: process memory grew by {show_size(worst)}, {relation} {show_size(bound)}"
        f" ({show_size(worst / scenario.downloads)} for each download)",
    )


def _send_queue(results: Results, scenario: Scenario) -> Iterator[Verdict]:
    bounded = results.median(scenario.name, Strategy.HYBRID, Quantity.KERNEL_TCP)
    unbounded = results.median(scenario.name, Strategy.UNBOUNDED, Quantity.KERNEL_TCP)
    if not bounded or not unbounded:
        return
    saved = unbounded / bounded
    yield Verdict(
        saved >= LEAST_SAVED,
        f"{scenario.name}: kernel TCP memory is {saved:.1f} times less with the send queue's "
        f"default ({show_size(bounded)} against {show_size(unbounded)}), "
        f"at least {LEAST_SAVED:g} is wanted",
    )
