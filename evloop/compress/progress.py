"""How far it is, on a terminal: one line that is written over."""

import shutil
import time
from collections.abc import Callable
from typing import TextIO

from evloop.compress.outcome import Outcome, Verdict
from evloop.settings.units import format_size

_INTERVAL = 0.1  # seconds between two pictures: what an eye follows
_BAR_WIDTH = 24  # characters


class Progress:
    """Counts outcomes, and shows them on *stream* if that is a terminal."""

    def __init__(
        self, total: int, stream: TextIO, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.counts = dict.fromkeys(Verdict, 0)
        self.plain_size = 0
        self.coded_size = 0
        self._total = total  # bytes
        self._done = 0
        self._stream = stream if stream.isatty() else None
        self._clock = clock
        self._begun = self._shown = clock()

    def note(self, outcome: Outcome) -> None:
        """Count *outcome*, and show how far it is now and then."""
        self.counts[outcome.verdict] += 1
        self._done += outcome.task.size
        if outcome.verdict is Verdict.WRITTEN:
            self.plain_size += outcome.task.size
            self.coded_size += outcome.coded_size
        now = self._clock()
        if self._stream is not None and now - self._shown >= _INTERVAL:
            self._shown = now
            width = shutil.get_terminal_size().columns - 1
            self._stream.write("\r\x1b[K" + self.line(now)[:width])
            self._stream.flush()

    def line(self, now: float) -> str:
        """Return the picture of this moment."""
        share = self._done / self._total if self._total else 1.0
        bar = "#" * int(share * _BAR_WIDTH)
        rate = int(self._done / max(now - self._begun, 1e-6))
        return (
            f"[{bar:-<{_BAR_WIDTH}}] {share:4.0%}  {format_size(rate)}/s"
            f"  {self.counts[Verdict.WRITTEN]} written  {self.saved}"
        )

    @property
    def saved(self) -> str:
        """What is saved by the sidecars that were written."""
        if not self.plain_size:
            return "nothing saved"
        return f"{1 - self.coded_size / self.plain_size:.0%} saved"

    def clear(self) -> None:
        """Take the picture away, so that a line can be written."""
        if self._stream is not None:
            self._stream.write("\r\x1b[K")
            self._stream.flush()
