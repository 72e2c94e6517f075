"""The files that every server is asked for, made once for a campaign."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

KIB = 1024
MIB = 1024 * KIB

SMALL_BYTES = 1 * KIB
PAGE_BYTES = 4 * KIB
MEDIUM_BYTES = 100 * KIB
LARGE_BYTES = 100 * MIB
PAGES = 1000


@dataclass(frozen=True, slots=True)
class Docroot:
    """A directory of files to serve, and the paths that lead to them."""

    path: Path

    small: str = "/small.html"
    medium: str = "/medium.bin"
    large: str = "/large.bin"
    pages: tuple[str, ...] = tuple(f"/pages/{number:04}.html" for number in range(PAGES))

    def file(self, path: str) -> Path:
        """Return the file that the request path *path* leads to."""
        return self.path / path.removeprefix("/")

    def size(self, path: str) -> int:
        """Return the bytes of the file that the request path *path* leads to."""
        return self.file(path).stat().st_size


def build(directory: Path) -> Docroot:
    """Write the files into *directory*; raise OSError when the disk has no room."""
    docroot = Docroot(directory)
    # Some servers give up their privileges, and then need the right to read.
    directory.chmod(0o755)
    docroot.file(docroot.pages[0]).parent.mkdir(mode=0o755)
    docroot.file(docroot.small).write_bytes(_text("small", SMALL_BYTES))
    for page in docroot.pages:
        docroot.file(page).write_bytes(_text(page, PAGE_BYTES))
    docroot.file(docroot.medium).write_bytes(_noise("medium", MEDIUM_BYTES))
    with docroot.file(docroot.large).open("wb") as large:
        for block in range(LARGE_BYTES // MIB):
            large.write(_noise(f"large {block}", MIB))
    return docroot


def _noise(seed: str, size: int) -> bytes:
    return hashlib.shake_128(seed.encode()).digest(size)


def _text(seed: str, size: int) -> bytes:
    text = f"<!doctype html><title>{seed}</title><pre>{_noise(seed, size).hex()}"
    return text[:size].encode()
