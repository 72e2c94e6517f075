"""Precompressed files: which of NAME.zst, NAME.br and NAME.gz lie beside NAME and may be sent.

They are looked for once while what is known of NAME is fresh, and what was found is
remembered, absence too, in a table of bounded size. Each is opened beneath the root by the same
rules as any file. One that is older than NAME, or does not begin as its format does, is not
used: whoever changed NAME forgot it, and its bytes would be those of another file.
"""

import errno
import os
import stat
from collections.abc import Mapping
from typing import NamedTuple

from evloop.files.cache import Cache, Found
from evloop.files.compressible import is_compressed_already
from evloop.files.entry import Entry, Signature, etag_of_coding, signature_of
from evloop.files.faults import FAULTS_SIZE, NO_SIGNATURE, Complain, Faults
from evloop.files.preload import Preload
from evloop.files.reader import Reader
from evloop.files.root import Root
from evloop.files.walk import close_descriptor


class Format(NamedTuple):
    """A file format that is a content coding too."""

    coding: bytes
    ending: bytes
    magic: bytes
    """What each file begins with; b"" where the format has no such thing."""


FORMATS = (
    Format(b"zstd", b".zst", b"\x28\xb5\x2f\xfd"),  # RFC 8878 section 3.1.1
    Format(b"br", b".br", b""),  # RFC 7932: the first bits are the size of the window
    Format(b"gzip", b".gz", b"\x1f\x8b"),  # RFC 1952 section 2.3.1
)
MAX_LAG_NS = 2_000_000_000
"""A sidecar may be older than its file by so many nanoseconds: FAT keeps two seconds, and a build
may write both in any order."""

_MAX_RECORDS_SIZE = 768 * 1024
# Two thousand files without sidecars, or five hundred with three. Measured with tracemalloc, the
# growth of the table included: tests/files/test_variants.py.
_RECORD_COST = 400
_SIDECAR_COST = 400
VARIANTS_SIZE = _MAX_RECORDS_SIZE + FAULTS_SIZE
"""Bytes that all that is remembered may come to take."""

_ABSENT = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EXDEV, errno.ENAMETOOLONG})
# Says nothing about the file: the request is answered as one for a file that can't be opened.
_EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS})
_MAX_MAGIC = max(len(each.magic) for each in FORMATS)


class _Sidecar(NamedTuple):
    path: bytes
    signature: Signature


class _Record:
    """What was found beside one state of a file. `checked` and `mtime_ns` are that state's."""

    __slots__ = ("checked", "cost", "mtime_ns", "sidecars", "sizes")

    def __init__(self, entry: Entry, sidecars: dict[bytes, _Sidecar], *, is_sure: bool) -> None:
        self.checked = entry.checked if is_sure else -1.0
        self.mtime_ns = entry.signature.mtime_ns
        self.sidecars = sidecars
        self.sizes = {coding: each.signature.size for coding, each in sidecars.items()}
        self.cost = _RECORD_COST + len(entry.path)
        self.cost += sum(_SIDECAR_COST + len(each.path) for each in sidecars.values())


_NONE: Mapping[bytes, int] = {}


