"""Thousands of connections that come and go, well and badly; what is left of them?"""

import random
from collections.abc import Callable, Iterator
from typing import NamedTuple

from evloop_tools.lab import waiting
from evloop_tools.lab.driver import GRACE, OwnLoad, refuse_errors
from evloop_tools.load.drills import Drill
from evloop_tools.load.endpoint import Endpoint, local_endpoint
from evloop_tools.load.orders import Run, Wanted
from evloop_tools.load.single import carry_out

from attacks.docroot import LARGE, LARGE_SIZE, SMALL_FILE
from attacks.target import Address, Attacked, Usage
from evloop.settings.units import format_size

_PATIENCE = 10.0  # seconds that a client waits for a sign of the server
_LEAST_RATE = 50.0  # connections a second of the slowest server
_WARM_UP = 200
_SETTLE = 20.0  # seconds for the server to notice the last one

_LARGE_FILE = Wanted(LARGE, LARGE_SIZE)
KINDS: dict[str, tuple[str, tuple[Wanted, ...]]] = {
    "connect, GET, close": ("arrive", (SMALL_FILE,)),
    "abort at a random point": ("leave", (SMALL_FILE, _LARGE_FILE, Wanted("/missing"))),
    "cancelled download": ("cancel", (_LARGE_FILE,)),
}
"""Behaviour and files of each kind of connection."""


class Counts(NamedTuple):
    """How many connections of each kind."""

    gets: int
    aborts: int
    cancels: int


def churn(target: Attacked, counts: Counts, seed: int) -> Iterator[str]:
    """Open and close connections, and tell how far the server returns to where it was."""
    for name in KINDS:
        _repeat(target, name, _WARM_UP, seed)
    base = settled(target, None)
    for name, count in zip(KINDS, counts, strict=True):
        seconds = _repeat(target, name, count, seed)
        now = settled(target, base)
        yield (
            f"{count} x {name}: {now.descriptors - base.descriptors:+} descriptors,"
            f" {format_size(now.memory - base.memory)} more memory,"
            f" {count / max(0.001, seconds):.0f} a second"
        )


def _repeat(target: Attacked, name: str, count: int, seed: int) -> float:
    """Let one client after the other come, *count* in all; return the seconds it took."""
    behaviour, files = KINDS[name]
    order = Run(
        target.endpoint.url,
        ((behaviour, 1),),
        files,
        GRACE + count / _LEAST_RATE,
        requests=count,
        timeout=_PATIENCE,
        visits=count,
        seed=seed,
    )
    report = OwnLoad().drive(order, lambda: 0.0)
    refuse_errors({"errors": report.errors})
    return report.seconds


def settled(target: Attacked, base: Usage | None) -> Usage:
    """Return the usage when it is as low as *base*, or does not change any more."""
    before = target.usage()

    def is_settled() -> bool:
        nonlocal before
        now, then = target.usage(), before
        before = now
        if base is None:
            return now.descriptors == then.descriptors
        return now.descriptors <= base.descriptors

    waiting.pause(0.2)
    waiting.until(is_settled, _SETTLE)
    return target.usage()


# Single ones


def _once(name: str) -> Callable[[Address, random.Random], None]:
    behaviour, files = KINDS[name]

    def act(address: Address, chance: random.Random) -> None:
        seed = chance.randrange(1 << 32)
        endpoint = local_endpoint(address[1])
        order = Run(endpoint.url, ((behaviour, 1),), files, seed=seed)
        script = Drill(order).scripts[behaviour]
        tally = carry_out(endpoint, files[0].file, script, _PATIENCE, seed=seed, asks=1)
        assert not tally.examples, tally.examples

    return act


get = _once("connect, GET, close")
abort = _once("abort at a random point")
cancel = _once("cancelled download")


def get_once(endpoint: Endpoint) -> bool:
    """Whether the small file is answered, every byte right."""
    try:
        get((str(endpoint.address[0]), endpoint.port), random.Random(1))
    except AssertionError:
        return False
    return True
