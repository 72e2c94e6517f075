"""Where evloop's defaults do worse than something else that was measured."""

from collections.abc import Iterator

from comparing.beside import others
from comparing.cells import seconds, size, times
from comparing.contenders import Strategy
from comparing.results import Quantity, Results
from comparing.scenarios import BY_TYPE, IN_FLIGHT, TIMELINE, Scenario
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
