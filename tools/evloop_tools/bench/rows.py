"""The rows of the benchmark, each with the goals that evloop has set itself."""

from dataclasses import dataclass
from pathlib import Path

from evloop_tools.bench import workloads
from evloop_tools.bench.figures import Figure, Sample, show
from evloop_tools.bench.lag import lag
from evloop_tools.bench.workloads import Measurement
from evloop_tools.lab.docroot import LARGE, MEDIUM, SMALL, place
from evloop_tools.lab.servers.base import Kind, Server, Transfer
from evloop_tools.lab.servers.registry import BOUNDED_FLOOR, SUBJECT, UNBOUNDED

_SHOWN = 48
"""Characters of a line that are left for figures, behind the round and the server."""

# How many times less than any Python peer evloop shall cost, whatever the row.
PYTHON_PEERS = 5.0


@dataclass(frozen=True, slots=True)
class Goal:
    """*figure* of evloop is at most *limit* times that of *against*.

    Without *against* the limit is absolute, in the unit of the figure. Of a figure of
    which more is better it is the least.
    """

    limit: float
    figure: Figure
    against: str | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the goals table: what is measured, how, and what shall come out.

    *figures* are those shown, the one that servers are compared by first. *floor* is the
    C program that stands for the floors, with arguments in which `{small}` is that file.
    *needs_choice* leaves out the servers that can't do *transfer*. *connections* is how
    many a server is configured to hold at once, where it wants to know. *only* names the
    servers that have a part in it (empty: all).
    """

    name: str
    title: str
    measure: Measurement
    figures: tuple[Figure, ...]
    goals: tuple[Goal, ...] = ()
    transfer: Transfer = Transfer.AS_IT_IS
    floor: tuple[str, ...] = ()
    needs_choice: bool = False
    connections: int = 1024
    only: frozenset[str] = frozenset()

    @property
    def primary(self) -> Figure:
        """Return the figure that servers are compared by."""
        return self.figures[0]

    def runs(self, server: Server) -> bool:
        """Return whether *server* has a part in this row."""
        if server.kind is Kind.FLOOR and not self.floor:
            return False
        if (server.only_in and self.name not in server.only_in) or (
            self.only and server.name not in self.only
        ):
            return False
        return self.transfer in server.choices or not self.needs_choice

    def shown(self, sample: Sample) -> str:
        """Return the first figures of *sample*, as many as a line of 80 columns has room for."""
        told = [f"{figure.heading} {show(figure, sample[figure])}" for figure in self.figures]
        while len("  ".join(told)) > _SHOWN:
            told.pop()
        return "  ".join(told)

    def floor_command(self, root: Path) -> tuple[str, ...]:
        """Return the floor's program and arguments for the files in *root*."""
        files = {"small": SMALL, "medium": MEDIUM, "large": LARGE}
        places = {name: place(root, wanted) for name, wanted in files.items()}
        return tuple(part.format(**places) for part in self.floor)


# Room for what a row makes, and more: nginx closes idle connections when fewer than a
# sixteenth of those it may hold are left.
THOUSANDS, TEN_THOUSAND = 5_000, 11_000

_CPU = Figure.CPU_PER_REQUEST
_PER_REQUEST = (
    _CPU,
    Figure.BOTH_PER_REQUEST,
    Figure.REQUESTS_PER_SECOND,
    Figure.LATENCY_P50,
    Figure.LATENCY_P90,
    Figure.LATENCY_P99,
)
_PER_GB = (
    Figure.CPU_PER_GB,
    Figure.BOTH_PER_GB,
    Figure.THROUGHPUT,
    Figure.LATENCY_P50,
    Figure.LATENCY_P99,
)
_PER_CONNECTION = (Figure.BYTES_PER_CONNECTION, Figure.KERNEL_BYTES_PER_CONNECTION)

