"""The tables of the page about evloop's strategies, from what was observed."""

from collections.abc import Callable, Iterable, Iterator, Sequence

from evloop_tools.campaign.results import Results
from evloop_tools.report.table import Row, Table

from comparing.cells import (
    NOTHING,
    both_ends,
    each,
    first_bytes,
    grown,
    seconds,
    show,
    size,
)
from comparing.contenders import Strategy
from comparing.quantities import Quantity
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
from evloop import Config
from evloop.settings.units import format_size

THREE = (Strategy.LOAD_ALL, Strategy.STREAMING, Strategy.HYBRID)
TWO = THREE[1:]
DEFAULT_QUEUE = format_size(Config().send_queue).replace(" ", "")
GUIDED = ("guide: load all", "load-all", "guide: streaming", "streaming", "hybrid")

_Show = Callable[[Results, Scenario, str], str]


def observed(results: Results, scenarios: Iterable[Scenario]) -> list[Scenario]:
    """Return those of *scenarios* of which something was observed."""
    return [scenario for scenario in scenarios if results.cells.get(scenario.name)]


def table_of(headings: Sequence[str], rows: Iterable[Row]) -> str:
    """Return a table in Markdown."""
    return Table("", headings, list(rows)).markdown()


def _of_three(results: Results, scenario: Scenario, what: _Show) -> list[str]:
    return [what(results, scenario, name) for name in THREE]


def in_flight(results: Results) -> Iterator[Row]:
    """Yield process memory of each scenario of the guide, beside what the guide says."""
    for scenario in observed(results, IN_FLIGHT):
        whole, streaming, hybrid = _of_three(results, scenario, grown)
        said = scenario.said
        yield (scenario.title, said.load_all, whole, said.constant, streaming, hybrid)


def in_flight_table(results: Results) -> str:
    """The scenarios of the guide."""
    return table_of(("downloads at once", *GUIDED), in_flight(results))


def kernel(results: Results) -> str:
    """The kernel's part of the same."""
    ends = Quantity.SERVER_SOCKETS
    headings = ("downloads at once", *THREE, "hybrid: the server's ends", "each")
    return table_of(
        headings,
        (
            (
                scenario.title,
                *_of_three(results, scenario, both_ends),
                show(results, scenario, Strategy.HYBRID, ends),
                each(results, scenario, Strategy.HYBRID, ends),
            )
            for scenario in observed(results, IN_FLIGHT)
        ),
    )


def waiting(results: Results) -> str:
    """How long the clients of the same wait for their first byte."""
    return table_of(
        ("downloads at once", *THREE),
        (
            (scenario.title, *_of_three(results, scenario, first_bytes))
            for scenario in observed(results, IN_FLIGHT)
        ),
    )


def of_one_file(results: Results) -> list[Scenario]:
    """Return the scenarios of one file of 100 MB, by their number of downloads."""
    found = [
        scenario
        for scenario in observed(results, [*IN_FLIGHT, *BY_NUMBER, *HELD])
        if len(scenario.groups) == 1 and scenario.groups[0].size == BY_NUMBER[0].groups[0].size
    ]
    return sorted(found, key=lambda scenario: scenario.downloads)


def by_number(results: Results) -> str:
    """Memory by the number of downloads of one file."""
    return table_of(
        ("downloads of 100 MB", *THREE, "hybrid, each"),
        (
            (
                f"{scenario.downloads:,}",
                *_of_three(results, scenario, grown),
                each(results, scenario, Strategy.HYBRID, Quantity.GROWTH),
            )
            for scenario in of_one_file(results)
        ),
    )


def by_size(results: Results) -> str:
    """Memory and first byte of one download, by the size of its file."""

    def both(results: Results, scenario: Scenario, server: str) -> str:
        memory = grown(results, scenario, server)
        first = show(results, scenario, server, Quantity.FIRST_BYTE_MEDIAN)
        return memory if first == NOTHING else f"{memory}, {first}"

    return table_of(
        ("file", *THREE),
        (
            (scenario.title, *_of_three(results, scenario, both))
            for scenario in observed(results, BY_SIZE)
        ),
    )


def by_type(results: Results) -> str:
    """The decision matrix: what evloop chooses, and what each choice costs."""

    def first_and_total(results: Results, scenario: Scenario, server: str) -> str:
        first = results.median(scenario.name, server, Quantity.FIRST_BYTE)
        total = results.median(scenario.name, server, Quantity.TOTAL)
        return NOTHING if first is None else f"{seconds(first)} / {seconds(total)}"

    def memory(results: Results, scenario: Scenario, server: str) -> str:
        return each(results, scenario, server, Quantity.GROWTH)

    headings = (
        *("file", "size", "evloop answers"),
        *(f"memory each: {name}" for name in THREE),
        *(f"first byte / all of it: {name}" for name in THREE),
    )
    return table_of(
        headings,
        (
            (
                scenario.title,
                size(scenario.groups[0].size),
                results.methods.get(scenario.name, NOTHING),
                *_of_three(results, scenario, memory),
                *_of_three(results, scenario, first_and_total),
            )
            for scenario in observed(results, BY_TYPE)
        ),
    )


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
    rows: list[Row] = []
    for scenario in observed(results, TIMELINE):
        for moment, quantity, load_all, streaming in _MOMENTS:
            shown = [show(results, scenario, name, quantity) for name in THREE]
            rows.append((moment, load_all, shown[0], streaming, *shown[1:]))
    return table_of(("", *GUIDED), rows)


def held(results: Results) -> str:
    """What one connection that does nothing costs."""
    headings = ("connections", "evloop", "process", "each")
    return table_of(
        (*headings, "kernel TCP (sockstat)", "the server's ends, each"),
        (
            (
                scenario.title,
                name,
                grown(results, scenario, name),
                each(results, scenario, name, Quantity.GROWTH),
                show(results, scenario, name, Quantity.KERNEL_TCP),
                each(results, scenario, name, Quantity.SERVER_SOCKETS),
            )
            for scenario in observed(results, HELD)
            for name in TWO
        ),
    )


def send_queue(results: Results) -> str:
    """The send queue's bound against the kernel's own behaviour."""
    settings = (
        (Strategy.HYBRID, f"`--send-queue {DEFAULT_QUEUE}` (default)"),
        (Strategy.UNBOUNDED, "`--send-queue 1GiB` (no bound)"),
    )
    headings = ("", "kernel TCP (sockstat)", "the server's ends", "each")
    return table_of(
        (*headings, "fast client alone", "fast client beside the 1,000"),
        (
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
        ),
    )
