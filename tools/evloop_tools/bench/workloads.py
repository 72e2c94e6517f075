"""How the rows of the benchmark are measured: one function each, from a server to a sample."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from math import inf
from pathlib import Path
from secrets import token_hex

from evloop_tools.bench.figures import Figure, Sample
from evloop_tools.bench.heads import fields
from evloop_tools.bench.options import CLIENTS
from evloop_tools.lab.cost import kernel_tcp_bytes, machine_memory_bytes
from evloop_tools.lab.docroot import LARGE, MEDIUM, MIB, PAGES, SMALL
from evloop_tools.lab.driver import (
    GRACE,
    LoadDriver,
    LoadReport,
    OwnLoad,
    await_held,
    clients,
    refuse_errors,
)
from evloop_tools.lab.errors import VoidError
from evloop_tools.lab.running import Reply, Running, ask
from evloop_tools.load.endpoint import Endpoint
from evloop_tools.load.orders import Behaviour, Hold, Run, Wanted

FEW_CONNECTIONS, MANY_CONNECTIONS = 100, 10_000
IDLE_CONNECTIONS = 4_000
STALLED_CONNECTIONS = 2_000
SLOW_CONNECTIONS, SLOW_RATE = 1_000, 64 * 1024
DOWNLOADS = 16

# The time in which all connections are made, in seconds; for MANY_CONNECTIONS with lost SYNs
# repeated. wrk counts it in whole seconds.
SETTLE, SETTLE_MANY = 1.0, 4.0

# The part of a measurement that goes before it, uncounted, to warm caches and memory.
WARM_UP = 0.2

# The time after which memory that changes is taken to have come to rest, in seconds.
REST = 0.3

# How long it may take until every held connection has its answer, in seconds.
READY = 30.0


@dataclass(frozen=True, slots=True)
class Bench:
    """What a measurement works with; *seconds* is how long the load lasts."""

    server: Running
    root: Path
    load: LoadDriver
    seconds: float

    @property
    def endpoint(self) -> Endpoint:
        """Return where the server answers."""
        return self.server.endpoint

    def repeat(
        self, *files: Wanted, more: Mapping[str, str] | None = None, connections: int = CLIENTS
    ) -> Run:
        """Return an order for *files* again and again, with the head of a browser and *more*."""
        return Run(
            self.endpoint.url,
            (("repeat", connections),),
            files,
            self.seconds,
            fields=fields(more or {}),
        )

    def hold(self, wanted: Wanted, connections: int, behaviour: Behaviour) -> Hold:
        """Return an order to hold *connections*, each with an answer of *wanted*."""
        files = (replace(wanted, count=connections),)
        return Hold(self.endpoint.url, files, behaviour, SLOW_RATE, patience=READY)


Measurement = Callable[[Bench], Sample]


def small(bench: Bench) -> Sample:
    """1 KiB over connections that stay, with the head that a browser sends."""
    return per_request(drive(bench, bench.repeat(SMALL)))


def pages(bench: Bench) -> Sample:
    """1,000 files of 4 KiB in turn, with a number of its own in each head."""
    return per_request(drive(bench, replace(bench.repeat(*PAGES), serial=token_hex(4))))


def medium(bench: Bench) -> Sample:
    """100 KiB over connections that stay."""
    return per_request(drive(bench, bench.repeat(MEDIUM)))


def connect(bench: Bench) -> Sample:
    """1 KiB, and a new connection for each."""
    return per_request(drive(bench, bench.repeat(SMALL, more={"Connection": "close"})))


def revalidate(bench: Bench) -> Sample:
    """304 to a client that has the file, beside the 200 to one that has not."""
    given = ask(bench.endpoint, SMALL.path).fields
    known = {"If-None-Match": given.get("etag"), "If-Modified-Since": given.get("last-modified")}
    validators = {name: value for name, value in known.items() if value}
    full = drive(bench, bench.repeat(SMALL))
    empty = drive(bench, replace(bench.repeat(SMALL, more=validators), status=304))
    sample = dict(per_request(empty))
    cost_of_full = per_request(full)[Figure.CPU_PER_REQUEST]
    sample[Figure.TO_FULL_RESPONSE] = sample[Figure.CPU_PER_REQUEST] / cost_of_full
    return sample


def drive(bench: Bench, order: Run) -> LoadReport:
    """Check one answer, warm up, and load the server."""
    reply = _checked(bench.endpoint, order)
    cpu = bench.server.cost.cpu_seconds
    bench.load.drive(replace(order, seconds=bench.seconds * WARM_UP), cpu)
    # A head of the warm-up must not come again where no two are to be alike.
    fresh = replace(order, serial=token_hex(4)) if order.serial else order
    report = bench.load.drive(fresh, cpu)
    report.check(reply.body_bytes, order.clients)
    return report


def _checked(endpoint: Endpoint, order: Run) -> Reply:
    """Return the answer to the first head of *order*; raise VoidError if it's not as it should.

    So a server that compresses, redirects or forgets is not credited with a fast answer.
    """
    wanted = order.files[0]
    lines = (line.partition(": ") for line in order.fields.splitlines())
    try:
        reply = ask(endpoint, wanted.path, {name: value for name, _, value in lines})
    except OSError as error:
        raise VoidError(f"no answer to {wanted.path}: {error}") from error
    expected = wanted.size if order.status == 200 else 0
    if (reply.status, reply.body_bytes) != (order.status, expected):
        raise VoidError(
            f"it answered {wanted.path} with {reply.status} and {reply.body_bytes} bytes, "
            f"not with {order.status} and {expected}"
        )
    return reply


def per_request(report: LoadReport) -> Sample:
    """Return what *report* comes to for each request."""
    each = 1e6 / report.requests
    return {
        Figure.CPU_PER_REQUEST: report.cpu_seconds * each,
        Figure.BOTH_PER_REQUEST: (report.cpu_seconds + report.driver_seconds) * each,
        Figure.REQUESTS_PER_SECOND: report.all_requests / report.seconds,
        **_latency(report.latency),
    }


def _latency(microseconds: Mapping[int, float]) -> dict[Figure, float]:
    return {
        Figure.LATENCY_P50: microseconds[50] / 1000,
        Figure.LATENCY_P90: microseconds[90] / 1000,
        Figure.LATENCY_P99: microseconds[99] / 1000,
    }


def download(bench: Bench) -> Sample:
    """One file of 100 MiB, read by 16 clients at full speed, each to its end."""
    whole_files(bench, 1, 0.0)
    report = whole_files(bench, DOWNLOADS, bench.seconds)
    gigabytes = report.received / 1e9
    return {
        Figure.CPU_PER_GB: report.cpu_seconds / gigabytes,
        Figure.BOTH_PER_GB: (report.cpu_seconds + report.driver_seconds) / gigabytes,
        Figure.THROUGHPUT: report.received / 1e6 / report.seconds,
        **_latency(report.latency),
    }


def whole_files(
    bench: Bench,
    connections: int,
    seconds: float,
    meanwhile: Callable[[], object] = lambda: None,
) -> LoadReport:
    """Let *connections* clients download, and finish what is under way after *seconds*."""
    order = Run(
        bench.endpoint.url,
        (("repeat", connections),),
        (LARGE,),
        seconds or READY,
        requests=inf if seconds else 1,
        finishes=True,
    )
    report = OwnLoad().drive(order, bench.server.cost.cpu_seconds, meanwhile)
    assert LARGE.size is not None
    report.check(LARGE.size, connections)
    return report


def idle(bench: Bench) -> Sample:
    """Connections that were answered once and stay open."""
    return _held(bench, bench.hold(SMALL, IDLE_CONNECTIONS, Behaviour.IDLE))


def stalled(bench: Bench) -> Sample:
    """Downloads of which the client reads the head, and then nothing."""
    return _held(bench, bench.hold(LARGE, STALLED_CONNECTIONS, Behaviour.STALLED))


def _held(bench: Bench, order: Hold) -> Sample:
    # One connection of the kind before: what all share is not charged to any of them.
    one = replace(order, files=(replace(order.files[0], count=1),))
    with clients(one) as first:
        await_held(first, 1, READY + GRACE)
    time.sleep(REST)
    memory, kernel = bench.server.cost.own_bytes(), kernel_tcp_bytes()
    with clients(order) as crowd:
        await_held(crowd, order.clients, READY + GRACE)
        time.sleep(REST)
        growth = bench.server.cost.own_bytes() - memory
        kernel_growth = kernel_tcp_bytes() - kernel
        crowd.say()
        refuse_errors(crowd.expect("done", GRACE))
    return {
        Figure.BYTES_PER_CONNECTION: growth / order.clients,
        Figure.KERNEL_BYTES_PER_CONNECTION: kernel_growth / order.clients,
    }


def slow(bench: Bench) -> Sample:
    """Downloads read at 64 KiB/s, the memory the kernel holds for them, and a fast one."""
    whole_files(bench, 1, 0.0)
    kernel, free = kernel_tcp_bytes(), machine_memory_bytes()
    peak = _Peak(kernel)
    with clients(bench.hold(LARGE, SLOW_CONNECTIONS, Behaviour.SLOW)) as crowd:
        await_held(crowd, SLOW_CONNECTIONS, READY + GRACE)
        fast = whole_files(bench, 1, bench.seconds, peak.look)
        lost = free - machine_memory_bytes()
        crowd.say()
        refuse_errors(crowd.expect("done", GRACE))
    return {
        Figure.KERNEL_TCP: (peak.highest - kernel) / MIB,
        Figure.MACHINE_MEMORY: lost / MIB,
        Figure.FAST_CLIENT: fast.received / 1e6 / fast.seconds,
    }


class _Peak:
    """The highest kernel TCP memory seen, in bytes."""

    def __init__(self, first: int) -> None:
        self.highest = first

    def look(self) -> None:
        self.highest = max(self.highest, kernel_tcp_bytes())


def scale(bench: Bench) -> Sample:
    """CPU per request at 100 connections, and at 10,000, mostly idle and all active."""
    few = settled(bench, FEW_CONNECTIONS)
    order = bench.hold(SMALL, MANY_CONNECTIONS - FEW_CONNECTIONS, Behaviour.IDLE)
    with clients(order) as crowd:
        await_held(crowd, order.clients, READY + GRACE)
        mostly_idle = settled(bench, FEW_CONNECTIONS)
        crowd.say()
        refuse_errors(crowd.expect("done", GRACE))
    active = settled(bench, MANY_CONNECTIONS)
    costs = [per_request(report) for report in (few, mostly_idle, active)]
    at_few, at_idle, at_active = (cost[Figure.CPU_PER_REQUEST] for cost in costs)
    return {
        Figure.CPU_AT_100: at_few,
        Figure.CPU_AT_10000_IDLE: at_idle,
        Figure.CPU_AT_10000_ACTIVE: at_active,
        Figure.GROWTH_IDLE: at_idle / at_few,
        Figure.GROWTH_ACTIVE: at_active / at_few,
        Figure.LATENCY_P99: costs[1][Figure.LATENCY_P99],
        Figure.LATENCY_P99_ACTIVE: costs[2][Figure.LATENCY_P99],
    }


def settled(bench: Bench, connections: int) -> LoadReport:
    """Load the server, and count once all connections are made."""
    settle = SETTLE_MANY if connections == MANY_CONNECTIONS else SETTLE
    order = replace(bench.repeat(SMALL, connections=connections), settle=settle)
    reply = _checked(bench.endpoint, order)
    report = bench.load.drive(order, bench.server.cost.cpu_seconds)
    report.check(reply.body_bytes, connections)
    return report


def start(bench: Bench) -> Sample:
    """The time until the first answer, and the memory once it is given."""
    time.sleep(REST)
    return {
        Figure.START: bench.server.start_seconds * 1000,
        Figure.MEMORY_AT_REST: bench.server.cost.memory_bytes() / MIB,
    }
