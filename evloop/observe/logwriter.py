"""Lines that are gathered and written without making the loop wait.

What the file does not take at once waits in memory, up to a limit; further lines are lost, and
their number is written when the file has taken all that waited. A file that takes nothing (a
full disk, a pipe without a reader) is tried again and again, and said once a minute.
"""

import logging
import os
import select
import stat
import time
from collections.abc import Callable
from errno import EAGAIN, EIO
from math import inf

from evloop.observe.backlog import SEGMENT_SIZE, Backlog
from evloop.observe.logfile import Owner, open_log_file
from evloop.observe.outlet import (
    ClosedOutlet,
    DescriptorOutlet,
    Outlet,
    open_outlet,
)
from evloop.observe.ratelimit import RateLimited

CallAt = Callable[[float, Callable[[float], None]], object]
"""call_at(when, callback): calls callback(now) once, in the loop's thread, at *when* or later."""

FILE_DELAY = 1.0
"""Seconds that lines for a file are gathered: one write per second is little for a disk, and a
second is not long for who looks on."""
PIECE_SIZE = SEGMENT_SIZE
"""Bytes of one write to a file; so many gathered lines do not wait for the delay."""
MAX_PENDING = 1024 * 1024
"""Bytes that wait for a slow reader: some five thousand usual lines. Further lines are lost."""
LOG_SIZE = 1536 * 1024
"""Bytes of memory that a writer takes at the worst, the room of a thread included: 1.3 MiB by
measure (tests/observe/test_logwriter.py), with Python 3.11 to 3.13."""
RETRY = 0.1
"""Seconds until a reader that was not ready is tried again: a terminal's user sees no delay."""
ERROR_RETRY = 1.0
"""Seconds until a file that raised an error is tried again."""
ERROR_INTERVAL = 60.0
"""Seconds between two messages about such errors, at least."""
DRAIN_PATIENCE = 0.2
"""Seconds that drain() waits for a slow reader: nobody notices them at the end of a process."""
_DRAIN_STEP = 0.01

_log = logging.getLogger("evloop")


def _lost_line(count: int) -> bytes:
    return b"evloop: %d log lines lost\n" % count


