"""One pass over the open descriptors of a server: its sockets, and its downloads.

A download is a regular file, not empty, that is open for reading only. From their sizes
follows what a server that loads whole files would hold at this moment. The same file
open N times counts N times, since such a server would load it N times.

Servers differ: some share one descriptor among downloads, some close a file once it is
loaded or mapped. Then nothing tells from outside what is in flight, and the figure is a
lower bound; see Downloads.note().

Source on Linux: stat(2) and lstat(2) of /proc/PID/fd/N, which tell the kind, the inode,
the size and the mode without a look at the path, see proc_pid_fd(5).
"""

import os
import stat
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import psutil

MAX_DESCRIPTORS = 50_000  # looked at per sample; at about 4 us each this bounds the time


@dataclass(slots=True)
class Downloads:
    """Files in flight: how many, and the bytes of all of them together.

    complete is False when the pass was cut at its bound.
    """

    count: int = 0
    size: int = 0
    complete: bool = True

    def note(self, sending: int | None) -> str | None:
        """Say why the figure is a lower bound, or None; *sending*: sockets with unsent bytes."""
        if not self.complete:
            return f"only the first {MAX_DESCRIPTORS:,} descriptors were looked at: a lower bound"
        if sending is not None and sending > self.count:
            return (
                f"{sending:,} connections have unsent bytes but {self.count:,} files are open "
                "(the rest is small, shared or loaded): a lower bound"
            )
        return None


@dataclass(slots=True)
class Descriptors:
    """The open descriptors of a server: their number, the inodes of sockets, the downloads."""

    count: int = 0
    sockets: set[int] = field(default_factory=set)
    downloads: Downloads = field(default_factory=Downloads)


def read_descriptors(pids: Iterable[int], bound: int = MAX_DESCRIPTORS) -> Descriptors:
    """Look at up to *bound* descriptors of the processes *pids*.

    A process or a descriptor that is gone by then is left out.

    Raises PermissionError without the right to look.
    """
    found = Descriptors()
    for pid in pids:
        try:
            folder = os.open(f"/proc/{pid}/fd", os.O_RDONLY | os.O_DIRECTORY)
        except (FileNotFoundError, ProcessLookupError):
            continue
        try:
            names = [entry.name for entry in os.scandir(folder)]
            room = max(0, bound - found.count)
            found.count += len(names)
            found.downloads.complete &= len(names) <= room
            for name in names[:room]:
                _look_at(folder, name, found)
        except (FileNotFoundError, ProcessLookupError):
            continue
        finally:
            os.close(folder)
    return found


def _look_at(folder: int, name: str, found: Descriptors) -> None:
    try:
        target = os.stat(name, dir_fd=folder)
        if stat.S_ISSOCK(target.st_mode):
            found.sockets.add(target.st_ino)
        elif stat.S_ISREG(target.st_mode) and target.st_size:
            link = os.lstat(name, dir_fd=folder)
            if not link.st_mode & stat.S_IWUSR:  # open for writing: a log, not a download
                found.downloads.count += 1
                found.downloads.size += target.st_size
    except OSError:
        return  # closed meanwhile


def count_descriptors(process: psutil.Process) -> int:
    """Return the number of open descriptors (on Windows: handles), without a look at each.

    Raises OSError or psutil.Error when the process ended or may not be read.
    """
    folder = Path(f"/proc/{process.pid}/fd")
    if folder.exists():
        return folder.stat().st_size or sum(1 for _ in folder.iterdir())  # the size since Linux 6.2
    if sys.platform == "win32":
        return process.num_handles()
    return process.num_fds()


def portable_descriptors(processes: Iterable[psutil.Process]) -> tuple[int, Downloads]:
    """The same from psutil, where there is no /proc: the number, and the downloads.

    Raises psutil.AccessDenied and psutil.NoSuchProcess.
    """
    count, downloads = 0, Downloads()
    for process in processes:
        count += count_descriptors(process)
        for entry in process.open_files():
            size = _size(entry.path)
            downloads.count += size > 0
            downloads.size += size
    return count, downloads


def _size(path: str) -> int:
    try:
        return Path(path).stat().st_size
    except OSError:
        return 0
