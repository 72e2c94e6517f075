"""A directory beneath the root, and which of its entries may be seen.

Seen is what would be served: regular files and directories, links as far as the policy follows
them, and names that begin with a dot only where they are served.
"""

import errno
import os
import stat
from typing import NamedTuple

from evloop.files.dirents import DIRECTORY, LINK, REGULAR, UNKNOWN, Names, open_names
from evloop.files.root import Root

_WELL_KNOWN = b".well-known"  # RFC 8615
_SERVED_KINDS = frozenset({UNKNOWN, DIRECTORY, REGULAR, LINK})
# These say nothing about the entry: whoever lists must not go on as if it were not there.
_EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM})


class Item(NamedTuple):
    """An entry of a directory, as it is at the moment."""

    name: bytes
    is_directory: bool
    size: int
    """Bytes; 0 for a directory."""
    mtime: int
    """Seconds since the epoch, rounded down."""


class Folder:
    """The open directory at *path* beneath *root*; `names` are all that are in it.

    Owns its descriptor. With *hidden*, names with a leading dot are seen. *unserved* are paths
    relative to the root that are not.

    Raises OSError: NotADirectoryError, PermissionError when it may not be read, and what
    Root.open() raises.
    """

    __slots__ = ("_dots", "_prefix", "_root", "_unserved", "names")

    def __init__(
        self, root: Root, path: bytes, *, hidden: bool, unserved: frozenset[bytes] = frozenset()
    ) -> None:
        self._root = root
        self._prefix = path + b"/" if path else b""
        self._dots: frozenset[bytes] | None = None if hidden else frozenset()
        if not hidden and not path:
            self._dots = frozenset({_WELL_KNOWN})
        self._unserved = unserved
        self.names: Names = open_names(root.open(path))

    def admits(self, name: bytes, kind: int) -> bool:
        """Whether *name* may be seen, as far as its kind tells without a look at it."""
        if name.startswith(b".") and self._dots is not None and name not in self._dots:
            return False
        if self._unserved and self._prefix + name in self._unserved:
            return False
        return kind in _SERVED_KINDS

    def is_seen(self, name: bytes, kind: int) -> bool:
        """Whether *name* may be seen, with a look at it where its kind does not tell."""
        if not self.admits(name, kind):
            return False
        return kind in {DIRECTORY, REGULAR} or self.item(name) is not None

    def item(self, name: bytes) -> Item | None:
        """Return what *name* is now, None when it is gone or may not be seen.

        Raises OSError when that can't be told for want of descriptors or memory.
        """
        try:
            status = os.stat(name, dir_fd=self.names.fd, follow_symlinks=False)
            if stat.S_ISLNK(status.st_mode):
                status = self._root.status(self._prefix + name)
        except OSError as error:
            if error.errno in _EXHAUSTED:
                raise
            return None
        return _item(name, status)

    def is_link(self, name: bytes) -> bool:
        """Whether *name* is a symbolic link now; True as well when it is gone."""
        try:
            status = os.stat(name, dir_fd=self.names.fd, follow_symlinks=False)
        except OSError:
            return True
        return stat.S_ISLNK(status.st_mode)

    def close(self) -> None:
        """Close the directory. May be called again."""
        self.names.close()


def _item(name: bytes, status: os.stat_result) -> Item | None:
    mode, mtime = status.st_mode, status.st_mtime_ns // 1_000_000_000
    if stat.S_ISDIR(mode):
        return Item(name, True, 0, mtime)
    return Item(name, False, status.st_size, mtime) if stat.S_ISREG(mode) else None
