"""Which files are in memory, and what is known of them.

A lookup ends with an Entry and, for a file that is streamed, a descriptor of the same
state of the file. Small files are read once and shared, and stay within the budget in the
order of their use. What is known of a file is checked against the disk when it is older
than `revalidate` seconds, and never served staler.
"""

import os
import stat
import time
from collections.abc import Callable
from itertools import islice
from typing import NamedTuple

from evloop.files.content import Budget, Preloaded
from evloop.files.entry import Entry, Signature, etag_of_content, etag_of_times, signature_of
from evloop.files.preload import Allowance, Preload
from evloop.files.reader import Reader
from evloop.files.root import Root, close_descriptor
from evloop.settings.choices import PreloadMode


class CacheSettings(NamedTuple):
    """Sizes in bytes, times in seconds."""

    max_in_memory_size: int = 1024 * 1024
    memory_budget: int = 64 * 1024 * 1024
    revalidate: float = 1.0
    sharing: PreloadMode = PreloadMode.SHARED


# A file that changed less than this before it was read may change again without a new time
# stamp (FAT keeps two seconds): its bytes are compared at the next check.
_SETTLED_NS = 2_000_000_000
# What a preloaded file costs beside its bytes: its entry, its name, its prepared response,
# which for a small file has a second copy of the bytes joined to the head.
_ENTRY_COST = 1024
_JOINED_COST = 8 * 1024
# Small files that did not fit, of which only the digest is remembered.
_MAX_DIGESTS = 2048
DIGESTS_SIZE = _MAX_DIGESTS * 1024
"""Bytes that what is remembered of them may come to take."""
# So many of the files checked longest ago are looked at to find one to evict.
_MAX_VICTIMS = 64
# A file on its way into memory that nobody has asked for since is given up; sooner when
# its place is wanted. Who waits for it asks every few milliseconds.
_ABANDONED = 5.0
_REPLACEABLE = 0.5
# So many are on their way at once; each has a descriptor, and who asked may be gone.
_MAX_PRELOADS = 256


class Found(NamedTuple):
    """What a lookup ends with. Its receiver owns *fd* (-1: none) and one hold of *private*."""

    entry: Entry
    fd: int = -1
    private: Preloaded | None = None


class Soon:
    def __init__(self, call_at: Callable[..., object], now: float) -> None:
        self._call_at = call_at
        self._at = now + 0.002
        self._wakes: set[Callable[[float], None]] = set()

    def subscribe(self, wake: Callable[[float], None]) -> None:
        self._wakes.add(wake)
        self._call_at(self._at, self._wake)

    def unsubscribe(self, wake: Callable[[float], None]) -> None:
        self._wakes.discard(wake)

    def _wake(self, now: float) -> None:
        while self._wakes:
            self._wakes.pop()(now)


