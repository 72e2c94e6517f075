"""What a run came to, before anybody judges or shows it."""

from dataclasses import dataclass, field
from typing import NamedTuple

from evloop.net.lag import LagFigures, LoopLag
from evloop_tools.lab.history import History
from evloop_tools.load.crowd import Load
from evloop_tools.load.tally import Tally
from evloop_tools.soaking.watch import Seen

_MOST_POINTS = 2048


class Point(NamedTuple):
    """The counts so far at one moment; *at* is in seconds since the load began."""

    at: float
    connections: int
    requests: int
    received: int
    errors: int


class Timeline:
    """Points over time. However long the run is, their number is bounded."""

    def __init__(self) -> None:
        self.points: list[Point] = []
        self._stride = 1
        self._seen = 0

    def add(self, point: Point) -> None:
        """Keep *point*, or not when there are many."""
        if self._seen % self._stride == 0:
            self.points.append(point)
        self._seen += 1
        if len(self.points) > _MOST_POINTS:
            del self.points[1::2]
            self._stride *= 2


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a load went.

    seconds: that it lasted
    cpu: of the test itself, in percent of one core
    lag: of its loop; what it did late it also saw late, so this is in every time it measured
    """

    seconds: float = 0.0
    was_interrupted: bool = False
    cpu: float = 0.0
    lag: LagFigures = field(default_factory=lambda: LoopLag().figures())
    timeline: Timeline = field(default_factory=Timeline)


@dataclass(frozen=True, slots=True)
class Result:
    """A run from its beginning to its end.

    server: what it is called
    checked: what the bytes were compared with
    memory, history: None when the server could not be looked at; *unseen* says why
    ended: how the server ended, if it did
    """

    title: str
    server: str
    url: str
    checked: str
    load: Load
    outcome: Outcome
    tally: Tally
    memory: Seen | None
    history: History | None
    unseen: str
    ended: str | None
