"""The memory pages of a process, and which of them are its own.

A page that maps a file (code, a library, a file served through mmap) is page cache: the
kernel takes it back when it needs room. A page that the process made itself is its own:
only those can leak. So growth is judged on own pages, while PSS, which divides shared
pages among those who share them, says what the server takes altogether.

Source on Linux: /proc/PID/smaps_rollup (since 4.14) and /proc/PID/status, see proc(5).
"""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import psutil


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes of one process, or of several added up; None: the platform does not say.

    rss: resident pages, shared ones counted in full in every process
    pss: resident pages, shared ones divided by the number of those who share them
    uss: resident pages that no other process maps
    anonymous: own pages, resident or swapped out, shared ones (after a fork) divided
    file_backed: resident pages of mapped files and of shared memory, divided likewise
    swap: that part of anonymous that is swapped out
    rss_high: the highest rss since the process started, as the kernel kept it
    """

    rss: int
    pss: int | None = None
    uss: int | None = None
    anonymous: int | None = None
    file_backed: int | None = None
    swap: int | None = None
    rss_high: int | None = None

    def __add__(self, other: "Memory") -> "Memory":
        """Add field by field; what one of the two does not know, the sum does not know."""
        sums: dict[str, Any] = {}
        for name in (field.name for field in fields(self)):
            ours, theirs = getattr(self, name), getattr(other, name)
            sums[name] = None if ours is None or theirs is None else ours + theirs
        return Memory(**sums)

    @property
    def total_metric(self) -> str:
        """The best figure here for what the server takes: pss, else uss, else rss."""
        return next(name for name in ("pss", "uss", "rss") if getattr(self, name) is not None)

    @property
    def own_metric(self) -> str:
        """The best figure here for pages that can leak: anonymous, else uss, else rss."""
        return next(name for name in ("anonymous", "uss", "rss") if getattr(self, name) is not None)


def read_memory(process: psutil.Process) -> Memory | None:
    """Return the memory of *process*; None when it has none (a zombie, a kernel thread).

    Raises PermissionError or psutil.AccessDenied without the right to read it, OSError
    or psutil.NoSuchProcess when it ended.
    """
    status = _kilobytes(Path(f"/proc/{process.pid}/status"))
    if status is None:
        return _portable(process, {})
    if "VmRSS" not in status:
        return None
    rollup = _kilobytes(Path(f"/proc/{process.pid}/smaps_rollup"))
    if rollup is None or "Pss_Anon" not in rollup:
        return _portable(process, status)
    return Memory(
        rss=rollup["Rss"],
        pss=rollup["Pss"],
        uss=rollup["Private_Clean"] + rollup["Private_Dirty"],
        anonymous=rollup["Pss_Anon"] + rollup["SwapPss"],
        file_backed=rollup["Pss_File"] + rollup["Pss_Shmem"],
        swap=rollup["SwapPss"],
        rss_high=status.get("VmHWM"),
    )


def _portable(process: psutil.Process, status: dict[str, int]) -> Memory:
    """What psutil knows anywhere, with what an older kernel has in *status*."""
    full = process.memory_full_info()
    swap = status.get("VmSwap", 0)
    own, files = status.get("RssAnon"), status.get("RssFile")
    return Memory(
        rss=full.rss,
        pss=getattr(full, "pss", None),
        uss=getattr(full, "uss", None),
        anonymous=None if own is None else own + swap,
        file_backed=None if files is None else files + status.get("RssShmem", 0),
        swap=status.get("VmSwap"),
        rss_high=status.get("VmHWM"),
    )


def _kilobytes(path: Path) -> dict[str, int] | None:
    """The "Name: N kB" lines of a /proc file in bytes; None where there is no such file.

    A process that ends while it is read (ESRCH) has no lines.
    """
    try:
        lines = path.read_bytes().splitlines()
    except FileNotFoundError:
        return None
    except ProcessLookupError:
        return {}
    found = {}
    for line in lines:
        words = line.split()
        if len(words) == 3 and words[2] == b"kB":
            found[words[0].rstrip(b":").decode()] = int(words[1]) * 1024
    return found
