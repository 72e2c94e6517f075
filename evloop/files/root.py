"""The directory that is served, and the only way into it.

Every file is opened beneath the root's own descriptor, so there is no gap between a check
and the open. Linux does it in one call, openat2 with RESOLVE_BENEATH; everywhere else, and
for links that openat2 can't judge, `evloop.files.walk` opens one component after the other.

The path that was given is what is served, not the directory that it led to at the start: a
build that removes and makes it anew, and a link that is swapped to the next release, are
found by look(). A download under way keeps its file.
"""

import errno
import os
import stat

from evloop.files.openat2 import NAME_ONLY, OPEN_FLAGS, UNDECIDED, OpenBeneath, openat2_beneath
from evloop.files.walk import close_descriptor, components, walk
from evloop.settings.choices import Symlinks

__all__ = ["Root", "close_descriptor"]

# The path leads to no directory. Any other error (permissions that were dropped since the start,
# too many open files) says nothing about it, and what is open stays open.
_GONE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP})
# Another directory is there, and this process may not read it: the old one is not served either.
_REFUSED = _GONE | {errno.EACCES, errno.EPERM}


class Root:
    """A directory beneath which files are opened. Owns its descriptor.

    `path` is where it leads, without links. A relative *path* is meant from the working
    directory of this moment, whatever that may be later.

    Raises OSError when *path* is no directory that can be read.
    """

    def __init__(
        self, path: str, symlinks: Symlinks = Symlinks.INSIDE, *, openat2: bool = True
    ) -> None:
        self.symlinks = symlinks
        self._given = os.path.join(os.getcwd(), path)
        self._uses_openat2 = openat2
        self._fd = -1
        self._identity = (-1, -1)  # device and inode of what is open
        self._open_directory()

    def open(self, path: bytes) -> int:
        """Return a new descriptor of *path*, which is relative and has no dot segments.

        What is opened may be anything; the caller looks at it with fstat. The empty path is
        the root itself. The descriptor of a directory that may be searched but not read only
        names it.

        Raises OSError; ELOOP or EXDEV for links that the policy does not follow, EAGAIN for a
        file on which another process has a lease.
        """
        if self._fd < 0:
            raise FileNotFoundError(errno.ENOENT, "the root is not there")
        try:
            return self._open(path, OPEN_FLAGS)
        except PermissionError:
            fd = self._open(path, NAME_ONLY)
            if stat.S_ISDIR(os.fstat(fd).st_mode):
                return fd
            close_descriptor(fd)
            raise

    def status(self, path: bytes) -> os.stat_result:
        """Return what *path* leads to, as stat(2) tells it, without opening it for reading.

        Raises OSError as open() does.
        """
        if self._fd < 0:
            raise FileNotFoundError(errno.ENOENT, "the root is not there")
        if self.symlinks is Symlinks.FOLLOW:
            return os.stat(path or b".", dir_fd=self._fd)
        fd = self._open(path, NAME_ONLY)
        try:
            return os.fstat(fd)
        finally:
            close_descriptor(fd)

    def look(self) -> bool:
        """Look whether the path still leads to the directory that is open; one stat.

        Returns True when nothing that was found before holds any more: another directory was
        opened in its place, or there is none, and open() finds nothing until it is back.
        """
        try:
            status = os.stat(self._given)
        except OSError as error:
            return self._lose(error, _GONE)
        if (status.st_dev, status.st_ino) == self._identity:
            return False
        try:
            self._open_directory()
        except OSError as error:
            return self._lose(error, _REFUSED)
        return True

    def _lose(self, error: OSError, reasons: frozenset[int]) -> bool:
        """Close what is open if *error* is one of *reasons*; return whether it was."""
        if self._fd < 0 or error.errno not in reasons:
            return False
        self.close()
        return True

    def close(self) -> None:
        """Close the root's descriptor. May be called again."""
        if self._fd >= 0:
            close_descriptor(self._fd)
            self._fd = -1
            self._identity = (-1, -1)

    def _open(self, path: bytes, flags: int) -> int:
        if self.symlinks is Symlinks.FOLLOW:
            return os.open(path or b".", flags, dir_fd=self._fd)
        if self._openat2 is not None:
            try:
                return self._openat2(path or b".", flags)
            except OSError as error:
                if error.errno not in UNDECIDED:
                    raise
        return walk(self._fd, path, self.symlinks, self._names)

    def _open_directory(self) -> None:
        """Open what the path leads to now, and close what was open before."""
        path = os.path.realpath(self._given)
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            status = os.fstat(fd)
            openat2: OpenBeneath | None = None
            if self._uses_openat2:
                openat2 = openat2_beneath(fd, self.symlinks)
        except BaseException:
            close_descriptor(fd)
            raise
        self.close()
        self._fd = fd
        self._identity = (status.st_dev, status.st_ino)
        self._openat2 = openat2
        self.path = path
        # Absolute links may name it as it was given, or as it is without links.
        self._names = (components(os.fsencode(path)), components(os.fsencode(self._given)))
