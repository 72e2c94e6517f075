"""Who downloads what at once, and what the streaming guide says of it.

The guide's KB and MB are binary here, as they are in its own commands (`dd bs=1M`).
"""

from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Any

from evloop_tools.load.orders import CODED, SPARSE, Behaviour, Wanted

from evloop.settings.units import format_size

KIB = 1024
MIB = 1024 * KIB
GIB = 1024 * MIB

# Downloads that are to be seen in flight are read at this rate, in bytes per second.
SLOW_RATE = 64 * KIB

PROBE = Wanted("/probe.html", KIB, CODED)
"""What a server that has just been started is asked for."""


class Table(StrEnum):
    """The parts of the page; the value stands for all of its scenarios."""

    IN_FLIGHT = "in-flight"
    BY_NUMBER = "by-number"
    BY_SIZE = "by-size"
    BY_TYPE = "by-type"
    TIMELINE = "timeline"
    HELD = "held"
    SEND_QUEUE = "send-queue"
    TOOLS = "tools"


class Measure(Enum):
    """How a scenario is measured: measures.py has a function for each."""

    HELD = "held"
    HELD_AND_TIMED = "held and timed"
    TIMELINE = "timeline"
    FAST_CLIENT = "fast client"
    MONITORED = "watched by monitor.py"
    SOAKED = "tested by soak.py"


@dataclass(frozen=True, slots=True)
class Group:
    """*downloads* at once of files of *size* bytes: of one file, or each of its own.

    what: the name of the file, with a suffix that tells its type
    sparse: without blocks on the disk, for sizes that would take too long to write
    """

    what: str
    downloads: int
    size: int
    own_files: bool = False
    sparse: bool = False

    @property
    def files(self) -> tuple[Wanted, ...]:
        """The files, each as often as it is asked for."""
        stem, _, suffix = self.what.partition(".")
        start, like = f"/{stem}-{self.size}", SPARSE if self.sparse else CODED
        if not self.own_files:
            return (Wanted(f"{start}.{suffix}", self.size, like, self.downloads),)
        names = (f"{start}-{number}.{suffix}" for number in range(self.downloads))
        return tuple(Wanted(name, self.size, like) for name in names)

    @property
    def total(self) -> int:
        """Bytes of all downloads together."""
        return self.downloads * self.size


@dataclass(frozen=True, slots=True)
class Said:
    """Memory in the guide's own words; empty where it says nothing.

    constant: with its streaming, or its hybrid where the files are mixed
    """

    load_all: str = ""
    constant: str = ""


@dataclass(frozen=True, slots=True)
class Scenario:
    """Downloads that are in flight at once.

    resume: bytes that each reads on in the end; None: all of its file
    promise: bytes of process memory that evloop's defaults may grow by
    beside_peers: whether other servers are asked for the same
    """

    name: str
    table: Table
    title: str
    groups: tuple[Group, ...]
    said: Said = Said()
    behaviour: Behaviour = Behaviour.SLOW
    resume: int | None = None
    promise: int | None = None
    beside_peers: bool = False
    measure: Measure = Measure.HELD

    @property
    def files(self) -> tuple[Wanted, ...]:
        """The files of all groups."""
        return tuple(wanted for group in self.groups for wanted in group.files)

    @property
    def downloads(self) -> int:
        """How many there are at once."""
        return sum(group.downloads for group in self.groups)

    @property
    def total(self) -> int:
        """Bytes that loading every file of it for its own request takes."""
        return sum(group.total for group in self.groups)


def _of_one_file(
    downloads: int, size: int, table: Table = Table.IN_FLIGHT, **more: Any
) -> Scenario:
    mebibytes = size // MIB
    return Scenario(
        f"{downloads}x{mebibytes}MB",
        table,
        f"{downloads:,} x {mebibytes} MB",
        (Group("video.mp4", downloads, size),),
        **more,
    )


def _web(name: str, title: str, own_files: bool, said: Said, promise: int) -> Scenario:
    groups = (
        Group("page.html", 50, 20 * KIB, own_files),
        Group("script.js", 30, 100 * KIB, own_files),
        Group("document.pdf", 20, 5 * MIB, own_files),
    )
    return Scenario(
        name,
        Table.IN_FLIGHT,
        title,
        groups,
        said,
        Behaviour.STALLED,
        promise=promise,
        beside_peers=True,
    )


def _of_type(what: str, size: int, downloads: int = 100, sparse: bool = False) -> Scenario:
    exactly = f"{size}B" if size % KIB else format_size(size).replace(" ", "")
    return Scenario(
        f"{what}-{exactly}",
        Table.BY_TYPE,
        what,
        (Group(what, downloads, size, sparse=sparse),),
        behaviour=Behaviour.STALLED,
        resume=MIB,
        measure=Measure.HELD_AND_TIMED,
    )


