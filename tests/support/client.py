"""An HTTP client for tests that hides nothing: bytes out, responses in, ends as they come."""

import socket
from email.parser import BytesParser
from typing import NamedTuple

PATIENCE = 20.0
"""Seconds until a receive gives up."""


class Reply(NamedTuple):
    """One response. Field names are in lower case; none may come twice."""

    status: int
    fields: dict[str, str]
    body: bytes
    head: bytes


class TruncatedError(Exception):
    """The connection ended, tidily, before the response did."""


class Client:
    """A TCP connection to a server. Use it as a context."""

    def __init__(self, address: tuple[str, int], *, receive_buffer: int | None = None) -> None:
        family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        if receive_buffer is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(PATIENCE)
        self._received = b""
        try:
            self.socket.connect(address)
        except OSError:
            self.socket.close()
            raise

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *ignored: object) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def get(self, target: str, fields: str = "", *, method: str = "GET") -> Reply:
        """Ask for *target* and return the response; *fields* are lines without their ends."""
        self.send(request(target, fields, method=method))
        return self.receive(method)

    def receive(self, method: str = "GET") -> Reply:
        """Return the next response, which is the answer to *method*."""
        head = self.receive_head()
        status, fields = parse_head(head)
        bodiless = method == "HEAD" or status in {204, 304}
        size = 0 if bodiless else int(fields["content-length"])
        return Reply(status, fields, self.receive_bytes(size), head)

    def receive_head(self) -> bytes:
        while b"\r\n\r\n" not in self._received:
            self._receive_some()
        head, _, self._received = self._received.partition(b"\r\n\r\n")
        return head + b"\r\n\r\n"

    def receive_bytes(self, size: int) -> bytes:
        pieces, missing = [self._received[:size]], size - len(self._received)
        self._received = self._received[size:]
        while missing > 0:
            piece = self.socket.recv(min(missing, 1024 * 1024))
            if not piece:
                raise TruncatedError(f"{missing} of {size} bytes are missing")
            pieces.append(piece)
            missing -= len(piece)
        return b"".join(pieces)

    def receive_end(self, *, or_reset: bool = False) -> bytes:
        """Return all that comes until the server closes; raise ConnectionResetError if it aborts.

        A reset that follows the end is none of the client's business. Who sends on after it
        asked for the close gets one in place of the end, and says *or_reset*.
        """
        pieces = [self._received]
        self._received = b""
        try:
            while piece := self.socket.recv(1024 * 1024):
                pieces.append(piece)
        except ConnectionResetError:
            if not or_reset:
                raise
        return b"".join(pieces)

    def _receive_some(self) -> None:
        piece = self.socket.recv(64 * 1024)
        if not piece:
            raise TruncatedError(f"in a head: {self._received!r}")
        self._received += piece


def request(
    target: str, fields: str = "", *, method: str = "GET", version: str = "HTTP/1.1"
) -> bytes:
    """Return a request head; *fields* are lines, separated by line feeds."""
    lines = [f"{method} {target} {version}", "Host: files.test", *fields.split("\n")]
    return "\r\n".join([*(line for line in lines if line), "", ""]).encode("latin-1")


def parse_head(head: bytes) -> tuple[int, dict[str, str]]:
    """Return the status and the fields of a response head."""
    status_line, _, rest = head.partition(b"\r\n")
    version, status, _ = status_line.split(b" ", 2)
    assert version == b"HTTP/1.1"
    message = BytesParser().parsebytes(rest)
    names = [name.lower() for name in message]
    assert len(names) == len(set(names)), f"a field comes twice: {names}"
    return int(status), {name.lower(): str(value) for name, value in message.items()}
