"""What a reader must know of the machine to judge the figures."""

import os
import platform
import resource
import time
from pathlib import Path

import psutil

from evloop.settings.units import format_size

# Descriptors that the benchmark would like to have.
WANTED_DESCRIPTORS = 65_536


def about(driver: str) -> dict[str, str]:
    """Return the date, the machine, and the versions of what is not a server."""
    return {
        "date": time.strftime("%Y-%m-%d"),
        "processor": f"{os.cpu_count()} x {_processor()}",
        "memory": format_size(psutil.virtual_memory().total),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "Python of the benchmark": platform.python_version(),
        "load driver": driver,
        "descriptors": f"{descriptors():,} per process",
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or "unknown")


def descriptors() -> int:
    """Return how many descriptors this process and its children may open."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def raise_descriptors(wanted: int = WANTED_DESCRIPTORS) -> int:
    """Raise that number to *wanted*, or as far as we may, and return it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for limit in (wanted, min(hard, wanted)):
        if soft >= limit:
            break
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, max(hard, limit)))
            break
        except (ValueError, OSError):
            continue
    return descriptors()