def _of_size(size: int) -> Scenario:
    return Scenario(
        f"one-{format_size(size).replace(' ', '')}",
        Table.BY_SIZE,
        format_size(size),
        (Group("archive.zip", 1, size, sparse=size > 100 * MIB),),
        behaviour=Behaviour.STALLED,
        resume=MIB,
    )


_FEW = 2 * MIB

IN_FLIGHT = (
    _of_one_file(1, 100 * MIB, said=Said("200 MB", "32 KB"), promise=_FEW, beside_peers=True),
    _of_one_file(3, 100 * MIB, said=Said("300 MB", "~96 KB"), promise=_FEW, beside_peers=True),
    _of_one_file(10, 50 * MIB, said=Said("500 MB", "320 KB"), promise=_FEW, beside_peers=True),
    _of_one_file(10, 100 * MIB, said=Said("1 GB"), promise=_FEW),
    _of_one_file(50, 100 * MIB, said=Said("~5 GB", "~1.6 MB"), promise=_FEW, beside_peers=True),
    _web(
        "web-100",
        "web application, 100 users",
        own_files=True,
        said=Said("104 MB", "4.64 MB"),
        promise=6 * MIB,
    ),
    _web("web-100-shared", "the same, of three files", own_files=False, said=Said(), promise=_FEW),
    Scenario(
        "video-1000",
        Table.IN_FLIGHT,
        "1,000 viewers x 500 MB",
        (Group("video.mp4", 1000, 500 * MIB, sparse=True),),
        Said("500 GB", "32 MB"),
        resume=MIB,
        promise=_FEW,
        beside_peers=True,
    ),
)

BY_NUMBER = tuple(
    _of_one_file(number, 100 * MIB, Table.BY_NUMBER, behaviour=Behaviour.STALLED, resume=MIB)
    for number in (100, 300, 1000, 3000)
)

HELD = (
    Scenario(
        "stalled-8000",
        Table.HELD,
        "8,000 stalled downloads of 100 MB",
        (Group("video.mp4", 8000, 100 * MIB),),
        behaviour=Behaviour.STALLED,
        resume=MIB,
        promise=8000 * 1536,
    ),
    Scenario(
        "idle-5000",
        Table.HELD,
        "5,000 idle keep-alive connections",
        (Group("page.html", 5000, 20 * KIB),),
        behaviour=Behaviour.IDLE,
        promise=5000 * 1024,
    ),
)

SEND_QUEUE = (
    Scenario(
        "slow-1000",
        Table.SEND_QUEUE,
        "1,000 downloads of 100 MB read at 64 KiB/s",
        (Group("video.mp4", 1000, 100 * MIB),),
        resume=MIB,
        measure=Measure.FAST_CLIENT,
    ),
)

SOAK_CLIENTS = 200

TOOLS = (
    Scenario(
        "monitor",
        Table.TOOLS,
        "monitor.py beside 50 x 100 MB",
        (Group("video.mp4", 50, 100 * MIB),),
        resume=MIB,
        beside_peers=True,
        measure=Measure.MONITORED,
    ),
    Scenario(
        "soak",
        Table.TOOLS,
        f"soak.py with {SOAK_CLIENTS} clients of all behaviours",
        # It brings its own files; this stands for the number of its connections.
        (Group("page.html", SOAK_CLIENTS, 20 * KIB),),
        beside_peers=True,
        measure=Measure.SOAKED,
    ),
)

# The sizes at both ends of what the guide calls typical, or one between them where both ends
# stand in another row; and the threshold itself.
BY_TYPE = (
    _of_type("page.html", 5 * KIB),
    _of_type("page.html", 20 * KIB),
    _of_type("page.html", 50 * KIB),
    _of_type("style.css", 100 * KIB),
    _of_type("script.js", 500 * KIB),
    _of_type("photo.jpg", 200 * KIB),
    _of_type("threshold.bin", MIB),
    _of_type("threshold.bin", MIB + 1),
    _of_type("photo.jpg", 10 * MIB),
    _of_type("document.pdf", 5 * MIB),
    _of_type("music.mp3", 20 * MIB),
    _of_type("archive.zip", 100 * MIB),
    _of_type("video.mp4", 500 * MIB, sparse=True),
)

TIMELINE = (
    Scenario(
        "100MB-alone",
        Table.TIMELINE,
        "one download of 100 MB",
        (Group("video.mp4", 1, 100 * MIB),),
        beside_peers=True,
        measure=Measure.TIMELINE,
    ),
)

BY_SIZE = tuple(_of_size(size) for size in (10 * MIB, 100 * MIB, GIB, 4 * GIB, 16 * GIB))

SCENARIOS = (*IN_FLIGHT, *TIMELINE, *BY_NUMBER, *BY_SIZE, *BY_TYPE, *HELD, *SEND_QUEUE, *TOOLS)
BY_NAME = {scenario.name: scenario for scenario in SCENARIOS}
