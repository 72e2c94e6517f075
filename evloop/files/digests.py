"""Tags of files that are streamed: digests of their bytes, read in the background.

Nothing but the bytes can tell two states of a file apart for certain. Times can't: build
tools and unpackers give the same constant to every release (npm 1985-10-26T08:15:00Z, zip
1980-01-01, SOURCE_DATE_EPOCH), and then tag and size of another file are the same; a tag of
times would answer 304 for it, and If-Range would splice a file of two releases. Inode and
change time do tell, but they differ between replicas and tell about the machine. So:

- The strong tag of a file is the digest of its bytes and nothing else. It is equal on all
  replicas, whatever an unpacker, a container image or rsync did to the times.
- Until the digest is known the tag is weak, so that If-Range never matches and the whole file
  is sent. A weak tag is of time and size if the time has a part of a second, since then it
  was taken from the clock at a write. A time in whole seconds may be a constant: the tag then
  has a random part that is remembered for this state of the file (device, inode, size, mtime,
  ctime), and matches nothing else, on no other replica and after no restart.
- No request waits for a digest, it only asks for it. It is read through the same reader as
  downloads, never waiting for the disk: 64 KiB every 4 ms for all files together (16 MB/s at
  most, a few percent of a core), four files in turn, and it pauses ten seconds after the last
  request for its file. What was read is kept as the state of the digest and goes on when
  somebody asks again: a file of 100 GB is read once for each state, in as many sittings as it
  takes. Two other rules were turned down: a digest of samples (wrong for what changed between
  them) and one of times whose ctime is close to mtime (true of every unpacked constant, since
  ctime is that of the unpacking only if nobody runs chmod).
- A digest counts if the file had been left alone for a minute when it was begun and has the
  same signature when it is done. A minute is how long a page that a writer has mapped may be
  written to without another time stamp (it gets one when the page becomes dirty, and the kernel
  writes it back after 30 s, looking every 5 s). A file system that never stamps what is written
  through a map (tmpfs) gives nobody a way to know; there files are to be replaced, not mapped.
- The bytes that are sent are not the ones that were digested. So a body under a strong tag looks
  at time and size once more with its last bytes in hand (`FileBody`), and a file that was
  rewritten meanwhile ends in a reset, never in a whole body of other bytes.
"""

import os
from collections.abc import Callable
from typing import TypeVar

from evloop.files.entry import (
    Signature,
    etag_of_content,
    etag_of_times,
    has_whole_seconds,
    new_digest,
    signature_of,
)
from evloop.files.preload import CallAt, Handle
from evloop.files.reader import Reader, wait_after
from evloop.files.walk import close_descriptor

SLICE_SIZE = 64 * 1024
"""Bytes that are read in one turn: about 0.1 ms, most of it the digest."""
SLICE_INTERVAL = 0.004
"""Seconds between two slices, of whatever file."""
QUIET_NS = 60 * 1_000_000_000
"""A file that was changed within these nanoseconds is not digested; see above."""

_MAX_KNOWN = 2048  # what is asked for most of a large site; the others are digested again
_MAX_SALTS = 512
# Files that are read in turn. More would only make each of them slower.
_MAX_RUNNING = 4
# Files that nobody asks for at the moment: some 600 bytes each.
_MAX_PAUSED = 64
_UNWANTED = 10.0  # seconds: a client that takes a file in ranges asks again sooner
# Measured with tracemalloc, the growth of the tables included: see tests/files/test_costs.py.
_KNOWN_COST = 640
_SALT_COST = 640
_PAUSED_COST = 1400
TABLE_SIZE = _MAX_KNOWN * _KNOWN_COST + _MAX_SALTS * _SALT_COST + _MAX_PAUSED * _PAUSED_COST
"""Bytes that all of it may come to take."""

_SALT_SIZE = 8

OnDigest = Callable[[str], None]
_Known = TypeVar("_Known")


class _Digestion:
    """One file on its way through the digest. Owns *fd* until close()."""

    __slots__ = ("_digest", "_offset", "fd", "on_digest", "signature", "touched", "tries")

    def __init__(self, signature: Signature, on_digest: OnDigest | None) -> None:
        self.signature = signature
        self.on_digest = on_digest
        self.fd = -1
        self.touched = 0.0
        self.tries = 0
        self._digest = new_digest()
        self._offset = 0

    def step(self, reader: Reader) -> bool:
        """Read one slice, or what of it is in memory; return whether the file is whole.

        Raises OSError when it can't be read or is not the same any more.
        """
        end = min(self._offset + SLICE_SIZE, self.signature.size)
        while self._offset < end:
            # Never so often that the reader waits for the disk.
            piece = reader.read(self.fd, self._offset, end - self._offset, 0)
            if piece is None:
                self.tries += 1
                return False
            self._digest.update(piece)
            self._offset += len(piece)
            self.tries = 0
        return end == self.signature.size

    def result(self) -> str | None:
        """Return the digest; None if the file was changed while it was read."""
        is_same = signature_of(os.fstat(self.fd)) == self.signature
        return self._digest.hexdigest() if is_same else None

    def close(self) -> None:
        if self.fd >= 0:
            close_descriptor(self.fd)
            self.fd = -1


