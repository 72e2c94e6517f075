"""What the program itself says, all of it on standard error: standard output is the log's.

It goes through a writer that never blocks, so that a terminal nobody reads does not stop the
loop. What is not taken waits in memory, up to a limit; further messages are lost, and their
number is written when the rest was taken. That is tried with each further message, by the loop
if it was given with attach(), and for a moment at the end of the process.
"""

import logging
import threading
import time
from collections.abc import Callable

from evloop.observe.logwriter import DRAIN_PATIENCE, RETRY, CallAt, LogWriter

MAX_MESSAGES = 64 * 1024
"""Bytes of messages that wait: as many as a pipe holds (pipe(7))."""
MESSAGES_SIZE = 320 * 1024
"""Bytes of memory that messages take at the worst, the room of a thread included: 225 to 265 KiB
by measure (tests/observe/test_messages.py)."""


def _lost_line(count: int) -> bytes:
    return b"evloop: %d messages lost\n" % count


class Messages(logging.Handler):
    """Writes log records, and what is said, to a descriptor.

    The descriptor is borrowed. One that is not open takes nothing. May be used from any thread.
    """

    def __init__(self, fd: int = 2, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self.setFormatter(logging.Formatter("evloop: %(message)s"))
        self._clock = clock
        self._writer = _writer(fd)
        self._call_at: CallAt | None = None
        self._loop_thread = 0
        self._is_scheduled = False

    def emit(self, record: logging.LogRecord) -> None:
        """Write *record*; logging holds the lock."""
        try:
            text = self.format(record)
        except Exception:  # wrong arguments: say at least where
            text = f"evloop: {record.msg!r} with wrong arguments ({record.pathname})"
        self._put(text)

    def say(self, text: str) -> None:
        """Write *text* and a line feed as they are."""
        self.acquire()
        try:
            self._put(text)
        finally:
            self.release()

    def attach(self, call_at: CallAt) -> None:
        """Try again by *call_at* what was not taken. To be called in the loop's thread."""
        self._call_at = call_at
        self._loop_thread = threading.get_ident()
        self._schedule(self._clock())

    def detach(self) -> None:
        """The loop has ended."""
        self._call_at = None
        self._is_scheduled = False

    def flush(self) -> None:
        """Give slow readers a moment to take what waits. logging calls this at exit."""
        self.acquire()
        try:
            if self._writer is not None:
                self._writer.drain(DRAIN_PATIENCE)
        finally:
            self.release()

    def close(self) -> None:
        """Close what is owned. Later messages are dropped."""
        self.acquire()
        try:
            if self._writer is not None:
                self._writer.close()
        finally:
            self.release()
        super().close()

    def _put(self, text: str) -> None:
        if self._writer is not None:
            now = self._clock()
            self._writer.write(text.encode("utf-8", "backslashreplace") + b"\n", now)
            self._writer.flush(now)
            self._schedule(now)

    def _schedule(self, now: float) -> None:
        # call_at() is the loop's own: other threads leave the rest to the next message.
        if self._call_at is None or self._is_scheduled:
            return
        if threading.get_ident() == self._loop_thread and self._is_waiting(now):
            self._is_scheduled = True
            self._call_at(now + RETRY, self._try_again)

    def _is_waiting(self, now: float) -> bool:
        return self._writer is not None and self._writer.wait(now) >= 0

    def _try_again(self, now: float) -> None:
        self.acquire()
        try:
            self._is_scheduled = False
            if self._writer is not None:
                self._writer.flush(now)
            self._schedule(now)
        finally:
            self.release()


def _writer(fd: int) -> LogWriter | None:
    try:
        writer = LogWriter(None, fd, name=None, limit=MAX_MESSAGES, delay=0.0)
    except OSError:  # not open; what is opened later with this number is another file
        return None
    writer.lost_line = _lost_line
    return writer


_installed: list[Messages] = []


def install() -> None:
    """Send the log records of the program to standard error, unless somebody else takes them.

    Before root's privileges are given up: they may be needed to open a terminal again.
    """
    if not _installed:
        _installed.append(Messages())
    root = logging.getLogger()
    if not root.handlers:
        root.addHandler(_installed[0])
        root.setLevel(logging.INFO)


def say(text: str) -> None:
    """Write *text* to standard error. Nothing without install()."""
    for messages in _installed:
        messages.say(text)


def attach(call_at: CallAt) -> None:
    """Let the loop of this thread write what was not taken. Nothing without install()."""
    for messages in _installed:
        messages.attach(call_at)


def detach() -> None:
    """The loop has ended: nothing is left to it any more."""
    for messages in _installed:
        messages.detach()
