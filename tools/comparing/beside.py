"""The tables of other servers, beside evloop with its defaults."""

from collections.abc import Sequence

from comparing.cells import each, grown, show, table
from comparing.contenders import Strategy, is_strategy
from comparing.results import Quantity, Results
from comparing.scenarios import IN_FLIGHT, SCENARIOS, TIMELINE, TOOLS, Scenario
from comparing.tables import both_ends, first_bytes, observed


def others(results: Results) -> list[str]:
    """Return the names of the servers that are not evloop, as they were run."""
    names = dict.fromkeys(name for cells in results.cells.values() for name in cells)
    return [name for name in names if not is_strategy(name)]


def beside_peers(results: Results) -> str:
    """The guide's scenarios with other servers."""
    names = [Strategy.HYBRID.value, *others(results)]
    parts = []
    for scenario in observed(results, IN_FLIGHT):
        if not scenario.beside_peers:
            continue
        rows = (_peer_row(results, scenario, name) for name in names)
        parts.append(f"#### {scenario.title}\n\n{table(_PEER_HEADINGS, rows)}")
    return "\n\n".join(parts)


_PEER_HEADINGS = (
    "server",
    "process at rest",
    "growth",
    "each",
    "kernel TCP",
    "its own ends",
    "first byte: median / last",
)


def _peer_row(results: Results, scenario: Scenario, name: str) -> Sequence[str]:
    return (
        _called(name),
        show(results, scenario, name, Quantity.BASE),
        grown(results, scenario, name),
        each(results, scenario, name, Quantity.GROWTH),
        both_ends(results, scenario, name),
        show(results, scenario, name, Quantity.SERVER_SOCKETS),
        first_bytes(results, scenario, name),
    )


def _called(name: str) -> str:
    return "evloop" if name == Strategy.HYBRID else name


def peers_timeline(results: Results) -> str:
    """One download of 100 MB with other servers."""
    names = [Strategy.HYBRID.value, *others(results)]
    rows = (
        (
            _called(name),
            show(results, scenario, name, Quantity.FIRST_BYTE),
            show(results, scenario, name, Quantity.TOTAL),
            show(results, scenario, name, Quantity.COLD_FIRST_BYTE),
            show(results, scenario, name, Quantity.COLD_TOTAL),
        )
        for scenario in observed(results, TIMELINE)
        for name in names
    )
    cold = "file not in the page cache"
    return table(
        ("server", "first byte", "all of it", f"first byte, {cold}", f"all of it, {cold}"), rows
    )


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


def by_tools(results: Results) -> str:
    """What monitor.py and soak.py say of evloop and of others."""
    parts = []
    for scenario, headings in zip(TOOLS, (_MONITOR_HEADINGS, _SOAK_HEADINGS), strict=True):
        cells = results.cells.get(scenario.name, {})
        has_notes = any(cell.note for cell in cells.values())
        rows = (
            [
                _called(name),
                *(show(results, scenario, name, quantity) for quantity in headings),
                *([cell.note] if has_notes else []),
            ]
            for name, cell in cells.items()
        )
        columns = ("server", *headings.values(), *(["verdict"] if has_notes else []))
        parts.append(f"#### {scenario.title}\n\n{table(columns, rows)}")
    return "\n\n".join(parts)


def missing(results: Results) -> list[str]:
    """Return what was wanted and not measured, a line each."""
    lines = [f"{name} is left out: {why}" for name, why in results.missing.items()]
    titles = {scenario.name: scenario.title for scenario in SCENARIOS}
    for scenario, cells in results.cells.items():
        for name, cell in cells.items():
            lines += [f"{titles.get(scenario, scenario)}, {name}: {why}" for why in cell.voids]
    return lines
