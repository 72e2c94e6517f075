"""Questions of any bytes, and what comes for them: for what is no request at all."""

import re
import socket
import time
from collections.abc import Iterable
from typing import NamedTuple

_STATUS = re.compile(rb"HTTP/1\.[01] ([0-9]{3}) ")
_LENGTH = re.compile(rb"content-length: *([0-9]{1,15})", re.IGNORECASE)
_PIECE = 256 * 1024
_MOST = 4 * 1024 * 1024
"""Bytes that are kept of the answers to one question, at most."""
_MOST_HEAD = 64 * 1024

Address = tuple[str, int]


class Reply(NamedTuple):
    """What came for one question: the statuses, whether the server closed, and how much it was."""

    statuses: list[int]
    is_closed: bool
    size: int

    def __str__(self) -> str:
        statuses = " ".join(map(str, self.statuses)) or "nothing"
        return f"{statuses}, {'closed' if self.is_closed else 'open'}, {self.size} bytes"


def ask(address: Address, question: bytes, silence: float, patience: float = 10.0) -> Reply:
    """Send *question* and take what comes until the server closes or says nothing for *silence*.

    After *patience* seconds, or _MOST bytes, nothing more is taken.
    """
    received = b""
    is_closed = True
    deadline = time.monotonic() + patience
    with socket.create_connection(address, silence) as sock:
        try:
            sock.sendall(question)
            while piece := sock.recv(_PIECE):
                received += piece
                if len(received) > _MOST or time.monotonic() > deadline:
                    is_closed = False
                    break
        except TimeoutError:
            is_closed = False
        except OSError:
            pass
    return Reply([int(status) for status in _STATUS.findall(received)], is_closed, len(received))


def ask_in_turn(address: Address, questions: Iterable[bytes], patience: float) -> set[int]:
    """Send each question when the one before was answered; return the statuses.

    Raises OSError when an answer does not come.
    """
    statuses = set()
    sock = socket.create_connection(address, patience)
    for question in questions:
        sock.sendall(question)
        head = _take(sock, question.startswith(b"HEAD"))
        statuses.add(int(head[9:12]))
        if b"connection: close" in head.lower():
            sock.close()
            sock = socket.create_connection(address, patience)
    sock.close()
    return statuses


def _take(sock: socket.socket, bodiless: bool) -> bytes:
    """Receive one answer and return its head."""
    received = b""
    while b"\r\n\r\n" not in received:
        piece = sock.recv(_PIECE)
        if not piece or len(received) > _MOST_HEAD:
            raise OSError("the server closed without an answer")
        received += piece
    head, _, body = received.partition(b"\r\n\r\n")
    length = _LENGTH.search(head)
    missing = 0 if bodiless or length is None or b" 304 " in head[:16] else int(length[1])
    missing -= len(body)
    while missing > 0:
        missing -= len(sock.recv(_PIECE)) or missing
    return head
