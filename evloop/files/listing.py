"""The entries of a directory in slices of about a millisecond, in order, at bounded memory.

A directory of up to MAX_SORTED entries is sorted: its names are counted first, memory for them
is reserved, and they are collected in sorted runs, which are merged while they are read. A larger
one comes in the directory's own order, with nothing kept but the descriptor. Nobody can tell
whether a name that is created or removed meanwhile is among them; all others are, and once.
"""

import heapq
import struct
import sys
from collections.abc import Generator, Iterator, Sequence
from enum import Enum
from typing import NamedTuple

from evloop.files.content import Budget
from evloop.files.dirents import DIRECTORY, RECORD_SIZE, REGULAR, SLICE_SIZE, Name
from evloop.files.folder import Folder, Item

MAX_SORTED = 10_000
"""Entries of a directory that is sorted, at most. A choice: more than anybody reads, and no more
than 3 MB when all names are as long as they can be."""
SORT_SIZE = 2 * 1024 * 1024
"""Bytes that the names of all directories may take that are being sorted, at most: some five of
MAX_SORTED names of 30 bytes."""

_SHOWN_SIZE = 1024  # bytes of records that make one slice to show: 3 to 42 names
_SLICE_NAMES = SLICE_SIZE // RECORD_SIZE  # what is counted or collected in one slice, at most
_RUN_COST = 1024  # bytes of an iterator over a run and its place in the merge, by measure
_KNOWN_KINDS = frozenset({DIRECTORY, REGULAR})
_PREFIX = struct.Struct(">BQ")
_PREFIX_SIZE = _PREFIX.size
_LEAST_VALUE = 1 << 63

Slice = Sequence[Item]
"""Some entries; none where a slice of work had nothing to show."""
_NOTHING: Slice = ()


class Key(Enum):
    """What entries are sorted by; directories always come first."""

    NAME = "name"
    """Bytes, but for the case of ASCII letters."""
    SIZE = "size"
    TIME = "time"
    """Of modification."""


class Order(NamedTuple):
    """How entries are sorted."""

    key: Key = Key.NAME
    is_descending: bool = False


class Scan:
    """The entries of *folder*, which is its own. *budget* is for names that are being sorted.

    `is_sorted` is None until it is known. `count` is the number of entries that are seen: in a
    sorted directory it is known with the first slice, else at the end, and only if *counts*.
    """

    __slots__ = (
        "_budget",
        "_counts",
        "_folder",
        "_order",
        "_reserved",
        "_window",
        "count",
        "is_sorted",
    )

    def __init__(
        self,
        folder: Folder,
        order: Order,
        budget: Budget,
        window: range = range(sys.maxsize),
        *,
        counts: bool = True,
    ) -> None:
        self._folder = folder
        self._order = order
        self._budget = budget
        self._window = window
        self._counts = counts
        self._reserved = 0
        self.count: int | None = None
        self.is_sorted: bool | None = None

    def slices(self) -> Iterator[Slice]:
        """Yield the entries whose places are in the window. Raises OSError."""
        runs = yield from self._sorted_runs()
        self.is_sorted = runs is not None
        if runs is None:
            yield from self._in_directory_order()
        else:
            self.count = runs.count
            yield from self._in_order(runs)

    def close(self) -> None:
        """Release what is held. May be called again."""
        self._release()
        self._folder.close()

    def _release(self) -> None:
        self._budget.release(self._reserved)
        self._reserved = 0

    def _batches(self) -> Iterator[list[Name] | None]:
        """Yield the names that may be seen; None where others should have their turn."""
        folder, worked = self._folder, 0
        while batch := folder.names.read(SLICE_SIZE):
            if worked + len(batch) > _SLICE_NAMES:
                yield None
                worked = 0
            worked += len(batch)
            yield [name for name in batch if folder.admits(*name)]

    # Sorted

    def _sorted_runs(self) -> "Generator[Slice, None, _Runs | None]":
        """Collect all names; return None, at the first of them, when they can't be sorted."""
        needed = yield from self._measure()
        self._folder.names.rewind()
        if not needed or not self._budget.reserve(needed):
            return None
        self._reserved = needed
        runs = yield from self._collect(needed)
        if runs is None:
            self._release()
            self._folder.names.rewind()
        return runs

    def _measure(self) -> Generator[Slice, None, int]:
        """Return the bytes that sorting takes, 0 when there are too many names."""
        count = size = 0
        for batch in self._batches():
            if batch is None:
                yield _NOTHING
                continue
            count += len(batch)
            size += sum(len(name) for name, _ in batch)
            if count > MAX_SORTED:
                return 0
        return _Runs.cost(count, size)

    def _collect(self, room: int) -> "Generator[Slice, None, _Runs | None]":
        """Return all that is seen, None when it does not fit into *room*, in bytes, any more."""
        runs = _Runs(self._order)
        for batch in self._batches():
            if batch is None:
                yield _NOTHING
                continue
            runs.add([record for name, kind in batch if (record := self._record(name, kind))])
            if _Runs.cost(runs.count, runs.names_size) > room:
                return None
        return runs

    def _record(self, name: bytes, kind: int) -> bytes | None:
        """Return *name* behind what it is sorted by; None when it is not seen."""
        order = self._order
        if order.key is Key.NAME and kind in _KNOWN_KINDS:
            return _prefix(order, kind == DIRECTORY, 0) + name
        item = self._folder.item(name)
        if item is None:
            return None
        value = item.size if order.key is Key.SIZE else item.mtime
        return _prefix(order, item.is_directory, value) + name

    def _in_order(self, runs: "_Runs") -> Iterator[Slice]:
        window, items, size = self._window, [], 0
        for place, name in enumerate(runs.merged()):
            if place in window:
                item = self._folder.item(name)
                if item is not None:
                    items.append(item)
                size += RECORD_SIZE + len(name)
            elif place >= window.stop:
                break
            if size >= _SHOWN_SIZE or place % _SLICE_NAMES == _SLICE_NAMES - 1:
                yield tuple(items)
                items, size = [], 0
        if items:
            yield tuple(items)

    # Not sorted

    def _in_directory_order(self) -> Iterator[Slice]:
        """Yield slices as the directory has them: what was read is yielded, or counted."""
        folder, window = self._folder, self._window
        place = worked = 0
        while batch := folder.names.read(_SHOWN_SIZE):
            items = []
            for name, kind in batch:
                if place in window:
                    item = folder.item(name) if folder.admits(name, kind) else None
                    if item is None:
                        continue
                    items.append(item)
                elif not folder.is_seen(name, kind):
                    continue
                place += 1
            if place >= window.stop and not self._counts:
                yield tuple(items)
                return
            worked += len(batch)
            if items or worked > _SLICE_NAMES:
                yield tuple(items)
                worked = 0
        self.count = place if self._counts else None