class LogWriter:
    """A file, pipe, socket or terminal that takes lines, and never blocks.

    *path* is opened; without one *fd* is written to, which stays open and as it is (see
    evloop.observe.outlet). With *owner* the path is opened for that user and group, safely (see
    evloop.observe.logfile). *name* stands in messages about the writer; None: there are none.
    *limit*: bytes that may wait. *delay*: seconds that lines are gathered; None: what suits the
    file. *call_at*: see attach().

    `lost` counts the lines that were lost and are not told yet; `lost_line` makes the line that
    tells them.

    Raises OSError when *path* can't be opened, or *fd* is not open.
    """

    def __init__(
        self,
        path: str | None,
        fd: int = 1,
        owner: Owner | None = None,
        *,
        name: str | None = "the access log",
        limit: int = MAX_PENDING,
        delay: float | None = None,
        call_at: CallAt | None = None,
    ) -> None:
        self._path = path
        self._owner = owner
        if path is not None:
            fd = open_log_file(path, owner)
        is_file = stat.S_ISREG(os.fstat(fd).st_mode)
        self._outlet: Outlet = (
            DescriptorOutlet(fd, owned=True) if path is not None else open_outlet(fd)
        )
        self._piece = PIECE_SIZE if is_file else select.PIPE_BUF
        self._delay = delay if delay is not None else FILE_DELAY if is_file else 0.0
        self._name = name
        self._limit = limit
        self._call_at = call_at
        self._is_scheduled = False
        self._errors = RateLimited(ERROR_INTERVAL)
        self._pending = Backlog()
        self._due = 0.0
        self._enough: float = PIECE_SIZE  # bytes that do not wait until they are due
        self.lost = 0
        self.lost_line = _lost_line

    def attach(self, call_at: CallAt) -> None:
        """Let the loop call back when something is due; it need not call wait() and flush()."""
        self._call_at = call_at
        self._schedule(self._due)

    def write(self, line: bytes, now: float) -> None:
        """Gather *line*, which ends with its line feed."""
        if len(self._pending) + len(line) > self._limit:
            self.lost += 1
            return
        if not self._pending:
            self._due = now + self._delay
        self._pending.append(line)
        if self._call_at is not None:
            if len(self._pending) >= self._enough:
                self._write(now)
            self._schedule(self._due)

    def wait(self, now: float) -> float:
        """Return the seconds until flush() has something to do.

        -1 when it has not, or when call_at() sees to it.
        """
        if self._call_at is not None or not self._pending:
            return -1.0
        return max(0.0, self._due - now)

    def flush(self, now: float) -> None:
        """Write what is due and what the reader takes."""
        if self._pending and (now >= self._due or len(self._pending) >= self._enough):
            self._write(now)

    def reopen(self) -> None:
        """Go on in a new file of the same path: the old one was moved away.

        Raises OSError, and goes on with the old one, when it can't be opened.
        """
        if self._path is not None:
            outlet = DescriptorOutlet(open_log_file(self._path, self._owner), owned=True)
            self._write_pending()
            self._outlet.close()
            self._outlet = outlet

    @property
    def descriptor(self) -> int:
        """The descriptor that is owned; -1 when it is borrowed."""
        return self._outlet.descriptor

    def drain(self, patience: float = DRAIN_PATIENCE) -> None:
        """Write what waits, and give a slow reader *patience* seconds to take it."""
        is_done = self._drain_once()
        for _ in range(round(patience / _DRAIN_STEP)):
            if is_done:
                return
            time.sleep(_DRAIN_STEP)
            is_done = self._drain_once()

    def close(self) -> None:
        """Write what can be written, close what is owned, and tell what is lost.

        Waits for a slow reader as drain() does. May be called again.
        """
        self.drain()
        left = self._outlet.close().count(b"\n") + self._pending.clear().count(b"\n")
        self._outlet = ClosedOutlet()
        count, self.lost = self.lost + left, 0
        if count and self._name is not None:
            _log.warning("%s: %d lines lost", self._name, count)

    def _schedule(self, when: float) -> None:
        if self._call_at is not None and self._pending and not self._is_scheduled:
            self._is_scheduled = True
            self._call_at(when, self._on_time)

    def _on_time(self, now: float) -> None:
        self._is_scheduled = False
        self.flush(now)
        self._schedule(self._due)

    def _write(self, now: float) -> None:
        code = self._write_pending()
        if not code:
            self._enough = PIECE_SIZE
            self._tell_lost(now)
            return
        self._enough = inf  # or each further line would be tried at once
        self._due = now + (RETRY if code == EAGAIN else ERROR_RETRY)
        if code != EAGAIN and self._name is not None and self._errors.allows(now):
            reason = os.strerror(code) + self._errors.note
            _log.warning("%s takes nothing: %s", self._name, reason)

    def _tell_lost(self, now: float) -> None:
        if self.lost:
            line = self.lost_line(self.lost)
            self.lost = 0
            self.write(line, now)

    def _drain_once(self) -> bool:
        """Return whether there is no use in trying again."""
        code = self._write_pending()
        if not code and self.lost:
            self._pending.append(self.lost_line(self.lost))
            self.lost = 0
            code = self._write_pending()
        return code != EAGAIN and not (code == 0 and self._outlet.unwritten)

    def _write_pending(self) -> int:
        """Write the pending bytes as far as they are taken; return the errno that ended that.

        0: all were taken. The error itself is not returned: its traceback would hold the frame
        of who keeps it, and the piece that was not taken with it, until the next collection.
        """
        pending = self._pending
        while pending:
            try:
                pending.remove(self._outlet.write(pending.first(self._piece)))
            except OSError as error:
                return error.errno or EIO
        return 0
