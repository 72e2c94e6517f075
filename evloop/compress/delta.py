"""One difference of a file to an older version of it (RFC 9842 section 5)."""

import hashlib
import os
from io import BytesIO
from typing import NamedTuple

from evloop.compress.coders import encode_against
from evloop.compress.outcome import LEAST_SAVED, FileChangedError, Outcome, Verdict
from evloop.compress.sidecar import ENDINGS
from evloop.compress.writing import READ_FLAGS, read_whole, write_sidecar
from evloop.files.deltas import HEAD_SIZE, MAGIC, delta_path

MAX_SIZE = 64 * 1024 * 1024
"""Bytes of a version: two of them, and what the coder knows of them, are in memory at once."""


class Delta(NamedTuple):
    """A difference that should be there."""

    path: str
    """Of the file."""
    size: int
    old: str
    """The path of the older version."""
    is_check: bool = False
    """Whether nothing may be written."""

    @property
    def sidecar(self) -> str:
        """What is said of it before the older version was read."""
        return f"{self.path}.*.dcz"

    def carry_out(self) -> Outcome:
        """Write the difference, if it is worth it. Never raises OSError."""
        try:
            return self._carry_out()
        except OSError as error:
            return Outcome(self, Verdict.FAILED, reason=error.strerror or str(error))

    def _carry_out(self) -> Outcome:
        old, _ = _read(self.old)
        digest = hashlib.sha256(old).digest()
        path = os.fsdecode(delta_path(os.fsencode(self.path), digest))
        new, status = _read(self.path)
        if _is_current(path, digest, status):
            return Outcome(self, Verdict.CURRENT, os.stat(path).st_size)
        if new == old or not new or not old:
            return Outcome(self, Verdict.DENSE)
        coded = MAGIC + digest + encode_against(old, new)
        if len(coded) > _smallest(self) * (LEAST_SAVED - 1) // LEAST_SAVED:
            return Outcome(self, Verdict.DENSE)
        if self.is_check:
            verdict = Verdict.STALE if os.path.lexists(path) else Verdict.MISSING
            return Outcome(self, verdict)
        write_sidecar(path, status, BytesIO(coded))
        return Outcome(self, Verdict.WRITTEN, len(coded))


class Leftover(NamedTuple):
    """A difference of which the file has changed since."""

    sidecar: str
    size: int
    is_check: bool = False

    def carry_out(self) -> Outcome:
        """Remove it. Never raises OSError."""
        if self.is_check:
            return Outcome(self, Verdict.STALE)
        try:
            os.unlink(self.sidecar)
        except OSError as error:
            return Outcome(self, Verdict.FAILED, reason=error.strerror or str(error))
        return Outcome(self, Verdict.REMOVED)


def _read(path: str) -> tuple[bytes, os.stat_result]:
    """Return the bytes of the file at *path*, none of one that is too large, and its status."""
    fd = os.open(path, READ_FLAGS)
    try:
        status = os.fstat(fd)
        data = b"" if status.st_size > MAX_SIZE else read_whole(fd)
        after = os.fstat(fd)
    finally:
        os.close(fd)
    if (after.st_mtime_ns, after.st_size) != (status.st_mtime_ns, status.st_size):
        raise FileChangedError(0, "changed while it was read")
    return data, status


def _is_current(path: str, digest: bytes, status: os.stat_result) -> bool:
    """Whether there is a difference at *path*, as new as the file."""
    try:
        with open(path, "rb", opener=lambda name, _: os.open(name, READ_FLAGS)) as delta:
            head = delta.read(HEAD_SIZE)
            return head == MAGIC + digest and (
                os.fstat(delta.fileno()).st_mtime_ns >= status.st_mtime_ns
            )
    except FileNotFoundError:
        return False


def _smallest(task: Delta) -> int:
    """Return the bytes of the file or of the smallest of its other sidecars."""
    sizes = [task.size]
    for ending in ENDINGS.values():
        try:
            sizes.append(os.stat(task.path + ending).st_size)
        except OSError:
            continue
    return min(sizes)
