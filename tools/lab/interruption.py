"""Being ended by a signal, at places where it can be done cleanly.

An exception raised by a signal handler can strike anywhere, also where Python swallows it,
or between the start of a process and the note that it was started. So the handler only
takes a note, and whoever waits for long looks at it several times a second.
"""

import signal
from types import FrameType

_received: list[int] = []


class StopRequestError(Exception):
    """SIGINT or SIGTERM came; *exit_code* is what a shell expects of it."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.exit_code = 128 + number


def listen() -> None:
    """Take note of SIGINT and SIGTERM from now on."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _note)


def _note(number: int, frame: FrameType | None) -> None:
    _received.append(number)


def check() -> None:
    """Raise StopRequestError when one of the signals has come."""
    if _received:
        raise StopRequestError(_received[0])
