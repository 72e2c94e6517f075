"""What was too large to run: run at the largest number that fits, the rest computed.

Only loading whole files is ever too large. What one more of the same downloads takes was
measured then; how many fit is a multiplication.
"""

from dataclasses import dataclass, replace

from comparing.contenders import Strategy
from comparing.results import Quantity, Results
from comparing.scenarios import Scenario


@dataclass(frozen=True, slots=True)
class Growth:
    """Bytes of process memory; *is_computed* when they were not measured."""

    size: float
    is_computed: bool


def fitting(scenario: Scenario, server: str, bound: int) -> Scenario | None:
    """Return what of *scenario* can be run with *server* in *bound* bytes; None: nothing."""
    if server != Strategy.LOAD_ALL or scenario.total <= bound:
        return scenario
    if len(scenario.groups) > 1:
        return None
    group = scenario.groups[0]
    downloads = bound // group.size
    if not downloads:
        return None
    return replace(scenario, groups=(replace(group, downloads=downloads),))


def growth(results: Results, scenario: Scenario, server: str) -> Growth | None:
    """Return what *server* takes in *scenario*; None when nothing is known of it."""
    cell = results.cell(scenario.name, server)
    measured = None if cell is None else cell.median(Quantity.GROWTH)
    if cell is not None and measured is not None:
        factor = scenario.downloads / cell.downloads
        return Growth(measured * factor, is_computed=factor != 1)
    if server == Strategy.LOAD_ALL and scenario.name in results.cells:
        return Growth(scenario.total, is_computed=True)
    return None
