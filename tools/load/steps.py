"""What a client does next: the words in which behaviours are written."""

from collections.abc import Generator
from dataclasses import dataclass
from enum import Enum
from math import inf

from load.requests import Request


class Ending(Enum):
    """How a connection is closed."""

    TIDY = "FIN"
    RESET = "RST"


@dataclass(frozen=True, slots=True)
class Ask:
    """Send *requests*, one behind the other, and read the answers.

    rate: bytes per second that are read
    trickle: seconds over which the head is sent, a few bytes at a time
    head_bytes: only so many bytes are sent, and no answer is awaited
    body_bytes: after so many bytes of the body nothing more is read
    """

    requests: tuple[Request, ...]
    rate: float = inf
    trickle: float = 0.0
    head_bytes: int | None = None
    body_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Rest:
    """Do nothing for *seconds*. What the server sends meanwhile is not read."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Close:
    """Close the connection. The next request opens another."""

    ending: Ending = Ending.TIDY


@dataclass(frozen=True, slots=True)
class Answer:
    """The last answer to an Ask, as far as it was read: *received* bytes of the body."""

    etag: str | None
    last_modified: str | None
    received: int
    keeps_alive: bool


Step = Ask | Rest | Close
Script = Generator[Step, Answer | None, None]
"""Yields steps; gets the answer to an Ask that was answered, None otherwise."""
