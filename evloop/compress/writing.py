"""How sidecars are written: in one step, and alike to the file that they are of."""

import os
import secrets
import signal
import stat
from typing import IO

from evloop.compress.coders import PIECE_SIZE

READ_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
"""How files are opened that may be something else: neither through a link, nor waiting."""

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_TEMPORARY = ".evloop-%s.tmp"  # a hidden name, which is not served


def read_whole(fd: int) -> bytes:
    """Return the bytes of a file that is small enough for memory."""
    return os.pread(fd, os.fstat(fd).st_size, 0)


def write_sidecar(path: str, status: os.stat_result, coded: IO[bytes]) -> None:
    """Put a file of what is in *coded* at *path*, in one step.

    Signals that end the process have to wait meanwhile, so that no temporary file is left.
    """
    temporary = os.path.join(os.path.dirname(path), _TEMPORARY % secrets.token_hex(8))
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    coded.seek(0)
    signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
    try:
        with open(os.open(temporary, flags, 0o600), "wb", buffering=0) as out:
            while piece := coded.read(PIECE_SIZE):
                _write_all(out.fileno(), piece)
            _make_alike(out.fileno(), status)
            os.fsync(out.fileno())  # or the name may survive a crash, and the bytes not
        os.rename(temporary, path)
    except BaseException:
        _remove(temporary)
        raise
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDING)


def _write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def _make_alike(fd: int, status: os.stat_result) -> None:
    """Give the sidecar the owner, the mode and the time of its file."""
    own = os.fstat(fd)
    if (own.st_uid, own.st_gid) != (status.st_uid, status.st_gid):
        try:
            os.fchown(fd, status.st_uid, status.st_gid)
        except PermissionError:
            pass  # only root gives files away; the mode says who may read it
    os.fchmod(fd, stat.S_IMODE(status.st_mode) & 0o777)
    os.utime(fd, ns=(status.st_atime_ns, status.st_mtime_ns))


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass
