"""Questions of any bytes, and what comes for them: for what is no request at all."""

import contextlib
import re
import socket
import time
from collections.abc import Iterable
from http.client import HTTPException, HTTPResponse
from typing import NamedTuple

_STATUS = re.compile(rb"HTTP/1\.[01] ([0-9]{3}) ")
_PIECE = 256 * 1024
_MOST = 4 * 1024 * 1024
"""Bytes that are kept of the answers to one question, at most."""

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
    with contextlib.ExitStack() as sockets:
        sock = None
        for question in questions:
            sock = sock or sockets.enter_context(socket.create_connection(address, patience))
            sock.sendall(question)
            answer = HTTPResponse(sock, method=question.partition(b" ")[0].decode())
            try:
                answer.begin()
                answer.read()
            except HTTPException as error:
                raise OSError(f"the server closed without an answer: {error!r}") from error
            statuses.add(answer.status)
            if answer.will_close:
                sockets.close()
                sock = None
    return statuses
