"""Which files of a tree get sidecars."""

import os
import re
import stat
from collections.abc import Callable, Iterator, Sequence

from evloop.compress.delta import Delta, Leftover
from evloop.compress.sidecar import Task
from evloop.files.compressible import matches
from evloop.files.mime import media_type
from evloop.files.variants import MAX_LAG_NS
from evloop.http.dictionaries import Versioned, split_version

_WELL_KNOWN = ".well-known"  # RFC 8615: the one hidden name that is served


# Older versions of one file that get a difference each: who left it for longer loads the whole.
_MAX_VERSIONS = 4
_DELTA = re.compile(r"(.+)\.[0-9a-f]{16}\.dcz\Z")

OnError = Callable[[OSError], None]
_Named = tuple[str, os.stat_result]


def find_tasks(
    root: str,
    codings: Sequence[str],
    types: tuple[str, ...],
    min_size: int,
    on_error: OnError,
    *,
    is_check: bool = False,
) -> Iterator[Task]:
    """Yield a task for each coding of each regular file beneath *root* whose type is in *types*.

    Hidden names and symbolic links are left out: those are not served, these get the sidecars of
    what they lead to only under another name. *on_error* is told which directories can't be read.
    """
    for path, status in _files(root, types, on_error):
        for coding in codings:
            is_wanted = status.st_size >= max(1, min_size)
            yield Task(path, status.st_size, coding, is_wanted, is_check)


def find_deltas(
    root: str,
    old_root: str,
    types: tuple[str, ...],
    min_size: int,
    on_error: OnError,
    *,
    is_check: bool = False,
) -> Iterator[Delta]:
    """Yield what each file beneath *root* may be made of: its versions beneath *old_root*.

    A version has the same path, but for what a build tool has put into its name.
    """
    versions: dict[Versioned, list[_Named]] = {}
    for path, status in _files(old_root, types, on_error):
        versions.setdefault(_versioned(path, old_root), []).append((path, status))
    for path, status in _files(root, types, on_error):
        if status.st_size >= min_size:
            found = versions.get(_versioned(path, root), [])
            newest = sorted(found, key=lambda each: -each[1].st_mtime_ns)[:_MAX_VERSIONS]
            yield from (Delta(path, status.st_size, old, is_check) for old, _ in newest)


def find_leftovers(root: str, on_error: OnError, *, is_check: bool = False) -> Iterator[Leftover]:
    """Yield the differences beneath *root* that are older than their files."""
    for path, status in _files(root, ("*",), on_error):
        named = _DELTA.match(path)
        if named is None:
            continue
        try:
            of = os.lstat(named[1])
        except OSError:
            continue  # nothing is known of a file that is not there
        if status.st_mtime_ns < of.st_mtime_ns - MAX_LAG_NS:
            yield Leftover(path, status.st_size, is_check)


def _versioned(path: str, root: str) -> Versioned:
    return split_version(os.fsencode(os.path.relpath(path, root)))


def _files(root: str, types: tuple[str, ...], on_error: OnError) -> Iterator[_Named]:
    """Yield the path and the status of each file of *types* that is served."""
    for directory, names, files in os.walk(root, onerror=on_error):
        is_top = directory == root
        names[:] = sorted(name for name in names if not _is_hidden(name, is_top=is_top))
        for name in sorted(files):
            if _is_hidden(name, is_top=False) or not matches(media_type(os.fsencode(name)), types):
                continue
            path = os.path.join(directory, name)
            try:
                status = os.lstat(path)
            except FileNotFoundError:
                continue
            except OSError as error:
                on_error(error)
                continue
            if stat.S_ISREG(status.st_mode):
                yield path, status


def _is_hidden(name: str, *, is_top: bool) -> bool:
    return name.startswith(".") and not (is_top and name == _WELL_KNOWN)
