"""The files that are asked for."""

import os
from collections.abc import Iterable
from pathlib import Path

import make_samples

from comparing.other_tools import make_soak_files
from comparing.scenarios import Group, Measure, Scenario

PROBE = "/probe.html"
_PROBE_SIZE = 1024

# Files of this age in seconds are believed not to change any more, by any server.
_AGE = 3600


def make(directory: Path, scenarios: Iterable[Scenario]) -> None:
    """Make what *scenarios* want in *directory*, and the page that a new server is asked for.

    Raises OSError when there is no room, VoidError when soak.py can't make its own files.
    """
    # Some servers give up their privileges, and then need the right to read.
    directory.chmod(0o755)
    _make_file(directory / PROBE.lstrip("/"), _PROBE_SIZE, sparse=False)
    for scenario in scenarios:
        for group in scenario.groups:
            _make_group(directory, group)
        if scenario.measure is Measure.SOAKED:
            make_soak_files(directory)


def _make_group(directory: Path, group: Group) -> None:
    for name in dict.fromkeys(group.file_names()):
        _make_file(directory / name, group.size, group.sparse)


def _make_file(path: Path, size: int, sparse: bool) -> None:
    if path.exists():
        return
    if sparse:
        with path.open("wb") as file:
            file.truncate(size)
    else:
        make_samples.write(make_samples.Sample(path.name, size), path.parent)
    made = path.stat().st_mtime - _AGE
    os.utime(path, (made, made))


def evict(path: Path) -> None:
    """Have the kernel forget what it has of *path* in its page cache.

    Raises OSError when the file can't be opened.
    """
    with path.open("rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def warm(path: Path) -> None:
    """Read all of *path*, so that it is in the page cache.

    Raises OSError when it can't be read.
    """
    with path.open("rb", buffering=0) as file:
        while file.read(1024 * 1024):
            continue
