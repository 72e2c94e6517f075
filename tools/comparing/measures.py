"""One run of one server: from a scenario to an observation."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import psutil
from bench.client import orders as bench_orders
from bench.client.download import FINISH_DEADLINE
from bench.conversation import Conversation, Event
from bench.figures import VoidError
from bench.load import Address
from bench.own import own_client
from lab.socket_memory import read_socket_memory

from comparing.client.crowd import SILENCE
from comparing.docroot import evict, warm
from comparing.orders import Hold, Order, Timed, to_line
from comparing.other_tools import Monitor, soak
from comparing.results import Observation, Quantity
from comparing.scenarios import MIB, SLOW_RATE, Group, Measure, Scenario
from comparing.watch import Watch

# What a client may be silent beyond what it was asked for, in seconds.
_GRACE = 20.0

# No server that reads a file whole is slower than this, in bytes per second.
_LEAST_LOADING = 50 * MIB

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

    address: Address
    watch: Watch
    root: Path
    scenario: Scenario
    hold: float
    notes: list[str] = field(default_factory=list)

    def order(self) -> Hold:
        """Return the scenario as an order."""
        scenario = self.scenario
        names = [name for group in scenario.groups for name in group.file_names()]
        return Hold(
            port=self.address.port,
            prefix=self.address.prefix,
            root=str(self.root),
            paths=tuple(f"/{name}" for name in names),
            behaviour=scenario.behaviour,
            rate=SLOW_RATE,
            resume=scenario.resume,
        )

    def timed(self, group: Group, repetitions: int, rate: int | None = None) -> Timed:
        """Return an order for single downloads of the group's first file."""
        path = f"{self.address.prefix}/{group.file_names()[0]}"
        return Timed(self.address.port, path, repetitions, rate)


def held(run: Run) -> Observation:
    """All downloads in flight at once, then each read on."""
    return _held(run, lambda: run.watch.watch(run.hold))


def _held(run: Run, meanwhile: Callable[[], object]) -> Observation:
    watch, downloads = run.watch, run.scenario.downloads
    patience = SILENCE + run.scenario.total / _LEAST_LOADING
    with _client(run.order()) as client:
        ready = client.expect("ready", patience, watch.look)
        _refuse_failures(ready)
        if ready["held"] != downloads:
            raise VoidError(f"only {ready['held']} of {downloads} were answered")
        meanwhile()
        watch.look_now()
        in_flight = _in_flight(run)
        client.say()
        done = client.expect("done", patience, watch.look)
        _refuse_failures(done)
    watch.settle()
    return {
        **_memory(watch),
        **in_flight,
        Quantity.FIRST_BYTE_MEDIAN: ready["first_byte_median"],
        Quantity.FIRST_BYTE_LAST: ready["first_byte_last"],
        Quantity.RECEIVED: done["received"],
    }


def _client(order: Order) -> Conversation:
    client = Conversation([sys.executable, "-m", "comparing.client"])
    client.say(to_line(order))
    return client


def _refuse_failures(event: Event) -> None:
    found = [f"{count} x {reason}" for reason, count in event["failures"].items() if count]
    if found:
        raise VoidError("; ".join(found))


def _memory(watch: Watch) -> Observation:
    history = watch.history
    own = history.own_metric
    return {
        Quantity.BASE: getattr(history.start.memory, history.total_metric),
        Quantity.GROWTH: history.peak_growth(own) or 0.0,
        Quantity.GROWTH_AT_END: history.growth(own) or 0.0,
        Quantity.HIGH_WATER: history.peak_growth("rss") or 0.0,
    }


def _in_flight(run: Run) -> Observation:
    """What is seen until the downloads are read on: a fast client grows queues of its own."""
    history = run.watch.history
    sockets = read_socket_memory(run.address.port)
    seen = (
        {}
        if sockets is None
        else {
            Quantity.SERVER_SOCKETS: float(sockets.server),
            Quantity.CLIENT_SOCKETS: float(sockets.clients),
        }
    )
    return {
        **seen,
        Quantity.FILES_OPEN: run.watch.now("downloads"),
        Quantity.KERNEL_TCP: history.peak_growth("kernel_tcp") or 0.0,
        Quantity.SEND_QUEUES: history.peak("send_queues") or 0.0,
    }


