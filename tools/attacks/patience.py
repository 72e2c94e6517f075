"""How long a server keeps a client that gives it nothing."""

import contextlib
import time
from collections.abc import Iterator

from evloop_tools.lab import waiting

from attacks.swarm import Swarm
from attacks.target import Attacked

_STEP = 1.0  # seconds between two looks
_KINDS = {
    "idle": "idle-guest",
    "slow head": "slow-head-guest",
    "never reads": "never-reads",
    "reads 512 bytes a second": "slow-reader",
}
_ARRIVAL = 5.0  # seconds until the server has accepted a connection


def patience(target: Attacked, seconds: float) -> Iterator[str]:
    """Hold one connection of each kind for *seconds* and tell when the server ended it."""
    with contextlib.ExitStack() as stack:
        guests = {}
        for name, behaviour in _KINDS.items():
            before = target.peers()
            swarm = Swarm(target.address, {name: (behaviour, 1)}, is_replaced=False)
            stack.enter_context(swarm)
            guests[name] = (time.monotonic(), _port(target, before))
        end = time.monotonic() + seconds
        while guests and time.monotonic() < end:
            waiting.pause(_STEP)
            held = target.peers()
            for name, (began, port) in list(guests.items()):
                if port not in held:
                    del guests[name]
                    yield f"{name}: kept for {time.monotonic() - began:.0f} s"
    for name in guests:
        yield f"{name}: kept for more than {seconds:.0f} s"


def _port(target: Attacked, before: set[int]) -> int:
    """Return the port of the client that has come since *before*; 0 when the server has none."""
    waiting.until(lambda: bool(target.peers() - before), _ARRIVAL)
    return next(iter(target.peers() - before), 0)
