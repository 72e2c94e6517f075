"""The guide's numbers that are not the memory of a scenario, each with what was measured."""

from collections.abc import Iterator, Sequence

from comparing.cells import NOTHING, each, grown, ratio, seconds, show, size, times
from comparing.computed import growth
from comparing.contenders import Strategy
from comparing.decision import IN_MEMORY
from comparing.results import Quantity, Results
from comparing.scenarios import BY_TYPE, HELD, IN_FLIGHT, TIMELINE, Scenario
from comparing.tables import THREE

_BY_NAME = {scenario.name: scenario for scenario in (*IN_FLIGHT, *TIMELINE, *HELD)}
_STRESS, _VIDEO, _WEB, _TEN = (
    _BY_NAME[name] for name in ("50x100MB", "video-1000", "web-100", "10x50MB")
)
_STALLED, _TIMELINE = _BY_NAME["stalled-8000"], _BY_NAME["100MB-alone"]

# What the guide's "modest server" has, in bytes.
MODEST = 4 * 1024**3


def numbers(results: Results) -> Iterator[Sequence[str]]:
    """Yield what, and then what the guide says and what was measured, for load-all and others."""
    for scenario, load_all, said in ((_TEN, "1", "1500 x less"), (_WEB, "1", "22 x less")):
        less = [times(_less(results, scenario, name)) for name in THREE]
        yield f"{scenario.title}: times less than load-all", load_all, less[0], said, *less[1:]
    yield (
        "one more client of 100 MB",
        "100 MB",
        each(results, _STRESS, Strategy.LOAD_ALL, Quantity.GROWTH),
        "32 KB",
        each(results, _STALLED, Strategy.STREAMING, Quantity.GROWTH),
        each(results, _STALLED, Strategy.HYBRID, Quantity.GROWTH),
    )
    yield (
        f"{_STRESS.title}: what is left when all have gone",
        "released",
        show(results, _STRESS, Strategy.LOAD_ALL, Quantity.GROWTH_AT_END),
        NOTHING,
        show(results, _STRESS, Strategy.STREAMING, Quantity.GROWTH_AT_END),
        show(results, _STRESS, Strategy.HYBRID, Quantity.GROWTH_AT_END),
    )
    yield from _moments(results)
    yield _modest(results)
    yield _threshold(results)


def _less(results: Results, scenario: Scenario, server: str) -> float | None:
    whole, ours = (growth(results, scenario, each) for each in (Strategy.LOAD_ALL, server))
    return ratio(whole.size if whole else None, ours.size if ours else None)


def _moments(results: Results) -> Iterator[Sequence[str]]:
    for what, quantity, load_all, streaming in (
        ("first byte of 100 MB", Quantity.COLD_FIRST_BYTE, "2 s", "0.1 s"),
        ("all of 100 MB, to a client at 50 MB/s", Quantity.PACED_TOTAL, "4 s", "2 s"),
    ):
        shown = [seconds(results.median(_TIMELINE.name, name, quantity)) for name in THREE]
        yield what, load_all, shown[0], streaming, *shown[1:]


def _modest(results: Results) -> Sequence[str]:
    """Whether 1,000 viewers fit into a server of 4 GB, kernel and all."""
    found = []
    for name in (Strategy.STREAMING, Strategy.HYBRID):
        parts = [
            results.median(_VIDEO.name, name, quantity)
            for quantity in (Quantity.BASE, Quantity.GROWTH, Quantity.KERNEL_TCP)
        ]
        known = [part for part in parts if part is not None]
        found.append(size(sum(known)) if len(known) == len(parts) else NOTHING)
    whole = grown(results, _VIDEO, Strategy.LOAD_ALL)
    return "1,000 viewers: the whole process and the kernel", "500 GB", whole, "4 GB", *found


def _threshold(results: Results) -> Sequence[str]:
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