def held_and_timed(run: Run) -> Observation:
    """The same, and then single downloads by a fast client."""
    observation = held(run)
    return {**observation, **_alone(run, run.scenario.groups[0])}


def _alone(run: Run, group: Group) -> Observation:
    # The first one warms whatever the server keeps.
    _time(run.timed(group, 1))
    first_byte, total = _time(run.timed(group, REPETITIONS))
    return {Quantity.FIRST_BYTE: first_byte, Quantity.TOTAL: total}


def _time(order: Timed) -> tuple[float, float]:
    """Return the median seconds to the first and to the last byte."""
    with _client(order) as client:
        done = client.expect("done", order.repetitions * SILENCE)
        _refuse_failures(done)
    return median(done["first_bytes"]), median(done["totals"])


def timeline(run: Run) -> Observation:
    """One download at a time: its file in the page cache, not in it, and at the guide's pace."""
    group = run.scenario.groups[0]
    path = run.root / group.file_names()[0]
    warm(path)
    observation = dict(_alone(run, group))
    paced = _time(run.timed(group, 1, GUIDE_PACE))
    observation[Quantity.PACED_FIRST_BYTE], observation[Quantity.PACED_TOTAL] = paced
    return {**observation, **_cold(run, group, path)}


def _cold(run: Run, group: Group, path: Path) -> Observation:
    first_bytes, totals, cached = [], [], []
    for _ in range(REPETITIONS):
        evict(path)
        before = _page_cache()
        first_byte, total = _time(run.timed(group, 1))
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


def fast_client(run: Run) -> Observation:
    """A fast client alone, and then beside all those in flight."""
    alone = _throughput(run)
    beside = 0.0

    def meanwhile() -> None:
        nonlocal beside
        beside = _throughput(run)

    observation = _held(run, meanwhile)
    return {**observation, Quantity.FAST_ALONE: alone, Quantity.FAST_BESIDE: beside}


def _throughput(run: Run) -> float:
    """Return the bytes per second that one client gets, downloading for as long as we hold."""
    path = f"{run.address.prefix}/{run.scenario.groups[0].file_names()[0]}"
    order = bench_orders.Download(run.address.port, path, 1, run.hold)
    with own_client(order) as client:
        client.expect("ready", _GRACE)
        client.say()
        done = client.expect("done", run.hold + FINISH_DEADLINE + _GRACE, run.watch.look)
        _refuse_failures({"failures": done["errors"]})
    return float(done["bytes"] / done["seconds"])


def monitored(run: Run) -> Observation:
    """What monitor.py sees of downloads in flight."""
    with Monitor(run.address.port, _MONITOR_PATIENCE) as monitor:
        held(run)
        seen = monitor.stop()
    return {
        Quantity.BASE: seen["start"][seen["total_metric"]],
        Quantity.PEAK: seen["peak"][seen["total_metric"]],
        Quantity.GROWTH: seen["peak_growth"][seen["own_metric"]],
        Quantity.LOAD_ALL: seen["peak"]["load_all"] or 0.0,
        Quantity.SEND_QUEUES: seen["peak"]["send_queues"] or 0.0,
    }


def soaked(run: Run) -> Observation:
    """What soak.py says of the server."""
    seen = soak(run.address.port, run.address.prefix, run.scenario.downloads)
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


MEASURES: Mapping[Measure, Callable[[Run], Observation]] = {
    Measure.HELD: held,
    Measure.HELD_AND_TIMED: held_and_timed,
    Measure.TIMELINE: timeline,
    Measure.FAST_CLIENT: fast_client,
    Measure.MONITORED: monitored,
    Measure.SOAKED: soaked,
}
