"""A small file beneath the root that is read whole whenever it has changed."""

import errno
import os
import stat
from collections.abc import Callable

from evloop.files.entry import Signature, signature_of
from evloop.files.root import Root
from evloop.files.walk import close_descriptor

# A file that changed less than this before it was read may change again without a new time
# stamp (FAT keeps two seconds): it is read again.
_SETTLED_NS = 2_000_000_000
# There is no file that may be served, which is no trouble.
_ABSENT = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EXDEV, errno.EISDIR})


class WatchedFile:
    """The file at *path*, of which *limit* bytes and one more are read at most.

    It is read without waiting for readiness: it is small, and somebody has just written it.
    """

    def __init__(self, root: Root, path: bytes, limit: int, wall_ns: Callable[[], int]) -> None:
        self._root = root
        self._path = path
        self._limit = limit
        self._wall_ns = wall_ns
        self._signature: Signature | None = None
        self._settled = False
        self._data: bytes | None = None

    def read(self) -> bytes | None:
        """Return the bytes, none where there is no file; None: they are what they were.

        Raises OSError when it can't be read; the next call tries again.
        """
        try:
            fd = self._root.open(self._path)
        except OSError as error:
            if error.errno not in _ABSENT:
                raise
            return self._keep(None, b"")
        try:
            status = os.fstat(fd)
            if not stat.S_ISREG(status.st_mode):
                return self._keep(None, b"")
            signature = signature_of(status)
            if signature == self._signature and self._settled:
                return None
            data = self._read(fd)
        finally:
            close_descriptor(fd)
        return self._keep(signature, data)

    def forget(self) -> None:
        """Let the next read() return the bytes, changed or not."""
        self._signature = self._data = None

    def _read(self, fd: int) -> bytes:
        pieces, wanted = [], self._limit + 1
        while wanted and (piece := os.read(fd, wanted)):
            pieces.append(piece)
            wanted -= len(piece)
        return b"".join(pieces)

    def _keep(self, signature: Signature | None, data: bytes) -> bytes | None:
        self._signature = signature
        if signature is not None:
            changed = max(signature.mtime_ns, signature.ctime_ns)
            self._settled = abs(self._wall_ns() - changed) > _SETTLED_NS
        is_same, self._data = data == self._data, data
        return None if is_same else data
