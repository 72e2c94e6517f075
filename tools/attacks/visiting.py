"""The well-behaved client whose patience is what an attack is measured by."""

import contextlib
import statistics
from collections.abc import Callable, Iterator, Sequence
from math import inf
from typing import NamedTuple

from evloop_tools.lab.conversation import Conversation, Event
from evloop_tools.lab.driver import GRACE, clients
from evloop_tools.lab.errors import VoidError
from evloop_tools.load.endpoint import Endpoint
from evloop_tools.load.orders import Run

from attacks.docroot import SMALL_FILE

_PAUSE = 0.005  # seconds between two requests
_PATIENCE = 10.0  # seconds that it waits for an answer


class Latency(NamedTuple):
    """Seconds that answers took, from the request (or the connect) to the last byte."""

    p50: float
    p99: float
    maximum: float
    requests: int

    def __str__(self) -> str:
        times = (f"{seconds * 1000:.2f}" for seconds in (self.p50, self.p99, self.maximum))
        return "p50 {} ms, p99 {} ms, max {} ms".format(*times) + f" ({self.requests} requests)"


def median_of(rounds: Sequence[Latency]) -> Latency:
    """Return the medians of several measurements, field by field."""
    columns = [statistics.median(column) for column in zip(*rounds, strict=True)]
    return Latency(columns[0], columns[1], columns[2], int(columns[3]))


def visit(endpoint: Endpoint, seconds: float) -> Latency:
    """Ask for a small file, on a connection that is kept and on new ones, for *seconds*.

    Raises RuntimeError when an answer is not the file, or does not come in time.
    """
    with _visitor(endpoint, seconds) as visitor:
        return _latency(visitor.expect("done", seconds + _PATIENCE + GRACE))


def visit_during(endpoint: Endpoint, act: Callable[[], object]) -> Latency:
    """The same for as long as *act* takes."""
    with _visitor(endpoint, inf) as visitor:
        act()
        visitor.say()
        return _latency(visitor.expect("done", _PATIENCE + GRACE))


@contextlib.contextmanager
def _visitor(endpoint: Endpoint, seconds: float) -> Iterator[Conversation]:
    order = Run(
        endpoint.url,
        (("repeat", 1), ("arrive", 1)),
        (SMALL_FILE,),
        seconds,
        pause=_PAUSE,
        timeout=_PATIENCE,
        visits=20_000,
    )
    try:
        with clients(order) as visitor:
            visitor.expect("ready", GRACE)
            visitor.say()
            yield visitor
    except VoidError as error:
        raise RuntimeError(f"the good client: {error}") from error


def _latency(event: Event) -> Latency:
    for kind in event["errors"]:
        raise RuntimeError(f"the good client: {kind}")
    if not event["requests"]:
        raise RuntimeError("the good client got no answer")
    times = event["latency"]
    return Latency(times["50"] / 1e6, times["99"] / 1e6, times["100"] / 1e6, event["requests"])
