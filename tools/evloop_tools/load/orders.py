"""What a process of clients can be asked to do: one line on its standard input."""

import pickle
from dataclasses import dataclass
from enum import StrEnum
from math import inf
from pathlib import Path

from evloop_tools.load.content import Coded, Content, Copy, Sparse, Unknown
from evloop_tools.load.files import File, kind_of
from evloop_tools.load.requests import COMMON

CODED, SPARSE, UNKNOWN = "coded", "sparse", ""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file to ask for, *count* times where that matters.

    like: what its bytes are: CODED or SPARSE as load.content makes them, UNKNOWN, or else
    the name of the file of this machine that they are compared with
    part: the first byte that is wanted and the one behind the last; None: all
    """

    path: str
    size: int | None = None
    like: str = UNKNOWN
    count: int = 1
    part: tuple[int, int] | None = None

    @property
    def file(self) -> File:
        """The file as clients know it. Raises OSError when it can't be read."""
        return File(self.path, kind_of(self.path, self.size), self._content())

    def _content(self) -> Content:
        if self.like in (CODED, SPARSE):
            assert self.size is not None
            return (Coded if self.like == CODED else Sparse)(self.path, self.size)
        return Copy(Path(self.like)) if self.like else Unknown(self.size)


@dataclass(frozen=True, slots=True)
class Run:
    """Groups of clients (see load.behaviours and load.drills) that ask again and again.

    groups: the name of a behaviour, and how many clients it has
    seconds: that it lasts after *settle*, whose requests are not counted; inf: until told
    requests: after so many it ends
    gathers: seconds until all must be connected, and then it waits to be told to go on
    is_replaced: whether a client that leaves is followed by another
    visits: connections that come and go, for whose ports there must be room
    finishes: whether answers that are under way at the end are awaited
    fields: the header lines of each request; *serial* adds one that is never the same
    status: the one that is right
    """

    url: str
    groups: tuple[tuple[str, int], ...]
    files: tuple[Wanted, ...]
    seconds: float = inf
    settle: float = 0.0
    requests: float = inf
    gathers: float = 0.0
    is_replaced: bool = True
    visits: int = 0
    finishes: bool = False
    fields: str = COMMON
    serial: str = ""
    status: int = 200
    rate: float = inf
    pause: float = 0.0
    timeout: float = 30.0
    seed: int = 1

    @property
    def clients(self) -> int:
        """How many there are."""
        return sum(count for _, count in self.groups)

    @property
    def patience(self) -> float:
        """Seconds that answers under way at the end may still take."""
        return 120.0 if self.finishes else 0.0


class Behaviour(StrEnum):
    """What held clients do between the head of their answer and the word to go on."""

    SLOW = "slow"
    """They read at a limited rate."""
    STALLED = "stalled"
    """They read nothing."""
    IDLE = "idle"
    """They have read everything and keep their connection."""


@dataclass(frozen=True, slots=True)
class Hold:
    """One download on each connection, all in flight at once.

    rate: bytes per second of each SLOW client
    resume: bytes that each reads on when it is told to (None: to the end, 0: nothing); an
        IDLE one asks once more, unless it is 0
    patience: seconds without a sign of the server after which it is taken for dead
    """

    url: str
    files: tuple[Wanted, ...]
    behaviour: Behaviour
    rate: float = inf
    resume: int | None = 0
    patience: float = 120.0

    @property
    def clients(self) -> int:
        """How many there are."""
        return sum(wanted.count for wanted in self.files)


Order = Run | Hold


def to_line(order: Order) -> str:
    """Return *order* as a line of text, without its end."""
    return pickle.dumps(order).hex()


def from_line(line: str) -> Order:
    """Return the order that to_line() wrote, in a process that we have started."""
    order: Order = pickle.loads(bytes.fromhex(line))
    return order
