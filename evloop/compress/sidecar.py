"""One sidecar: whether it is current, and how it is made, replaced or removed."""

import os
import stat
from tempfile import SpooledTemporaryFile
from typing import IO, NamedTuple

from evloop.compress.coders import PIECE_SIZE, decode, encoder
from evloop.compress.outcome import LEAST_SAVED, FileChangedError, Outcome, Verdict
from evloop.compress.writing import READ_FLAGS, read_whole, write_sidecar
from evloop.files.variants import FORMATS, MAX_LAG_NS

_FORMATS = {each.coding.decode(): each for each in FORMATS}
ENDINGS = {coding: each.ending.decode() for coding, each in _FORMATS.items()}
"""What is put behind a name, by coding."""

# Bytes of a file that is compared with what its sidecar decodes to, when the times leave it open.
_MAX_COMPARED = 64 * 1024 * 1024
_MAX_SPOOLED = 64 * 1024 * 1024  # coded bytes that a process keeps in memory; more go to a file


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

    @property
    def sidecar(self) -> str:
        """The path of the sidecar."""
        return self.path + ENDINGS[self.coding]

    def carry_out(self) -> Outcome:
        """Do what is asked for. Never raises OSError: what fails is in the outcome."""
        try:
            fd = os.open(self.path, READ_FLAGS)
            try:
                return _carry_out(self, fd)
            finally:
                os.close(fd)
        except OSError as error:
            return Outcome(self, Verdict.FAILED, reason=error.strerror or str(error))


def _carry_out(task: Task, fd: int) -> Outcome:
    status = os.fstat(fd)
    path = task.sidecar
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
        write_sidecar(path, status, coded)
    return Outcome(task, Verdict.WRITTEN, size)


def _judge(task: Task, fd: int, status: os.stat_result, path: str) -> tuple[Verdict, int]:
    """Return whether the sidecar at *path* is current, and its size.

    The server lets a sidecar be two seconds older than its file. Here it is not: what it decodes
    to is compared then, so that a file which was edited right after it was compressed is found.
    """
    try:
        sidecar = os.open(path, READ_FLAGS)
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
        decoded = decode(task.coding, read_whole(sidecar))
    except Exception:  # each decoder has errors of its own
        return False
    return decoded == read_whole(fd)


def _encode(task: Task, fd: int, status: os.stat_result, out: IO[bytes]) -> int:
    """Write the coded bytes of the file to *out*; return their number, 0 if that is too large."""
    encode = encoder(task.coding, status.st_size)
    limit = status.st_size * (LEAST_SAVED - 1) // LEAST_SAVED
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


def _without(task: Task, path: str, verdict: Verdict) -> Outcome:
    """See to it that there is no sidecar."""
    if verdict is Verdict.MISSING:
        return Outcome(task, Verdict.DENSE)
    if task.is_check:
        return Outcome(task, Verdict.STALE)
    os.unlink(path)
    return Outcome(task, Verdict.REMOVED)
