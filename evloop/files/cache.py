"""Which files are in memory, and what is known of them.

A lookup ends with an Entry and, for a file that is streamed, a descriptor of the same
state of the file; or with a Preload, which says when to ask again. Small files are read once
and shared, and stay within the budget in the order of their use. What is known of a file is
checked against the disk when it is older than `revalidate` seconds, and never served staler.
No look-up of what is not there is remembered: whoever adds that has to bound it.
"""

import errno
import os
import stat
import time
from collections.abc import Callable, Mapping
from functools import partial
from math import inf
from typing import NamedTuple

from evloop.files.content import Budget, Preloaded
from evloop.files.digests import TABLE_SIZE, Digests
from evloop.files.entry import Entry, Signature, etag_of_content, signature_of
from evloop.files.mime import NO_TYPES
from evloop.files.preload import CallAt, Preload
from evloop.files.preloads import Preloads
from evloop.files.reader import Reader
from evloop.files.root import Root
from evloop.files.store import Store
from evloop.files.walk import close_descriptor
from evloop.settings.choices import PreloadMode

DIGESTS_SIZE = TABLE_SIZE
"""Bytes that what is remembered of streamed files may come to take."""


class CacheSettings(NamedTuple):
    """Sizes in bytes, times in seconds."""

    max_in_memory_size: int = 1024 * 1024
    memory_budget: int = 64 * 1024 * 1024
    revalidate: float = 1.0
    sharing: PreloadMode = PreloadMode.SHARED
    types: Mapping[bytes, bytes] = NO_TYPES
    """Media types by ending, which go before the usual ones."""


# A file that changed less than this before it was read may change again without a new time
# stamp (FAT keeps two seconds): its bytes are compared at the next check.
_SETTLED_NS = 2_000_000_000
# A writer that has mapped the file may change it later without a new time stamp. So the bytes
# are compared once more after as long as the file had been left alone before, and at least
# once in this many seconds: never staler than twice its age, at a cost that ends up at one
# background read in an hour for each file that is asked for.
_MAX_UNCOMPARED = 3600.0
# What a preloaded file costs beside its bytes: its entry, its name, its place in the tables, its
# prepared response, which for a small file has a second copy of the bytes joined to the head.
# Measured with tracemalloc, the growth of the tables included: see tests/files/test_costs.py.
_ENTRY_COST = 2560
_JOINED_COST = 8 * 1024


class Found(NamedTuple):
    """What a lookup ends with. Its receiver owns *fd* (-1: none) and one hold of *private*."""

    entry: Entry
    fd: int = -1
    private: Preloaded | None = None

    def close(self) -> None:
        """Let go of what comes with it, unused."""
        if self.fd >= 0:
            close_descriptor(self.fd)
        if self.private is not None:
            self.private.release()


