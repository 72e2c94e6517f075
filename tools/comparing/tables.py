"""The tables of the page, from what was observed."""

from collections.abc import Iterable, Iterator, Sequence

from comparing.cells import NOTHING, each, grown, seconds, show, size, table
from comparing.contenders import Strategy
from comparing.results import Cell, Quantity, Results
from comparing.scenarios import (
    BY_NUMBER,
    BY_SIZE,
    BY_TYPE,
    HELD,
    IN_FLIGHT,
    SEND_QUEUE,
    TIMELINE,
    Scenario,
)
from evloop.settings.config import Config
from evloop.settings.units import format_size

THREE = (Strategy.LOAD_ALL, Strategy.STREAMING, Strategy.HYBRID)
_OF_ALL = ("load-all", "streaming", "hybrid")
DEFAULT_QUEUE = format_size(Config().send_queue).replace(" ", "")


def observed(results: Results, scenarios: Iterable[Scenario]) -> list[Scenario]:
    """Return those of *scenarios* of which something was observed."""
    return [scenario for scenario in scenarios if results.cells.get(scenario.name)]


def in_flight(results: Results) -> Iterator[Sequence[str]]:
    """Yield process memory of each scenario of the guide, beside what the guide says."""
    for scenario in observed(results, IN_FLIGHT):
        yield (
            scenario.title,
            scenario.said.load_all,
            grown(results, scenario, Strategy.LOAD_ALL),
            scenario.said.constant,
            grown(results, scenario, Strategy.STREAMING),
            grown(results, scenario, Strategy.HYBRID),
        )


IN_FLIGHT_HEADINGS = (
    "downloads at once",
    "guide: load all",
    "load-all",
    "guide: streaming",
    "streaming",
    "hybrid",
)


def kernel(results: Results) -> str:
    """The kernel's part of the same."""
    rows = (
        (
            scenario.title,
            *(both_ends(results, scenario, name) for name in THREE),
            show(results, scenario, Strategy.HYBRID, Quantity.SERVER_SOCKETS),
            each(results, scenario, Strategy.HYBRID, Quantity.SERVER_SOCKETS),
        )
        for scenario in observed(results, IN_FLIGHT)
    )
    headings = ("downloads at once", *_OF_ALL, "hybrid: the server's ends", "each")
    return table(headings, rows)


def both_ends(results: Results, scenario: Scenario, server: str) -> str:
    """Kernel memory of the connections' two ends, with their number where not all were run."""
    cell = results.cell(scenario.name, server)
    ends = [
        results.median(scenario.name, server, end)
        for end in (Quantity.SERVER_SOCKETS, Quantity.CLIENT_SOCKETS)
    ]
    if cell is None or None in ends:
        return show(results, scenario, server, Quantity.SERVER_SOCKETS)
    return size(sum(end for end in ends if end is not None)) + of_fewer(cell, scenario)


def of_fewer(cell: Cell, scenario: Scenario) -> str:
    """Say how many downloads were run where that is not all of them."""
    return f" (of {cell.downloads:,})" if cell.downloads < scenario.downloads else ""


def waiting(results: Results) -> str:
    """How long the clients of the same wait for their first byte."""
    rows = (
        (scenario.title, *(first_bytes(results, scenario, name) for name in THREE))
        for scenario in observed(results, IN_FLIGHT)
    )
    return table(("downloads at once", *_OF_ALL), rows)


def first_bytes(results: Results, scenario: Scenario, server: str) -> str:
    """The median of all clients, and the last of them."""
    middle = results.median(scenario.name, server, Quantity.FIRST_BYTE_MEDIAN)
    last = results.median(scenario.name, server, Quantity.FIRST_BYTE_LAST)
    if middle is None:
        return show(results, scenario, server, Quantity.FIRST_BYTE_MEDIAN)
    cell = results.cells[scenario.name][server]
    return f"{seconds(middle)} / {seconds(last)}{of_fewer(cell, scenario)}"


def of_one_file(results: Results) -> list[Scenario]:
    """Return the scenarios of one file of 100 MB, by their number of downloads."""
    candidates = [*IN_FLIGHT, *BY_NUMBER, *HELD]
    found = [
        scenario
        for scenario in observed(results, candidates)
        if len(scenario.groups) == 1 and scenario.groups[0].size == BY_NUMBER[0].groups[0].size
    ]
    return sorted(found, key=lambda scenario: scenario.downloads)


def by_number(results: Results) -> str:
    """Memory by the number of downloads of one file."""
    rows = (
        (
            f"{scenario.downloads:,}",
            *(grown(results, scenario, name) for name in THREE),
            each(results, scenario, Strategy.HYBRID, Quantity.GROWTH),
        )
        for scenario in of_one_file(results)
    )
    return table(("downloads of 100 MB", *_OF_ALL, "hybrid, each"), rows)


