"""What a client does next: the words in which behaviours are written."""

from collections.abc import Generator
from dataclasses import dataclass
from enum import Enum
from math import inf

from evloop_tools.load.requests import Request

QUANTUM = 0.5
"""Seconds between two reads of a client that keeps to a rate."""
BY_PACE = -1
"""A receive buffer as the pace of reading wants it."""
FOREVER = 1e8
"""Seconds that no run lasts: three years, which the wheel of the timers can still count."""


class Ending(Enum):
    """How a connection is closed."""

    TIDY = "FIN"
    RESET = "RST"


@dataclass(frozen=True, slots=True)
class Ask:
    """Send *requests*, one behind the other, and read the answers; none: merely connect.

    rate: bytes per second that are read, every *quantum* seconds
    trickle: seconds over which the head is sent, in so many *pieces*
    head_bytes: only so many bytes are sent, and no answer is awaited
    body_bytes: after so many bytes of the body nothing more is read
    receive_buffer: bytes that the kernel may take in; None: as many as it likes
    """

    requests: tuple[Request, ...]
    rate: float = inf
    quantum: float = QUANTUM
    trickle: float = 0.0
    pieces: int = 8
    head_bytes: int | None = None
    body_bytes: int | None = None
    receive_buffer: int | None = BY_PACE


@dataclass(frozen=True, slots=True)
class ReadOn:
    """Read on in an answer of which some was left: *body_bytes* more, None: all of it."""

    body_bytes: int | None = None
    rate: float = inf
    quantum: float = QUANTUM


@dataclass(frozen=True, slots=True)
class Rest:
    """Do nothing for *seconds*. What the server sends meanwhile is not read.

    until_closed: the end of a connection on which nothing is due ends the rest
    """

    seconds: float
    until_closed: bool = False


@dataclass(frozen=True, slots=True)
class Close:
    """Close the connection. The next request opens another."""

    ending: Ending = Ending.TIDY


@dataclass(frozen=True, slots=True)
class Answer:
    """The last answer to an Ask, as far as it was read: *received* of *length* bytes of body."""

    status: int
    etag: str | None
    last_modified: str | None
    received: int
    length: int | None
    keeps_alive: bool


Step = Ask | ReadOn | Rest | Close
Script = Generator[Step, Answer | None, None]
"""Yields steps; gets the answer to an Ask that was answered, None otherwise."""
