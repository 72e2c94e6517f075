"""What the clients can be asked to do, as one line of JSON that names the order."""

import json
from dataclasses import asdict, dataclass
from enum import StrEnum


class Behaviour(StrEnum):
    """What clients do between the head of their answer and the word to go on."""

    SLOW = "slow"
    """They read at a limited rate."""
    STALLED = "stalled"
    """They read nothing."""
    IDLE = "idle"
    """They have read everything and keep their connection."""


@dataclass(frozen=True, slots=True)
class Hold:
    """One download on each connection, all in flight at once.

    paths: as often as they are wanted, each leading to a file beneath *root*
    rate: bytes per second of each SLOW client
    resume: bytes that each reads on when it is told to (None: to the end); an IDLE one
    asks once more
    """

    port: int
    prefix: str
    root: str
    paths: tuple[str, ...]
    behaviour: Behaviour
    rate: int
    resume: int | None


@dataclass(frozen=True, slots=True)
class Timed:
    """Whole downloads of one file, one after the other, each on a connection of its own.

    rate: bytes per second at which they are read; None: as fast as they come
    """

    port: int
    path: str
    repetitions: int
    rate: int | None = None


Order = Hold | Timed


def to_line(order: Order) -> str:
    """Return *order* as a line of JSON, without its end."""
    return json.dumps([type(order).__name__, asdict(order)])


def from_line(line: str) -> Order:
    """Return the order that to_line() wrote."""
    name, settings = json.loads(line)
    if name == Timed.__name__:
        return Timed(**settings)
    settings["paths"] = tuple(settings["paths"])
    settings["behaviour"] = Behaviour(settings["behaviour"])
    return Hold(**settings)
