"""One question after the other, with the answers as they come."""

import re
import socket
from collections.abc import Iterator
from typing import NamedTuple

from attacks.shapes import SHAPES
from attacks.target import Address, Target

_SILENCE = 0.7
"""Seconds without a byte after which a server that has not closed is taken to wait."""
_STATUS = re.compile(rb"HTTP/1\.[01] ([0-9]{3}) ")

QUESTIONS: dict[str, bytes] = {
    "a hidden file": b"GET /.env HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a link out of the root": b"GET /link.txt HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a FIFO": b"GET /fifo HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a path cut at %00": b"GET /small.txt%00.html HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a range backwards": b"GET /small.txt HTTP/1.1\r\nHost: localhost\r\nRange: bytes=5-2\r\n\r\n",
    "a thousand ranges": b"GET /small.txt HTTP/1.1\r\nHost: localhost\r\nRange: bytes="
    + b",".join(b"%d-%d" % (number, number) for number in range(0, 2000, 2))
    + b"\r\n\r\n",
}


class Answer(NamedTuple):
    """What came for one question: the statuses, and whether the server closed."""

    statuses: list[int]
    is_closed: bool
    size: int

    def __str__(self) -> str:
        statuses = " ".join(map(str, self.statuses)) or "nothing"
        return f"{statuses}, {'closed' if self.is_closed else 'open'}, {self.size} bytes"


def probe(target: Target) -> Iterator[str]:
    """Ask everything there is to ask, and tell the answers."""
    for name, question in QUESTIONS.items():
        yield f"{name}: {ask(target.address, question)}"
    twice = []
    for name, question in SHAPES.items():
        answer = ask(target.address, question)
        if len(answer.statuses) > 1:
            twice.append(name)
        yield f"smuggling, {name}: {answer}"
    yield f"{len(twice)} of {len(SHAPES)} shapes are answered twice: {', '.join(twice) or 'none'}"


def ask(address: Address, question: bytes) -> Answer:
    """Send *question* and take what comes until the server closes, or is silent for a while."""
    received = b""
    is_closed = True
    with socket.create_connection(address, _SILENCE) as sock:
        try:
            sock.sendall(question)
            while piece := sock.recv(256 * 1024):
                received += piece
        except TimeoutError:
            is_closed = False
        except OSError:
            pass
    return Answer([int(status) for status in _STATUS.findall(received)], is_closed, len(received))
