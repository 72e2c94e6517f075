"""The ceiling on the process's memory, which follows from the settings.

    base + preloaded bytes + connections x what one may hold at the worst

Each term has a limit of its own, so the sum is a bound by construction. To stay beneath a
given limit the preload budget shrinks first, then the number of connections.
"""

import os
from typing import NamedTuple

from evloop.files.cache import DIGESTS_SIZE
from evloop.http1.headcache import MAX_BYTES as MEMO_SIZE
from evloop.observe.logwriter import MAX_PENDING as LOG_SIZE
from evloop.settings.config import Config, ConfigError
from evloop.settings.units import format_size
from evloop.site.routes import ROUTES_SIZE

CONNECTION_SIZE = 7 * 1024
"""Bytes of one connection at the worst, its share of all tables included, rounded up: a stalled
download of sixteen parts, while a plain one takes less than 1 KiB. Its buffer of requests comes
on top."""

_UNLIMITED = 1 << 60  # cgroup v1 says so with a number near 2^63
_LEAST_CONNECTIONS = 8


class MemoryPlan(NamedTuple):
    """What the process may come to take, in bytes, and the two settings that see to it."""

    base: int
    """At the start, plus what is remembered of requests and the log lines that may wait."""
    memory_budget: int
    connections: int
    connection_size: int
    """What one connection may hold at the worst."""

    @property
    def ceiling(self) -> int:
        """The sum."""
        return self.base + self.memory_budget + self.connections * self.connection_size


def plan_memory(
    config: Config, start_size: int, connections: int, cgroup_limit: int | None
) -> MemoryPlan:
    """Return the plan that keeps to the limit, if there is one.

    *start_size*: bytes of the process at its start; *connections*: as many as descriptors
    allow; *cgroup_limit*: bytes, None without one.

    Raises ConfigError when the limit leaves no room to serve.
    """
    wanted = MemoryPlan(
        start_size + MEMO_SIZE + ROUTES_SIZE + DIGESTS_SIZE + LOG_SIZE,
        config.memory_budget,
        min(config.max_connections or connections, connections),
        CONNECTION_SIZE + config.max_head_size,
    )
    # Half, because the kernel counts the page cache and the sockets' queues in it too.
    limit = config.memory_limit or (cgroup_limit // 2 if cgroup_limit else 0)
    if not limit or wanted.ceiling <= limit:
        return wanted
    room = limit - wanted.base
    least = _LEAST_CONNECTIONS * wanted.connection_size
    if room < least:
        needed = f"at least {format_size(wanted.base + least)} is wanted"
        raise ConfigError("--memory-limit", format_size(limit), needed)
    all_connections = wanted.connections * wanted.connection_size
    # Preload less; but connections get more than half only of what preloading leaves.
    budget = min(wanted.memory_budget, max(room - all_connections, room // 2), room - least)
    fewer = min(wanted.connections, (room - budget) // wanted.connection_size)
    return wanted._replace(memory_budget=budget, connections=fewer)


def process_size() -> int:
    """Return the bytes that are resident now; 0 where the platform does not say."""
    try:
        with open("/proc/self/statm", "rb") as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


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
