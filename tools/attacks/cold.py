"""Downloads of a file that is not in the page cache: who else has to wait for the disk?"""

import contextlib
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from attacks.docroot import SMALL, SMALL_CONTENT, evict
from attacks.target import Address, Victim
from attacks.throttle import slow_disk
from attacks.visitor import Latency, Visitor, latency_of, median_of
from evloop.settings.units import format_size

LARGE = "/cold.bin"
# Each download is a process: the good client must not wait for its neighbour's work.
_DOWNLOAD = """
import socket, sys
host, port, target, part = sys.argv[1:]
sock = socket.create_connection((host, int(port)), 60)
fields = f"Host: a\\r\\nRange: bytes={part}\\r\\nConnection: close\\r\\n"
sock.sendall(f"GET {target} HTTP/1.1\\r\\n{fields}\\r\\n".encode())
buffer = bytearray(1 << 18)
while sock.recv_into(buffer):
    pass
"""
_PATIENCE = 120.0  # seconds
_STEP = 0.1  # seconds between two looks whether the downloads are done


class Cold(NamedTuple):
    """Seconds, but for the counts of reads that found nothing and that went to the disk."""

    latency: Latency
    lag_p99: float
    lag_maximum: float
    seconds: float
    waits: int
    blocking: int


def cold_disk(root: Path, clients: int, rate: int, rounds: int) -> Iterator[str]:
    """Compare reads that ask for what is in memory with plain ones, *rounds* times by turns.

    Each of the *clients* downloads a part of the file, so that none finds what another has read.
    *rate*: bytes a second that the disk gives; 0: as fast as it is.
    """
    size = (root / LARGE[1:]).stat().st_size
    measured: dict[bool, list[Cold]] = {True: [], False: []}
    with slow_disk(root, rate) as slow:
        for _ in range(rounds):
            for nowait in (True, False):
                cold = yield from _measure(root, size, clients, slow, nowait=nowait)
                measured[nowait].append(cold)
    for nowait, colds in measured.items():
        lag_p99 = statistics.median(cold.lag_p99 for cold in colds) * 1000
        lag_maximum = statistics.median(cold.lag_maximum for cold in colds) * 1000
        yield f"medians of {rounds} rounds, {_name(nowait)}"
        yield f"  loop lag p99 {lag_p99:.2f} ms, max {lag_maximum:.2f} ms"
        yield f"  a small file: {median_of([cold.latency for cold in colds])}"


def _name(nowait: bool) -> str:
    return "asking what is in memory" if nowait else "plain reads"


def _measure(
    root: Path, size: int, clients: int, slow: Callable[[int], None], *, nowait: bool
) -> Generator[str, None, Cold]:
    evict(root / LARGE[1:])
    bounds = [size * number // clients for number in range(clients + 1)]
    parts = [f"{start}-{stop - 1}" for start, stop in pairwise(bounds)]
    with (
        Victim(root, nowait=nowait) as target,
        contextlib.closing(Visitor(target.address, SMALL, SMALL_CONTENT)) as visitor,
    ):
        visitor.measure(0.5)
        slow(target.pid)
        target.reset()
        began = time.monotonic()
        latency = latency_of(_visit_during(visitor, target.address, parts))
        cold = _cold(latency, time.monotonic() - began, target.figures())
    yield (
        f"{_name(nowait)}: lag p99 {cold.lag_p99 * 1000:.2f} ms, max"
        f" {cold.lag_maximum * 1000:.2f} ms; a small file: {latency};"
        f" {format_size(size / cold.seconds)}/s, {cold.waits} waits, {cold.blocking} plain reads"
    )
    return cold


def _cold(latency: Latency, seconds: float, figures: Mapping[str, Any]) -> Cold:
    lag = figures["lag"]
    waits, blocking = figures["waits"], figures["blocking_reads"]
    return Cold(latency, lag["p99"], lag["maximum"], seconds, waits, blocking)


def _visit_during(visitor: Visitor, address: Address, parts: list[str]) -> list[float]:
    """Let the good client ask while *parts* are downloaded; return what it had to wait."""
    host, port = address
    children = [
        subprocess.Popen([sys.executable, "-c", _DOWNLOAD, host, str(port), LARGE, part])
        for part in parts
    ]
    samples: list[float] = []
    give_up_at = time.monotonic() + _PATIENCE
    try:
        while any(child.poll() is None for child in children):
            samples += visitor.sample(_STEP)
            if time.monotonic() > give_up_at:
                raise RuntimeError(f"the downloads are not done after {_PATIENCE:g} s")
    finally:
        for child in children:
            child.kill()
            child.wait()
    return samples