class Cache:
    """The files beneath a root. Owns what is preloaded; *on_evict* is called when some goes.

    *call_at* is how the loop is asked to go on with what is read in the background.
    """

    def __init__(
        self,
        root: Root,
        reader: Reader,
        settings: CacheSettings,
        on_evict: Callable[[], None] = lambda: None,
        wall_ns: Callable[[], int] = time.time_ns,
        *,
        call_at: CallAt,
    ) -> None:
        self._root = root
        self._reader = reader
        self._settings = settings
        self._wall_ns = wall_ns
        self.budget = Budget(settings.memory_budget)
        self._store = Store(self.budget, on_evict)
        self._entries = self._store.entries
        self._preloads = Preloads(reader, call_at, self._keep, self.budget.release)
        self._digests = Digests(reader, call_at)
        self._looked = -inf  # when the root was looked at

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def store(self) -> Store:
        """What is in memory, for those who keep there what they make of it."""
        return self._store

    @property
    def is_loading(self) -> bool:
        """Whether files are on their way into memory."""
        return bool(self._preloads)

    def find(self, path: bytes, now: float) -> Found | Preload:
        """Return what is at *path*; a Preload: it is on its way into memory, ask again.

        Raises OSError: IsADirectoryError for a directory, FileNotFoundError for what is
        neither that nor a regular file, BlockingIOError for a file under a lease, ENOMEM.
        """
        entry = self._entries.get(path)
        if entry is not None and now - entry.checked < self._settings.revalidate:
            return Found(entry)
        try:
            return self._look_up(path, now)
        except MemoryError as error:
            raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM)) from error

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

    def close(self) -> None:
        """Let go of everything."""
        self._preloads.close()
        self._digests.close()
        self._store.clear()

    def _look_up(self, path: bytes, now: float) -> Found | Preload:
        come = self._preloads.take(path)
        if come is not None:
            return Found(come)
        self.look_at_root(now)
        preload = self._preloads.get(path, now)
        if preload is not None and now - preload.checked < self._settings.revalidate:
            return preload
        fd = self._root.open(path)
        try:
            signature = signature_of(_regular(os.fstat(fd)))
            if preload is not None and self._is_same(preload, signature, now):
                close_descriptor(fd)
                return preload
        except BaseException:
            close_descriptor(fd)
            raise
        return self._judge(path, fd, signature, now)

    def look_at_root(self, now: float) -> None:
        """Look where the root's path leads, at most once in `revalidate` seconds.

        What is found until the next look is as old as this one: with the next, all of it is
        checked again, so nothing of a root that was replaced is served longer than that.
        """
        if now == self._looked or now - self._looked < self._settings.revalidate:
            return
        self._looked = now
        if self._root.look():
            self._preloads.give_up_all(now)
            self._store.clear()

    def _is_same(self, preload: Preload, signature: Signature, now: float) -> bool:
        """Whether *preload* reads what is there now; if not it is given up."""
        if preload.signature != signature:
            self._preloads.give_up(preload.path, now)
            return False
        preload.checked = self._looked
        return True

    def _judge(self, path: bytes, fd: int, signature: Signature, now: float) -> Found | Preload:
        """Decide what to do with the file behind *fd*, which is the result's from here on."""
        entry = self._entries.get(path)
        if entry is not None:
            if entry.signature == signature and entry.settled:
                self._compare(path, entry, fd, now)
                close_descriptor(fd)
                self._store.confirm(path, entry, self._looked)
                return Found(entry)
            self._preloads.forget(path)
            self._store.evict(path)
        size = signature.size
        if size <= self._settings.max_in_memory_size:
            if self._settings.sharing is PreloadMode.PRIVATE:
                if self.budget.reserve(max(1, size)):
                    return self._load_private(path, fd, signature, now)
            elif self._preloads.has_place(now) and self._store.make_room(_cost(path, size)):
                return self._begin(path, fd, signature, now)
        return self._stream(path, fd, signature, now)

    def _stream(self, path: bytes, fd: int, signature: Signature, now: float) -> Found:
        try:
            quiet_ns = self._quiet_ns(signature)
            etag = self._digests.tag(fd, signature, now, quiet_ns=quiet_ns)
            checked, types = self._looked, self._settings.types
            entry = Entry(path, signature, etag, signature.size, checked=checked, types=types)
            return Found(entry, fd)
        except BaseException:
            close_descriptor(fd)
            raise

    def _begin(self, path: bytes, fd: int, signature: Signature, now: float) -> Found | Preload:
        cost = _cost(path, signature.size)
        settled = self._quiet_ns(signature) > _SETTLED_NS
        begun = self._preloads.begin(
            path, fd, signature, cost, now, checked=self._looked, settled=settled
        )
        return Found(begun) if isinstance(begun, Entry) else begun

    def _keep(self, preload: Preload) -> Entry:
        """Take over a preload that is whole."""
        entry = self._entry(preload)
        entry.content = Preloaded(preload.view, self.budget, preload.cost)
        self._store.add(preload.path, entry)
        return entry

    def _entry(self, preload: Preload) -> Entry:
        signature = preload.signature
        quiet = self._quiet_ns(signature) / 1e9
        is_same = signature_of(os.fstat(preload.fd)) == signature
        return Entry(
            preload.path,
            signature,
            etag_of_content(preload.digest),
            preload.size,
            checked=preload.checked,
            settled=preload.settled and is_same,
            compare_at=preload.checked + min(quiet, _MAX_UNCOMPARED),
            types=self._settings.types,
        )

    def _compare(self, path: bytes, entry: Entry, fd: int, now: float) -> None:
        """See to it that the bytes of *entry* are compared with the file's when it is time."""
        if now >= entry.compare_at:
            # Not with the entry itself: its bytes may go before the digest comes.
            compare = partial(self._compare_digest, path, entry.signature)
            self._digests.ask(fd, entry.signature, now, compare)

    def _compare_digest(self, path: bytes, signature: Signature, digest: str) -> None:
        entry = self._entries.get(path)
        if entry is None or entry.signature != signature:
            return
        if etag_of_content(digest) == entry.etag:
            quiet = self._quiet_ns(signature) / 1e9
            entry.compare_at = entry.checked + min(quiet, _MAX_UNCOMPARED)
        else:
            self._preloads.forget(path)
            self._store.evict(path)

    def _load_private(self, path: bytes, fd: int, signature: Signature, now: float) -> Found:
        """Read the file for one request alone, which has paid for it."""
        cost = max(1, signature.size)
        try:
            settled = self._quiet_ns(signature) > _SETTLED_NS
            preload = Preload(path, fd, signature, cost, now, checked=self._looked, settled=settled)
            preload.step(self._reader, signature.size, wait=True)
            entry = self._entry(preload)
            return Found(entry, private=Preloaded(preload.view, self.budget, cost))
        except BaseException:
            self.budget.release(cost)
            raise
        finally:
            close_descriptor(fd)

    def _quiet_ns(self, signature: Signature) -> int:
        """Return the nanoseconds since the file was changed.

        A time stamp that is yet to come is not one that the next change would get.
        """
        return abs(self._wall_ns() - max(signature.mtime_ns, signature.ctime_ns))


def _regular(status: os.stat_result) -> os.stat_result:
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError
    if not stat.S_ISREG(status.st_mode):
        raise FileNotFoundError
    return status


def _cost(path: bytes, size: int) -> int:
    return size + _ENTRY_COST + len(path) + min(size, _JOINED_COST)
