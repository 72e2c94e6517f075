"""One client that carries out one script, in this process."""

from collections.abc import Callable
from math import inf

from evloop.net.reactor import Reactor
from evloop_tools.load.behaviours import Behaviour
from evloop_tools.load.crowd import Crowd, Group, Load
from evloop_tools.load.endpoint import Endpoint
from evloop_tools.load.faults import Fault, FaultError
from evloop_tools.load.files import Catalogue, File
from evloop_tools.load.tally import Tally

_TURN = 0.1  # seconds until *hurry* is asked again


def carry_out(
    endpoint: Endpoint,
    file: File,
    script: Behaviour,
    timeout: float,
    hurry: Callable[[], bool] = lambda: False,
    seed: int = 1,
    asks: float = inf,
) -> Tally:
    """Let one client take the steps of *script*; return what it counted.

    It leaves after so many requests, its *asks*.

    After *timeout* seconds it is sent away, which counts as a fault; when *hurry* says so, too.
    """
    reactor, tally = Reactor(), Tally(["one"])
    load = Load(
        (Group("one", "one", 1),), 1, requests=asks, timeout=timeout, seed=seed, is_replaced=False
    )
    crowd = Crowd(reactor, endpoint, Catalogue([file]), load, tally, {"one": script})
    deadline = reactor.now + timeout
    try:
        crowd.open(reactor.now)
        crowd.admit(reactor.now)
        while not crowd.is_empty and not hurry() and reactor.now < deadline:
            reactor.turn(_TURN)
        if not crowd.is_empty and not hurry():
            tally.fault(FaultError(Fault.TIMEOUT, f"not over in {timeout:g} s"), "")
    finally:
        crowd.stop()
        reactor.close()
    return tally
