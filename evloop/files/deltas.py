"""Files beside a file that hold its difference to older versions: NAME.<digest>.dcz.

The name has the first half of the SHA-256 of the old version in it, so one look finds what a
client that has the old version can use; the file itself begins with the whole digest (RFC 9842
section 5). Each is opened beneath the root by the same rules as any file, and nothing of the old
version is here.
"""

from collections.abc import Callable

from evloop.files.compressible import is_compressible
from evloop.files.entry import Entry

CODING = b"dcz"
ENDING = b".dcz"
MAGIC = b"\x5e\x2a\x4d\x18\x20\x00\x00\x00"
"""What such a file begins with, before the digest: the header of a Zstandard frame of 32 bytes
that decoders skip (RFC 8878 section 3.1.2)."""
MIN_SIZE = 1024
"""Bytes of a file that is worth a dictionary: a smaller one is one packet with its head anyway
(RFC 9293 section 3.7.1, an Ethernet of 1500 bytes)."""
HEAD_SIZE = len(MAGIC) + 32
"""Bytes in front of the coded ones."""

_NAME_SIZE = 8  # bytes of the digest in the name: 16 hexadecimal digits

Complain = Callable[[bytes, str], None]


def delta_path(path: bytes, digest: bytes) -> bytes:
    """Return where the difference of the file at *path* to the one of *digest* is looked for."""
    return b"%b.%b%b" % (path, digest[:_NAME_SIZE].hex().encode(), ENDING)


def may_be_dictionary(entry: Entry) -> bool:
    """Whether later versions of *entry* may be sent as differences to it."""
    return entry.size >= MIN_SIZE and is_compressible(entry.media_type)
