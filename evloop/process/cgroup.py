"""The limit on memory that a container, or whoever made this process's cgroup, has set."""

_UNLIMITED = 1 << 60  # cgroup v1 says so with a number near 2^63


def cgroup_limit() -> int | None:
    """Return the bytes that the process's cgroup may take; None when it may take all."""
    limits = [limit for path in _cgroup_files() if (limit := _read_limit(path)) is not None]
    return min(limits, default=None)


def _cgroup_files() -> list[str]:
    try:
        with open("/proc/self/cgroup", encoding="ascii") as memberships:
            lines = [line.rstrip("\n").split(":", 2) for line in memberships]
    except OSError:
        return []
    files = []
    for _, controllers, path in lines:
        if not controllers:
            files += [f"/sys/fs/cgroup{path}/memory.max", "/sys/fs/cgroup/memory.max"]
        elif "memory" in controllers.split(","):
            # In a container the path may be that of the host; the root is then its own.
            files += [
                f"/sys/fs/cgroup/memory{path}/memory.limit_in_bytes",
                "/sys/fs/cgroup/memory/memory.limit_in_bytes",
            ]
    return files


def _read_limit(path: str) -> int | None:
    try:
        with open(path, encoding="ascii") as file:
            text = file.read().strip()
    except OSError:
        return None
    return int(text) if text.isdecimal() and int(text) < _UNLIMITED else None
