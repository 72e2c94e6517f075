"""The files to ask for."""

import os
import random
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from urllib.parse import quote

from evloop_tools.load.content import Content, Copy

MAX_FILES = 256
"""So many files of a directory are asked for, at most."""
_SMALL = 1024 * 1024
_MIDDLE = 32 * 1024 * 1024


class Kind(Enum):
    """What a file is to those who ask for it."""

    PAGE = "page"
    ASSET = "asset"
    """Goes with a page: a style, a script, a picture; or any other file up to 1 MiB."""
    DOCUMENT = "document"
    """Up to 32 MiB."""
    VIDEO = "video"


SMALL = (Kind.PAGE, Kind.ASSET)
LARGE = (Kind.DOCUMENT, Kind.VIDEO)


@dataclass(frozen=True, slots=True)
class File:
    """A file of the server: its path as in a URL, and what its bytes are."""

    path: str
    kind: Kind
    content: Content

    @property
    def size(self) -> int | None:
        """In bytes; None: not known."""
        return self.content.size


def local_files(root: Path) -> list[File]:
    """Return up to MAX_FILES files of *root* that a server would show.

    Hidden and unreadable ones are left out, and empty ones, which have no byte to check.

    Raises OSError when the directory can't be read.
    """
    found: list[File] = []
    for folder, folders, names in os.walk(root, onerror=_raise):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(name for name in names if not name.startswith(".")):
            if len(found) == MAX_FILES:
                return found
            path = Path(folder, name)
            if path.is_file() and os.access(path, os.R_OK) and path.stat().st_size:
                found.append(_local_file(path, root))
    return found


def _raise(error: OSError) -> None:
    raise error


def _local_file(path: Path, root: Path) -> File:
    content = Copy(path)
    url = "/" + quote(path.relative_to(root).as_posix())
    return File(url, kind_of(url, content.size), content)


def kind_of(path: str, size: int | None) -> Kind:
    """Return what a file is, going by its name and its size."""
    if path.endswith((".html", ".htm", "/")):
        return Kind.PAGE
    if size is None or size <= _SMALL:
        return Kind.ASSET
    return Kind.DOCUMENT if size <= _MIDDLE else Kind.VIDEO


class Catalogue:
    """Files to choose from; there is at least one."""

    def __init__(self, files: Sequence[File]) -> None:
        self.files = list(files)
        self._by_kind = {kind: [file for file in files if file.kind is kind] for kind in Kind}

    def some(self, *kinds: Kind) -> list[File]:
        """Return the files of *kinds*; all, when there are none of these."""
        return [file for kind in kinds for file in self._by_kind[kind]] or self.files

    def pick(self, chance: random.Random, *kinds: Kind) -> File:
        """Choose a file of the first of *kinds* that has any; of all, when none has."""
        for kind in kinds:
            if self._by_kind[kind]:
                return chance.choice(self._by_kind[kind])
        return chance.choice(self.files)
