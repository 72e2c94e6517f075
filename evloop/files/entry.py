"""One state of one file: what it is known by, and its bytes when they are in memory."""

import os
from typing import NamedTuple

from evloop.files.content import Preloaded
from evloop.files.mime import media_type


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

    `etag` is strong; `mtime` is in seconds; `size` is that of the representation; `content`
    is None for a file that is streamed. `checked` is when the disk last agreed, on the
    reactor's clock. An entry that is not `settled` may have changed again without a new
    time stamp. `prepared` is for those who make responses of it.
    """

    __slots__ = (
        "checked",
        "content",
        "etag",
        "media_type",
        "mtime",
        "prepared",
        "settled",
        "signature",
        "size",
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
        content: Preloaded | None = None,
    ) -> None:
        self.media_type = media_type(path)
        self.signature = signature
        self.etag = etag
        self.size = size
        self.mtime = signature.mtime_ns // 1_000_000_000
        self.checked = checked
        self.settled = settled
        self.content = content
        self.prepared: object = None


def has_frozen_mtime(mtime: int) -> bool:
    """Whether a time of modification is a build tool's constant and says nothing."""
    return mtime in {0, 1}


def etag_of_content(digest: str) -> bytes:
    """Return the strong tag of bytes that were seen: equal wherever the bytes are."""
    return b'"%b"' % digest.encode()


def etag_of_times(signature: Signature) -> bytes:
    """Return the strong tag of a file too large to be read for it.

    Equal on replicas that keep the times of files. Where the time is frozen, only inode
    and change time can tell two states apart, and replicas differ.
    """
    parts = [signature.mtime_ns, signature.size]
    if has_frozen_mtime(signature.mtime_ns // 1_000_000_000):
        parts += [signature.inode, signature.ctime_ns]
    return b'"%b"' % "-".join(f"{part:x}" for part in parts).encode()
