"""Directories of files to be asked for."""

import os
import time
from pathlib import Path

SMALL = "/small.txt"
SMALL_CONTENT = b"0123456789abcdef" * 64
LARGE = "/large.bin"
LARGE_SIZE = 256 * 1024**2

_PIECE = 1024 * 1024
# A file that has just been written is read again at each look, until its time is past.
_OLD = 3600


def make_docroot(root: Path) -> Path:
    """Make what attacks ask for: a small file, a large one that is all holes, and traps."""
    for name, content in {
        SMALL[1:]: SMALL_CONTENT,
        "hidden.txt": b"this was not asked for",
        "index.html": b"<!doctype html><title>Attacked</title>",
        ".env": b"PASSWORD=secret",
    }.items():
        age(write(root / name, content))
    with open(root / LARGE[1:], "wb") as file:
        file.truncate(LARGE_SIZE)
    age(root / LARGE[1:])
    os.mkfifo(root / "fifo")
    (root / "link.txt").symlink_to("/etc/passwd")
    return root


def make_many(root: Path, count: int, size: int) -> list[str]:
    """Make *count* files of *size* bytes, all holes; return their targets."""
    names = [f"{number:05d}.bin" for number in range(count)]
    for name in names:
        with open(root / name, "wb") as file:
            file.truncate(size)
        age(root / name)
    return ["/" + name for name in names]


def make_real(path: Path, size: int) -> Path:
    """Make a file without holes, written to the disk."""
    piece = os.urandom(_PIECE)
    with open(path, "wb") as file:
        for offset in range(0, size, _PIECE):
            file.write(piece[: size - offset])
        file.flush()
        os.fsync(file.fileno())
    return age(path)


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def age(path: Path) -> Path:
    """Let *path* look as if it had not been touched for an hour, as far as it can."""
    then = time.time() - _OLD
    os.utime(path, (then, then))
    return path


def evict(path: Path) -> None:
    """Drop *path* from the page cache."""
    fd = os.open(path, os.O_RDONLY)
    try:
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(fd)
