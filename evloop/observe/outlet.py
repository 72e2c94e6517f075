"""Descriptors that take bytes without making the caller wait.

A write to a terminal whose reader has stopped (Ctrl-S, or nobody reads the master) blocks, and
so does a write to a full pipe. To poll first is not enough: a stopped terminal may poll as
writable, and another process that shares the descriptor may take the room between the poll and
the write. O_NONBLOCK on an inherited descriptor is no way out either, since the flag belongs to
the open file description, which the shell and other processes share. So the kind of file
decides:

- A regular file is written to directly: it never blocks for want of a reader.
- A socket is sent to with MSG_DONTWAIT, which changes nothing for the others.
- A pipe, terminal or other device is opened once more through /proc/self/fd with O_NONBLOCK.
  That makes an open file description of our own.
- Where that is refused (the file belongs to another user, there is no /proc, or it is the master
  of a pty, which would open another pty) a thread makes the blocking writes. It is started at
  the first write, takes a bounded number of bytes, and ends with the process if it is blocked.

No outlet may be carried over a fork: its thread is not.
"""

import os
import select
import signal
import socket
import stat
import threading
from errno import EAGAIN, EBADF, EIO
from typing import Protocol

from evloop.observe.backlog import Backlog

THREAD_ROOM = 128 * 1024
"""Bytes that wait for a thread's blocking write, at most: two pieces of a log."""
_JOIN = 0.05
"""Seconds that close() waits for a thread that is not blocked to end."""
_PTY_MASTER = os.makedev(5, 2)
"""The device of /dev/ptmx and of each master made from it (Linux, devices.txt)."""


class Outlet(Protocol):
    """Takes bytes at once or not at all."""

    @property
    def unwritten(self) -> int:
        """Bytes that were taken and have not reached the file yet."""

    def write(self, data: bytes) -> int:
        """Take the beginning of *data* and return how many bytes that is.

        Raises BlockingIOError when nothing can be taken now, another OSError when the file
        takes nothing.
        """

    @property
    def descriptor(self) -> int:
        """The descriptor that is owned; -1 when it is borrowed, or there is none."""

    def close(self) -> bytes:
        """Close what is owned; return what was taken but not written."""


def open_outlet(fd: int) -> Outlet:
    """Return an outlet for *fd*, which is borrowed: it stays open and keeps its flags.

    Raises OSError when *fd* is not open.
    """
    status = os.fstat(fd)
    if stat.S_ISREG(status.st_mode):
        return DescriptorOutlet(fd, owned=False)
    if stat.S_ISSOCK(status.st_mode):
        return SocketOutlet(fd)
    own = _open_again(fd, status)
    return DescriptorOutlet(own, owned=True) if own is not None else ThreadOutlet(fd)


def _open_again(fd: int, status: os.stat_result) -> int | None:
    if status.st_rdev == _PTY_MASTER:
        return None
    try:
        # Not /dev/fd: on other systems that is dup(), which shares the description.
        return os.open(f"/proc/self/fd/{fd}", os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY)
    except OSError:
        return None


class DescriptorOutlet:
    """A file that does not block, or a descriptor with O_NONBLOCK."""

    unwritten = 0

    def __init__(self, fd: int, *, owned: bool) -> None:
        self._fd = fd
        self._owned = owned

    @property
    def descriptor(self) -> int:
        return self._fd if self._owned else -1

    def write(self, data: bytes) -> int:
        return os.write(self._fd, data)

    def close(self) -> bytes:
        if self._owned:
            os.close(self._fd)
        return b""


class SocketOutlet:
    """A socket that others may share."""

    unwritten = 0

    def __init__(self, fd: int) -> None:
        self._socket = socket.socket(fileno=os.dup(fd))

    @property
    def descriptor(self) -> int:
        return self._socket.fileno()

    def write(self, data: bytes) -> int:
        return self._socket.send(data, socket.MSG_DONTWAIT)

    def close(self) -> bytes:
        self._socket.close()
        return b""


class ClosedOutlet:
    """What a writer has after its end."""

    unwritten = 0

    @property
    def descriptor(self) -> int:
        return -1

    def write(self, data: bytes) -> int:
        raise OSError(EBADF, os.strerror(EBADF))

    def close(self) -> bytes:
        return b""


class ThreadOutlet:
    """A descriptor that may block, which a thread writes to.

    An error of the thread is raised by the next write(). What was not written is kept, and the
    thread tries again after that.
    """

    def __init__(self, fd: int) -> None:
        self._fd = os.dup(fd)  # the thread may still need it when the borrowed one is closed
        self._changed = threading.Condition()
        self._taken = Backlog()
        self._error = 0  # errno of what ended the last write
        self._is_open = True
        self._thread = threading.Thread(target=self._run, name="evloop-log", daemon=True)

    @property
    def unwritten(self) -> int:
        return len(self._taken)

    @property
    def descriptor(self) -> int:
        return self._fd

    def write(self, data: bytes) -> int:
        if self._thread.ident is None:
            self._thread.start()
        with self._changed:
            self._changed.notify()
            if self._error:
                code, self._error = self._error, 0
                raise OSError(code, os.strerror(code))
            count = min(len(data), THREAD_ROOM - len(self._taken))
            if not count:
                raise BlockingIOError(EAGAIN, os.strerror(EAGAIN))
            self._taken.append(data[:count])
            return count

    def close(self) -> bytes:
        with self._changed:
            self._is_open = False
            self._changed.notify()
            left = self._taken.clear()
        if self._thread.ident is None:
            os.close(self._fd)
        else:
            self._thread.join(_JOIN)
        return left

    def _run(self) -> None:
        # Signals are the main thread's: one that is delivered here would not end its wait.
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        while piece := self._next():
            try:
                written = os.write(self._fd, piece)
            except OSError as error:
                with self._changed:
                    self._error = error.errno or EIO
            else:
                with self._changed:
                    if self._is_open:
                        self._taken.remove(written)
        os.close(self._fd)

    def _next(self) -> bytes:
        """Wait for something to write; return nothing when the outlet is closed."""
        with self._changed:
            while self._is_open and (self._error or not self._taken):
                self._changed.wait()
            return self._taken.first(select.PIPE_BUF) if self._is_open else b""
