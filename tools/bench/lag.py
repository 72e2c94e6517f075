"""How long evloop's loop is busy in one turn: what a ready socket may have to wait.

Only the server itself can tell. So this row runs evloop as a library, in a process of its
own that is started anew for each load: `python -m bench.lag ROOT`.
"""

import sys

from bench.client import orders
from bench.client.console import say_and_wait
from bench.conversation import Conversation
from bench.figures import Figure, Sample
from bench.load import Address
from bench.own import own_client
from bench.workloads import (
    FEW_CONNECTIONS,
    GRACE,
    MANY_CONNECTIONS,
    Bench,
    await_held,
    settled,
)
from evloop import Config, Server


def lag(bench: Bench) -> Sample:
    """The length of the loop's turns at 100 connections, and at 10,000, idle and active."""
    return {
        Figure.LAG_AT_100: _p99(bench, FEW_CONNECTIONS),
        Figure.LAG_AT_10000_IDLE: _p99(bench, FEW_CONNECTIONS, MANY_CONNECTIONS - FEW_CONNECTIONS),
        Figure.LAG_AT_10000_ACTIVE: _p99(bench, MANY_CONNECTIONS),
    }


def _p99(bench: Bench, active: int, idle: int = 0) -> float:
    """Return the 99th percentile in ms, an upper bound to a factor of two."""
    command = [sys.executable, "-m", "bench.lag", str(bench.docroot.path)]
    with Conversation(command) as server:
        port = int(server.expect("ready", GRACE)["port"])
        with own_client(orders.Hold(port, bench.docroot.small, idle)) as client:
            await_held(client, idle)
            settled(bench, active, Address(port))
        server.say()
        return float(server.expect("lag", GRACE)["p99"]) * 1000


def main() -> int:
    """Serve the directory that is named, and tell the lag when asked."""
    config = Config(root=sys.argv[1], host=("127.0.0.1",), port=0)
    with Server(config).in_thread() as server:
        say_and_wait("ready", port=server.addresses[0][1])
        say_and_wait("lag", p99=server.snapshot().lag.p99)
    return 0


if __name__ == "__main__":
    sys.exit(main())
