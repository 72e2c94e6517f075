"""Where the server is, and sockets to it."""

import itertools
import socket
import sys
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

LOOPBACK = "127.0.0.1"
PORTS_EACH = 10_000
"""Connections for which a local address is counted on; Linux gives it about 28,000 ports."""
# Lets the kernel choose the port at connect, when it knows both ends. In socket since 3.12.
_IP_BIND_ADDRESS_NO_PORT = getattr(socket, "IP_BIND_ADDRESS_NO_PORT", 24)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An address of a server, and what its requests say of it.

    host: the value of the Host field
    prefix: what the paths of all files begin with
    """

    family: int
    address: Any
    host: str
    prefix: str = ""

    @property
    def port(self) -> int:
        """The TCP port."""
        return int(self.address[1])

    @property
    def url(self) -> str:
        """What a browser would be given."""
        return f"http://{self.host}{self.prefix}/"


def local_endpoint(port: int, prefix: str = "") -> Endpoint:
    """Return *port* of this machine's loopback."""
    return Endpoint(socket.AF_INET, (LOOPBACK, port), f"{LOOPBACK}:{port}", prefix)


def parse_url(url: str) -> Endpoint:
    """Return the endpoint that *url* names.

    Raises ValueError when it is not an http URL with a host that is known.
    """
    parts = urlsplit(url if "//" in url else "http://" + url)
    if parts.scheme != "http" or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("http://HOST[:PORT][/PATH] is wanted")
    try:
        found = socket.getaddrinfo(parts.hostname, parts.port or 80, type=socket.SOCK_STREAM)
    except OSError as error:
        raise ValueError(f"{parts.hostname}: {error.strerror}") from error
    family, _, _, _, address = found[0]
    return Endpoint(family, address, parts.netloc.rpartition("@")[2], parts.path.rstrip("/"))


class Connector:
    """Opens connections, from as many addresses of the loopback as *connections* need."""

    def __init__(self, endpoint: Endpoint, connections: int) -> None:
        self._endpoint = endpoint
        self._sources = itertools.cycle(_sources(endpoint, connections))

    def connect(self, receive_buffer: int | None) -> socket.socket:
        """Begin a connection; the socket is writable when it is made, or has failed.

        *receive_buffer* bounds what the kernel takes in for us, in bytes.

        Raises OSError when it can't even begin.
        """
        sock = socket.socket(self._endpoint.family, socket.SOCK_STREAM)
        try:
            self._prepare(sock, receive_buffer)
            sock.connect(self._endpoint.address)
        except BlockingIOError:
            return sock  # under way
        except OSError:
            sock.close()
            raise
        return sock

    def _prepare(self, sock: socket.socket, receive_buffer: int | None) -> None:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if receive_buffer is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        source = next(self._sources)
        if source is not None:
            sock.setsockopt(socket.IPPROTO_IP, _IP_BIND_ADDRESS_NO_PORT, 1)
            sock.bind((source, 0))


def _sources(endpoint: Endpoint, connections: int) -> list[str | None]:
    """Return the addresses to connect from; None: leave it to the kernel.

    On Linux all of 127.0.0.0/8 is this machine, so there is no end of addresses.
    """
    is_loopback = endpoint.family == socket.AF_INET and endpoint.address[0].startswith("127.")
    if not is_loopback or sys.platform != "linux" or connections <= PORTS_EACH:
        return [None]
    return [f"127.0.0.{number}" for number in range(1, min(250, 2 + connections // PORTS_EACH))]
