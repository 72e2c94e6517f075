"""What our client can be asked to do, as one line of JSON that names the order."""

import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Load:
    """Answer after answer over *connections* connections, for *seconds* after *settle*.

    A head is one of *lines* in turn, *fields*, a number of its own if *numbered*, and *end*.
    """

    port: int
    lines: tuple[str, ...]
    fields: str
    end: str
    numbered: bool
    connections: int
    seconds: float
    settle: float


@dataclass(frozen=True, slots=True)
class Download:
    """The file at *path* over and over on each connection, until *seconds* have passed.

    Downloads that are then under way are finished, so every byte that was sent is counted.
    """

    port: int
    path: str
    connections: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Hold:
    """One request on each of *connections* connections, which then stay open.

    With *rate* None the whole response is read first; with 0 its head only; otherwise
    *rate* bytes per second are read of each body from then on. *receive_buffer* is the
    SO_RCVBUF of each connection in bytes, None leaves it to the kernel.
    """

    port: int
    path: str
    connections: int
    rate: int | None = None
    receive_buffer: int | None = None


Order = Load | Download | Hold

_KINDS: dict[str, type[Load] | type[Download] | type[Hold]] = {
    kind.__name__: kind for kind in (Load, Download, Hold)
}


def to_line(order: Order) -> str:
    """Return *order* as a line of JSON, without its end."""
    return json.dumps([type(order).__name__, asdict(order)])


def from_line(line: str) -> Order:
    """Return the order that to_line() wrote."""
    name, settings = json.loads(line)
    return _KINDS[name](**settings)
