"""Other servers beside evloop with its defaults: their tables, and where evloop loses."""

from collections.abc import Iterator

from evloop_tools.campaign.results import Results
from evloop_tools.report.table import Table

from comparing.cells import (
    both_ends,
    each,
    first_bytes,
    grown,
    seconds,
    show,
    size,
    times,
)
from comparing.contenders import Strategy, is_strategy
from comparing.quantities import Quantity
from comparing.scenarios import BY_NAME, BY_TYPE, IN_FLIGHT, TIMELINE, TOOLS, Scenario
from comparing.tables import observed

# Less than this much better is noise.
_MARGIN = 1.1

# A difference of less than this is none: bytes of memory, seconds.
_LEAST_BYTES = 64 * 1024
_LEAST_SECONDS = 0.0005

_OF_SCENARIOS = {
    Quantity.BASE: "process at rest",
    Quantity.GROWTH: "growth of the process",
    Quantity.SERVER_SOCKETS: "kernel TCP memory of its own ends",
    Quantity.FIRST_BYTE_MEDIAN: "median first byte",
    Quantity.FIRST_BYTE_LAST: "last first byte",
}
_OF_ONE = {
    Quantity.FIRST_BYTE: "first byte",
    Quantity.TOTAL: "all of it",
    Quantity.COLD_FIRST_BYTE: "first byte, file not in the page cache",
    Quantity.COLD_TOTAL: "all of it, file not in the page cache",
}
_MONITOR_HEADINGS = {
    Quantity.BASE: "PSS at the start",
    Quantity.PEAK: "at the peak",
    Quantity.GROWTH: "growth of own pages",
    Quantity.LOAD_ALL: "load-all would take",
    Quantity.SEND_QUEUES: "in its send queues",
}
_SOAK_HEADINGS = {
    Quantity.REQUESTS: "answers",
    Quantity.RECEIVED: "bytes",
    Quantity.WRONG_BYTES: "wrong bytes",
    Quantity.ERRORS: "errors",
    Quantity.FIRST_BYTE_MEDIAN: "median first byte",
    Quantity.BASE: "PSS at rest",
    Quantity.GROWTH: "growth of own pages",
    Quantity.KERNEL_TCP: "kernel TCP",
}


def others(results: Results) -> list[str]:
    """Return the names of the servers that are not evloop, as they were run."""
    names = dict.fromkeys(name for cells in results.cells.values() for name in cells)
    return [name for name in names if not is_strategy(name)]


def _called(name: str) -> str:
    return "evloop" if name == Strategy.HYBRID else name


def beside_peers(results: Results) -> str:
    """The guide's scenarios with other servers."""
    headings = (
        *("server", "process at rest", "growth", "each", "kernel TCP", "its own ends"),
        "first byte: median / last",
    )
    parts = []
    for scenario in observed(results, IN_FLIGHT):
        if scenario.beside_peers:
            rows = [
                (
                    _called(name),
                    show(results, scenario, name, Quantity.BASE),
                    grown(results, scenario, name),
                    each(results, scenario, name, Quantity.GROWTH),
                    both_ends(results, scenario, name),
                    show(results, scenario, name, Quantity.SERVER_SOCKETS),
                    first_bytes(results, scenario, name),
                )
                for name in (Strategy.HYBRID, *others(results))
            ]
            parts.append(f"#### {scenario.title}\n\n{Table('', headings, rows).markdown()}")
    return "\n\n".join(parts)


def peers_timeline(results: Results) -> str:
    """One download of 100 MB with other servers."""
    rows = [
        (_called(name), *(show(results, scenario, name, quantity) for quantity in _OF_ONE))
        for scenario in observed(results, TIMELINE)
        for name in (Strategy.HYBRID, *others(results))
    ]
    return Table("", ("server", *_OF_ONE.values()), rows).markdown()


def by_tools(results: Results) -> str:
    """What monitor.py and soak.py say of evloop and of others."""
    parts = []
    for scenario, headings in zip(TOOLS, (_MONITOR_HEADINGS, _SOAK_HEADINGS), strict=True):
        cells = results.cells.get(scenario.name, {})
        has_notes = any(cell.note for cell in cells.values())
        rows = [
            [
                _called(name),
                *(show(results, scenario, name, quantity) for quantity in headings),
                *([cell.note] if has_notes else []),
            ]
            for name, cell in cells.items()
        ]
        columns = ("server", *headings.values(), *(["verdict"] if has_notes else []))
        parts.append(f"#### {scenario.title}\n\n{Table('', columns, rows).markdown()}")
    return "\n\n".join(parts)


def missing(results: Results) -> Iterator[str]:
    """Yield what was wanted and not measured, a line each."""
    for name, why in results.missing.items():
        yield f"{name} is left out: {why}"
    for row, cells in results.cells.items():
        title = BY_NAME[row].title if row in BY_NAME else row
        for name, cell in cells.items():
            yield from (f"{title}, {name}: {why}" for why in cell.voids)


def losses(results: Results) -> Iterator[str]:
    """Yield a sentence for each figure in which another server or strategy is better."""
    for scenario in observed(results, (*IN_FLIGHT, *TIMELINE)):
        names = _OF_ONE if scenario in TIMELINE else _OF_SCENARIOS
        for quantity, what in names.items():
            for other in others(results):
                yield from _loss(results, scenario, quantity, other, what)
    for scenario in observed(results, BY_TYPE):
        for other in (Strategy.LOAD_ALL, Strategy.STREAMING):
            what = f"{size(scenario.groups[0].size)}, all of it"
            yield from _loss(results, scenario, Quantity.TOTAL, other, what)


def _loss(
    results: Results, scenario: Scenario, quantity: Quantity, other: str, what: str
) -> Iterator[str]:
    ours = results.median(scenario.name, Strategy.HYBRID, quantity)
    theirs = results.median(scenario.name, other, quantity)
    if ours is None or theirs is None:
        return
    is_time = quantity.endswith("_s")
    least = _LEAST_SECONDS if is_time else _LEAST_BYTES
    if ours - theirs < least or ours < theirs * _MARGIN:
        return
    write = seconds if is_time else size
    better = f" ({times(ours / theirs)} better)" if theirs > 0 else ""
    yield f"{scenario.title}, {what}: {other} {write(theirs)}, evloop {write(ours)}{better}."
