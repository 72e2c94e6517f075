"""More clients than the server has descriptors for."""

import time
from collections.abc import Iterator

from evloop_tools.lab import waiting
from evloop_tools.lab.driver import GRACE, clients
from evloop_tools.load.orders import Run

from attacks.churn import get_once
from attacks.docroot import SMALL_FILE
from attacks.target import Attacked

_PATIENCE = 60.0  # seconds for the server to answer again
_SETTLE = 1.0  # seconds for those to be answered who will be


def crowd(target: Attacked, number: int, seconds: float) -> Iterator[str]:
    """Let *number* clients ask once and stay, for *seconds*; then let them go."""
    order = Run(
        target.endpoint.url,
        (("stay", number),),
        (SMALL_FILE,),
        settle=_SETTLE,
        gathers=_PATIENCE,
        timeout=_PATIENCE,
        is_replaced=False,
    )
    with clients(order) as guests:
        guests.expect("ready", _PATIENCE + GRACE)
        guests.say()
        answered = guests.expect("settled", _SETTLE + GRACE)["requests"]
        yield f"{answered} of {number} clients are answered, and stay"
        before, lines = target.usage(), target.log_lines()
        waiting.pause(seconds)
        now, later = target.usage(), target.log_lines()
        cpu = (now.cpu - before.cpu) / seconds
        yield f"plateau of {seconds:g} s: {cpu:.1%} of a core, {now.descriptors} descriptors"
        if lines is not None and later is not None:
            yield f"log lines: {lines} until the plateau, {later - lines} on it"
    began = time.monotonic()
    while not get_once(target.endpoint):
        if time.monotonic() > began + _PATIENCE:
            raise RuntimeError(f"the server does not answer within {_PATIENCE:g} s")
        waiting.pause(0.05)
    yield f"recovery: good again {time.monotonic() - began:.2f} s after they went"