def by_size(results: Results) -> str:
    """Memory and first byte of one download, by the size of its file."""
    rows = (
        (
            scenario.title,
            *(
                _with(grown(results, scenario, name), _alone(results, scenario, name))
                for name in THREE
            ),
        )
        for scenario in observed(results, BY_SIZE)
    )
    return table(("file", *_OF_ALL), rows)


def _alone(results: Results, scenario: Scenario, server: str) -> str:
    return show(results, scenario, server, Quantity.FIRST_BYTE_MEDIAN)


def _with(memory: str, time: str) -> str:
    return memory if time == NOTHING else f"{memory}, {time}"


def by_type(results: Results) -> str:
    """The decision matrix: what evloop chooses, and what each choice costs."""
    rows = (
        (
            scenario.title,
            size(scenario.groups[0].size),
            results.methods.get(scenario.name, NOTHING),
            *(each(results, scenario, name, Quantity.GROWTH) for name in THREE),
            *(_first_and_total(results, scenario, name) for name in THREE),
        )
        for scenario in observed(results, BY_TYPE)
    )
    headings = (
        "file",
        "size",
        "evloop answers",
        *(f"memory each: {name}" for name in _OF_ALL),
        *(f"first byte / all of it: {name}" for name in _OF_ALL),
    )
    return table(headings, rows)


def _first_and_total(results: Results, scenario: Scenario, server: str) -> str:
    first = results.median(scenario.name, server, Quantity.FIRST_BYTE)
    total = results.median(scenario.name, server, Quantity.TOTAL)
    return NOTHING if first is None else f"{seconds(first)} / {seconds(total)}"


_MOMENTS = (
    ("first byte", Quantity.FIRST_BYTE, "2 s", "0.1 s"),
    ("all of it", Quantity.TOTAL, "4 s", "2 s"),
    ("first byte, file not in the page cache", Quantity.COLD_FIRST_BYTE, "2 s", "0.1 s"),
    ("all of it, file not in the page cache", Quantity.COLD_TOTAL, "4 s", "2 s"),
    ("first byte, client at 50 MB/s", Quantity.PACED_FIRST_BYTE, "2 s", "0.1 s"),
    ("all of it, client at 50 MB/s", Quantity.PACED_TOTAL, "4 s", "2 s"),
    ("page cache taken", Quantity.PAGE_CACHE, NOTHING, NOTHING),
)


def timeline(results: Results) -> str:
    """One download of 100 MB, moment by moment."""
    rows: list[Sequence[str]] = []
    for scenario in observed(results, TIMELINE):
        for moment, quantity, load_all, streaming in _MOMENTS:
            shown = [show(results, scenario, name, quantity) for name in THREE]
            rows.append((moment, load_all, shown[0], streaming, *shown[1:]))
    return table(
        ("", "guide: load all", "load-all", "guide: streaming", "streaming", "hybrid"), rows
    )


def held(results: Results) -> str:
    """What one connection that does nothing costs."""
    rows = (
        (
            scenario.title,
            name,
            grown(results, scenario, name),
            each(results, scenario, name, Quantity.GROWTH),
            show(results, scenario, name, Quantity.KERNEL_TCP),
            each(results, scenario, name, Quantity.SERVER_SOCKETS),
        )
        for scenario in observed(results, HELD)
        for name in (Strategy.STREAMING, Strategy.HYBRID)
    )
    headings = (
        "connections",
        "evloop",
        "process",
        "each",
        "kernel TCP (sockstat)",
        "the server's ends, each",
    )
    return table(headings, rows)


def send_queue(results: Results) -> str:
    """The send queue's bound against the kernel's own behaviour."""
    settings = (
        (Strategy.HYBRID, f"`--send-queue {DEFAULT_QUEUE}` (default)"),
        (Strategy.UNBOUNDED, "`--send-queue 1GiB` (no bound)"),
    )
    rows = (
        (
            setting,
            show(results, scenario, name, Quantity.KERNEL_TCP),
            show(results, scenario, name, Quantity.SERVER_SOCKETS),
            each(results, scenario, name, Quantity.SERVER_SOCKETS),
            show(results, scenario, name, Quantity.FAST_ALONE),
            show(results, scenario, name, Quantity.FAST_BESIDE),
        )
        for scenario in observed(results, SEND_QUEUE)
        for name, setting in settings
    )
    headings = (
        "",
        "kernel TCP (sockstat)",
        "the server's ends",
        "each",
        "fast client alone",
        "fast client beside the 1,000",
    )
    return table(headings, rows)
