"""The names in a directory, read a few at a time through a buffer that all directories share.

os.scandir() keeps a buffer of 32 KiB for each directory that is being read. getdents64(2) leaves
the place in the kernel, where it is part of the descriptor, so a listing that waits for its
client costs a descriptor. Where there is no getdents64, os.scandir() does it.
"""

import ctypes
import errno
import os
import stat
import struct
from collections.abc import Callable
from itertools import islice
from typing import Protocol

from evloop.files.walk import close_descriptor

UNKNOWN, DIRECTORY, REGULAR, LINK = 0, 4, 8, 10
"""Kinds of entries: DT_UNKNOWN, DT_DIR, DT_REG and DT_LNK of dirent.h."""

RECORD_SIZE = 24
"""Bytes of the shortest record, with a name of one to four bytes (getdents(2), aligned to 8)."""
SLICE_SIZE = 8 * 1024
"""Bytes of records that are read at once, at most: some 250 names, and a millisecond when each of
them is looked at."""

_HEAD = struct.Struct("=QqHB")  # inode, offset, size of the record, kind
_OWN_NAMES = frozenset({b".", b".."})

Name = tuple[bytes, int]
"""A name and its kind."""


class Names(Protocol):
    """The names in an open directory."""

    fd: int

    def read(self, size: int) -> list[Name]:
        """Return the next names, so many as *size* bytes of records hold; none at the end.

        *size* is from 512 to SLICE_SIZE. Raises OSError when they can't be read.
        """

    def rewind(self) -> None:
        """Go back to the first name."""

    def close(self) -> None:
        """Close the directory. May be called again."""


Getdents = Callable[[int, int], bytes]
"""Returns up to so many bytes of records from a descriptor; nothing at the end."""


def find_getdents() -> Getdents | None:
    """Return the C library's getdents64, None where it has none."""
    library = ctypes.CDLL(None, use_errno=True)
    function = getattr(library, "getdents64", None)
    if function is None:
        return None
    function.restype = ctypes.c_ssize_t
    function.argtypes = (ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t)
    buffer = bytearray(SLICE_SIZE)
    shared = (ctypes.c_char * SLICE_SIZE).from_buffer(buffer)
    address, memory = ctypes.addressof(shared), memoryview(buffer)

    def getdents(fd: int, size: int) -> bytes:
        count: int = function(fd, address, size)
        if count >= 0:
            return bytes(memory[:count])
        number = ctypes.get_errno()
        if number == errno.ENOENT:
            return b""  # the directory was removed: nothing is in it
        raise _error(number)

    return getdents


class KernelNames:
    """Names by getdents64. Owns *fd*."""

    __slots__ = ("_getdents", "fd")

    def __init__(self, fd: int, getdents: Getdents) -> None:
        self.fd = fd
        self._getdents = getdents

    def read(self, size: int) -> list[Name]:
        while records := self._getdents(self.fd, size):
            if names := _parse(records):
                return names
        return []

    def rewind(self) -> None:
        os.lseek(self.fd, 0, os.SEEK_SET)

    def close(self) -> None:
        if self.fd >= 0:
            close_descriptor(self.fd)
            self.fd = -1


class ScannedNames:
    """Names by os.scandir(), of kinds that are not known. Owns *fd*."""

    __slots__ = ("_entries", "fd")

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self._entries = os.scandir(fd)

    def read(self, size: int) -> list[Name]:
        entries = islice(self._entries, size // RECORD_SIZE)
        return [(os.fsencode(entry.name), UNKNOWN) for entry in entries]

    def rewind(self) -> None:
        self._entries.close()
        self._entries = os.scandir(self.fd)

    def close(self) -> None:
        if self.fd >= 0:
            self._entries.close()
            close_descriptor(self.fd)
            self.fd = -1


def _parse(records: bytes) -> list[Name]:
    """Return what getdents64 has written, less the directory itself and its parent."""
    names = []
    place, end = 0, len(records)
    head_size, unpack = _HEAD.size, _HEAD.unpack_from
    while place < end:
        _, _, size, kind = unpack(records, place)
        start = place + head_size
        name = records[start : records.index(0, start)]
        if name not in _OWN_NAMES:
            names.append((name, kind))
        place += size
    return names


_getdents = find_getdents()


def open_names(fd: int) -> Names:
    """Return the names in the directory *fd*, which is theirs from here on.

    Raises NotADirectoryError, and PermissionError for a descriptor that only names its directory.
    """
    try:
        if not stat.S_ISDIR(os.fstat(fd).st_mode):
            raise _error(errno.ENOTDIR)
        os.lseek(fd, 0, os.SEEK_SET)
        return ScannedNames(fd) if _getdents is None else KernelNames(fd, _getdents)
    except OSError as error:
        close_descriptor(fd)
        if error.errno == errno.EBADF:
            raise _error(errno.EACCES) from error
        raise


def _error(number: int) -> OSError:
    return OSError(number, os.strerror(number))
