"""The directory that is served, and the only way into it.

Every file is opened beneath the root's own descriptor, so there is no gap between a check
and the open. Linux does it in one call, openat2 with RESOLVE_BENEATH; everywhere else, and
for links that openat2 can't judge, a walk opens one component after the other with
O_NOFOLLOW and resolves links by itself.
"""

import ctypes
import errno
import os
import stat
import sys
from collections.abc import Callable

from evloop.settings.choices import Symlinks

# O_NONBLOCK: opening a FIFO must not wait for its writer.
_OPEN_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
_WALK_FLAGS = _OPEN_FLAGS | os.O_NOFOLLOW
# A descriptor that only names a file: it needs no permission to read and has no side effects.
_NAME_FLAGS = getattr(os, "O_PATH", os.O_RDONLY | os.O_NONBLOCK) | os.O_NOFOLLOW | os.O_CLOEXEC
_MAX_LINKS = 40  # as the kernel

_SYS_OPENAT2 = 437  # the same number on every architecture
_RESOLVE_NO_MAGICLINKS = 0x02
_RESOLVE_NO_SYMLINKS = 0x04
_RESOLVE_BENEATH = 0x08
# The path is fine or foul, but openat2 can't say which: a rename was under way (EAGAIN), or
# an absolute link may still lead back beneath the root (EXDEV).
_UNDECIDED = frozenset({errno.EAGAIN, errno.EXDEV, errno.EINTR})
# What O_NOFOLLOW says of a link where there is no O_PATH.
_IS_LINK = frozenset({errno.ELOOP, errno.EMLINK})
_NO_OPENAT2 = frozenset({errno.ENOSYS, errno.EPERM, errno.EOPNOTSUPP})


class _OpenHow(ctypes.Structure):
    _fields_ = (
        ("flags", ctypes.c_uint64),
        ("mode", ctypes.c_uint64),
        ("resolve", ctypes.c_uint64),
    )


class Root:
    """A directory beneath which files are opened. Owns its descriptor.

    Raises OSError when *path* is no directory that can be read.
    """

    def __init__(
        self, path: str, symlinks: Symlinks = Symlinks.INSIDE, *, openat2: bool = True
    ) -> None:
        self.path = os.path.realpath(path)
        self.symlinks = symlinks
        self._prefix = os.fsencode(self.path).rstrip(b"/") + b"/"
        self._fd = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            self._openat2 = _openat2_beneath(self._fd, symlinks) if openat2 else None
        except OSError:
            self.close()
            raise

    def open(self, path: bytes) -> int:
        """Return a new descriptor of *path*, which is relative and has no dot segments.

        What is opened may be anything; the caller looks at it with fstat. The empty path is
        the root itself.

        Raises OSError; ELOOP or EXDEV for links that the policy does not follow.
        """
        if self.symlinks is Symlinks.FOLLOW:
            return os.open(path or b".", _OPEN_FLAGS, dir_fd=self._fd)
        if self._openat2 is not None:
            try:
                return self._openat2(path or b".")
            except OSError as error:
                if error.errno not in _UNDECIDED:
                    raise
        return self._walk(path)

    def close(self) -> None:
        """Close the root's descriptor. May be called again."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _walk(self, path: bytes) -> int:
        """Open *path* one component at a time, never following a link blindly."""
        trail = _Trail(self._fd)
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
                    if self.symlinks is Symlinks.DENY or links > _MAX_LINKS:
                        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
                    target = trail.read_link(name)
                    if target.startswith(b"/"):
                        target = self._beneath(target)
                        trail.restart()
                    pending.extend(reversed(target.split(b"/")))
            return trail.open()
        finally:
            trail.close()

    def _beneath(self, target: bytes) -> bytes:
        """Return the absolute *target* of a link as a path relative to the root."""
        if not (target + b"/").startswith(self._prefix):
            raise OSError(errno.EXDEV, "a link leaves the root")
        return target[len(self._prefix) :]


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
        has become a link meanwhile, O_NOFOLLOW refuses it.
        """
        if not self._steps:
            return os.open(b".", _WALK_FLAGS, dir_fd=self._root_fd)
        fd, name = self._steps.pop()
        try:
            return os.open(name, _WALK_FLAGS, dir_fd=self._here())
        finally:
            close_descriptor(fd)


def close_descriptor(fd: int) -> None:
    """Close *fd*, which was only read from: an error has nothing to lose, and it is closed."""
    try:
        os.close(fd)
    except OSError:
        pass


def _openat2_beneath(root_fd: int, symlinks: Symlinks) -> Callable[[bytes], int] | None:
    """Return a function that opens a path beneath *root_fd*; None where it can't be had."""
    if sys.platform != "linux":
        return None
    resolve = _RESOLVE_BENEATH | _RESOLVE_NO_MAGICLINKS
    if symlinks is Symlinks.DENY:
        resolve |= _RESOLVE_NO_SYMLINKS
    how = _OpenHow(_OPEN_FLAGS, 0, resolve)
    how_address, how_size = ctypes.addressof(how), ctypes.sizeof(how)
    syscall = ctypes.CDLL(None, use_errno=True).syscall
    syscall.restype = ctypes.c_long
    syscall.argtypes = (
        ctypes.c_long,
        ctypes.c_int,
        ctypes.c_char_p,
        ctypes.c_void_p,
        ctypes.c_size_t,
    )

    def open_beneath(path: bytes, _keep: _OpenHow = how) -> int:
        fd: int = syscall(_SYS_OPENAT2, root_fd, path, how_address, how_size)
        if fd < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
        return fd

    try:
        os.close(open_beneath(b"."))
    except OSError as error:
        if error.errno in _NO_OPENAT2:
            return None  # an older kernel, or a sandbox that does not know the call
        raise
    return open_beneath
