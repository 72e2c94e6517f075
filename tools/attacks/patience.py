"""How long a server keeps a client that gives it nothing."""

import contextlib
import socket
import time
from collections.abc import Iterator

from attacks.docroot import LARGE
from attacks.swarm import IDLE, STEP, Kind, slow_head, slow_reader
from attacks.target import Address, Target

_NEVER = 0
_KINDS: dict[str, Kind] = {
    "idle": IDLE,
    "slow head": slow_head("/"),
    "never reads": slow_reader(LARGE, _NEVER),
    "reads 512 bytes a second": slow_reader(LARGE, 512),
}


def patience(target: Target, seconds: float) -> Iterator[str]:
    """Hold one connection of each kind for *seconds* and tell when the server ended it."""
    began = time.monotonic()
    with contextlib.ExitStack() as stack:
        guests = {
            name: (kind, stack.enter_context(_open(target.address, kind)))
            for name, kind in _KINDS.items()
        }
        while guests and time.monotonic() - began < seconds:
            time.sleep(STEP)
            held = target.peers()
            for name, (kind, sock) in list(guests.items()):
                _act(kind, sock)
                if sock.getsockname()[1] not in held:
                    del guests[name]
                    yield f"{name}: kept for {time.monotonic() - began:.0f} s"
    for name in guests:
        yield f"{name}: kept for more than {seconds:.0f} s"


def _open(address: Address, kind: Kind) -> socket.socket:
    sock = socket.socket()
    if kind.receive_buffer is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, kind.receive_buffer)
    sock.connect(address)
    sock.sendall(kind.opening)
    sock.setblocking(False)
    return sock


def _act(kind: Kind, sock: socket.socket) -> None:
    with contextlib.suppress(OSError):
        if kind.trickle:
            sock.send(kind.trickle)
        if kind.bite:
            sock.recv(kind.bite)
