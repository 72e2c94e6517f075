"""A disk that is slow for one process alone: the kernel's block controller of cgroup v1."""

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

_CONTROLLER = Path("/sys/fs/cgroup/blkio")
_SETTLE = 0.2  # seconds until the kernel has noticed that a process has ended


@contextlib.contextmanager
def slow_disk(path: Path, rate: int) -> Iterator[Callable[[int], None]]:
    """Yield a function that makes the disk beneath *path* slow for a process, given its pid.

    It then reads *rate* bytes a second at most; 0 changes nothing. The processes must have
    ended when the context does.

    Raises OSError without the right, or without the controller.
    """
    if not rate:
        yield lambda pid: None
        return
    device = os.stat(path).st_dev
    group = _CONTROLLER / f"attack-{os.getpid()}"
    group.mkdir()
    try:
        limit = f"{os.major(device)}:{os.minor(device)} {rate}"
        (group / "blkio.throttle.read_bps_device").write_text(limit)
        yield lambda pid: _add(group, pid)
    finally:
        time.sleep(_SETTLE)
        group.rmdir()


def _add(group: Path, pid: int) -> None:
    (group / "cgroup.procs").write_text(str(pid))