ROWS = (
    Row(
        "small",
        "1 KiB, keep-alive, browser-like headers",
        workloads.small,
        _PER_REQUEST,
        (Goal(1.0, _CPU, "lighttpd"), Goal(0.75, _CPU, "nginx-cache"), Goal(1.6, _CPU, "floor")),
        floor=("respond", "{small}", "keep"),
    ),
    Row(
        "pages",
        "1,000 files of 4 KiB, no two request heads alike",
        workloads.pages,
        _PER_REQUEST,
        (Goal(0.9, _CPU, "nginx-cache"),),
    ),
    Row(
        "medium",
        "100 KiB from memory",
        workloads.medium,
        _PER_REQUEST,
        (Goal(1.15, _CPU, "floor"),),
        floor=("respond", "{medium}", "keep"),
    ),
    Row(
        "connect",
        "a new connection per request",
        workloads.connect,
        _PER_REQUEST,
        (Goal(1.0, _CPU, "nginx"),),
        floor=("respond", "{small}", "close"),
    ),
    Row(
        "revalidate",
        "304 revalidations",
        workloads.revalidate,
        (*_PER_REQUEST, Figure.TO_FULL_RESPONSE),
        (Goal(1.0, Figure.TO_FULL_RESPONSE),),
    ),
    Row(
        "large",
        "one 100 MiB file, 16 clients, 32 KiB refill",
        workloads.download,
        _PER_GB,
        (
            Goal(1.25, Figure.CPU_PER_GB, "floor"),
            Goal(1.25, Figure.CPU_PER_GB, BOUNDED_FLOOR),
            Goal(1.25, Figure.BOTH_PER_GB, "floor"),
        ),
        transfer=Transfer.COPY,
        floor=("copy", "{large}"),
    ),
    Row(
        "sendfile",
        "the same with sendfile",
        workloads.download,
        _PER_GB,
        (
            Goal(1.2, Figure.CPU_PER_GB, "nginx"),
            Goal(1.2, Figure.CPU_PER_GB, BOUNDED_FLOOR),
            Goal(1.2, Figure.BOTH_PER_GB, "nginx"),
        ),
        transfer=Transfer.SENDFILE,
        floor=("sendfile", "{large}"),
        needs_choice=True,
    ),
    Row(
        "idle",
        "an idle keep-alive connection",
        workloads.idle,
        _PER_CONNECTION,
        (Goal(500, Figure.BYTES_PER_CONNECTION),),
        connections=THOUSANDS,
    ),
    Row(
        "stalled",
        "a stalled download",
        workloads.stalled,
        _PER_CONNECTION,
        (
            Goal(1024, Figure.BYTES_PER_CONNECTION),
            Goal(0.1, Figure.BYTES_PER_CONNECTION, "nginx"),
        ),
        connections=THOUSANDS,
    ),
    Row(
        "slow",
        "1,000 downloads read at 64 KiB/s, and a fast one",
        workloads.slow,
        (Figure.KERNEL_TCP, Figure.MACHINE_MEMORY, Figure.FAST_CLIENT),
        (Goal(0.1, Figure.KERNEL_TCP, "nginx"), Goal(0.97, Figure.FAST_CLIENT, UNBOUNDED)),
        connections=THOUSANDS,
    ),
    Row(
        "scale",
        "from 100 to 10,000 connections",
        workloads.scale,
        (
            Figure.CPU_AT_10000_IDLE,
            Figure.CPU_AT_100,
            Figure.CPU_AT_10000_ACTIVE,
            Figure.GROWTH_IDLE,
            Figure.GROWTH_ACTIVE,
            Figure.LATENCY_P99,
            Figure.LATENCY_P99_ACTIVE,
        ),
        (Goal(1.15, Figure.GROWTH_IDLE), Goal(1.15, Figure.GROWTH_ACTIVE)),
        floor=("respond", "{small}", "keep"),
        connections=TEN_THOUSAND,
    ),
    Row(
        "lag",
        "how long evloop's loop is busy in one turn",
        lag,
        (Figure.LAG_AT_100, Figure.LAG_AT_10000_IDLE, Figure.LAG_AT_10000_ACTIVE),
        connections=TEN_THOUSAND,
        only=frozenset({SUBJECT}),
    ),
    Row(
        "start",
        "start until the port answers; memory at rest",
        workloads.start,
        (Figure.START, Figure.MEMORY_AT_REST),
        (Goal(150, Figure.START), Goal(14, Figure.MEMORY_AT_REST)),
    ),
)
