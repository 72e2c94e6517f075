"""Small requests that cost a server much: processor time of each shape, beside a plain one."""

import re
import socket
from collections.abc import Callable, Iterator

from attacks.docroot import LARGE, SMALL
from attacks.target import Address, Target

_PATIENCE = 10.0
_LENGTH = re.compile(rb"content-length: *([0-9]+)", re.IGNORECASE)
# Just beneath what servers commonly take for a head.
_ROOM = 7000


def _request(target: str, *fields: str, method: str = "GET") -> bytes:
    return "\r\n".join([f"{method} {target} HTTP/1.1", "Host: localhost", *fields, "", ""]).encode()


def _spread(items: str, separator: str = ",") -> str:
    return separator.join([items] * (_ROOM // (len(items) + len(separator))))


PLAIN = "a small file"
SHAPES: dict[str, Callable[[int], bytes]] = {
    PLAIN: lambda number: _request(f"{SMALL}?{number}"),
    "a long field": lambda number: _request(SMALL, "X: " + "a" * _ROOM),
    "a missing file": lambda number: _request(f"/missing-{number}"),
    "a missing file, deep": lambda number: _request("/" + _spread("a", "/") + f"/{number}"),
    "a target of escapes": lambda number: _request("/" + "%61" * (_ROOM // 3) + str(number)),
    "an Accept of commas": lambda number: _request("/missing", "Accept: " + "," * _ROOM),
    "ranges, all the same": lambda number: _request(SMALL, "Range: bytes=" + _spread("0-0")),
    "ranges, all different": lambda number: _request(
        LARGE,
        "Range: bytes=" + ",".join(f"{9 * n}-{9 * n}" for n in range(_ROOM // 12)),
        method="HEAD",
    ),
    "tags that do not match": lambda number: _request(SMALL, "If-None-Match: " + _spread('"a"')),
    "quotes": lambda number: _request(SMALL, "If-None-Match: " + '"' * _ROOM),
    "connection options": lambda number: _request(SMALL, "Connection: " + _spread("a")),
    "a hundred fields": lambda number: _request(SMALL, *[f"X{n}: {'a' * 50}" for n in range(90)]),
}


def cost(target: Target, requests: int) -> Iterator[str]:
    """Send so many *requests* of each shape, one after the other."""
    plain = 0.0
    for name, shape in SHAPES.items():
        before = target.usage().cpu
        statuses = _ask_all(target.address, [shape(number) for number in range(requests)])
        each = (target.usage().cpu - before) / requests
        plain = plain or each
        times = f", {each / plain:.1f} x" if plain and name != PLAIN else ""
        shown = " ".join(map(str, sorted(statuses)))
        yield f"{name}: {each * 1e6:.0f} us of processor time{times} ({shown})"


def _ask_all(address: Address, questions: list[bytes]) -> set[int]:
    """Send each question when the one before was answered; return the statuses."""
    statuses = set()
    sock = socket.create_connection(address, _PATIENCE)
    for question in questions:
        sock.sendall(question)
        head = _take(sock, question.startswith(b"HEAD"))
        statuses.add(int(head[9:12]))
        if b"connection: close" in head.lower():
            sock.close()
            sock = socket.create_connection(address, _PATIENCE)
    sock.close()
    return statuses


def _take(sock: socket.socket, bodiless: bool) -> bytes:
    """Receive one answer and return its head."""
    received = b""
    while b"\r\n\r\n" not in received:
        piece = sock.recv(256 * 1024)
        if not piece:
            raise OSError("the server closed without an answer")
        received += piece
    head, _, body = received.partition(b"\r\n\r\n")
    length = _LENGTH.search(head)
    missing = 0 if bodiless or length is None or b" 304 " in head[:16] else int(length[1])
    missing -= len(body)
    while missing > 0:
        missing -= len(sock.recv(256 * 1024)) or missing
    return head
