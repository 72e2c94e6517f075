"""Files to serve and to ask for: made once, old enough to be believed, every byte known."""

import os
from collections.abc import Iterable
from pathlib import Path

from evloop_tools.load.content import Coded, Sparse
from evloop_tools.load.orders import CODED, Wanted

KIB = 1024
MIB = 1024 * KIB

_AGE = 3600
"""Seconds: files of this age are believed not to change any more, by any server."""


def make(directory: Path, files: Iterable[Wanted]) -> None:
    """Make *files*, whose bytes are known, in *directory*. Raises OSError without room."""
    for path, wanted in {place(directory, wanted): wanted for wanted in files}.items():
        path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        content = wanted.file.content
        assert isinstance(content, Coded | Sparse)
        content.write(path)
        age(path)


def age(path: Path) -> Path:
    """Let *path* look as if it had not been touched for an hour, as far as it can."""
    then = path.stat().st_mtime - _AGE
    os.utime(path, (then, then))
    return path


def evict(path: Path) -> None:
    """Have the kernel forget what it has of *path* in its page cache. Raises OSError."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def warm(path: Path) -> None:
    """Read all of *path*, so that it is in the page cache. Raises OSError."""
    with path.open("rb", buffering=0) as file:
        while file.read(MIB):
            continue


SMALL = Wanted("/small.html", 1 * KIB, CODED)
MEDIUM = Wanted("/medium.bin", 100 * KIB, CODED)
LARGE = Wanted("/large.bin", 100 * MIB, CODED)
PAGES = tuple(Wanted(f"/pages/{number:04}.html", 4 * KIB, CODED) for number in range(1000))


def place(root: Path, wanted: Wanted) -> Path:
    """Return where *wanted* is beneath *root*."""
    return root / wanted.path.removeprefix("/")


def build(directory: Path) -> None:
    """Make the benchmark's files in *directory*. Raises OSError when the disk has no room."""
    make(directory, (SMALL, MEDIUM, LARGE, *PAGES))
