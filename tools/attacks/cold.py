"""Downloads of a file that is not in the page cache: who else has to wait for the disk?"""

import contextlib
import statistics
import subprocess
import sys
import time
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import NamedTuple

from attacks.docroot import SMALL, SMALL_CONTENT, evict
from attacks.target import Address, Victim
from attacks.visitor import Latency, Visitor, median_of
from evloop.units import format_size

LARGE = "/cold.bin"
# Each download is a process: the good client must not wait for its neighbour's work.
_DOWNLOAD = """
import socket, sys
host, port, target, first = sys.argv[1:]
sock = socket.create_connection((host, int(port)), 60)
sock.sendall(f"GET {target} HTTP/1.1\\r\\nHost: a\\r\\nRange: bytes={first}-\\r\\n\\r\\n".encode())
buffer = bytearray(1 << 18)
while sock.recv_into(buffer):
    pass
"""


class Cold(NamedTuple):
    """Seconds, but for the counts of reads that found nothing and that went to the disk."""

    latency: Latency
    lag_p99: float
    lag_maximum: float
    size: int
    waits: int
    blocking: int


def cold_disk(root: Path, clients: int, seconds: float, rounds: int) -> Iterator[str]:
    """Compare reads that ask for what is in memory with plain ones, *rounds* times by turns."""
    size = (root / LARGE[1:]).stat().st_size
    measured: dict[bool, list[Cold]] = {True: [], False: []}
    for _ in range(rounds):
        for nowait in (True, False):
            cold = yield from _measure(root, size, clients, seconds, nowait=nowait)
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
    root: Path, size: int, clients: int, seconds: float, *, nowait: bool
) -> Generator[str, None, Cold]:
    evict(root / LARGE[1:])
    with (
        Victim(root, nowait=nowait) as target,
        contextlib.closing(Visitor(target.address, SMALL, SMALL_CONTENT)) as visitor,
    ):
        visitor.measure(0.5)
        target.reset()
        offsets = [size * number // clients for number in range(clients)]
        with _downloads(target.address, offsets):
            latency = visitor.measure(seconds)
            figures = target.figures()
    lag = figures["lag"]
    cold = Cold(
        latency,
        lag["p99"],
        lag["maximum"],
        figures["bytes_sent"],
        figures["waits"],
        figures["blocking_reads"],
    )
    yield (
        f"{_name(nowait)}: lag p99 {cold.lag_p99 * 1000:.2f} ms, max"
        f" {cold.lag_maximum * 1000:.2f} ms; a small file: {latency};"
        f" {format_size(cold.size / seconds)}/s, {cold.waits} waits, {cold.blocking} plain reads"
    )
    return cold


@contextlib.contextmanager
def _downloads(address: Address, offsets: list[int]) -> Iterator[None]:
    """Download from each of *offsets* to the end, as fast as it comes."""
    host, port = address
    children = [
        subprocess.Popen([sys.executable, "-c", _DOWNLOAD, host, str(port), LARGE, str(offset)])
        for offset in offsets
    ]
    try:
        time.sleep(0.2)
        yield
    finally:
        for child in children:
            child.kill()
            child.wait()
