"""Files beside a file that hold its difference to older versions: NAME.<digest>.dcz.

The name has the first half of the SHA-256 of the old version in it, so one look finds what a
client that has the old version can use; the file itself begins with the whole digest (RFC 9842
section 5). Each is opened beneath the root by the same rules as any file, and kept in memory by
the same rules; nothing of the old version is here, and nothing is remembered of what is missing.
"""

from evloop.files.cache import Cache, Found
from evloop.files.compressible import is_compressible
from evloop.files.entry import Entry
from evloop.files.faults import Complain, Faults
from evloop.files.preload import Preload
from evloop.files.reader import Reader
from evloop.files.variants import coded_entry, fault_of_times

CODING = b"dcz"
"""Zstandard with a dictionary (RFC 9842 section 5)."""
ENDING = b".dcz"
MAGIC = b"\x5e\x2a\x4d\x18\x20\x00\x00\x00"
"""What such a file begins with, before the digest: the header of a Zstandard frame of 32 bytes
that decoders skip (RFC 8878 section 3.1.2)."""
HEAD_SIZE = len(MAGIC) + 32
"""Bytes in front of the coded ones: SHA-256 has 32."""
MIN_SIZE = 1024
"""Bytes of a file that is worth a dictionary: a smaller one is one packet with its head anyway
(RFC 9293 section 3.7.1, an Ethernet of 1500 bytes)."""

_NAME_SIZE = 8  # bytes of the digest in the name: 16 hexadecimal digits


def delta_path(path: bytes, digest: bytes) -> bytes:
    """Return where the difference of the file at *path* to the one of *digest* is looked for."""
    return b"%b.%b%b" % (path, digest[:_NAME_SIZE].hex().encode(), ENDING)


def may_be_dictionary(entry: Entry) -> bool:
    """Whether later versions of *entry*, coded or not, may be sent as differences to it."""
    return is_compressible(entry.media_type) and (entry.size >= MIN_SIZE or bool(entry.coding))


class Deltas:
    """Finds the differences of files in *cache* to what clients have."""

    def __init__(self, reader: Reader, cache: Cache, complain: Complain) -> None:
        self._reader = reader
        self._cache = cache
        self._faults = Faults(complain)

    def find(self, entry: Entry, digest: bytes, now: float) -> Found | Preload | None:
        """Return the difference of *entry*, a file as it is, to the version of *digest*.

        None: there is none that may be used. A Preload: it is on its way into memory, ask again.
        """
        try:
            found = self._cache.find(delta_path(entry.path, digest), now)
        except OSError:
            return None
        if isinstance(found, Preload):
            return found
        if self._is_usable(found, entry, digest):
            return found._replace(entry=coded_entry(found.entry, entry, CODING))
        found.close()
        return None

    def _is_usable(self, found: Found, entry: Entry, digest: bytes) -> bool:
        """Whether what was found is the difference of *entry* to *digest*; tell what is wrong."""
        delta = found.entry
        head = self._head(found)
        if head is None:
            return False
        fault = fault_of_times(delta.signature, entry)
        if not fault and not head.startswith(MAGIC + digest[:_NAME_SIZE]):
            fault = "is no dcz file of the dictionary in its name"
        if fault:
            self._faults.name(delta.path, delta.signature, fault)
            return False
        self._faults.forget(delta.path)
        return head == MAGIC + digest  # the name has half of it, and a client says what it likes

    def _head(self, found: Found) -> bytes | None:
        """Return the first HEAD_SIZE bytes, or all; None: the disk would have to be waited for."""
        content = found.private or found.entry.content
        if content is not None:
            return bytes(content.view[:HEAD_SIZE])
        view = memoryview(bytearray(HEAD_SIZE))
        try:
            count = self._reader.read_into(found.fd, view, 0, HEAD_SIZE, 0)
        except OSError:
            return b""
        return None if count is None else bytes(view[:count])