class Digests:
    """Digests by the state of a file: those that are known, and those that are being read."""

    def __init__(self, reader: Reader, call_at: CallAt) -> None:
        self._reader = reader
        self._call_at = call_at
        self._known: dict[Signature, str] = {}
        self._salts: dict[Signature, str] = {}
        self._running: dict[Signature, _Digestion] = {}  # the next to be read first
        self._paused: dict[Signature, _Digestion] = {}  # for longest first
        self._timer: Handle | None = None

    @property
    def is_reading(self) -> bool:
        """Whether a file is being read."""
        return bool(self._running)

    def tag(self, fd: int, signature: Signature, now: float, *, quiet_ns: int) -> bytes:
        """Return the tag of the file behind *fd* as far as it is known, and see to the rest.

        *quiet_ns*: nanoseconds since it was changed.
        """
        digest = self._known.pop(signature, None)
        if digest is not None:
            self._known[signature] = digest
            return etag_of_content(digest)
        if quiet_ns > QUIET_NS:
            self.ask(fd, signature, now)
        return etag_of_times(signature, self._salt(signature))

    def ask(
        self, fd: int, signature: Signature, now: float, on_digest: OnDigest | None = None
    ) -> None:
        """Read the file behind *fd*, which stays the caller's, in the background.

        *on_digest* is told the digest, unless it can't be had. Too many at once are not read.
        """
        digestion = self._running.get(signature)
        if digestion is not None:
            digestion.touched = now
            return
        if len(self._running) >= _MAX_RUNNING:
            return
        try:
            own = os.dup(fd)
        except OSError:
            return  # out of descriptors: the next request asks again
        digestion = self._paused.pop(signature, None) or _Digestion(signature, on_digest)
        digestion.fd = own
        digestion.touched = now
        self._running[signature] = digestion
        if self._timer is None:
            self._timer = self._call_at(now + SLICE_INTERVAL, self._turn)

    def close(self) -> None:
        """Let go of everything."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for digestion in self._running.values():
            digestion.close()
        for table in (self._known, self._salts, self._running, self._paused):
            table.clear()

    def _salt(self, signature: Signature) -> str:
        if not has_whole_seconds(signature):
            return ""
        salt = self._salts.get(signature)
        if salt is None:
            _make_place(self._salts, _MAX_SALTS)
            salt = self._salts[signature] = os.urandom(_SALT_SIZE).hex()
        return salt

    def _turn(self, now: float) -> None:
        """Read a slice of one file, and see when the next is due."""
        self._timer = None
        signature = next(iter(self._running))
        digestion = self._running.pop(signature)
        try:
            if now - digestion.touched > _UNWANTED:
                self._pause(digestion)
            elif digestion.step(self._reader):
                self._finish(digestion)
            else:
                self._running[signature] = digestion
        except (OSError, MemoryError):
            digestion.close()  # whoever sends the file will see it too
        if self._running:
            # As long as the disk needs, where all are waiting for it.
            tries = min(each.tries for each in self._running.values())
            wait = max(wait_after(tries), SLICE_INTERVAL) if tries else SLICE_INTERVAL
            self._timer = self._call_at(now + wait, self._turn)

    def _pause(self, digestion: _Digestion) -> None:
        digestion.close()
        _make_place(self._paused, _MAX_PAUSED)
        self._paused[digestion.signature] = digestion

    def _finish(self, digestion: _Digestion) -> None:
        digest = digestion.result()
        digestion.close()
        if digest is None:
            return
        signature = digestion.signature
        self._known.pop(signature, None)
        self._salts.pop(signature, None)
        _make_place(self._known, _MAX_KNOWN)
        self._known[signature] = digest
        if digestion.on_digest is not None:
            digestion.on_digest(digest)


def _make_place(table: dict[Signature, _Known], size: int) -> None:
    """Forget what was put into *table* longest ago when it has *size* entries."""
    if len(table) >= size:
        del table[next(iter(table))]
