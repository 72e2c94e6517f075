"""The memory of the control group that a server runs in, and its limit.

A group's usage counts the page cache of every file that was read in it. A server of
files fills it up to the limit as a matter of course, so the cache is told apart.

Source: /proc/PID/cgroup, the mounts in /proc/self/mountinfo, and the memory files of
version 2 (memory.current, memory.max) or 1 (memory.usage_in_bytes,
memory.limit_in_bytes), see cgroups(7).
"""

import os
from dataclasses import dataclass
from pathlib import Path

_UNLIMITED = 1 << 60  # version 1 writes "no limit" as a number just below 2**63


@dataclass(frozen=True, slots=True)
class Cgroup:
    """Bytes: usage of the group, page cache in it, its limit (None: none is set)."""

    usage: int
    cache: int | None
    limit: int | None


@dataclass(frozen=True, slots=True)
class _Files:
    """How one version of the interface names its files."""

    usage: str
    limit: str
    cache: str  # the key in memory.stat


_VERSIONS = {
    "cgroup": _Files("memory.usage_in_bytes", "memory.limit_in_bytes", "total_cache"),
    "cgroup2": _Files("memory.current", "memory.max", "file"),
}


@dataclass(frozen=True, slots=True)
class CgroupPath:
    """Where the group of a process is: its folder, the mount above it, the names in it."""

    folder: Path
    mount: Path
    files: _Files


def find_cgroup(pid: int) -> CgroupPath | None:
    """Return the memory group of *pid*; None where there is none or it can't be read."""
    try:
        groups = Path(f"/proc/{pid}/cgroup").read_text()
        mounts = Path("/proc/self/mountinfo").read_text()
    except OSError:
        return None
    return next((path for path in locate(groups, mounts) if _readable(path)), None)


def locate(groups: str, mounts: str) -> list[CgroupPath]:
    """Return where the memory group may be: version 1 first, as it has the controller.

    *groups* is the text of /proc/PID/cgroup, *mounts* that of /proc/self/mountinfo.
    """
    found = []
    for kind, path in _memory_groups(groups):
        for mount, root in _mounts(mounts, kind):
            if path != root and not path.startswith(root.rstrip("/") + "/"):
                continue  # outside of what is mounted here
            inner = os.path.normpath(path[len(root.rstrip("/")) :].lstrip("/"))
            if not inner.startswith(".."):
                found.append(CgroupPath(mount / inner, mount, _VERSIONS[kind]))
    return found


def _memory_groups(groups: str) -> list[tuple[str, str]]:
    """The ("cgroup" or "cgroup2", path) of the lines that may carry the memory controller."""
    found: list[tuple[str, str]] = []
    for line in groups.splitlines():
        number, controllers, path = line.split(":", 2)
        if "memory" in controllers.split(","):
            found.insert(0, ("cgroup", path))
        elif number == "0" and not controllers:
            found.append(("cgroup2", path))
    return found


def _mounts(mounts: str, kind: str) -> list[tuple[Path, str]]:
    """The (mount point, root) of the mounts of *kind* that carry the memory controller."""
    found = []
    for line in mounts.splitlines():
        fields, _, rest = line.partition(" - ")
        file_system, _, options = rest.split(" ", 2)
        if file_system != kind or (kind == "cgroup" and "memory" not in options.split(",")):
            continue
        words = fields.split()
        found.append((Path(words[4]), words[3]))
    return found


def read_cgroup(path: CgroupPath) -> Cgroup | None:
    """Return usage and the tightest limit from the group up to its mount; None if it is gone."""
    try:
        usage = int((path.folder / path.files.usage).read_text())
    except (OSError, ValueError):
        return None
    limits = []
    folder = path.folder
    while True:
        limits.append(_limit(folder / path.files.limit))
        if folder in (path.mount, folder.parent):
            break
        folder = folder.parent
    set_limits = [limit for limit in limits if limit is not None]
    return Cgroup(usage, _cache(path), min(set_limits, default=None))


def _limit(path: Path) -> int | None:
    try:
        text = path.read_text().strip()
    except OSError:
        return None
    return None if text == "max" or int(text) >= _UNLIMITED else int(text)


def _cache(path: CgroupPath) -> int | None:
    try:
        lines = (path.folder / "memory.stat").read_text().splitlines()
    except OSError:
        return None
    values = dict(line.split(" ", 1) for line in lines)
    return int(values[path.files.cache]) if path.files.cache in values else None


def _readable(path: CgroupPath) -> bool:
    return os.access(path.folder / path.files.usage, os.R_OK)
