"""Being ended by a signal while we wait, at places where it can be done cleanly.

An exception raised by a signal handler can strike anywhere, also where Python swallows it,
or between the start of a process and the note that it was started. So the handler only
takes a note, and whoever waits for long calls check() several times a second.
"""

import signal
import time
from collections.abc import Callable
from types import FrameType

_received: list[int] = []
_watchers: list[Callable[[], object]] = []


class StopRequestError(Exception):
    """SIGINT or SIGTERM came; *exit_code* is what a shell expects of it."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.exit_code = 128 + number


def listen(watcher: Callable[[], object] | None = None) -> None:
    """Take note of SIGINT and SIGTERM from now on; have *watcher* called by each check()."""
    _received.clear()
    _watchers[:] = [watcher] if watcher is not None else []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _note)


def _note(number: int, frame: FrameType | None) -> None:
    _received.append(number)


def check() -> None:
    """Raise StopRequestError when one of the signals has come."""
    for watcher in _watchers:
        watcher()
    if _received:
        raise StopRequestError(_received[0])


def pause(seconds: float, step: float = 0.1) -> None:
    """Sleep, with a check() every *step* seconds."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        check()
        time.sleep(min(step, left))


def until(is_so: Callable[[], bool], seconds: float) -> bool:
    """Wait until *is_so*, or for *seconds*; return whether it is."""
    deadline = time.monotonic() + seconds
    while not (found := is_so()) and time.monotonic() < deadline:
        pause(0.1)
    return found
