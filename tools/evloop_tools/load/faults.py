"""What can be wrong with an answer, by kind."""

import errno
import os
from enum import Enum

from evloop_tools.load.text import printable


class Fault(Enum):
    """Kinds of errors, as they are counted."""

    REFUSED = "refused"
    """Nobody listens, or the connection was not taken."""
    RESET = "reset"
    """The server cut the connection."""
    TIMEOUT = "timeout"
    """Nothing happened until the deadline."""
    NO_ANSWER = "no answer"
    """The server closed a connection, on which it had been asked, without a byte."""
    SHORT_BODY = "short body"
    """The connection ended before the promised length."""
    WRONG_BYTES = "wrong bytes"
    WRONG_LENGTH = "wrong length"
    """Content-Length is not the size of the file."""
    WRONG_RANGE = "wrong range"
    """A 206 is of other ranges than those asked for."""
    WRONG_STATUS = "wrong status"
    NO_LENGTH = "no Content-Length"
    GARBAGE = "garbage"
    """What came is not HTTP, or nobody had asked for it."""
    ENDED = "server ended"
    OVERRUN = "overrun"
    """A client arrived when as many as possible were there already."""
    NO_PORT = "no local port"
    """All ports of this machine's addresses are taken: a limit of the test, not of the server."""
    DEFECT = "defect of the test"


class FaultError(Exception):
    """An answer that is wrong, with an example for the report; *wrong* counts wrong bytes.

    Much of *text* is what a server sent: it is made short, and harmless to a terminal.
    """

    def __init__(self, fault: Fault, text: str, wrong: int = 0) -> None:
        super().__init__(printable(text))
        self.fault = fault
        self.wrong = wrong


_BY_ERRNO = {
    errno.ECONNREFUSED: Fault.REFUSED,
    errno.EHOSTUNREACH: Fault.REFUSED,
    errno.ENETUNREACH: Fault.REFUSED,
    errno.ECONNRESET: Fault.RESET,
    errno.ECONNABORTED: Fault.RESET,
    errno.EPIPE: Fault.RESET,
    errno.ETIMEDOUT: Fault.TIMEOUT,
    errno.EADDRNOTAVAIL: Fault.NO_PORT,
}


def fault_of(error: OSError, what: str) -> FaultError:
    """Return what *error* means, that came of *what*."""
    if isinstance(error, TimeoutError) and error.errno is None:
        return FaultError(Fault.TIMEOUT, f"{what}: timed out")
    number = error.errno or 0
    fault = _BY_ERRNO.get(number, Fault.DEFECT)
    return FaultError(fault, f"{what}: {os.strerror(number) if number else error}")
