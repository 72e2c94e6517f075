"""Which files of a tree get sidecars."""

import os
import stat
from collections.abc import Callable, Iterator, Sequence

from evloop.compress.sidecar import Task
from evloop.files.compressible import matches
from evloop.files.mime import media_type

_WELL_KNOWN = ".well-known"  # RFC 8615: the one hidden name that is served


def find_tasks(
    root: str,
    codings: Sequence[str],
    types: tuple[str, ...],
    min_size: int,
    on_error: Callable[[OSError], None],
    *,
    is_check: bool = False,
) -> Iterator[Task]:
    """Yield a task for each coding of each regular file beneath *root* whose type is in *types*.

    Hidden names and symbolic links are left out: those are not served, these get the sidecars of
    what they lead to only under another name. *on_error* is told which directories can't be read.
    """
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
                for coding in codings:
                    is_wanted = status.st_size >= max(1, min_size)
                    yield Task(path, status.st_size, coding, is_wanted, is_check)


def _is_hidden(name: str, *, is_top: bool) -> bool:
    return name.startswith(".") and not (is_top and name == _WELL_KNOWN)
