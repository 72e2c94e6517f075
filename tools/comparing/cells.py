"""Values as they stand in the tables of the page."""

from collections.abc import Iterable, Sequence

from report.figures import show_count, show_size

from comparing.computed import growth
from comparing.results import Cell, Quantity, Results
from comparing.scenarios import Scenario

NOTHING = "-"
VOID = "void"


def size(value: float | None) -> str:
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
    return more / less if more and less and less > 0 else None


def grown(results: Results, scenario: Scenario, server: str) -> str:
    """What *server* takes in *scenario*, with a word where it was not measured."""
    found = growth(results, scenario, server)
    if found is None:
        return _absent(results.cell(scenario.name, server))
    text = size(found.size)
    if not found.is_computed:
        return text
    cell = results.cell(scenario.name, server)
    measured = None if cell is None else cell.median(Quantity.GROWTH)
    if cell is None or measured is None:
        return f"{text} computed"
    return f"{text} computed ({size(measured)} measured with {cell.downloads:,})"


def each(results: Results, scenario: Scenario, server: str, quantity: Quantity) -> str:
    """*quantity* for each of the downloads that were run."""
    cell = results.cell(scenario.name, server)
    value = None if cell is None else cell.median(quantity)
    return _absent(cell) if cell is None or value is None else size(value / cell.downloads)


def show(results: Results, scenario: Scenario, server: str, quantity: Quantity) -> str:
    """*quantity* as observed: bytes, seconds, bytes per second or a number, by its name."""
    cell = results.cell(scenario.name, server)
    value = None if cell is None else cell.median(quantity)
    if value is None:
        return _absent(cell)
    if quantity.endswith("_per_s"):
        return f"{size(value)}/s"
    if quantity.endswith("_s"):
        return seconds(value)
    return size(value) if quantity.endswith("_bytes") else show_count(value)


def _absent(cell: Cell | None) -> str:
    return f"{VOID}: {cell.voids[0]}" if cell is not None and cell.voids else NOTHING


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown; the first column is text, the others figures."""
    aligned = ["---", *["---:"] * (len(headings) - 1)]
    lines = [headings, aligned, *rows]
    return "\n".join(f"| {' | '.join(map(_escaped, line))} |" for line in lines)


def _escaped(cell: str) -> str:
    return cell.replace("|", "\\|").replace("\n", " ")
