"""How the rows of the benchmark are measured: one function each, from a server to a sample."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from secrets import token_hex

from lab.cost import kernel_tcp_bytes, machine_memory_bytes
from lab.running import Answer, Running, ask

from bench.client import orders
from bench.client.download import FINISH_DEADLINE
from bench.client.hold import READY_DEADLINE
from bench.conversation import Conversation, Event
from bench.docroot import Docroot
from bench.figures import Figure, Sample, VoidError
from bench.heads import Request
from bench.load import CPU, Address, LoadDriver, LoadReport, Order
from bench.own import own_client

MIB = 1024 * 1024

CONNECTIONS = 64
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

# How long a driver may be silent beyond what it was asked for, in seconds.
GRACE = 20.0


@dataclass(frozen=True, slots=True)
class Bench:
    """What a measurement works with; *seconds* is how long the load lasts."""

    server: Running
    docroot: Docroot
    load: LoadDriver
    seconds: float

    @property
    def address(self) -> Address:
        """Return where the server answers."""
        return self.server.address


Measurement = Callable[[Bench], Sample]


def small(bench: Bench) -> Sample:
    """1 KiB over connections that stay, with the head that a browser sends."""
    return _per_request(_drive(bench, Request((bench.docroot.small,))))


def pages(bench: Bench) -> Sample:
    """1,000 files of 4 KiB in turn, with a number of its own in each head."""
    return _per_request(_drive(bench, Request(bench.docroot.pages, serial=token_hex(4))))


def medium(bench: Bench) -> Sample:
    """100 KiB over connections that stay."""
    return _per_request(_drive(bench, Request((bench.docroot.medium,))))


def connect(bench: Bench) -> Sample:
    """1 KiB, and a new connection for each."""
    return _per_request(
        _drive(bench, Request((bench.docroot.small,)).with_fields(Connection="close"))
    )


def revalidate(bench: Bench) -> Sample:
    """304 to a client that has the file, beside the 200 to one that has not."""
    path = bench.docroot.small
    plain = Request((path,))
    given = ask(bench.address, path).fields
    known = {"If_None_Match": given.get("etag"), "If_Modified_Since": given.get("last-modified")}
    validators = {name: value for name, value in known.items() if value}
    full = _drive(bench, plain)
    empty = _drive(bench, plain.with_fields(**validators), status=304)
    sample = dict(_per_request(empty))
    cost_of_full = _per_request(full)[Figure.CPU_PER_REQUEST]
    sample[Figure.TO_FULL_RESPONSE] = sample[Figure.CPU_PER_REQUEST] / cost_of_full
    return sample


def _drive(
    bench: Bench, request: Request, connections: int = CONNECTIONS, status: int = 200
) -> LoadReport:
    """Check one answer, warm up, and load the server with *request*."""
    answer = _checked(bench, request, status)
    cpu = bench.server.cost.cpu_seconds
    warm_up = Order(request, connections, bench.seconds * WARM_UP)
    bench.load.drive(bench.address, warm_up, cpu)
    # A head of the warm-up must not come again where no two are to be alike.
    fresh = request.with_serial(token_hex(4)) if request.serial else request
    report = bench.load.drive(bench.address, Order(fresh, connections, bench.seconds), cpu)
    report.check(answer.body_bytes, connections)
    return report


def _checked(bench: Bench, request: Request, status: int = 200) -> Answer:
    """Return the answer to the first head of *request*; raise VoidError if it's not as it should.

    So a server that compresses, redirects or forgets is not credited with a fast answer.
    """
    path = request.paths[0]
    try:
        answer = ask(bench.address, path, dict(request.fields))
    except OSError as error:
        raise VoidError(f"no answer to {path}: {error}") from error
    expected = bench.docroot.size(path) if status == 200 else 0
    if (answer.status, answer.body_bytes) != (status, expected):
        raise VoidError(
            f"it answered {path} with {answer.status} and {answer.body_bytes} bytes, "
            f"not with {status} and {expected}"
        )
    return answer


def _per_request(report: LoadReport) -> Sample:
    return {
        Figure.CPU_PER_REQUEST: report.cpu_seconds / report.requests * 1e6,
        Figure.BOTH_PER_REQUEST: (report.cpu_seconds + report.driver_seconds)
        / report.requests
        * 1e6,
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
    cpu = bench.server.cost.cpu_seconds
    _whole_files(bench, 1, 0.0, cpu)
    event, spent, spent_by_client = _whole_files(bench, DOWNLOADS, bench.seconds, cpu)
    gigabytes = event["bytes"] / 1e9
    latency = {int(percentile): value for percentile, value in event["latency"].items()}
    return {
        Figure.CPU_PER_GB: spent / gigabytes,
        Figure.BOTH_PER_GB: (spent + spent_by_client) / gigabytes,
        Figure.THROUGHPUT: event["bytes"] / 1e6 / event["seconds"],
        **_latency(latency),
    }


def _whole_files(
    bench: Bench,
    connections: int,
    seconds: float,
    cpu: CPU,
    meanwhile: Callable[[], object] = lambda: None,
) -> tuple[Event, float, float]:
    """Return what the client counted, and the CPU seconds that server and client spent."""
    order = orders.Download(
        bench.address.port, bench.address.prefix + bench.docroot.large, connections, seconds
    )
    with own_client(order) as client:
        client.expect("ready", GRACE)
        before, spent_before = cpu(), client.cpu_seconds()
        client.say()
        event = client.expect("done", seconds + FINISH_DEADLINE + GRACE, meanwhile)
        spent, spent_by_client = cpu() - before, client.cpu_seconds() - spent_before
    _refuse_errors(event)
    return event, spent, spent_by_client


def _refuse_errors(event: Event) -> None:
    found = [f"{count} x {reason}" for reason, count in event["errors"].items() if count]
    if found:
        raise VoidError("; ".join(found))


def idle(bench: Bench) -> Sample:
    """Connections that were answered once and stay open."""
    return _held(bench, _hold_order(bench, bench.docroot.small, IDLE_CONNECTIONS, rate=None))


def stalled(bench: Bench) -> Sample:
    """Downloads of which the client reads the head, and then nothing."""
    return _held(bench, _hold_order(bench, bench.docroot.large, STALLED_CONNECTIONS, rate=0))


def _hold_order(bench: Bench, path: str, connections: int, rate: int | None) -> orders.Hold:
    address = bench.address
    return orders.Hold(address.port, address.prefix + path, connections, rate)


def _held(bench: Bench, order: orders.Hold) -> Sample:
    # One connection of the kind before: what all share is not charged to any of them.
    with own_client(orders.Hold(order.port, order.path, 1, order.rate)) as first:
        await_held(first, 1)
    time.sleep(REST)
    memory, kernel = bench.server.cost.own_bytes(), kernel_tcp_bytes()
    with own_client(order) as client:
        await_held(client, order.connections)
        time.sleep(REST)
        growth = bench.server.cost.own_bytes() - memory
        kernel_growth = kernel_tcp_bytes() - kernel
        _refuse_losses(client)
    return {
        Figure.BYTES_PER_CONNECTION: growth / order.connections,
        Figure.KERNEL_BYTES_PER_CONNECTION: kernel_growth / order.connections,
    }


def await_held(client: Conversation, connections: int) -> None:
    """Wait until *client* holds all *connections*; raise VoidError when it can't."""
    event = client.expect("ready", READY_DEADLINE + GRACE)
    _refuse_errors(event)
    if event["held"] != connections:
        raise VoidError(f"only {event['held']} of {connections} connections were answered")