class _Runs:
    """Names in sorted runs, packed; each record is what it is sorted by and the name.

    A slash, which no name has, stands behind each record.
    """

    __slots__ = ("_is_descending", "_runs", "count", "names_size")

    def __init__(self, order: Order) -> None:
        self._is_descending = order.is_descending
        self._runs: list[bytes] = []
        self.count = 0
        self.names_size = 0  # bytes

    @staticmethod
    def cost(count: int, names_size: int) -> int:
        """Return the bytes that *count* names of *names_size* bytes in all may take."""
        runs = 2 + (names_size + count * RECORD_SIZE) // (SLICE_SIZE // 2)
        return names_size + count * (_PREFIX_SIZE + 1) + runs * _RUN_COST

    def add(self, records: list[bytes]) -> None:
        """Add a run of *records*."""
        if records:
            records.sort(key=_sort_key, reverse=self._is_descending)
            self._runs.append(b"/".join(records) + b"/")
            self.count += len(records)
            self.names_size += sum(map(len, records)) - len(records) * _PREFIX_SIZE

    def merged(self) -> Iterator[bytes]:
        """Yield all names in order."""
        runs = map(_records, self._runs)
        merged = heapq.merge(*runs, key=_sort_key, reverse=self._is_descending)
        return (record[_PREFIX_SIZE:] for record in merged)


def _prefix(order: Order, is_directory: bool, value: int) -> bytes:
    """Return what sorts before the name; *value* is a size, or seconds of either sign."""
    place = 0 if is_directory is not order.is_descending else 1
    value = min(max(value + _LEAST_VALUE, 0), 2 * _LEAST_VALUE - 1)
    return _PREFIX.pack(place, 0 if order.key is Key.NAME else value)


def _sort_key(record: bytes) -> tuple[bytes, bytes, bytes]:
    name = record[_PREFIX_SIZE:]
    return record[:_PREFIX_SIZE], name.lower(), name


def _records(run: bytes) -> Iterator[bytes]:
    start = 0
    while start < len(run):
        end = run.index(b"/", start + _PREFIX_SIZE)
        yield run[start:end]
        start = end + 1
