"""How long evloop's loop is busy in one turn: what a ready socket may have to wait.

Only the server itself can tell. So this row runs evloop as a library, in a process of its
own that is started anew for each load: `python -m evloop_tools.bench.lag ROOT`.
"""

import sys
from dataclasses import replace

from evloop import Config, Server
from evloop_tools.bench.figures import Figure, Sample
from evloop_tools.bench.workloads import FEW_CONNECTIONS, MANY_CONNECTIONS, READY, Bench, settled
from evloop_tools.lab.conversation import Conversation
from evloop_tools.lab.docroot import SMALL
from evloop_tools.lab.driver import GRACE, await_held, clients
from evloop_tools.load.console import hear, say
from evloop_tools.load.endpoint import LOOPBACK, local_endpoint
from evloop_tools.load.orders import Behaviour


def lag(bench: Bench) -> Sample:
    """The length of the loop's turns at 100 connections, and at 10,000, idle and active."""
    return {
        Figure.LAG_AT_100: _p99(bench, FEW_CONNECTIONS),
        Figure.LAG_AT_10000_IDLE: _p99(bench, FEW_CONNECTIONS, MANY_CONNECTIONS - FEW_CONNECTIONS),
        Figure.LAG_AT_10000_ACTIVE: _p99(bench, MANY_CONNECTIONS),
    }


def _p99(bench: Bench, active: int, idle: int = 0) -> float:
    """Return the 99th percentile in ms, an upper bound to a factor of two."""
    command = [sys.executable, "-m", f"{__package__}.lag", str(bench.root)]
    with Conversation(command) as server:
        port = int(server.expect("ready", GRACE)["port"])
        there = replace(bench, server=replace(bench.server, endpoint=local_endpoint(port)))
        if idle:
            with clients(there.hold(SMALL, idle, Behaviour.IDLE)) as crowd:
                await_held(crowd, idle, READY + GRACE)
                settled(there, active)
        else:
            settled(there, active)
        server.say()
        return float(server.expect("lag", GRACE)["p99"]) * 1000


def main() -> int:
    """Serve the directory that is named, and tell the lag when asked."""
    config = Config(root=sys.argv[1], host=(LOOPBACK,), port=0)
    with Server(config).in_thread() as server:
        say("ready", port=server.addresses[0][1])
        hear()
        say("lag", p99=server.snapshot().lag.p99)
        hear()
    return 0


if __name__ == "__main__":
    sys.exit(main())
