"""All that is seen beneath a directory, one member at a time, in order and at bounded memory."""

import errno
import os
import stat
from collections.abc import Generator
from typing import NamedTuple

from evloop.files.content import Budget
from evloop.files.folder import Folder
from evloop.files.listing import Order, Scan
from evloop.files.root import Root
from evloop.files.walk import close_descriptor

MAX_DEPTH = 64
"""Directories within each other that are gone through; each holds a descriptor. A choice: trees
that people serve are ten or twenty levels deep."""

# The member is gone, or may not be read: a request for it would be answered with 403 or 404.
_LEFT_OUT = frozenset(
    {
        errno.ENOENT,
        errno.ENOTDIR,
        errno.EACCES,
        errno.EPERM,
        errno.ELOOP,
        errno.EXDEV,
        errno.ENAMETOOLONG,
    }
)


class Member(NamedTuple):
    """A file, open, or a directory. Its receiver owns *fd*."""

    name: bytes
    """The path from the top of the tree; that of a directory ends in a slash."""
    size: int
    """Bytes at the moment when it was opened; 0 for a directory."""
    mtime: int
    """Seconds since the epoch."""
    fd: int = -1
    """-1 for a directory."""

    @property
    def is_directory(self) -> bool:
        return self.fd < 0


class Tree:
    """What is beneath the directory at *path*, the directory itself as *top* included.

    What Folder shows is in it, but what links to directories lead to, which could lead round and
    round, and what may not be read. *budget* is as for Scan.
    """

    __slots__ = ("_budget", "_hidden", "_path", "_root", "_top", "_unserved")

    def __init__(
        self,
        root: Root,
        path: bytes,
        top: bytes,
        budget: Budget,
        *,
        hidden: bool,
        unserved: frozenset[bytes] = frozenset(),
    ) -> None:
        self._root = root
        self._path = path
        self._top = top
        self._budget = budget
        self._hidden = hidden
        self._unserved = unserved

    def members(self) -> Generator[Member | None, None, None]:
        """Yield all members, a directory before what is in it; None after a slice without one.

        Raises OSError for what would be missed otherwise: trouble with the disk, or too few
        descriptors.
        """
        status = self._root.status(self._path)
        yield Member(self._top + b"/", 0, status.st_mtime_ns // 1_000_000_000)
        yield from self._within(self._path, self._top + b"/", 1)

    def _within(self, path: bytes, name: bytes, depth: int) -> Generator[Member | None, None, None]:
        try:
            folder = Folder(self._root, path, hidden=self._hidden, unserved=self._unserved)
        except OSError as error:
            _leave_out(error)
            return
        scan = Scan(folder, Order(), self._budget, counts=False)
        prefix = path + b"/" if path else b""
        try:
            for items in scan.slices():
                if not items:
                    yield None
                for item in items:
                    inner, inner_name = prefix + item.name, name + item.name
                    if not item.is_directory:
                        yield self._file(inner, inner_name)
                    elif depth < MAX_DEPTH and not folder.is_link(item.name):
                        yield Member(inner_name + b"/", 0, item.mtime)
                        yield from self._within(inner, inner_name + b"/", depth + 1)
        finally:
            scan.close()

    def _file(self, path: bytes, name: bytes) -> Member | None:
        """Open the file at *path*; return None when it has gone or may not be read."""
        try:
            fd = self._root.open(path)
        except OSError as error:
            _leave_out(error)
            return None
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            close_descriptor(fd)
            return None
        return Member(name, status.st_size, status.st_mtime_ns // 1_000_000_000, fd)


def _leave_out(error: OSError) -> None:
    """Raise *error*, unless it says that there is nothing to be had."""
    if error.errno not in _LEFT_OUT:
        raise error