class Variants:
    """Looks for the sidecars of files in *cache*, each path opened by *root*."""

    def __init__(self, root: Root, reader: Reader, cache: Cache, complain: Complain) -> None:
        self._root = root
        self._reader = reader
        self._cache = cache
        self._faults = Faults(complain)
        self._records: dict[bytes, _Record] = {}
        self._size = 0

    def sizes(self, entry: Entry) -> Mapping[bytes, int]:
        """Return the bytes of each coding that *entry*, a file as it is, may be sent in.

        Raises OSError when the process has no descriptor or memory to look.
        """
        record = self._records.get(entry.path)
        if record is None or not (
            record.checked == entry.checked and record.mtime_ns == entry.signature.mtime_ns
        ):
            if is_compressed_already(entry.media_type):
                return _NONE
            record = self._look(entry, record)
        return record.sizes

    def find(self, entry: Entry, coding: bytes, now: float) -> Found | Preload:
        """Return the representation of *entry* in *coding*, which sizes() has just told.

        A Preload: it is on its way into memory, ask again. Raises OSError when it is not there
        any more, or is not the file that was judged.
        """
        sidecar = self._records[entry.path].sidecars[coding]
        found = self._cache.find(sidecar.path, now)
        if isinstance(found, Preload):
            return found
        if found.entry.signature != sidecar.signature:
            found.close()
            raise FileNotFoundError(errno.ENOENT, "the sidecar was replaced")
        return found._replace(entry=coded_entry(found.entry, entry, coding))

    def _look(self, entry: Entry, known: _Record | None) -> _Record:
        """Look for all sidecars of *entry*; *known* is what was found the last time."""
        sidecars: dict[bytes, _Sidecar] = {}
        is_sure = True
        for format_ in FORMATS:
            path = entry.path + format_.ending
            before = None if known is None else known.sidecars.get(format_.coding)
            try:
                signature = self._judge(path, format_, entry, before)
            except BlockingIOError:
                is_sure = False
                continue
            if signature is not None:
                sidecars[format_.coding] = _Sidecar(path, signature)
        record = _Record(entry, sidecars, is_sure=is_sure)
        self._remember(entry.path, record)
        return record

    def _judge(
        self, path: bytes, format_: Format, entry: Entry, before: _Sidecar | None
    ) -> Signature | None:
        """Return the state of the sidecar at *path*; None: there is none that may be used.

        Raises BlockingIOError when the disk has to be waited for, or a lease.
        """
        try:
            fd = self._root.open(path)
        except OSError as error:
            self._refuse(path, error)
            return None
        try:
            return self._judge_open(fd, path, format_, entry, before)
        except OSError as error:
            self._refuse(path, error)
            return None
        finally:
            close_descriptor(fd)

    def _judge_open(
        self, fd: int, path: bytes, format_: Format, entry: Entry, before: _Sidecar | None
    ) -> Signature | None:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            return None
        signature = signature_of(status)
        fault = fault_of_times(signature, entry)
        if not fault and (before is None or before.signature != signature):
            fault = self._fault_of_bytes(fd, signature, format_)
        if fault:
            self._faults.name(path, signature, fault)
            return None
        self._faults.forget(path)
        return signature

    def _fault_of_bytes(self, fd: int, signature: Signature, format_: Format) -> str:
        if not signature.size:
            return "is empty"
        if not format_.magic:
            return ""
        view = memoryview(bytearray(_MAX_MAGIC))
        limit = min(len(format_.magic), signature.size)
        count = self._reader.read_into(fd, view, 0, limit, 0)
        if count is None:
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        if view[:count] == format_.magic:
            return ""
        return f"is no {format_.coding.decode()} file"

    def _refuse(self, path: bytes, error: OSError) -> None:
        """Take note of a sidecar that can't be read. Raises *error* if that is not its fault."""
        if isinstance(error, BlockingIOError) or error.errno in _EXHAUSTED:
            raise error
        if error.errno not in _ABSENT:
            self._faults.name(path, NO_SIGNATURE, f"can't be read: {error.strerror}")

    def _remember(self, path: bytes, record: _Record) -> None:
        old = self._records.pop(path, None)
        self._size += record.cost - (old.cost if old is not None else 0)
        if self._size > _MAX_RECORDS_SIZE:  # all grow stale with their files: the simplest will do
            self._records.clear()
            self._size = record.cost
        self._records[path] = record


def fault_of_times(signature: Signature, entry: Entry) -> str:
    """Return what is wrong with a sidecar of *entry* by its age; "" if nothing is."""
    if signature.mtime_ns < entry.signature.mtime_ns - MAX_LAG_NS:
        return "is older than its file"
    return ""


def coded_entry(sidecar: Entry, entry: Entry, coding: bytes) -> Entry:
    """Return *sidecar* as a representation of *entry*; the same one as long as it is kept."""
    coded = sidecar.coded
    if coded is None:
        coded = sidecar.coded = Entry(
            entry.path,
            sidecar.signature,
            etag_of_coding(sidecar.etag, coding),
            sidecar.size,
            checked=sidecar.checked,
            content=sidecar.content,
        )
        coded.media_type = entry.media_type
        coded.coding = coding
    coded.vary = entry.vary
    coded.checked = min(entry.checked, sidecar.checked)
    return coded
