"""How what was observed stands in a table: figures with units, words where there are none."""

from dataclasses import dataclass

from evloop_tools.campaign.results import Cell, Results
from evloop_tools.report.figures import ratio as quotient
from evloop_tools.report.figures import show_count, show_size

from comparing.contenders import Strategy
from comparing.quantities import Quantity
from comparing.scenarios import Scenario

NOTHING = "-"


@dataclass(frozen=True, slots=True)
class Growth:
    """Bytes of process memory; *is_computed* when they were not measured."""

    size: float
    is_computed: bool


def growth(results: Results, scenario: Scenario, server: str) -> Growth | None:
    """Return what *server* takes in *scenario*; None when nothing is known of it.

    What was too large was run at the largest number that fits. What one more of the same
    downloads takes was measured then; the rest is a multiplication.
    """
    cell = results.cell(scenario.name, server)
    measured = cell.median(Quantity.GROWTH)
    if measured is not None:
        factor = scenario.downloads / cell.downloads
        return Growth(measured * factor, is_computed=factor != 1)
    if server == Strategy.LOAD_ALL and scenario.name in results.cells:
        return Growth(scenario.total, is_computed=True)
    return None


def size(value: float | None) -> str:
    """Write bytes; memory that shrank is no growth."""
    return NOTHING if value is None else show_size(max(0.0, value))


def seconds(value: float | None) -> str:
    """Write *value* seconds with three digits at most."""
    if value is None:
        return NOTHING
    if value < 0.0995:
        return f"{value * 1000:.2g} ms"
    if value < 0.9995:
        return f"{value * 1000:.0f} ms"
    return f"{value:.1f} s" if value < 99.5 else f"{value:,.0f} s"


def times(value: float | None) -> str:
    """Write a ratio."""
    if value is None:
        return NOTHING
    return f"{value:,.0f} x" if value >= 20 else f"{value:.1f} x"


def ratio(more: float | None, less: float | None) -> float | None:
    """Return how many times *less* fits into *more*; None when one of them is not there."""
    return quotient(more, less) if more and less and less > 0 else None


def grown(results: Results, scenario: Scenario, server: str) -> str:
    """What *server* takes in *scenario*, with a word where it was not measured."""
    found, cell = growth(results, scenario, server), results.cell(scenario.name, server)
    if found is None:
        return _absent(cell)
    text = size(found.size)
    if not found.is_computed:
        return text
    measured = cell.median(Quantity.GROWTH)
    if measured is None:
        return f"{text} computed"
    return f"{text} computed ({size(measured)} measured with {cell.downloads:,})"


def each(results: Results, scenario: Scenario, server: str, quantity: Quantity) -> str:
    """*quantity* for each of the downloads that were run."""
    cell = results.cell(scenario.name, server)
    value = cell.median(quantity)
    return _absent(cell) if value is None else size(value / cell.downloads)


def show(results: Results, scenario: Scenario, server: str, quantity: Quantity) -> str:
    """*quantity* as observed: bytes, seconds, bytes per second or a number, by its name."""
    cell = results.cell(scenario.name, server)
    value = cell.median(quantity)
    if value is None:
        return _absent(cell)
    if quantity.endswith("_per_s"):
        return f"{size(value)}/s"
    if quantity.endswith("_s"):
        return seconds(value)
    return size(value) if quantity.endswith("_bytes") else show_count(value)


def both_ends(results: Results, scenario: Scenario, server: str) -> str:
    """Kernel memory of the connections' two ends, with their number where not all were run."""
    ours, theirs = (
        results.median(scenario.name, server, end)
        for end in (Quantity.SERVER_SOCKETS, Quantity.CLIENT_SOCKETS)
    )
    if ours is None or theirs is None:
        return show(results, scenario, server, Quantity.SERVER_SOCKETS)
    return size(ours + theirs) + _of_fewer(results.cell(scenario.name, server), scenario)


def first_bytes(results: Results, scenario: Scenario, server: str) -> str:
    """The median of all clients, and the last of them."""
    cell = results.cell(scenario.name, server)
    middle, last = (
        cell.median(each) for each in (Quantity.FIRST_BYTE_MEDIAN, Quantity.FIRST_BYTE_LAST)
    )
    if middle is None:
        return _absent(cell)
    return f"{seconds(middle)} / {seconds(last)}{_of_fewer(cell, scenario)}"


def _of_fewer(cell: Cell, scenario: Scenario) -> str:
    """Say how many downloads were run where that is not all of them."""
    return f" (of {cell.downloads:,})" if cell.downloads < scenario.downloads else ""


def _absent(cell: Cell) -> str:
    return f"void: {cell.voids[0]}" if cell.voids else NOTHING
