"""One run of one server: from a scenario to a sample."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from statistics import median

import psutil
from evloop_tools.campaign.results import Sample
from evloop_tools.lab.docroot import evict, place, warm
from evloop_tools.lab.driver import GRACE, OwnLoad, await_held, clients, refuse_errors
from evloop_tools.lab.socket_memory import read_socket_memory
from evloop_tools.lab.watch import Watch
from evloop_tools.load.endpoint import Endpoint
from evloop_tools.load.orders import Hold, Wanted
from evloop_tools.load.orders import Run as Order

from comparing.other_tools import Monitor, soak
from comparing.quantities import Quantity
from comparing.scenarios import MIB, SLOW_RATE, Measure, Scenario

# No server that reads a file whole is slower than this, in bytes per second.
_LEAST_LOADING = 50 * MIB

# How long a server may be silent before it is taken for dead, in seconds.
_SILENCE = 120.0

# The monitor ends by itself after so many seconds, should we not end it.
_MONITOR_PATIENCE = 600.0

# How often a single download is repeated for its median.
REPETITIONS = 5

# The guide's client takes 100 MB in 2 s.
GUIDE_PACE = 50 * MIB


@dataclass(frozen=True, slots=True)
class Run:
    """A server that is up and at rest, and what is asked of it.

    hold: seconds for which downloads are held in flight
    notes: what there is to say of it in words
    """

    endpoint: Endpoint
    watch: Watch
    root: Path
    scenario: Scenario
    hold: float
    notes: list[str] = field(default_factory=list)

    @property
    def first(self) -> Wanted:
        """The scenario's first file."""
        return self.scenario.files[0]


def held(run: Run) -> Sample:
    """All downloads in flight at once, then each read on."""
    return _held(run, lambda: run.watch.watch(run.hold))


def _held(run: Run, meanwhile: Callable[[], object]) -> Sample:
    watch, scenario = run.watch, run.scenario
    order = Hold(
        run.endpoint.url, scenario.files, scenario.behaviour, SLOW_RATE, scenario.resume, _SILENCE
    )
    patience = _SILENCE + scenario.total / _LEAST_LOADING
    with clients(order) as crowd:
        ready = await_held(crowd, scenario.downloads, patience, watch.look_if_due)
        meanwhile()
        watch.look()
        in_flight = _in_flight(run)
        crowd.say()
        done = crowd.expect("done", patience, watch.look_if_due)
        refuse_errors(done)
    watch.settle()
    return {
        **_memory(watch),
        **in_flight,
        Quantity.FIRST_BYTE_MEDIAN: ready["first_byte_median"],
        Quantity.FIRST_BYTE_LAST: ready["first_byte_last"],
        Quantity.RECEIVED: done["received"],
    }


def _memory(watch: Watch) -> Sample:
    history = watch.history
    own = history.own_metric
    return {
        Quantity.BASE: getattr(history.start.memory, history.total_metric),
        Quantity.GROWTH: history.peak_growth(own) or 0.0,
        Quantity.GROWTH_AT_END: history.growth(own) or 0.0,
        Quantity.HIGH_WATER: history.peak_growth("rss") or 0.0,
    }


def _in_flight(run: Run) -> Sample:
    """What is seen until the downloads are read on: a fast client grows queues of its own."""
    history = run.watch.history
    sockets = read_socket_memory(run.endpoint.port)
    seen = {}
    if sockets is not None:
        seen[Quantity.SERVER_SOCKETS] = float(sockets.server)
        seen[Quantity.CLIENT_SOCKETS] = float(sockets.clients)
    return {
        **seen,
        Quantity.FILES_OPEN: run.watch.now("downloads"),
        Quantity.KERNEL_TCP: history.peak_growth("kernel_tcp") or 0.0,
        Quantity.SEND_QUEUES: history.peak("send_queues") or 0.0,
    }


def held_and_timed(run: Run) -> Sample:
    """The same, and then single downloads by a fast client."""
    return {**held(run), **_alone(run)}


def _alone(run: Run) -> Sample:
    _time(run, 1)  # warms whatever the server keeps
    first_byte, total = _time(run, REPETITIONS)
    return {Quantity.FIRST_BYTE: first_byte, Quantity.TOTAL: total}


