"""A fleet of clients that asks for thousands of different small files and never reads."""

import contextlib
import socket
import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from attacks.swarm import SMALL_BUFFER
from attacks.target import Address, Target
from evloop.settings.units import format_size

_PATIENCE = 1.0  # seconds for a connect; the server may have stopped to accept
_SETTLE = 2.0
_POLL = 0.05


class Outcome(NamedTuple):
    """Bytes; *asked* counts requests."""

    peak: int
    ceiling: int
    asked: int
    connections: int


def storm(target: Target, names: Sequence[str], clients: int) -> Iterator[str]:
    """Let *clients* ask for all of *names*, a share each, and tell the peak of memory.

    Raises AssertionError when the server's own ceiling was broken.
    """
    outcome = ask_and_never_read(target, names, clients)
    yield (
        f"{outcome.asked} requests on {outcome.connections} connections that never read:"
        f" peak {format_size(outcome.peak)}"
    )
    if outcome.ceiling:
        yield f"ceiling {format_size(outcome.ceiling)}"
        assert outcome.peak <= outcome.ceiling, "the server took more than it said"


def ask_and_never_read(target: Target, names: Sequence[str], clients: int) -> Outcome:
    """Send the requests, pipelined, and watch the server's memory until it has settled."""
    share = -(-len(names) // clients)
    peak = asked = connected = 0
    with contextlib.ExitStack() as stack:
        for start in range(0, len(names), share):
            batch = names[start : start + share]
            sock = _connect(target.address)
            if sock is None:
                break  # full: the rest waits in the kernel's queue
            stack.enter_context(sock)
            with contextlib.suppress(OSError):
                sock.send(b"".join(map(_request, batch)))
            asked += len(batch)
            connected += 1
            if connected % 50 == 0:
                peak = max(peak, target.usage().memory)
        settled_at = time.monotonic() + _SETTLE
        while time.monotonic() < settled_at:
            peak = max(peak, target.usage().memory)
            time.sleep(_POLL)
        ceiling = target.figures().get("ceiling", 0)
    return Outcome(peak, ceiling, asked, connected)


def _connect(address: Address) -> socket.socket | None:
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER)
    sock.settimeout(_PATIENCE)
    try:
        sock.connect(address)
    except OSError:
        sock.close()
        return None
    sock.setblocking(False)
    return sock


def _request(name: str) -> bytes:
    return f"GET {name} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
