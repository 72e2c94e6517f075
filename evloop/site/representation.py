"""The digest of what a file's bytes are, made once for each of its states, a slice at a time.

Small files are digested at once. For larger ones the request waits, once: where the bytes were
read anew meanwhile, the response has no digest, which nobody is owed (RFC 9530 section 4).
"""

from importlib import import_module
from typing import Any

from evloop.files.content import Preloaded
from evloop.files.entry import Entry
from evloop.files.preload import CallAt, Handle, Wake
from evloop.http.digest_fields import repr_digest, wants_sha256
from evloop.http.request import Request
from evloop.http.response import Field

SLICE_SIZE = 128 * 1024
"""Bytes that are digested in one turn: 0.4 ms (Python 3.11's own SHA-256)."""
SLICE_INTERVAL = 0.001
"""Seconds between two slices, of whatever file: a MiB takes 12 ms, and half of a core at most."""
MAX_DIGESTED = 1024 * 1024
"""Bytes of a file that is digested: the largest that is preloaded, unless the settings say
otherwise. Those who wait for MAX_WAITING such files wait for less than a second."""
MAX_WAITING = 64
"""Files whose turn is yet to come; the digests of others are not sent."""


class _Job:
    """A file that is being digested. Those who subscribe are told once, when it was.

    Holds its content until close().
    """

    __slots__ = ("_content", "_hash", "_offset", "_wakes", "entry")

    def __init__(self, entry: Entry, content: Preloaded) -> None:
        content.retain()
        self._content = content
        self._hash = _new_sha256()
        self._offset = 0
        self._wakes: dict[Wake, None] = {}
        self.entry = entry

    def subscribe(self, wake: Wake) -> None:
        self._wakes[wake] = None

    def unsubscribe(self, wake: Wake) -> None:
        self._wakes.pop(wake, None)

    @property
    def is_wanted(self) -> bool:
        """Whether anybody waits for it."""
        return bool(self._wakes)

    def step(self) -> bool:
        """Digest one slice; return whether it was the last."""
        end = self._offset + SLICE_SIZE
        self._hash.update(self._content.view[self._offset : end])
        self._offset = end
        if end < self.entry.size:
            return False
        self.entry.sha256 = self._hash.digest()
        return True

    def tell(self, now: float) -> None:
        """Tell those who wait that nothing more comes of it."""
        wakes, self._wakes = self._wakes, {}
        for wake in wakes:
            wake(now)

    def close(self) -> None:
        self._content.release()


class ReprDigests:
    """Makes the digests of files in memory, one after the other."""

    def __init__(self, call_at: CallAt) -> None:
        self._call_at = call_at
        self._jobs: dict[Entry, _Job] = {}
        self._timer: Handle | None = None

    def pending(self, entry: Entry, request: Request, now: float) -> _Job | None:
        """Return what has to come before *request* can be answered with the digest of *entry*."""
        content = entry.content
        if (
            content is None
            or entry.sha256
            or entry.size > MAX_DIGESTED
            or not wants_sha256(request.fields.get(b"want-repr-digest"))
        ):
            return None
        job = self._jobs.get(entry)
        if isinstance(request.waited_for, _Job) and request.waited_for is not job:
            return None
        if job is None:
            if len(self._jobs) >= MAX_WAITING:
                return None
            job = _Job(entry, content)
            if entry.size <= SLICE_SIZE:
                job.step()
                job.close()
                return None
            self._jobs[entry] = job
            self._schedule(now)
        request.waited_for = job
        return job

    def close(self) -> None:
        """Digest nothing any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._jobs:
            self._jobs.popitem()[1].close()

    def _schedule(self, now: float) -> None:
        if self._timer is None and self._jobs:
            self._timer = self._call_at(now + SLICE_INTERVAL, self._turn)

    def _turn(self, now: float) -> None:
        """Digest one slice of the file that came first."""
        self._timer = None
        entry, job = next(iter(self._jobs.items()))
        try:
            if job.is_wanted and not job.step():
                return
            del self._jobs[entry]
            job.close()
            job.tell(now)
        finally:
            self._schedule(now)


def digest_field(entry: Entry, request: Request) -> Field | None:
    """Return the Repr-Digest of *entry* if *request* wants it and it is known."""
    if not entry.sha256 or not wants_sha256(request.fields.get(b"want-repr-digest")):
        return None
    return repr_digest(entry.sha256)


def _new_sha256() -> Any:
    # hashlib would load OpenSSL, 2 MB, for an algorithm that Python has in itself: _sha256 is
    # its module in Python 3.11, _sha2 from 3.12 on.
    for name in ("_sha2", "_sha256", "hashlib"):
        try:
            module: Any = import_module(name)
        except ImportError:
            continue
        return module.sha256()
    raise ImportError("no SHA-256")
