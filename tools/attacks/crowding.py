"""More clients than the server has descriptors for."""

import contextlib
import socket
import time
from collections.abc import Iterator

from attacks.docroot import SMALL, SMALL_CONTENT
from attacks.target import Address, Target
from attacks.visitor import Visitor

_REQUEST = f"GET {SMALL} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
_PATIENCE = 60.0  # seconds for the server to answer again


def crowd(target: Target, clients: int, seconds: float) -> Iterator[str]:
    """Let *clients* ask once and stay, for *seconds*; then let them go."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(_connect(target.address)) for _ in range(clients)]
        time.sleep(1.0)
        answered = sum(_is_answered(sock) for sock in sockets)
        yield f"{answered} of {clients} clients are answered, and stay"
        before, lines = target.usage(), target.log_lines()
        time.sleep(seconds)
        now, later = target.usage(), target.log_lines()
        cpu = (now.cpu - before.cpu) / seconds
        yield f"plateau of {seconds:g} s: {cpu:.1%} of a core, {now.descriptors} descriptors"
        if lines is not None and later is not None:
            yield f"log lines: {lines} until the plateau, {later - lines} on it"
    began = time.monotonic()
    with contextlib.closing(_visitor(target.address)) as visitor:
        visitor.measure(1.0)
    yield f"recovery: good again {time.monotonic() - began - 1.0:.2f} s after they went"


def _connect(address: Address) -> socket.socket:
    sock = socket.create_connection(address, _PATIENCE)
    sock.sendall(_REQUEST)
    sock.setblocking(False)
    return sock


def _is_answered(sock: socket.socket) -> bool:
    try:
        return bool(sock.recv(64 * 1024))
    except OSError:
        return False


def _visitor(address: Address) -> Visitor:
    give_up_at = time.monotonic() + _PATIENCE
    while True:
        try:
            return Visitor(address, SMALL, SMALL_CONTENT)
        except OSError:
            if time.monotonic() > give_up_at:
                raise
            time.sleep(0.05)
