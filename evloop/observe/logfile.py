"""Opening a log file, also as root on behalf of a user who may own its directory.

Root must not be led by such a user. With an owner given,

- the path is walked one directory at a time, and a symbolic link is followed only where nobody
  but root can have made it; the file itself is never a link;
- a file with several names is refused unless it is the owner's: it may be a file of root's that
  was linked here;
- the file is given to the owner only if this process created it, or if it is root's and in a
  directory where nobody but root can have put it.
"""

import os
import stat
from errno import EEXIST, ELOOP, ENOENT

Owner = tuple[int, int]
"""A user's and a group's number."""

# O_NONBLOCK: a named pipe that nobody reads is an error now, and no wait for its reader.
# O_NOCTTY: a terminal does not become the controlling one.
_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
_DIRECTORY = os.O_CLOEXEC | os.O_DIRECTORY | os.O_NOFOLLOW | getattr(os, "O_PATH", os.O_RDONLY)
_MODE = 0o640
_MAX_LINKS = 40  # as many as Linux follows, path_resolution(7)
_OPEN_TRIES = 8  # against a file that comes and goes between two system calls
_WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH


def open_log_file(path: str, owner: Owner | None = None) -> int:
    """Open *path* to append to it, or create it, and return a descriptor with O_NONBLOCK.

    *owner* is who shall own the file when this process is root for somebody else; without one
    links are followed and the file stays whose it is.

    Raises OSError; its errno is ELOOP for what may be a trap.
    """
    if owner is None:
        return os.open(path, _FLAGS | os.O_CREAT, _MODE)
    names = _names(os.path.join(os.getcwd(), path))
    name = names.pop() if names else "."
    walk = _Walk(path)
    try:
        while names:
            names[:0] = walk.enter(names.pop(0))
        fd, is_new = _open_or_create(walk, name)
    finally:
        os.close(walk.fd)
    try:
        _give(fd, owner, path, may_give=is_new or walk.is_safe)
    except OSError:
        os.close(fd)
        raise
    return fd


class _Walk:
    """A directory that is reached step by step from the root directory.

    `is_safe`: only root can have put something into it, or into those on the way.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.fd = os.open("/", _DIRECTORY)
        self.is_safe = _is_roots(self.fd)
        self._links = 0

    def enter(self, name: str) -> list[str]:
        """Go into *name*; return the names to enter in its place when it is a link."""
        try:
            self._go(os.open(name, _DIRECTORY, dir_fd=self.fd))
        except OSError as error:
            return self._follow(name, error)
        return []

    def error(self, code: int) -> OSError:
        """Return an error about the whole path."""
        return OSError(code, os.strerror(code), self.path)

    def _go(self, fd: int) -> None:
        os.close(self.fd)
        self.fd = fd
        self.is_safe = self.is_safe and _is_roots(fd)

    def _follow(self, name: str, error: OSError) -> list[str]:
        try:
            target = os.readlink(name, dir_fd=self.fd)
        except OSError:  # it is no link, so the first error says what is wrong
            raise self.error(error.errno or ENOENT) from error
        self._links += 1
        if not self.is_safe or self._links > _MAX_LINKS:
            raise self.error(ELOOP) from error
        if target.startswith("/"):
            self._go(os.open("/", _DIRECTORY))
        return _names(target)


def _names(path: str) -> list[str]:
    return [name for name in path.split("/") if name]


def _is_roots(directory: int) -> bool:
    status = os.fstat(directory)
    return status.st_uid == 0 and not status.st_mode & _WRITABLE_BY_OTHERS


def _open_or_create(walk: _Walk, name: str) -> tuple[int, bool]:
    """Return a descriptor and whether the file was created."""
    flags = _FLAGS | os.O_NOFOLLOW
    for _ in range(_OPEN_TRIES):
        for mode, expected in ((os.O_CREAT | os.O_EXCL, EEXIST), (0, ENOENT)):
            try:
                return os.open(name, flags | mode, _MODE, dir_fd=walk.fd), mode != 0
            except OSError as caught:
                if caught.errno != expected:
                    raise walk.error(caught.errno or ENOENT) from caught
    raise walk.error(ELOOP)


def _give(fd: int, owner: Owner, path: str, *, may_give: bool) -> None:
    status = os.fstat(fd)
    if not stat.S_ISREG(status.st_mode):
        return  # a terminal, a pipe or /dev/null stays whose it is
    if status.st_nlink > 1 and status.st_uid != owner[0]:
        raise OSError(ELOOP, os.strerror(ELOOP), path)
    if may_give and status.st_uid == 0 and os.geteuid() == 0:
        os.fchown(fd, *owner)
