"""Where log lines go, without making the loop wait for them.

Lines are gathered and written in pieces. A pipe or a terminal that is not read, and a disk
that is full, cost a bounded amount of memory and some lines, which are counted and told.
"""

import os
import select
import stat

FILE_DELAY = 1.0
"""Seconds that lines for a file are gathered."""
PIECE_SIZE = 64 * 1024
"""Gathered bytes that are written at once, whatever the delay."""
MAX_PENDING = 1024 * 1024
"""Bytes that wait for a slow reader; further lines are lost."""
RETRY = 0.1
"""Seconds until a reader that was not ready is tried again."""


class LogWriter:
    """A file, pipe or terminal that takes lines. Owns the descriptor only if it has a path.

    Raises OSError when *path* can't be opened.
    """

    def __init__(self, path: str | None, fd: int = 1) -> None:
        self._path = path
        self._fd = _open(path) if path is not None else fd
        is_file = stat.S_ISREG(os.fstat(self._fd).st_mode)
        self._delay = FILE_DELAY if is_file else 0.0
        self._piece = PIECE_SIZE if is_file else select.PIPE_BUF
        self._poll = select.poll()
        self._poll.register(self._fd, select.POLLOUT)
        self._pending = bytearray()
        self._due = 0.0
        self.lost = 0

    def write(self, line: bytes, now: float) -> None:
        """Gather *line*, which ends with its line feed."""
        if len(self._pending) + len(line) > MAX_PENDING:
            self.lost += 1
            return
        if not self._pending:
            self._due = now + self._delay
        self._pending += line

    def wait(self, now: float) -> float:
        """Return the seconds until flush() has something to do; -1 when it has not."""
        return max(0.0, self._due - now) if self._pending else -1.0

    def flush(self, now: float) -> None:
        """Write what is due and what the reader takes."""
        if self._pending and (now >= self._due or len(self._pending) >= PIECE_SIZE):
            self._write(now)

    def reopen(self) -> None:
        """Go on in a new file of the same path: the old one was moved away.

        Raises OSError, and goes on with the old one, when it can't be opened.
        """
        if self._path is not None:
            fd = _open(self._path)
            self._drain()
            self._poll.unregister(self._fd)
            os.close(self._fd)
            self._fd = fd
            self._poll.register(fd, select.POLLOUT)

    def close(self) -> None:
        """Write what can be written, and close what is owned."""
        self._drain()
        if self._path is not None and self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _write(self, now: float) -> None:
        if not self._drain():
            self._due = now + RETRY
        elif self.lost:
            line = b"evloop: %d log lines lost\n" % self.lost
            self.lost = 0
            self.write(line, now)

    def _drain(self) -> bool:
        """Write the pending bytes as far as they are taken; return whether all were."""
        while self._pending:
            # A pipe that polls as writable takes PIPE_BUF bytes without blocking.
            if not self._poll.poll(0):
                return False
            try:
                written = os.write(self._fd, self._pending[: self._piece])
            except OSError:
                return False
            del self._pending[:written]
        return True


def _open(path: str) -> int:
    # O_NONBLOCK: a named pipe that nobody reads is an error now, and no wait for its reader.
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK
    return os.open(path, flags, 0o640)
