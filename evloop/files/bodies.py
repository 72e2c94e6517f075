"""Bodies that are refilled from an open file.

A body is read with peek() and paid for with advance(): peek() shows the next bytes, the
caller sends what the socket takes, and advance() consumes exactly that many. So a body
never holds bytes that were read but not sent, and a stalled download costs its file
descriptor and an offset, nothing else.
"""

import errno
import os

from evloop.files.content import SizedBody
from evloop.files.entry import Signature
from evloop.files.reader import FileChangedError, Reader, end_of_file, wait_after
from evloop.files.walk import close_descriptor

WINDOW_SIZE = 256 * 1024
"""Bytes that the kernel is asked to move at once, at most: what a connection sends in one turn
of the loop."""


class FileBody(SizedBody):
    """A range of an open file, read through a buffer that all bodies share.

    Owns *fd* and closes it. With *promised*, the state of the file that a strong tag is of, the
    last bytes are not shown when the file was rewritten since: what was sent is not the body
    of that tag. A view from peek() is valid only until the next peek() of any body on the same
    reader: send it or drop it, never keep it.
    """

    __slots__ = ("_fd", "_next", "_promised", "_reader", "_tries")

    def __init__(
        self, fd: int, selected: range, reader: Reader, promised: Signature | None = None
    ) -> None:
        self._fd = fd
        self._tries = 0  # how often the disk did not have the next bytes
        self._reader = reader
        self._promised = promised
        self._next = selected.start
        self.remaining = len(selected)

    def peek(self) -> "memoryview | FileWindow | float":
        """Return the next bytes; seconds to wait when they have to come from the disk first.

        Raises FileChangedError when the file has shrunk or was rewritten, OSError when it
        can't be read.
        """
        piece = self._reader.read(self._fd, self._next, self.remaining, self._tries)
        if piece is None:
            return self._wait()
        self._tries = 0
        if self._promised is not None and len(piece) == self.remaining:
            self._check(self._promised)
        return piece

    def _wait(self) -> float:
        self._tries += 1
        return wait_after(self._tries)

    def _check(self, promised: Signature) -> None:
        """Raise FileChangedError if the bytes that were read may not be the promised ones.

        A change of ctime alone says nothing: a download of a file that was removed goes on.
        """
        status = os.fstat(self._fd)
        if (status.st_mtime_ns, status.st_size) != (promised.mtime_ns, promised.size):
            raise FileChangedError(errno.ESTALE, "the file was rewritten while it was sent")

    @property
    def file_size(self) -> int:
        """Bytes of the whole file as it is now; 0 when the body is closed."""
        try:
            return os.fstat(self._fd).st_size
        except OSError:
            return 0  # closed, maybe by the loop while another thread looks

    def advance(self, count: int) -> None:
        self._next += count
        self.remaining -= count

    def seek(self, selected: range) -> None:
        """Go to another range of the same file."""
        self._next = selected.start
        self.remaining = len(selected)

    def close(self) -> None:
        if self._fd >= 0:
            close_descriptor(self._fd)
            self._fd = -1
            self.remaining = 0


class SendfileBody(FileBody):
    """A range of an open file that the kernel moves to the socket by itself.

    The first piece is copied, so that it leaves together with the response head; the rest
    are windows of the file, offered when their pages are in memory. Under a strong tag the
    last piece is copied too, since it must be read before the file is looked at again.
    """

    __slots__ = ("_is_begun",)

    def __init__(
        self, fd: int, selected: range, reader: Reader, promised: Signature | None = None
    ) -> None:
        super().__init__(fd, selected, reader, promised)
        self._is_begun = False

    def peek(self) -> "memoryview | FileWindow | float":
        size = self.remaining
        if self._promised is not None:
            size -= min(size, self._reader.chunk_size)
        if not self._is_begun or not size:
            return super().peek()
        size = min(size, WINDOW_SIZE)
        if not self._reader.is_at_hand(self._fd, self._next, size, self._tries):
            return self._wait()
        self._tries = 0
        return FileWindow(self._fd, self._next, size)

    def advance(self, count: int) -> None:
        self._is_begun = True
        super().advance(count)

    def seek(self, selected: range) -> None:
        self._is_begun = False
        super().seek(selected)


class FileWindow:
    """A piece of an open file, on its way without a copy in this process."""

    __slots__ = ("_fd", "_offset", "size")

    def __init__(self, fd: int, offset: int, size: int) -> None:
        self._fd = fd
        self._offset = offset
        self.size = size

    def send_to(self, descriptor: int) -> int:
        """Send to the socket *descriptor* and return the count of bytes.

        Raises FileChangedError at the end of the file, OSError when it can't be read or the
        socket takes nothing.
        """
        count = os.sendfile(descriptor, self._fd, self._offset, self.size)
        if count == 0:
            raise end_of_file(self._offset)
        return count
