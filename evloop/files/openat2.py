"""openat2(2): opening a path beneath a directory in one system call."""

import ctypes
import errno
import os
import sys
from collections.abc import Callable

from evloop.settings.choices import Symlinks

OPEN_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
"""How files are opened. O_NONBLOCK: opening a FIFO must not wait for its writer."""
NAME_ONLY = getattr(os, "O_PATH", os.O_RDONLY | os.O_NONBLOCK) | os.O_CLOEXEC
"""A descriptor that only names a file: it needs no permission to read and has no side effects."""
UNDECIDED = frozenset({errno.EAGAIN, errno.EXDEV, errno.EINTR})
"""The path may be fine, but openat2 can't say: a rename was under way or another process holds
a lease on the file (EAGAIN), or an absolute link may still lead back beneath the root (EXDEV)."""

OpenBeneath = Callable[[bytes, int], int]
"""Opens a relative path with the flags given; returns a descriptor or raises OSError."""

_SYS_OPENAT2 = 437  # the same number on every architecture
_RESOLVE_NO_MAGICLINKS = 0x02
_RESOLVE_NO_SYMLINKS = 0x04
_RESOLVE_BENEATH = 0x08
# Linux before 5.6 says ENOSYS; seccomp filters of container runtimes say EPERM or EACCES.
_UNAVAILABLE = frozenset({errno.ENOSYS, errno.EPERM, errno.EACCES, errno.EOPNOTSUPP})


class _OpenHow(ctypes.Structure):
    _fields_ = (
        ("flags", ctypes.c_uint64),
        ("mode", ctypes.c_uint64),
        ("resolve", ctypes.c_uint64),
    )


def openat2_beneath(root_fd: int, symlinks: Symlinks) -> OpenBeneath | None:
    """Return a function that opens a path beneath *root_fd*; None where it can't be had.

    Raises OSError for trouble that is neither the kernel's age nor a sandbox.
    """
    if sys.platform != "linux":
        return None
    resolve = _RESOLVE_BENEATH | _RESOLVE_NO_MAGICLINKS
    if symlinks is Symlinks.DENY:
        resolve |= _RESOLVE_NO_SYMLINKS
    how = _OpenHow(OPEN_FLAGS, 0, resolve)
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

    def open_beneath(path: bytes, flags: int) -> int:
        how.flags = flags
        fd: int = syscall(_SYS_OPENAT2, root_fd, path, how_address, how_size)
        if fd < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
        return fd

    try:
        os.close(open_beneath(b".", NAME_ONLY))
    except OSError as error:
        if error.errno in _UNAVAILABLE:
            return None
        raise
    return open_beneath
