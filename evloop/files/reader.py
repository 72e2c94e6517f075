"""The one buffer through which the whole process refills its downloads.

A read may not wait for the disk, because everybody else would wait with it. So the kernel
is asked for what it has in memory (RWF_NOWAIT); for the rest it is told to read ahead, and
the body is asked again later. A file system that can't say what is in memory, and a disk
that does not keep its promise after some tries, are read in the plain way.
"""

import errno
import os

CHUNK_SIZE = 32 * 1024
MAX_TRIES = 50
"""So many times a body is told to come again before the disk is waited for."""

_READ_AHEAD = 512 * 1024
_NOWAIT = getattr(os, "RWF_NOWAIT", 0)
_UNSUPPORTED = frozenset({errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL})


class FileChangedError(OSError):
    """The file ends before the bytes that were promised of it."""


class Reader:
    """Reads pieces of files into a buffer that all share.

    A view that read() returns is valid until the next read(). `refills` counts reads,
    `waits` those that found nothing in memory, `blocking` those that went to the disk.
    """

    __slots__ = ("_buffers", "_nowait", "_view", "blocking", "chunk_size", "refills", "waits")

    def __init__(self, chunk_size: int = CHUNK_SIZE, *, nowait: bool = True) -> None:
        self.chunk_size = chunk_size
        self._view = memoryview(bytearray(chunk_size))
        self._buffers = [self._view]
        self._nowait = _NOWAIT if nowait and hasattr(os, "preadv") else 0
        self.refills = 0
        self.waits = 0
        self.blocking = 0

    def read(self, fd: int, offset: int, limit: int, tries: int) -> memoryview | None:
        """Return up to *limit* bytes at *offset*, at least one; None: not in memory yet.

        *tries* is how often this place was asked for before.

        Raises FileChangedError at the end of the file, OSError when it can't be read.
        """
        count = self.read_into(fd, self._view, offset, limit, tries)
        if count is None:
            return None
        return self._view if count == self.chunk_size else self._view[:count]

    def read_into(
        self, fd: int, view: memoryview, offset: int, limit: int, tries: int
    ) -> int | None:
        """Like read(), into *view*; return the count of bytes."""
        buffers = self._buffers if view is self._view else [view]
        if limit < len(view):
            buffers = [view[:limit]]
        self.refills += 1
        if self._nowait and tries < MAX_TRIES:
            try:
                count = os.preadv(fd, buffers, offset, self._nowait)
            except BlockingIOError:
                self.waits += 1
                os.posix_fadvise(fd, offset, _READ_AHEAD, os.POSIX_FADV_WILLNEED)
                return None
            except OSError as error:
                if error.errno not in _UNSUPPORTED:
                    raise
                self._nowait = 0
            else:
                # Linux 5.9 and 5.10 may say 0 before the end: only a plain read is sure.
                if count:
                    return count
        self.blocking += 1
        count = os.preadv(fd, buffers, offset)
        if count == 0:
            raise end_of_file(offset)
        return count

    def is_at_hand(self, fd: int, offset: int, size: int, tries: int) -> bool:
        """Whether *size* bytes at *offset* can be read without waiting for the disk.

        Looks at both ends only: what lies between was read ahead with them. After enough
        tries the answer is yes.
        """
        self.refills += 1
        if not self._nowait or tries >= MAX_TRIES:
            self.blocking += 1
            return True
        probe = [bytearray(1)]
        try:
            for place in (offset, offset + size - 1):
                os.preadv(fd, probe, place, self._nowait)
        except BlockingIOError:
            self.waits += 1
            os.posix_fadvise(fd, offset, _READ_AHEAD, os.POSIX_FADV_WILLNEED)
            return False
        except OSError as error:
            if error.errno not in _UNSUPPORTED:
                raise
            self._nowait = 0
        return True


def end_of_file(offset: int) -> FileChangedError:
    """Return the error of a file that ends too early."""
    return FileChangedError(errno.ESTALE, f"the file ends at {offset} bytes")
