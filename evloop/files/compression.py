"""Small files that nobody has compressed: gzip of what is in memory, a slice at a time.

The loop compresses 8 KiB every 4 ms, one file after the other, each once for each of its states.
Until the result is there the file is sent as it is. The result lies beside the file in memory,
within the same budget, and is evicted as files are. Nothing that is streamed is compressed: it
would have to be compressed again for each client.
"""

import zlib
from collections.abc import Mapping

from evloop.files.cache import Found
from evloop.files.compressible import is_compressible
from evloop.files.content import Budget, Preloaded
from evloop.files.entry import Entry, etag_of_coding, etag_of_content, new_digest
from evloop.files.preload import CallAt, Handle
from evloop.files.store import Store

SLICE_SIZE = 8 * 1024
"""Bytes that are compressed in one turn: 0.2 ms for program text, 0.7 ms for random digits, which
are the slowest that were found (zlib 1.2.13, level 6; 16 KiB of them take 1.4 ms)."""
SLICE_INTERVAL = 0.004
"""Seconds between two slices, of whatever file: 2 MB/s, at most a fifth of a core."""
MIN_SIZE = 1024
"""Smaller files are not worth it: with its head a response is one packet then (RFC 9293 section
3.7.1, an Ethernet of 1500 bytes), coded or not."""
COMPRESSION_SIZE = 512 * 1024
"""Bytes that the state of the compressor takes, which is 268 KB (zconf.h), and its tables."""

_LEVEL = 6  # zlib's default: level 9 takes up to ten times as long for one percent
_GZIP = 16 + zlib.MAX_WBITS  # zlib.h, deflateInit2(): a header without a time, so it is the same
CODING = b"gzip"
_MAX_WAITING = 64
# What does not shrink by a twentieth is not sent coded: to decode it costs the client as much.
_LEAST_SAVED = 20
# Tags of files that were found not to shrink: some 200 bytes each.
_MAX_DENSE = 512
# What a result costs beside its bytes, as in the cache: its entry, its name, its place in the
# tables, its prepared response. tests/files/test_compression.py measures it.
_ENTRY_COST = 2560

_NONE: Mapping[bytes, int] = {}


class _Job:
    """A file on its way through the compressor. Holds its content until close()."""

    __slots__ = ("_coder", "_content", "_offset", "coded", "cost", "digest", "entry")

    def __init__(self, entry: Entry, content: Preloaded, cost: int) -> None:
        self._content = content
        self._coder = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP)
        self._offset = 0
        self.entry = entry
        self.cost = cost
        self.coded = bytearray()
        self.digest = new_digest()
        content.retain()

    def step(self) -> bool:
        """Compress one slice; return whether it was the last."""
        end = self._offset + SLICE_SIZE
        piece = self._coder.compress(self._content.view[self._offset : end])
        is_last = end >= self.entry.size
        if is_last:
            piece += self._coder.flush()
        self._offset = end
        self.coded += piece
        self.digest.update(piece)
        return is_last

    @property
    def is_dense(self) -> bool:
        """Whether too little is saved, which may be plain before the end."""
        return len(self.coded) * _LEAST_SAVED > self.entry.size * (_LEAST_SAVED - 1)

    def close(self) -> None:
        self._content.release()


