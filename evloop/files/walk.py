"""Opening a path one component after the other, never following a link blindly.

For systems without openat2, and for absolute links, which openat2 can't judge.
"""

import errno
import os
import stat
from collections.abc import Sequence

from evloop.files.openat2 import NAME_ONLY, OPEN_FLAGS
from evloop.settings.choices import Symlinks

_WALK_FLAGS = OPEN_FLAGS | os.O_NOFOLLOW
_NAME_FLAGS = NAME_ONLY | os.O_NOFOLLOW
_MAX_LINKS = 40  # as the kernel: MAXSYMLINKS
# What O_NOFOLLOW says of a link where there is no O_PATH.
_IS_LINK = frozenset({errno.ELOOP, errno.EMLINK})

Components = tuple[bytes, ...]
"""An absolute path without empty components and dots."""


def components(path: bytes) -> Components:
    """Return the components of *path*; `..` is kept, since it can't be judged by its name."""
    return tuple(name for name in path.split(b"/") if name not in {b"", b"."})


def walk(root_fd: int, path: bytes, symlinks: Symlinks, roots: Sequence[Components]) -> int:
    """Return a new descriptor of *path* beneath the directory *root_fd*.

    *roots*: the absolute paths by which an absolute link may name the root. Raises OSError;
    ELOOP or EXDEV for links that are not followed.
    """
    trail = _Trail(root_fd)
    pending = path.split(b"/")[::-1]
    links = 0
    try:
        while pending:
            name = pending.pop()
            if name in {b"", b"."}:
                trail.require_directory()
            elif name == b"..":
                trail.require_directory()
                trail.climb()
            elif not trail.descend(name):
                links += 1
                if symlinks is Symlinks.DENY or links > _MAX_LINKS:
                    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
                target = trail.read_link(name).split(b"/")
                if len(target) > 1 and not target[0]:  # it began with a slash
                    target = _beneath(target, roots)
                    trail.restart()
                pending.extend(reversed(target))
        return trail.open()
    finally:
        trail.close()


def _beneath(target: list[bytes], roots: Sequence[Components]) -> list[bytes]:
    """Return the absolute *target* of a link relative to the root, whatever name it has there."""
    for root in roots:
        rest = _without(root, target)
        if rest is not None:
            return rest
    raise OSError(errno.EXDEV, "a link leaves the root")


def _without(root: Components, target: list[bytes]) -> list[bytes] | None:
    """Return what follows *root* in *target*; None when it is not beneath it.

    Whole components are compared: `/srv/www-other` is not beneath `/srv/www`.
    """
    matched = 0
    for place, name in enumerate(target):
        if matched == len(root):
            return target[place:]
        if name in {b"", b"."}:
            continue
        if name != root[matched]:
            return None
        matched += 1
    return [b"."] if matched == len(root) else None


class _Trail:
    """The directories between the root and where a walk stands. Owns their descriptors."""

    def __init__(self, root_fd: int) -> None:
        self._root_fd = root_fd
        self._steps: list[tuple[int, bytes]] = []  # descriptor and name, outermost first

    def _here(self) -> int:
        return self._steps[-1][0] if self._steps else self._root_fd

    def descend(self, name: bytes) -> bool:
        """Step into *name*; return False, and stay, when it is a symbolic link."""
        try:
            fd = os.open(name, _NAME_FLAGS, dir_fd=self._here())
        except OSError as error:
            if error.errno in _IS_LINK:
                return False
            raise
        self._steps.append((fd, name))
        if stat.S_ISLNK(os.fstat(fd).st_mode):
            self._step_back()
            return False
        return True

    def require_directory(self) -> None:
        """Raise NotADirectoryError in front of a file: as for the kernel, `file/..` is nowhere."""
        if not stat.S_ISDIR(os.fstat(self._here()).st_mode):
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))

    def climb(self) -> None:
        if not self._steps:
            raise OSError(errno.EXDEV, "a link leaves the root")
        self._step_back()

    def _step_back(self) -> None:
        close_descriptor(self._steps.pop()[0])

    def restart(self) -> None:
        """Go back to the root."""
        while self._steps:
            self._step_back()

    close = restart

    def read_link(self, name: bytes) -> bytes:
        return os.readlink(name, dir_fd=self._here())

    def open(self) -> int:
        """Open where the walk stands for reading.

        By name, since a descriptor that only names a file can't be read from; if the name
        has become a link meanwhile, O_NOFOLLOW refuses it. A directory that may be searched
        but not read is returned as the descriptor that names it.
        """
        if not self._steps:
            return os.open(b".", _WALK_FLAGS, dir_fd=self._root_fd)
        fd, name = self._steps.pop()
        try:
            return os.open(name, _WALK_FLAGS, dir_fd=self._here())
        except PermissionError:
            if not stat.S_ISDIR(os.fstat(fd).st_mode):
                raise
            named, fd = fd, -1
            return named
        finally:
            if fd >= 0:
                close_descriptor(fd)


def close_descriptor(fd: int) -> None:
    """Close *fd*, which was only read from: an error has nothing to lose, and it is closed."""
    try:
        os.close(fd)
    except OSError:
        pass