class Cache:
    """The files beneath a root. Owns what is preloaded; *on_evict* is called when some goes."""

    def __init__(
        self,
        root: Root,
        reader: Reader,
        settings: CacheSettings,
        on_evict: Callable[[], None] = lambda: None,
        wall_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._root = root
        self._reader = reader
        self._settings = settings
        self._on_evict = on_evict
        self._wall_ns = wall_ns
        self.budget = Budget(settings.memory_budget)
        self._entries: dict[bytes, Entry] = {}  # preloaded; checked longest ago first
        self._digests: dict[bytes, Entry] = {}
        self._preloads: dict[bytes, Preload] = {}
        self._allowance = Allowance()
        self.call_at: Callable[..., object] = lambda when, callback: None

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def is_loading(self) -> bool:
        """Whether files are on their way into memory."""
        return bool(self._preloads)

    def find(self, path: bytes, now: float) -> "Found | Soon":
        found = self._find(path, now)
        return Soon(self.call_at, now) if found is None else found

    def _find(self, path: bytes, now: float) -> Found | None:
        """Return what is at *path*; None: it is on its way into memory, ask again.

        Raises OSError: IsADirectoryError for a directory, FileNotFoundError for what is
        neither that nor a regular file.
        """
        entry = self._entries.get(path)
        if entry is not None and now - entry.checked < self._settings.revalidate:
            return Found(entry)
        preload = self._preloads.get(path)
        if preload is not None:
            return self._go_on(path, preload, now)
        fd = self._root.open(path)
        try:
            signature = signature_of(_regular(os.fstat(fd)))
        except OSError:
            close_descriptor(fd)
            raise
        return self._judge(path, fd, signature, now)

    def is_file(self, path: bytes) -> bool:
        """Whether there is a regular file at *path* that may be read."""
        try:
            fd = self._root.open(path)
        except OSError:
            return False
        try:
            return stat.S_ISREG(os.fstat(fd).st_mode)
        except OSError:
            return False
        finally:
            close_descriptor(fd)

    def fresh_until(self, entry: Entry) -> float:
        """Return when *entry* must be checked again, on the reactor's clock."""
        return entry.checked + self._settings.revalidate

    def sweep(self, now: float) -> None:
        """Give up files on their way into memory that nobody waits for any more."""
        for path, preload in list(self._preloads.items()):
            if now - preload.touched > _ABANDONED:
                self._give_up(path, preload)

    def close(self) -> None:
        """Let go of everything."""
        for path, preload in list(self._preloads.items()):
            self._give_up(path, preload)
        for path in list(self._entries):
            self._evict(path)
        self._digests.clear()

    def _judge(self, path: bytes, fd: int, signature: Signature, now: float) -> Found | None:
        """Decide what to do with the file behind *fd*, which is the result's from here on."""
        entry = self._entries.get(path)
        if entry is not None:
            if entry.signature == signature and entry.settled:
                close_descriptor(fd)
                entry.checked = now
                self._entries[path] = self._entries.pop(path)
                return Found(entry)
            self._evict(path)
        if signature.size > self._settings.max_in_memory_size:
            etag = etag_of_times(signature)
            return Found(Entry(path, signature, etag, signature.size, checked=now), fd)
        if self._settings.sharing is PreloadMode.PRIVATE:
            return self._load_private(path, fd, signature, now)
        return self._begin(path, fd, signature, now)

    def _begin(self, path: bytes, fd: int, signature: Signature, now: float) -> Found | None:
        """Begin to read a small file into memory, or stream it when there is no room for it."""
        if not (self._allowance.left(now, is_new=True) and self._has_place(now)):
            close_descriptor(fd)
            return None
        cost = _cost(path, signature.size)
        has_room = self._make_room(cost)
        known = self._digests.pop(path, None)
        if not has_room and known and known.signature == signature and known.settled:
            known.checked = now
            self._digests[path] = known
            return Found(known, fd)
        preload = self._preload(fd, signature, cost if has_room else 0, now)
        self._preloads[path] = preload
        return self._go_on(path, preload, now)

    def _has_place(self, now: float) -> bool:
        """Whether one more file may be on its way, if need be in place of an abandoned one."""
        if len(self._preloads) < _MAX_PRELOADS:
            return True
        oldest = min(self._preloads, key=lambda path: self._preloads[path].touched)
        preload = self._preloads[oldest]
        if now - preload.touched < _REPLACEABLE:
            return False
        self._give_up(oldest, preload)
        return True

    def _preload(self, fd: int, signature: Signature, cost: int, now: float) -> Preload:
        changed = max(signature.mtime_ns, signature.ctime_ns)
        # A time stamp that is yet to come is not one that the next change would get.
        settled = abs(self._wall_ns() - changed) > _SETTLED_NS
        return Preload(fd, signature, cost, now, settled=settled)

    def _go_on(self, path: bytes, preload: Preload, now: float) -> Found | None:
        preload.touched = now
        done = preload.done
        room = self._allowance.left(now, is_new=not done)
        if not room:
            return None
        try:
            whole = preload.step(self._reader, room)
        except OSError:
            self._give_up(path, preload)
            raise
        self._allowance.take(preload.done - done)
        if not whole:
            return None
        del self._preloads[path]
        entry = _entry(path, preload)
        if preload.cost:
            entry.content = Preloaded(preload.view, self.budget, preload.cost)
            self._entries[path] = entry
            preload.close()
            return Found(entry)
        if len(self._digests) >= _MAX_DIGESTS:
            self._digests.clear()
        self._digests[path] = entry
        return Found(entry, preload.take_fd())

    def _load_private(self, path: bytes, fd: int, signature: Signature, now: float) -> Found:
        """Read the file for one request alone; over the budget it is streamed all the same."""
        cost = max(1, signature.size)
        preload = self._preload(fd, signature, cost if self.budget.reserve(cost) else 0, now)
        try:
            preload.step(self._reader, signature.size, wait=True)
        except OSError:
            self.budget.release(preload.cost)
            preload.close()
            raise
        entry = _entry(path, preload)
        if not preload.cost:
            return Found(entry, preload.take_fd())
        preload.close()
        return Found(entry, private=Preloaded(preload.view, self.budget, cost))

    def _make_room(self, cost: int) -> bool:
        """Take *cost* from the budget, evicting what was checked longest ago if need be.

        What a client is still reading would not free a byte: it is left where it is.
        """
        budget = self.budget
        if cost > budget.limit:
            return False
        for path in list(islice(self._entries, _MAX_VICTIMS)):
            if budget.used + cost <= budget.limit:
                break
            content = self._entries[path].content
            if content is not None and not content.is_in_flight:
                self._evict(path)
            else:
                self._entries[path] = self._entries.pop(path)
        return budget.reserve(cost)

    def _evict(self, path: bytes) -> None:
        entry = self._entries.pop(path)
        entry.prepared = None
        if entry.content is not None:
            entry.content.release()
        self._on_evict()

    def _give_up(self, path: bytes, preload: Preload) -> None:
        del self._preloads[path]
        self.budget.release(preload.cost)
        preload.close()


def _regular(status: os.stat_result) -> os.stat_result:
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError
    if not stat.S_ISREG(status.st_mode):
        raise FileNotFoundError
    return status


def _entry(path: bytes, preload: Preload) -> Entry:
    return Entry(
        path,
        preload.signature,
        etag_of_content(preload.digest),
        preload.size,
        checked=preload.started,
        settled=preload.settled,
    )


def _cost(path: bytes, size: int) -> int:
    return size + _ENTRY_COST + len(path) + min(size, _JOINED_COST)
