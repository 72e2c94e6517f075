"""A fleet of clients that asks for thousands of different small files and never reads."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from evloop_tools.lab import waiting
from evloop_tools.lab.driver import GRACE, clients
from evloop_tools.load.orders import Run, Wanted

from attacks.target import Attacked
from evloop.settings.units import format_size

_GATHER = 10.0  # seconds for all to connect; the server may have stopped to accept
_SETTLE = 2.0


class Outcome(NamedTuple):
    """Bytes; *asked* counts requests."""

    peak: int
    ceiling: int
    asked: int
    connections: int


def storm(target: Attacked, names: Sequence[str], number: int) -> Iterator[str]:
    """Let *number* clients ask for all of *names*, a share each, and tell the peak of memory.

    Raises AssertionError when the server's own ceiling was broken.
    """
    outcome = ask_and_never_read(target, names, number)
    yield (
        f"{outcome.asked} requests on {outcome.connections} connections that never read:"
        f" peak {format_size(outcome.peak)}"
    )
    if outcome.ceiling:
        yield f"ceiling {format_size(outcome.ceiling)}"
        assert outcome.peak <= outcome.ceiling, "the server took more than it said"


def ask_and_never_read(target: Attacked, names: Sequence[str], number: int) -> Outcome:
    """Send the requests, pipelined, and watch the server's memory until it has settled."""
    peak = 0

    def look() -> bool:
        nonlocal peak
        peak = max(peak, target.usage().memory)
        return False

    order = Run(
        target.endpoint.url,
        (("hoard", min(number, len(names))),),
        tuple(map(Wanted, names)),
        gathers=_GATHER,
        timeout=_GATHER,
        is_replaced=False,
    )
    with clients(order) as fleet:
        connected = fleet.expect("ready", _GATHER + GRACE, look)["connected"]
        waiting.until(look, _SETTLE)
        ceiling = target.figures().get("ceiling", 0)
        fleet.say()  # go on, and
        fleet.say()  # it was long enough
        asked = fleet.expect("done", GRACE, look)["sent"]
    return Outcome(peak, ceiling, asked, connected)
