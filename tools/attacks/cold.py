"""Downloads of a file that is not in the page cache: who else has to wait for the disk?"""

import statistics
from collections.abc import Callable, Generator, Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from evloop_tools.lab.docroot import evict
from evloop_tools.lab.driver import OwnLoad, refuse_errors
from evloop_tools.load.orders import CODED, Run, Wanted

from attacks.target import Victim
from attacks.throttle import slow_disk
from attacks.visiting import Latency, median_of, visit, visit_during
from evloop.settings.units import format_size

LARGE = "/cold.bin"
_PATIENCE = 120.0  # seconds
_WARM_UP = 0.5  # seconds


class Cold(NamedTuple):
    """Seconds, but for the counts of reads that found nothing and that went to the disk."""

    latency: Latency
    lag_p99: float
    lag_maximum: float
    seconds: float
    waits: int
    blocking: int


def cold_disk(root: Path, clients: int, rate: int, rounds: int) -> Iterator[str]:
    """Compare reads that ask for what is in memory with plain ones, *rounds* times by turns.

    Each of the *clients* downloads a part of the file, so that none finds what another has read.
    *rate*: bytes a second that the disk gives; 0: as fast as it is.
    """
    size = (root / LARGE[1:]).stat().st_size
    measured: dict[bool, list[Cold]] = {True: [], False: []}
    with slow_disk(root, rate) as slow:
        for _ in range(rounds):
            for nowait in (True, False):
                cold = yield from _measure(root, size, clients, slow, nowait=nowait)
                measured[nowait].append(cold)
    for nowait, colds in measured.items():
        lag_p99 = statistics.median(cold.lag_p99 for cold in colds) * 1000
        lag_maximum = statistics.median(cold.lag_maximum for cold in colds) * 1000
        yield f"medians of {rounds} rounds, {_name(nowait)}"
        yield f"  loop lag p99 {lag_p99:.2f} ms, max {lag_maximum:.2f} ms"
        yield f"  a small file: {median_of([cold.latency for cold in colds])}"


def _name(nowait: bool) -> str:
    return "asking what is in memory" if nowait else "plain reads"


def _measure(
    root: Path, size: int, clients: int, slow: Callable[[int], None], *, nowait: bool
) -> Generator[str, None, Cold]:
    evict(root / LARGE[1:])
    with Victim(root, nowait=nowait) as target:
        visit(target.endpoint, _WARM_UP)
        slow(target.pid)
        target.reset()
        seconds = []
        latency = visit_during(
            target.endpoint, lambda: seconds.append(_download(target, size, clients))
        )
        cold = _cold(latency, seconds[0], target.figures())
    yield (
        f"{_name(nowait)}: lag p99 {cold.lag_p99 * 1000:.2f} ms, max"
        f" {cold.lag_maximum * 1000:.2f} ms; a small file: {latency};"
        f" {format_size(size / cold.seconds)}/s, {cold.waits} waits, {cold.blocking} plain reads"
    )
    return cold


def _cold(latency: Latency, seconds: float, figures: Mapping[str, Any]) -> Cold:
    lag = figures["lag"]
    waits, blocking = figures["waits"], figures["blocking_reads"]
    return Cold(latency, lag["p99"], lag["maximum"], seconds, waits, blocking)


def _download(target: Victim, size: int, clients: int) -> float:
    """Download the file, each client another part of it; return the seconds it took."""
    bounds = [size * number // clients for number in range(clients + 1)]
    order = Run(
        target.endpoint.url,
        (("arrive", clients),),
        tuple(Wanted(LARGE, size, CODED, part=part) for part in pairwise(bounds)),
        _PATIENCE,
        requests=clients,
        timeout=_PATIENCE,
    )
    report = OwnLoad().drive(order, lambda: 0.0)
    refuse_errors({"errors": report.errors})
    if report.requests < clients:
        raise RuntimeError(f"the downloads are not done after {_PATIENCE:g} s")
    return report.seconds
