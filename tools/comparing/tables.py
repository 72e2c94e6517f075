"""The tables of the page about evloop's strategies, from what was observed."""

from collections.abc import Callable, Iterable, Iterator, Sequence

from campaign.results import Results
from report.table import Row, Table

from comparing.alone import IN_MEMORY
from comparing.cells import (
    NOTHING,
    both_ends,
    each,
    first_bytes,
    grown,
    growth,
    ratio,
    seconds,
    show,
    size,
    times,
)
from comparing.contenders import Strategy
from comparing.quantities import Quantity
from comparing.scenarios import (
    BY_NAME,
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
_TWO = THREE[1:]
DEFAULT_QUEUE = format_size(Config().send_queue).replace(" ", "")
_GUIDED = ("guide: load all", "load-all", "guide: streaming", "streaming", "hybrid")

_Show = Callable[[Results, Scenario, str], str]


def observed(results: Results, scenarios: Iterable[Scenario]) -> list[Scenario]:
    """Return those of *scenarios* of which something was observed."""
    return [scenario for scenario in scenarios if results.cells.get(scenario.name)]


def _table(headings: Sequence[str], rows: Iterable[Row]) -> str:
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
    return _table(("downloads at once", *_GUIDED), in_flight(results))


def kernel(results: Results) -> str:
    """The kernel's part of the same."""
    ends = Quantity.SERVER_SOCKETS
    headings = ("downloads at once", *THREE, "hybrid: the server's ends", "each")
    return _table(
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
    return _table(
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
    return _table(
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

    return _table(
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
    return _table(
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
    return _table(("", *_GUIDED), rows)


def held(results: Results) -> str:
    """What one connection that does nothing costs."""
    headings = ("connections", "evloop", "process", "each")
    return _table(
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
            for name in _TWO
        ),
    )


def send_queue(results: Results) -> str:
    """The send queue's bound against the kernel's own behaviour."""
    settings = (
        (Strategy.HYBRID, f"`--send-queue {DEFAULT_QUEUE}` (default)"),
        (Strategy.UNBOUNDED, "`--send-queue 1GiB` (no bound)"),
    )
    headings = ("", "kernel TCP (sockstat)", "the server's ends", "each")
    return _table(
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


# The guide's numbers that are not the memory of a scenario


def numbers_table(results: Results) -> str:
    """Each of them with what was measured."""
    return _table(("what", *_GUIDED), numbers(results))


def numbers(results: Results) -> Iterator[Row]:
    """Yield what, and then what the guide says and what was measured, for load-all and others."""
    for name, load_all, said in (("10x50MB", "1", "1500 x less"), ("web-100", "1", "22 x less")):
        scenario = BY_NAME[name]
        less = [times(_less(results, scenario, server)) for server in THREE]
        yield f"{scenario.title}: times less than load-all", load_all, less[0], said, *less[1:]
    stress, stalled = BY_NAME["50x100MB"], BY_NAME["stalled-8000"]
    yield (
        "one more client of 100 MB",
        "100 MB",
        each(results, stress, Strategy.LOAD_ALL, Quantity.GROWTH),
        "32 KB",
        *(each(results, stalled, name, Quantity.GROWTH) for name in _TWO),
    )
    left = [show(results, stress, name, Quantity.GROWTH_AT_END) for name in THREE]
    yield (
        f"{stress.title}: what is left when all have gone",
        "released",
        left[0],
        NOTHING,
        *left[1:],
    )
    for what, quantity, load_all, streaming in (
        ("first byte of 100 MB", Quantity.COLD_FIRST_BYTE, "2 s", "0.1 s"),
        ("all of 100 MB, to a client at 50 MB/s", Quantity.PACED_TOTAL, "4 s", "2 s"),
    ):
        shown = [seconds(results.median("100MB-alone", name, quantity)) for name in THREE]
        yield what, load_all, shown[0], streaming, *shown[1:]
    yield _modest(results)
    yield _threshold(results)


def _less(results: Results, scenario: Scenario, server: str) -> float | None:
    whole, ours = (growth(results, scenario, name) for name in (Strategy.LOAD_ALL, server))
    return ratio(whole.size if whole else None, ours.size if ours else None)


def _modest(results: Results) -> Row:
    """Whether 1,000 viewers fit into a server of 4 GB, kernel and all."""
    video = BY_NAME["video-1000"]
    found = []
    for name in _TWO:
        parts = [
            results.median(video.name, name, quantity)
            for quantity in (Quantity.BASE, Quantity.GROWTH, Quantity.KERNEL_TCP)
        ]
        known = [part for part in parts if part is not None]
        found.append(size(sum(known)) if len(known) == len(parts) else NOTHING)
    whole = grown(results, video, Strategy.LOAD_ALL)
    return "1,000 viewers: the whole process and the kernel", "500 GB", whole, "4 GB", *found


def _threshold(results: Results) -> Row:
    methods = [
        (scenario.groups[0].size, results.methods[scenario.name])
        for scenario in BY_TYPE
        if scenario.name in results.methods
    ]
    largest = max((size for size, method in methods if method == IN_MEMORY), default=None)
    least = min((size for size, method in methods if method != IN_MEMORY), default=None)
    found = NOTHING
    if largest is not None and least is not None:
        found = f"{largest:,} bytes are kept in memory, {least:,} are streamed"
    return "largest file that is answered from memory", NOTHING, NOTHING, "1 MB", NOTHING, found
