"""Where the bytes of a response body come from.

A body is read with peek() and paid for with advance(): peek() shows the next bytes, the
caller sends what the socket takes, and advance() consumes exactly that many. So a body
never holds bytes that were read but not sent, and a stalled download costs its file
descriptor and an offset, nothing else.
"""

import os
from collections.abc import Sequence

from evloop.files.content import BytesBody
from evloop.files.reader import Reader, end_of_file
from evloop.files.root import close_descriptor

WINDOW_SIZE = 256 * 1024
"""Bytes that the kernel is asked to move at once, at most."""


class FileBody:
    """A range of an open file, read through a buffer that all bodies share.

    Owns *fd* and closes it. A view from peek() is valid only until the next peek() of any
    body on the same reader: send it or drop it, never keep it.
    """

    __slots__ = ("_fd", "_next", "_reader", "_tries", "remaining")

    def __init__(self, fd: int, selected: range, reader: Reader) -> None:
        self._fd = fd
        self._tries = 0  # how often the disk did not have the next bytes
        self._reader = reader
        self._next = selected.start
        self.remaining = len(selected)

    def peek(self) -> "memoryview | FileWindow | float":
        """Return the next bytes, None when they would have to come from the disk first.

        Raises FileChangedError when the file has shrunk, OSError when it can't be read.
        """
        piece = self._reader.read(self._fd, self._next, self.remaining, self._tries)
        if piece is None:
            self._tries += 1
            return 0.002
        self._tries = 0
        return piece

    @property
    def done(self) -> bool:
        return not self.remaining

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
    are windows of the file, offered when their pages are in memory.
    """

    __slots__ = ("_is_begun",)

    def __init__(self, fd: int, selected: range, reader: Reader) -> None:
        super().__init__(fd, selected, reader)
        self._is_begun = False

    def peek(self) -> "memoryview | FileWindow | float":
        if not self._is_begun:
            return super().peek()
        size = min(self.remaining, WINDOW_SIZE)
        if not self._reader.is_at_hand(self._fd, self._next, size, self._tries):
            self._tries += 1
            return 0.002
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

        Raises FileChangedError at the end of the file, OSError when the socket is gone.
        """
        count = os.sendfile(descriptor, self._fd, self._offset, self.size)
        if count == 0:
            raise end_of_file(self._offset)
        return count


class PartsBody:
    """Several ranges of one file with a text before each and one after the last.

    Owns *source*. Only the texts are in memory.
    """

    __slots__ = ("_ending", "_parts", "_source", "_text", "remaining")

    def __init__(
        self,
        source: BytesBody | FileBody,
        parts: Sequence[tuple[bytes, range]],
        ending: bytes,
    ) -> None:
        self._source = source
        self._parts = list(reversed(parts))
        self._ending = ending
        self._text = b""
        self.remaining = len(ending) + sum(len(text) + len(part) for text, part in parts)
        source.seek(range(0))
        self._next_part()

    def peek(self) -> "bytes | memoryview | FileWindow | float":
        return self._text or self._source.peek()

    def advance(self, count: int) -> None:
        self.remaining -= count
        if self._text:
            self._text = self._text[count:]
        else:
            self._source.advance(count)
        if not self._text and not self._source.remaining:
            self._next_part()

    @property
    def done(self) -> bool:
        return not self.remaining

    def _next_part(self) -> None:
        if self._parts:
            self._text, selected = self._parts.pop()
            self._source.seek(selected)
        else:
            self._text, self._ending = self._ending, b""

    def close(self) -> None:
        self._source.close()
        self._parts.clear()
        self._text = self._ending = b""
        self.remaining = 0