class Compressor:
    """Compresses preloaded files of *store*, and keeps the results there, within *budget*."""

    def __init__(self, store: Store, budget: Budget, call_at: CallAt) -> None:
        self._store = store
        self._budget = budget
        self._call_at = call_at
        self._waiting: dict[bytes, Entry] = {}
        self._dense: dict[bytes, None] = {}
        self._job: _Job | None = None
        self._timer: Handle | None = None

    def applies(self, entry: Entry) -> bool:
        """Whether *entry* is, or will be, there in a coding as well."""
        return (
            entry.content is not None
            and entry.size >= MIN_SIZE
            and is_compressible(entry.media_type)
            and entry.etag not in self._dense
        )

    def sizes(self, entry: Entry, now: float) -> Mapping[bytes, int]:
        """Return the bytes of each coding that is there of *entry*, and see to what is not.

        *entry* is one to which this applies.
        """
        key = _key(entry)
        coded = self._store.entries.get(key)
        if coded is None:
            self._ask(entry, now)
            return _NONE
        if coded.checked != entry.checked:
            coded.mtime = entry.mtime
            self._store.confirm(key, coded, entry.checked)
        return {CODING: coded.size}

    def find(self, entry: Entry, coding: bytes, now: float) -> Found:
        """Return *entry* in *coding*, which sizes() has just told."""
        return Found(self._store.entries[_key(entry)])

    def close(self) -> None:
        """Let go of everything but the results, which are the store's."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._waiting.clear()
        self._end()

    def _ask(self, entry: Entry, now: float) -> None:
        if entry.path in self._waiting or len(self._waiting) < _MAX_WAITING:
            if self._job is None or _key(self._job.entry) != _key(entry):
                self._waiting[entry.path] = entry
            self._schedule(now)

    def _schedule(self, now: float) -> None:
        if self._timer is None and (self._job is not None or self._waiting):
            self._timer = self._call_at(now + SLICE_INTERVAL, self._turn)

    def _turn(self, now: float) -> None:
        """Compress one slice of one file."""
        self._timer = None
        try:
            job = self._job or self._begin()
            if job is None:
                return
            if not self._is_current(job.entry):
                self._end()
            elif job.step():
                self._finish(job)
            elif job.is_dense:
                self._give_up(job)
        except MemoryError:
            self._end()
        finally:
            self._schedule(now)

    def _is_current(self, entry: Entry) -> bool:
        found = self._store.entries.get(entry.path)
        return found is not None and found.etag == entry.etag

    def _begin(self) -> _Job | None:
        """Take the next file that is wanted, if there is room for its result."""
        path = next(iter(self._waiting))
        entry = self._waiting.pop(path)
        content = entry.content
        if content is None or not self._is_current(entry) or _key(entry) in self._store.entries:
            return None
        # What becomes of it is smaller; held meanwhile, the file itself is not evicted for it.
        content.retain()
        cost = _cost(entry, entry.size)
        has_room = self._store.make_room(cost)
        try:
            if has_room:
                self._job = _Job(entry, content, cost)
        except MemoryError:
            self._budget.release(cost)
            raise
        finally:
            content.release()
        return self._job

    def _finish(self, job: _Job) -> None:
        if job.is_dense:
            self._give_up(job)
            return
        entry, size = job.entry, len(job.coded)
        cost = _cost(entry, size)
        coded = Entry(
            entry.path,
            entry.signature,
            etag_of_coding(etag_of_content(job.digest.hexdigest()), CODING),
            size,
            checked=entry.checked,
            content=Preloaded(memoryview(bytes(job.coded)), self._budget, cost),
        )
        coded.media_type = entry.media_type
        coded.coding = CODING
        coded.vary = entry.vary
        self._budget.release(job.cost - cost)
        job.cost = 0  # what is left of it is the result's
        self._end()
        self._store.add(_key(entry), coded)

    def _give_up(self, job: _Job) -> None:
        if len(self._dense) >= _MAX_DENSE:
            del self._dense[next(iter(self._dense))]
        self._dense[job.entry.etag] = None
        self._end()

    def _end(self) -> None:
        job, self._job = self._job, None
        if job is not None:
            self._budget.release(job.cost)
            job.close()


def _key(entry: Entry) -> bytes:
    """Return the name under which the coded bytes of *entry* are stored.

    It has a NUL, so it is that of no file. It has the digest of the plain bytes, so what was made
    of them is found again when the file is read anew and has not changed.
    """
    return b"%b\0%b" % (entry.path, entry.etag)


def _cost(entry: Entry, size: int) -> int:
    return size + _ENTRY_COST + 2 * len(entry.path)
