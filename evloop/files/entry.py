"""One state of one file: what it is known by, and its bytes when they are in memory."""

import os
from collections.abc import Mapping
from typing import NamedTuple

try:  # hashlib would load OpenSSL, 2 MB, for an algorithm that Python has in itself
    from _blake2 import blake2b
except ImportError:  # another Python
    from hashlib import blake2b

from evloop.files.content import Preloaded
from evloop.files.mime import NO_TYPES, media_type

_DIGEST_SIZE = 16  # bytes: with 128 bits no two files of a site are ever taken for one
_SECOND_NS = 1_000_000_000
# What build tools give to files: 0 and 1 (Bazel, Nix), 1985-10-26T08:15:00Z (npm), and in local
# time 1980-01-01 (zip) and 1980-02-01 (Gradle, Maven). SOURCE_DATE_EPOCH can be any second.
_FROZEN_MTIMES = frozenset({0, 1, 499_162_500})
_FROZEN_LOCAL_MTIMES = (315_532_800, 318_211_200)
_MOST_OF_A_ZONE = 14 * 3600  # seconds between UTC and the local time that is furthest from it


class Signature(NamedTuple):
    """What tells one state of a file from another."""

    device: int
    inode: int
    size: int
    mtime_ns: int
    ctime_ns: int


def signature_of(status: os.stat_result) -> Signature:
    """Return the signature in what fstat says."""
    return Signature(
        status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns
    )


class Entry:
    """What is known of one state of the file at *path*.

    `etag` is strong if a digest of the bytes is known, else weak; `mtime` is in seconds, 0
    where it says nothing; `size` is that of the representation; `content` is None for a file
    that is streamed. `checked` is when the disk last agreed, on the reactor's clock. An entry
    that is not `settled` may have changed again without a new time stamp; from `compare_at` on
    its bytes are compared with the file's again.

    `coding` is the content coding of the bytes, b"" for none; the media type is then that of what
    was coded. `coded` is the same state as a representation of another file in its coding.
    `vary` are the request fields on which it depends which coding is sent, b"" for none. `sha256`
    is that of the bytes, as far as they are in memory; b"" until somebody has made it.
    """

    __slots__ = (
        "checked",
        "coded",
        "coding",
        "compare_at",
        "content",
        "etag",
        "media_type",
        "mtime",
        "path",
        "settled",
        "sha256",
        "signature",
        "size",
        "vary",
    )

    def __init__(
        self,
        path: bytes,
        signature: Signature,
        etag: bytes,
        size: int,
        *,
        checked: float,
        settled: bool = True,
        compare_at: float = 0.0,
        content: Preloaded | None = None,
        types: Mapping[bytes, bytes] = NO_TYPES,
    ) -> None:
        self.path = path
        self.media_type = media_type(path, types)
        self.signature = signature
        self.etag = etag
        self.size = size
        self.mtime = signature.mtime_ns // _SECOND_NS
        self.checked = checked
        self.settled = settled
        self.compare_at = compare_at
        self.content = content
        self.coding = b""
        self.coded: Entry | None = None
        self.vary = b""
        self.sha256 = b""

    @property
    def is_strong(self) -> bool:
        """Whether the tag is one of the bytes, so that no other bytes may be sent under it."""
        return not self.etag.startswith(b"W/")


def has_frozen_mtime(mtime: int) -> bool:
    """Whether a time of modification, in seconds, is a build tool's constant and says nothing."""
    return mtime in _FROZEN_MTIMES or any(
        abs(mtime - frozen) <= _MOST_OF_A_ZONE for frozen in _FROZEN_LOCAL_MTIMES
    )


def has_whole_seconds(signature: Signature) -> bool:
    """Whether the time of modification may have been set, by a build tool or an unpacker.

    One that was taken from the clock at a write has a part of a second (but once in 250 times
    where the clock ticks every 4 ms).
    """
    return signature.mtime_ns % _SECOND_NS == 0


def new_digest() -> blake2b:
    """Return what digests the bytes of a file for etag_of_content()."""
    return blake2b(digest_size=_DIGEST_SIZE)


def etag_of_content(digest: str) -> bytes:
    """Return the strong tag of bytes that were seen: equal wherever the bytes are."""
    return b'"%b"' % digest.encode()


def etag_of_coding(etag: bytes, coding: bytes) -> bytes:
    """Return *etag*, that of coded bytes, as the tag of a representation in *coding*.

    So it differs from that of every other coding, as strong tags must (RFC 9110 section 8.8.3.3),
    even where the bytes are the same.
    """
    return b'%b-%b"' % (etag[:-1], coding)


def coding_of_etag(etag: bytes) -> bytes:
    """Return the coding that etag_of_coding() has put into *etag*; b"" for any other tag."""
    return etag[:-1].rpartition(b"-")[2] if etag.endswith(b'"') and b"-" in etag else b""


def etag_of_times(signature: Signature, salt: str = "") -> bytes:
    """Return the weak tag of a file whose bytes were not seen.

    Equal on replicas that keep the times of files. With *salt*, for times that may be a
    constant, it is equal only to tags of the same salt. Inode and change time are never part
    of a tag: they tell about the machine, and differ between replicas.
    """
    parts = [f"{signature.mtime_ns:x}", f"{signature.size:x}"]
    return b'W/"%b"' % "-".join([*parts, salt] if salt else parts).encode()
