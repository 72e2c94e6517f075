"""The guide's numbers that are not the memory of a scenario, each with what was measured."""

from collections.abc import Iterator

from evloop_tools.campaign.results import Results
from evloop_tools.report.table import Row

from comparing.alone import IN_MEMORY
from comparing.cells import NOTHING, each, grown, growth, ratio, seconds, show, size, times
from comparing.contenders import Strategy
from comparing.quantities import Quantity
from comparing.scenarios import BY_NAME, BY_TYPE, Scenario
from comparing.tables import GUIDED, THREE, TWO, table_of


def numbers_table(results: Results) -> str:
    """Each of them with what was measured."""
    return table_of(("what", *GUIDED), numbers(results))


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
        *(each(results, stalled, name, Quantity.GROWTH) for name in TWO),
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
    for name in TWO:
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
