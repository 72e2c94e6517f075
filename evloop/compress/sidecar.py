"""One sidecar: whether it is current, and how it is made, replaced or removed."""

import os
import secrets
import signal
import stat
from enum import Enum
from tempfile import SpooledTemporaryFile
from typing import IO, NamedTuple

from evloop.compress.coders import PIECE_SIZE, decode, encoder
from evloop.files.variants import FORMATS, MAX_LAG_NS

_FORMATS = {each.coding.decode(): each for each in FORMATS}
ENDINGS = {coding: each.ending.decode() for coding, each in _FORMATS.items()}
"""What is put behind a name, by coding."""

# What does not shrink by a twentieth is not worth a second file, nor the work to decode it.
_LEAST_SAVED = 20
# Bytes of a file that is compared with what its sidecar decodes to, when the times leave it open.
_MAX_COMPARED = 64 * 1024 * 1024
_MAX_SPOOLED = 64 * 1024 * 1024  # coded bytes that a process keeps in memory; more go to a file
_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_TEMPORARY = ".evloop-%s.tmp"  # a hidden name, which is not served
_READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


class Verdict(Enum):
    """What is to be said of a sidecar."""

    CURRENT = "current"
    MISSING = "missing"
    STALE = "stale"
    WRITTEN = "written"
    REMOVED = "removed"
    DENSE = "left out"
    """The file does not shrink enough, and there is no sidecar."""
    FAILED = "failed"


class Task(NamedTuple):
    """A sidecar that should be there, or not."""

    path: str
    """Of the file."""
    size: int
    coding: str
    is_wanted: bool = True
    """False: it is only removed when it is stale."""
    is_check: bool = False
    """Whether nothing may be written."""


class Outcome(NamedTuple):
    """What came of a task. Sizes in bytes; `coded_size` is 0 where there is no sidecar."""

    task: Task
    verdict: Verdict
    coded_size: int = 0
    reason: str = ""


class FileChangedError(OSError):
    """The file was changed while it was read."""


def carry_out(task: Task) -> Outcome:
    """Do what *task* asks for. Never raises OSError: what fails is in the outcome."""
    try:
        fd = os.open(task.path, _READ)
        try:
            return _carry_out(task, fd)
        finally:
            os.close(fd)
    except OSError as error:
        return Outcome(task, Verdict.FAILED, reason=error.strerror or str(error))


def sidecar_path(task: Task) -> str:
    """Return the path of the sidecar."""
    return task.path + ENDINGS[task.coding]


def _carry_out(task: Task, fd: int) -> Outcome:
    status = os.fstat(fd)
    path = sidecar_path(task)
    verdict, size = _judge(task, fd, status, path)
    if verdict is Verdict.CURRENT:
        return Outcome(task, verdict, size)
    if not task.is_wanted:
        if verdict is Verdict.MISSING:
            return Outcome(task, Verdict.DENSE)
        return _without(task, path, verdict)
    with SpooledTemporaryFile(_MAX_SPOOLED) as coded:
        size = _encode(task, fd, status, coded)
        if not size:
            return _without(task, path, verdict)
        if task.is_check:
            return Outcome(task, verdict)
        _write(path, status, coded)
    return Outcome(task, Verdict.WRITTEN, size)


def _judge(task: Task, fd: int, status: os.stat_result, path: str) -> tuple[Verdict, int]:
    """Return whether the sidecar at *path* is current, and its size.

    The server lets a sidecar be two seconds older than its file. Here it is not: what it decodes
    to is compared then, so that a file which was edited right after it was compressed is found.
    """
    try:
        sidecar = os.open(path, _READ)
    except FileNotFoundError:
        return Verdict.MISSING, 0
    try:
        found = os.fstat(sidecar)
        if not stat.S_ISREG(found.st_mode):
            raise OSError(0, "the sidecar is no regular file")
        magic = _FORMATS[task.coding].magic
        if not found.st_size or os.pread(sidecar, len(magic), 0) != magic:
            return Verdict.STALE, found.st_size
        lag = status.st_mtime_ns - found.st_mtime_ns
        if lag > MAX_LAG_NS or (lag > 0 and not _is_same(task, fd, status, sidecar)):
            return Verdict.STALE, found.st_size
        return Verdict.CURRENT, found.st_size
    finally:
        os.close(sidecar)


def _is_same(task: Task, fd: int, status: os.stat_result, sidecar: int) -> bool:
    """Whether the sidecar decodes to the file."""
    if status.st_size > _MAX_COMPARED:
        return False
    try:
        decoded = decode(task.coding, _read_whole(sidecar))
    except Exception:  # each decoder has errors of its own
        return False
    return decoded == _read_whole(fd)


def _read_whole(fd: int) -> bytes:
    return os.pread(fd, os.fstat(fd).st_size, 0)


def _encode(task: Task, fd: int, status: os.stat_result, out: IO[bytes]) -> int:
    """Write the coded bytes of the file to *out*; return their number, 0 if that is too large."""
    encode = encoder(task.coding, status.st_size)
    limit = status.st_size * (_LEAST_SAVED - 1) // _LEAST_SAVED
    done = total = 0
    while done < status.st_size and total <= limit:
        data = os.pread(fd, PIECE_SIZE, done)
        if not data:
            break
        done += len(data)
        piece = encode(data, done >= status.st_size)
        total += len(piece)
        out.write(piece)
    after = os.fstat(fd)
    if (after.st_mtime_ns, after.st_size) != (status.st_mtime_ns, status.st_size):
        raise FileChangedError(0, "changed while it was read")
    return total if total <= limit else 0


def _write(path: str, status: os.stat_result, coded: IO[bytes]) -> None:
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


def _without(task: Task, path: str, verdict: Verdict) -> Outcome:
    """See to it that there is no sidecar."""
    if verdict is Verdict.MISSING:
        return Outcome(task, Verdict.DENSE)
    if task.is_check:
        return Outcome(task, Verdict.STALE)
    os.unlink(path)
    return Outcome(task, Verdict.REMOVED)


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass
