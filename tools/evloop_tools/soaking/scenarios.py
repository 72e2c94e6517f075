"""The loads that have a name, with the files that they need."""

from dataclasses import dataclass, field
from math import inf

from evloop.settings.units import format_duration
from evloop_tools.load.behaviours import BEHAVIOURS, Habits
from evloop_tools.load.crowd import Group
from evloop_tools.load.files import SMALL, Kind
from evloop_tools.load.orders import CODED, SPARSE, Wanted

KIB = 1024
MIB = 1024 * KIB

ALL_BEHAVIOURS = {
    "full": 30,
    "slow": 15,
    "stalled": 10,
    "slow-head": 5,
    "resume": 8,
    "ranges": 7,
    "revalidate": 10,
    "pipelined": 5,
    "abort": 5,
    "page": 5,
}

_SITE = (
    *(Wanted(f"/page-{number}.html", 20 * KIB, CODED) for number in range(4)),
    *(Wanted(f"/static/style-{number}.css", 100 * KIB, CODED) for number in range(4)),
    *(Wanted(f"/static/script-{number}.js", 100 * KIB, CODED) for number in range(4)),
    *(Wanted(f"/static/picture-{number}.jpg", 300 * KIB, CODED) for number in range(4)),
    Wanted("/static/exactly-1-mib.bin", MIB, CODED),
    Wanted("/static/1-byte-more.bin", MIB + 1, CODED),
    Wanted("/report.pdf", 5 * MIB, CODED),
    Wanted("/video.mp4", 200 * MIB, SPARSE),
)


@dataclass(frozen=True, slots=True)
class Scenario:
    """A load by name. The command line may change each of these.

    rate: bytes per second of each slow client; times in seconds
    slope: the most that own pages may grow, in bytes per second; None: the default
    growth_per_connection: the most that they may grow for each connection, in bytes
    interval: seconds between two looks at the server
    """

    name: str
    about: str
    files: tuple[Wanted, ...]
    groups: tuple[Group, ...]
    clients: int
    duration: float = 60.0
    requests: float = inf
    ramp_up: float | None = None
    habits: Habits = field(default_factory=Habits)
    slope: float | None = None
    growth_per_connection: int | None = None
    interval: float = 1.0

    @property
    def line(self) -> str:
        """What it is, in one line."""
        hours = self.duration / 3600
        lasting = f"{hours:g}h" if hours >= 1 else format_duration(self.duration)
        end = lasting if self.requests == inf else "one each"
        return f"{self.about}; {self.clients:,} clients, {end}"


def mix(weights: dict[str, int]) -> tuple[Group, ...]:
    """Return a group for each behaviour in *weights*."""
    return tuple(Group(name, name, weight) for name, weight in weights.items() if weight)


def _downloads(count: int, size: int, rate: int) -> Scenario:
    """*count* clients download a file of *size* bytes at once, each of them once."""
    return Scenario(
        name=f"{count}x{size // MIB}MB",
        about=f"{count} downloads of {size // MIB} MiB at {rate // MIB} MiB/s each",
        files=(Wanted("/video.mp4", size, CODED),),
        groups=(Group("download", "slow", 1),),
        clients=count,
        requests=count,
        duration=120.0,
        ramp_up=0.0,
        habits=Habits(rate=rate, pause=0.0),
        interval=0.25,
    )


_WEB = Scenario(
    name="web-100",
    about="50 users of 20 KiB pages, 30 of 100 KiB css/js, 20 of 5 MiB PDFs",
    files=(
        *(Wanted(f"/page-{number}.html", 20 * KIB, CODED) for number in range(10)),
        *(Wanted(f"/static/style-{number}.css", 100 * KIB, CODED) for number in range(5)),
        *(Wanted(f"/static/script-{number}.js", 100 * KIB, CODED) for number in range(5)),
        *(Wanted(f"/report-{number}.pdf", 5 * MIB, CODED) for number in range(4)),
    ),
    groups=(
        Group("pages", "full", 50, (Kind.PAGE,)),
        Group("css and js", "full", 30, (Kind.ASSET,)),
        Group("PDFs", "full", 20, (Kind.DOCUMENT,)),
    ),
    clients=100,
    duration=30.0,
    habits=Habits(pause=0.2),
    interval=0.5,
)

_VIDEO = Scenario(
    name="video-1000",
    about="1000 viewers of a sparse 500 MiB video at 256 KiB/s (2.1 Mbit/s) each",
    files=(Wanted("/video.mp4", 500 * MIB, SPARSE),),
    groups=(Group("viewers", "slow", 1),),
    clients=1000,
    habits=Habits(rate=256 * KIB, pause=0.0),
)

_MANY = Scenario(
    name="many-10000",
    about="10,000 connections at once: most of them idle, slow or stalled",
    files=_SITE,
    groups=(
        Group("full, small files", "full", 40, SMALL),
        *mix(
            {
                "slow": 15,
                "stalled": 15,
                "slow-head": 5,
                "resume": 2,
                "ranges": 3,
                "revalidate": 15,
                "pipelined": 3,
                "abort": 2,
            }
        ),
    ),
    clients=10_800,  # some are between two connections at any moment
    duration=120.0,
    ramp_up=30.0,
    habits=Habits(rate=8 * KIB, pause=20.0, stall=25.0),
    growth_per_connection=2 * KIB,
)

MIXED = Scenario(
    name="mixed",
    about="all behaviours",
    files=_SITE,
    groups=mix(ALL_BEHAVIOURS),
    clients=200,
)

_OVERNIGHT = Scenario(
    name="overnight",
    about="all behaviours for eight hours, memory may not grow at all",
    files=_SITE,
    groups=mix(ALL_BEHAVIOURS),
    clients=300,
    duration=8 * 3600.0,
    slope=0.0,
    interval=5.0,
)

SCENARIOS = {
    scenario.name: scenario
    for scenario in (
        MIXED,
        _downloads(3, 100 * MIB, 25 * MIB),
        _downloads(10, 50 * MIB, 10 * MIB),
        _downloads(50, 100 * MIB, 10 * MIB),
        _WEB,
        _VIDEO,
        _MANY,
        _OVERNIGHT,
    )
}


def parse_mix(text: str) -> tuple[Group, ...]:
    """Return the groups that `full=5,slow=2` means. Raises ValueError with a sentence."""
    weights: dict[str, int] = {}
    for part in text.split(","):
        name, _, weight = part.partition("=")
        name = name.strip()
        if name not in BEHAVIOURS:
            raise ValueError(f"{name!r} is none of {', '.join(BEHAVIOURS)}")
        weight = weight.strip() or "1"
        if not weight.isascii() or not weight.isdigit():
            raise ValueError(f"{name}: the weight is a whole number")
        weights[name] = int(weight)
    groups = mix(weights)
    if not groups:
        raise ValueError("one weight at least is above 0")
    return groups