def _time(run: Run, repetitions: int, rate: float = inf) -> tuple[float, float]:
    """Return the median seconds to the first and to the last byte of whole downloads.

    Each is made on a connection of its own, one after the other.
    """
    order = Order(
        run.endpoint.url,
        (("fresh", 1),),
        (run.first,),
        repetitions * _SILENCE,
        requests=repetitions,
        rate=rate,
        timeout=_SILENCE,
    )
    with clients(order) as crowd:
        crowd.expect("ready", GRACE)
        crowd.say()
        done = crowd.expect("done", repetitions * _SILENCE + GRACE)
        refuse_errors(done)
    return done["first_byte"]["50"] / 1e6, done["latency"]["50"] / 1e6


def timeline(run: Run) -> Sample:
    """One download at a time: its file in the page cache, not in it, and at the guide's pace."""
    path = place(run.root, run.first)
    warm(path)
    sample = dict(_alone(run))
    paced = _time(run, 1, GUIDE_PACE)
    sample[Quantity.PACED_FIRST_BYTE], sample[Quantity.PACED_TOTAL] = paced
    return {**sample, **_cold(run, path)}


def _cold(run: Run, path: Path) -> Sample:
    first_bytes, totals, cached = [], [], []
    for _ in range(REPETITIONS):
        evict(path)
        before = _page_cache()
        first_byte, total = _time(run, 1)
        first_bytes.append(first_byte)
        totals.append(total)
        cached.append(_page_cache() - before)
    return {
        Quantity.COLD_FIRST_BYTE: median(first_bytes),
        Quantity.COLD_TOTAL: median(totals),
        Quantity.PAGE_CACHE: median(cached),
    }


def _page_cache() -> float:
    return float(getattr(psutil.virtual_memory(), "cached", 0))


def fast_client(run: Run) -> Sample:
    """A fast client alone, and then beside all those in flight."""
    alone = _throughput(run)
    beside: list[float] = []
    sample = _held(run, lambda: beside.append(_throughput(run)))
    return {**sample, Quantity.FAST_ALONE: alone, Quantity.FAST_BESIDE: beside[0]}


def _throughput(run: Run) -> float:
    """Return the bytes per second that one client gets, downloading for as long as we hold."""
    order = Order(run.endpoint.url, (("repeat", 1),), (run.first,), run.hold, finishes=True)
    report = OwnLoad().drive(order, lambda: 0.0, run.watch.look_if_due)
    refuse_errors({"errors": report.errors})
    return report.received / report.seconds


def monitored(run: Run) -> Sample:
    """What monitor.py sees of downloads in flight."""
    with Monitor(run.endpoint.port, _MONITOR_PATIENCE) as monitor:
        held(run)
        seen = monitor.stop()
    return {
        Quantity.BASE: seen["start"][seen["total_metric"]],
        Quantity.PEAK: seen["peak"][seen["total_metric"]],
        Quantity.GROWTH: seen["peak_growth"][seen["own_metric"]],
        Quantity.LOAD_ALL: seen["peak"]["load_all"] or 0.0,
        Quantity.SEND_QUEUES: seen["peak"]["send_queues"] or 0.0,
    }


def soaked(run: Run) -> Sample:
    """What soak.py says of the server."""
    seen = soak(run.endpoint, run.scenario.downloads)
    broken = [check for check in seen["checks"] if check["finding"] == "broken"]
    reasons = "; ".join(f"{check['name']} {check['seen']}" for check in broken)
    run.notes.append(f"{seen['verdict']}: {reasons}" if reasons else seen["verdict"])
    memory = seen["memory"]
    return {
        Quantity.REQUESTS: seen["all"]["requests"],
        Quantity.RECEIVED: seen["all"]["bytes"],
        Quantity.ERRORS: seen["all"]["errors"],
        Quantity.WRONG_BYTES: seen["wrong_bytes"],
        Quantity.FIRST_BYTE_MEDIAN: seen["all"]["first_byte"]["p50"] or 0.0,
        Quantity.BASE: memory["total"]["base"],
        Quantity.PEAK: memory["total"]["peak"],
        Quantity.GROWTH: memory["growth"],
        Quantity.KERNEL_TCP: memory["kernel_tcp"]["peak"] - memory["kernel_tcp"]["base"],
    }


MEASURES: Mapping[Measure, Callable[[Run], Sample]] = {
    Measure.HELD: held,
    Measure.HELD_AND_TIMED: held_and_timed,
    Measure.TIMELINE: timeline,
    Measure.FAST_CLIENT: fast_client,
    Measure.MONITORED: monitored,
    Measure.SOAKED: soaked,
}
