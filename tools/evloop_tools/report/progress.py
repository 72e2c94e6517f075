"""How far something is that takes long: a bar in a terminal, a line a minute in a pipe."""

import shutil
import time
from typing import TextIO

from evloop_tools.report.figures import show_clock

_CELLS = 20  # characters of the bar
_INTERVAL = 0.5  # seconds between two drawings in a terminal
_LINE_INTERVAL = 60.0  # and between two lines in a pipe
_CLEAR = "\r\x1b[K"


def bar(share: float, cells: int = _CELLS) -> str:
    """Return a bar of which *share*, from 0 to 1, is full."""
    full = round(max(0.0, min(1.0, share)) * cells)
    return f"[{'#' * full}{'.' * (cells - full)}]"


def left(elapsed: float, share: float) -> str:
    """Say how long the rest takes if it goes on like this."""
    return f"{show_clock(elapsed * (1 - share) / share)} left" if share > 0 else "? left"


class Progress:
    """Lines that stay, and in a terminal a bar below them; a context manager that takes it away.

    What is done is counted in steps, or in *seconds* where these are known beforehand.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._has_terminal = stream.isatty()
        self._began = time.monotonic()
        self._steps = self._done = 0
        self._seconds = 0.0
        self._drawn_at = self._began

    def begin(self, steps: int = 0, seconds: float = 0.0) -> None:
        """Begin to count: so many *steps*, or so many *seconds*."""
        self._began = self._drawn_at = time.monotonic()
        self._steps, self._done, self._seconds = steps, 0, seconds

    def step(self) -> None:
        """One step is done."""
        self._done += 1
        self.tick()

    def say(self, line: str) -> None:
        """Write a line that stays."""
        self._stream.write((_CLEAR if self._has_terminal else "") + line + "\n")
        self._stream.flush()
        if self._has_terminal:
            self._drawn_at = 0.0
            self.tick()

    def clear(self) -> None:
        """Take the bar away for a line of somebody else's."""
        if self._has_terminal:
            self._stream.write(_CLEAR)
            self._stream.flush()
            self._drawn_at = 0.0

    def tick(self) -> None:
        """Draw the bar anew, if there is one and it is time."""
        now = time.monotonic()
        if now - self._drawn_at < (_INTERVAL if self._has_terminal else _LINE_INTERVAL):
            return
        self._drawn_at = now
        if self._has_terminal:
            width = shutil.get_terminal_size().columns - 1
            self._stream.write(_CLEAR + self.line(now)[:width])
        elif self._steps or self._seconds:
            self._stream.write(self.line(now) + "\n")
        self._stream.flush()

    def line(self, now: float) -> str:
        """Return the bar with what has passed and what is left."""
        elapsed = now - self._began
        count = f"{self._done}/{self._steps}  " if self._steps else ""
        share = self._done / self._steps if self._steps else 0.0
        if self._seconds:
            share = min(0.99, elapsed / self._seconds)
        clocks = f"{show_clock(elapsed)} elapsed, {left(elapsed, share)}"
        return f"{bar(share)} {share:4.0%}  {count}{clocks}"

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.write(_CLEAR if self._has_terminal else "")
        self._stream.flush()
