"""The files of a site by their paths, as `evloop check-site` sees them."""

import os
import stat
from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from evloop.http.target import Target
from evloop.settings.printable import printable
from evloop.site.routes import file_paths, index_paths, is_hidden


class Finding(NamedTuple):
    """Where something is wrong, and what."""

    where: str
    what: str

    def __str__(self) -> str:
        return f"{printable(self.where)}: {printable(self.what)}"


class Tree:
    """The regular files beneath *root* that would be served. Raises OSError for no directory."""

    def __init__(self, root: str, index_names: list[str], *, clean_urls: bool = False) -> None:
        self.root = os.fsencode(root)
        self.index_names = tuple(map(os.fsencode, index_names))
        self.clean_urls = clean_urls
        self.files: dict[bytes, os.stat_result] = {}
        self.directories: dict[bytes, list[bytes]] = {}
        os.scandir(self.root).close()
        for directory, names, files in os.walk(self.root):
            path = os.path.relpath(directory, self.root) if directory != self.root else b""
            names[:] = sorted(name for name in names if not is_hidden(_join(path, name)))
            self.directories[path] = sorted([*names, *files])
            for name in files:
                self._add(_join(path, name))

    def _add(self, path: bytes) -> None:
        if is_hidden(path):
            return
        try:
            status = os.stat(self.file(path))
        except OSError:
            return  # a link that leads nowhere is no file
        if stat.S_ISREG(status.st_mode):
            self.files[path] = status

    def file(self, path: bytes) -> bytes:
        """Return the name of the file at *path* for the system."""
        return os.path.join(self.root, path)

    def read(self, path: bytes, limit: int = -1) -> bytes:
        """Return the bytes of the file at *path*, none where there is none."""
        if path not in self.files:
            return b""
        with open(self.file(path), "rb") as file:
            return file.read(limit)

    def resolve(self, path: bytes, *, is_directory: bool) -> bytes | None:
        """Return the file that answers for *path*, relative and decoded; None: there is none."""
        target = Target(path, is_directory, b"")
        candidates = file_paths(target, self.index_names, clean_urls=self.clean_urls)
        if not is_directory:  # it is redirected to its address with a slash
            candidates += index_paths(path, self.index_names)
        return next((each for each in candidates if each in self.files), None)

    def names_that_differ_in_case(self) -> Iterator[Finding]:
        """Yield names of one directory that are the same where case does not count."""
        for directory, names in self.directories.items():
            alike = defaultdict(list)
            for name in names:
                alike[os.fsdecode(name).casefold()].append(os.fsdecode(_join(directory, name)))
            for first, *others in alike.values():
                for other in others:
                    yield Finding(other, f"differs only in case from {first}")


def _join(directory: bytes, name: bytes) -> bytes:
    return directory + b"/" + name if directory else name