def _refuse_losses(client: Conversation) -> None:
    client.say()
    event = client.expect("held", GRACE)
    _refuse_errors(event)
    if event["lost"]:
        raise VoidError(f"it closed {event['lost']} connections that it should have kept")


def slow(bench: Bench) -> Sample:
    """Downloads read at 64 KiB/s, the memory the kernel holds for them, and a fast one."""
    order = _hold_order(bench, bench.docroot.large, SLOW_CONNECTIONS, rate=SLOW_RATE)
    cpu = bench.server.cost.cpu_seconds
    _whole_files(bench, 1, 0.0, cpu)
    kernel, free = kernel_tcp_bytes(), machine_memory_bytes()
    peak = _Peak(kernel)
    with own_client(order) as client:
        await_held(client, SLOW_CONNECTIONS)
        fast, _, _ = _whole_files(bench, 1, bench.seconds, cpu, peak.look)
        lost = free - machine_memory_bytes()
        _refuse_losses(client)
    return {
        Figure.KERNEL_TCP: (peak.highest - kernel) / MIB,
        Figure.MACHINE_MEMORY: lost / MIB,
        Figure.FAST_CLIENT: fast["bytes"] / 1e6 / fast["seconds"],
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
    order = _hold_order(bench, bench.docroot.small, MANY_CONNECTIONS - FEW_CONNECTIONS, rate=None)
    with own_client(order) as client:
        await_held(client, order.connections)
        mostly_idle = settled(bench, FEW_CONNECTIONS)
        _refuse_losses(client)
    active = settled(bench, MANY_CONNECTIONS)
    costs = [_per_request(report) for report in (few, mostly_idle, active)]
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


def settled(bench: Bench, connections: int, address: Address | None = None) -> LoadReport:
    """Load the server, or the one at *address*, and count once all connections are made."""
    request = Request((bench.docroot.small,))
    answer = _checked(bench, request)
    settle = SETTLE_MANY if connections == MANY_CONNECTIONS else SETTLE
    order = Order(request, connections, bench.seconds, settle)
    report = bench.load.drive(address or bench.address, order, bench.server.cost.cpu_seconds)
    report.check(answer.body_bytes, connections)
    return report


def start(bench: Bench) -> Sample:
    """The time until the first answer, and the memory once it is given."""
    time.sleep(REST)
    return {
        Figure.START: bench.server.start_seconds * 1000,
        Figure.MEMORY_AT_REST: bench.server.cost.memory_bytes() / MIB,
    }
