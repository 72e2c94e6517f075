"""Signals and keys as events, and a terminal that is always put back as it was."""

import contextlib
import os
import select
import signal
import socket
import sys
import time
from types import FrameType
from typing import Any

try:
    import termios
    import tty
except ImportError:  # Windows: no keys, Ctrl-C ends
    _POSIX = False
else:
    _POSIX = True


def _known(*names: str) -> list[int]:
    return [getattr(signal, name) for name in names if hasattr(signal, name)]


_STOP = _known("SIGINT", "SIGTERM", "SIGHUP")
_PAUSE = _known("SIGTSTP")
_RESIZE = _known("SIGWINCH")


class Events:
    """Waits for time to pass, for a key, for a signal; a context manager.

    Within it SIGINT, SIGTERM and SIGHUP count as *stops* instead of raising anywhere,
    Ctrl-Z sets *pause*, and a change of the window's size ends a wait early.
    """

    def __init__(self) -> None:
        self.stops = 0
        self.pause = False
        self._keys: int | None = None
        self._before: list[Any] = []
        self._handlers: dict[int, Any] = {}

    @property
    def stopped(self) -> bool:
        """Whether a signal or the key q asked for the end."""
        return self.stops > 0

    def __enter__(self) -> "Events":
        self._wake, self._signals = socket.socketpair()
        self._wake.setblocking(False)
        self._signals.setblocking(False)
        handlers = dict.fromkeys(_STOP, self._on_stop)
        handlers |= dict.fromkeys(_RESIZE, self._on_resize)
        self._handlers = {number: signal.signal(number, on) for number, on in handlers.items()}
        self._old_wakeup = signal.set_wakeup_fd(self._signals.fileno(), warn_on_full_buffer=False)
        return self

    def __exit__(self, *_: object) -> None:
        signal.set_wakeup_fd(self._old_wakeup)
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        self._wake.close()
        self._signals.close()

    def _on_stop(self, _number: int, _frame: FrameType | None) -> None:
        self.stops += 1

    def _on_pause(self, _number: int, _frame: FrameType | None) -> None:
        self.pause = True

    def _on_resize(self, _number: int, _frame: FrameType | None) -> None:
        pass  # the wakeup is all that is wanted

    def wait(self, until: float) -> bool:
        """Wait until the monotonic time *until* or an event; True when the time is up."""
        sources: list[int | socket.socket] = [self._wake]
        if self._keys is not None:
            sources.append(self._keys)
        ready, _, _ = select.select(sources, [], [], max(0.0, until - time.monotonic()))
        if self._wake in ready:
            with contextlib.suppress(BlockingIOError):
                self._wake.recv(4096)
        if self._keys is not None and self._keys in ready:
            self._read_keys(self._keys)
        return not ready

    def _read_keys(self, fd: int) -> None:
        try:
            typed = os.read(fd, 64)
        except OSError:
            typed = b""
        if b"q" in typed.lower():
            self.stops += 1
        if not typed:  # the terminal hung up
            self._keys = None

    def take_keys(self) -> None:
        """Read single keys from the terminal, if there is one, and Ctrl-Z as an event."""
        if not _POSIX or not sys.stdin.isatty():
            return
        self._keys = sys.stdin.fileno()
        self._before = termios.tcgetattr(self._keys)
        tty.setcbreak(self._keys)
        self._handlers |= {number: signal.signal(number, self._on_pause) for number in _PAUSE}

    def give_keys_back(self) -> None:
        """Put the terminal back as it was."""
        for number in _PAUSE:
            signal.signal(number, self._handlers.pop(number, signal.SIG_DFL))
        if self._before:
            with contextlib.suppress(termios.error):  # it may be gone
                termios.tcsetattr(sys.stdin.fileno(), termios.TCSADRAIN, self._before)
        self._keys, self._before = None, []


def forget_reader() -> None:
    """Let what is left to print go nowhere: who read our lines has seen enough."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def in_foreground() -> bool:
    """Whether we may take over the terminal: it is one, not dumb, and not somebody else's."""
    if not sys.stdout.isatty() or os.environ.get("TERM", "dumb") == "dumb":
        return False
    try:
        return not _POSIX or os.tcgetpgrp(sys.stdout.fileno()) == os.getpgrp()
    except OSError:
        return False
