"""Our own client, started as a process, and as a stand-in for wrk."""

import sys

from bench.client import orders
from bench.client.orders import to_line
from bench.conversation import Conversation
from bench.load import CPU, Address, LoadReport, Order

# What the client may take beyond the time it was given, in seconds.
GRACE = 15.0


def own_client(order: orders.Order) -> Conversation:
    """Return our client with its order given; it says what happens through its events."""
    client = Conversation([sys.executable, "-m", "bench.client"])
    client.say(to_line(order))
    return client


class OwnLoad:
    """A closed-loop load from our own client, slower than wrk but always there."""

    def drive(self, address: Address, order: Order, cpu: CPU) -> LoadReport:
        """Carry out *order*."""
        lines, fields, end = order.request.pieces(address.authority, address.prefix)
        spelled = orders.Load(
            port=address.port,
            lines=tuple(lines),
            fields=fields,
            end=end,
            numbered=bool(order.request.serial),
            connections=order.connections,
            seconds=order.seconds,
            settle=order.settle,
        )
        before, spent_before = cpu(), 0.0
        with own_client(spelled) as client:
            if order.settle:
                client.expect("settled", order.settle + GRACE)
                before, spent_before = cpu(), client.cpu_seconds()
                client.say()
            event = client.expect("done", order.seconds + order.settle + GRACE)
            return LoadReport.of(event, cpu() - before, client.cpu_seconds() - spent_before)
