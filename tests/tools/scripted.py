"""A server of a few lines that does as it is told, whatever HTTP says."""

import contextlib
import itertools
import socket
import struct
import threading
from collections.abc import Callable, Iterator

KIB = 1024
DEADLINE = 20.0  # seconds that no test takes

Act = bytes | Callable[[socket.socket], object]


def reset(client: socket.socket) -> None:
    """Let the close of the connection be a reset."""
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def be_silent(client: socket.socket) -> None:
    """Wait until the client has had enough."""
    with contextlib.suppress(OSError):
        while client.recv(64 * KIB):
            pass


def repeating(piece: bytes, start: bytes = b"") -> Callable[[socket.socket], None]:
    """Return an act that sends *start* and then *piece* for as long as the client takes it."""

    def act(client: socket.socket) -> None:
        client.recv(64 * KIB)
        client.sendall(start)
        while True:
            client.sendall(piece)

    return act


@contextlib.contextmanager
def scripted(*connections: list[Act]) -> Iterator[int]:
    """Treat each connection by its list; yield the port.

    Bytes are sent when a request has come, anything else is called. At the end of its list
    a connection is closed. The last list is for all further connections.
    """
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    threads: list[threading.Thread] = []

    def accept() -> None:
        with contextlib.suppress(OSError):
            for number in itertools.count():
                client, _ = listener.accept()
                acts = connections[min(number, len(connections) - 1)]
                threads.append(threading.Thread(target=serve, args=[client, acts], daemon=True))
                threads[-1].start()

    def serve(client: socket.socket, acts: list[Act]) -> None:
        with client, contextlib.suppress(OSError):
            client.settimeout(DEADLINE)
            for act in acts:
                if not isinstance(act, bytes):
                    act(client)
                elif client.recv(64 * KIB):
                    client.sendall(act)

    threads.append(threading.Thread(target=accept, daemon=True))
    threads[0].start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for thread in threads:
            thread.join(DEADLINE)
