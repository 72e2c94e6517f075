"""Clients that take all they can get, and what is left for one that asks for little."""

from collections.abc import Iterator, Sequence

from evloop_tools.lab import waiting
from evloop_tools.load.orders import Wanted

from attacks.docroot import LARGE, LARGE_SIZE
from attacks.swarm import Swarm
from attacks.target import Attacked
from attacks.visiting import visit

_WARM_UP = 0.5  # seconds


def greed(target: Attacked, names: Sequence[str], number: int, seconds: float) -> Iterator[str]:
    """Measure a good client beside each kind of greed, *seconds* each.

    *names* are targets of files that are small enough to be preloaded and too many to stay.
    """
    missing = Wanted("/missing")
    preloaded = tuple(map(Wanted, names))
    downloads = "4 downloads at full speed"
    pipelining = f"{number} clients that pipeline missing files"
    heads = f"{number} clients that ask for the heads of {len(names)} files"
    kinds = {
        "nobody else": Swarm(target.address, {}),
        downloads: _greedy(target, downloads, "full-speed", 4, (Wanted(LARGE, LARGE_SIZE),)),
        pipelining: _greedy(target, pipelining, "pipeline", number, (missing,), 404),
        heads: _greedy(target, heads, "heads", number, preloaded),
    }
    for name, swarm in kinds.items():
        with swarm:
            waiting.pause(_WARM_UP)
            target.reset()
            latency = visit(target.endpoint, seconds)
            lag = target.figures().get("lag", {"p99": 0, "maximum": 0})
        yield f"{name}: a small file {latency}"
        yield f"  loop lag p99 {lag['p99'] * 1000:.2f} ms, max {lag['maximum'] * 1000:.2f} ms"


def _greedy(
    target: Attacked,
    name: str,
    behaviour: str,
    number: int,
    files: tuple[Wanted, ...],
    status: int = 200,
) -> Swarm:
    return Swarm(target.address, {name: (behaviour, number)}, files, status)
