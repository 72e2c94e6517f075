"""Directories of files to be asked for."""

import os
from pathlib import Path

from evloop_tools.lab.docroot import age
from evloop_tools.load.content import Coded
from evloop_tools.load.orders import CODED, Wanted

SMALL = "/small.txt"
SMALL_FILE = Wanted(SMALL, 1024, CODED)
SMALL_CONTENT = SMALL_FILE.file.content.expected(0, 1024)
LARGE = "/large.bin"
LARGE_SIZE = 256 * 1024**2


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
    Coded(f"/{path.name}", size).write(path)
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
    return age(path)


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path
