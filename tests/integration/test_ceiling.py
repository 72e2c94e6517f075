"""The printed ceiling holds: the worst mixes that are known stay beneath it, as the kernel counts.

Each mix is one that once took more than was said.
"""

import random
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support.client import Client, request
from tests.support.deadline import PATIENCE

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="the peak is read from /proc"),
]

KIB, MIB = 1024, 1024 * 1024

_PROGRAM = """
import sys
from evloop import Config, Server
from evloop.process.allocator import fix_thresholds
settings = dict(pair.split("=", 1) for pair in sys.argv[2:])
server = Server(Config(root=sys.argv[1], host="127.0.0.1", port=0, access_log="off", **settings))
server.open()
fix_thresholds()
print(server.addresses[0][1], server.memory.ceiling, server.memory.connections, flush=True)
server.run()
"""


class Served(NamedTuple):
    """A server in a process of its own: sizes in bytes."""

    pid: int
    address: tuple[str, int]
    ceiling: int
    connections: int

    def peak(self) -> int:
        """Return the most that was resident at once."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        found = re.search(r"VmHWM:\s+(\d+) kB", status)
        assert found is not None
        return int(found[1]) * KIB


@contextmanager
def served(root: Path, *settings: str) -> Iterator[Served]:
    command = [sys.executable, "-c", _PROGRAM, str(root), *settings]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            port, ceiling, connections = map(int, process.stdout.readline().split())
            yield Served(process.pid, ("127.0.0.1", port), ceiling, connections)
        finally:
            process.terminate()
            process.wait(PATIENCE)


def make_files(root: Path, sizes: list[int]) -> list[str]:
    """Make files of *sizes* and return their targets."""
    targets = []
    for number, size in enumerate(sizes):
        directory = root / f"{number // 1000:03}"
        directory.mkdir(exist_ok=True)
        (directory / f"{number:06}.bin").write_bytes(b"x" * size)
        targets.append(f"/{directory.name}/{number:06}.bin")
    return targets


def ask_for_all(client: Client, targets: list[str], batch: int = 50) -> None:
    """Ask for each of *targets*, pipelined in batches."""
    for start in range(0, len(targets), batch):
        wanted = targets[start : start + batch]
        client.send(b"".join(request(target) for target in wanted))
        for _ in wanted:
            assert client.receive().status == 200


def test_tiny_files_without_end(tmp_path: Path) -> None:
    targets = make_files(tmp_path, [1] * 30_000)
    settings = ("memory_budget=16MiB", "max_connections=50")
    with served(tmp_path, *settings) as server, Client(server.address) as client:
        ask_for_all(client, targets)
        assert server.peak() <= server.ceiling


@pytest.mark.parametrize("budget", ["4MiB", "16MiB"])
def test_files_of_all_sizes_that_replace_each_other(tmp_path: Path, budget: str) -> None:
    chance = random.Random(1)
    sizes = [int(2 ** chance.uniform(0, 20)) for _ in range(1500)]
    targets = make_files(tmp_path, sizes)
    with served(tmp_path, f"memory_budget={budget}", "max_connections=100") as server:
        with Client(server.address) as client:
            for _ in range(4):
                chance.shuffle(targets)
                ask_for_all(client, targets, batch=10)
        assert server.peak() <= server.ceiling


def test_files_that_clients_hold_while_others_come(tmp_path: Path) -> None:
    targets = make_files(tmp_path, [700 * KIB] * 100)
    settings = ("memory_budget=16MiB", "max_connections=200")
    with served(tmp_path, *settings) as server, ExitStack() as stack:
        for target in targets:
            client = stack.enter_context(Client(server.address, receive_buffer=4 * KIB))
            client.send(request(target))
            client.receive_head()  # and no more
        assert server.peak() <= server.ceiling


def partial_heads(server: Served, stack: ExitStack) -> None:
    """Many connections, each with almost the largest head."""
    for _ in range(min(server.connections + 20, 200)):
        client = stack.enter_context(Client(server.address))
        try:
            client.send(b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * (MIB - 100))
        except OSError:
            pass  # it was given up for another one


def many_parts(server: Served, stack: ExitStack) -> None:
    """Downloads of sixteen parts that nobody takes."""
    parts = ",".join(f"{start}-{start + 50_000}" for start in range(0, 1_600_000, 100_000))
    for _ in range(min(server.connections, 400)):
        client = stack.enter_context(Client(server.address, receive_buffer=4 * KIB))
        try:
            client.send(request("/large.bin", f"Range: bytes={parts}"))
        except OSError:
            pass


def large_chunks(server: Served, stack: ExitStack) -> None:
    """Downloads whose refills are large."""
    for _ in range(20):
        client = stack.enter_context(Client(server.address))
        client.send(request("/large.bin", "Connection: close"))
        assert len(client.receive_end()) > 20 * MIB


MIXES: dict[str, tuple[Callable[[Served, ExitStack], None], list[str]]] = {
    "partial heads": (partial_heads, ["max_head_size=1MiB", "memory_limit=160MiB"]),
    "partial heads, few connections": (partial_heads, ["max_head_size=1MiB", "max_connections=40"]),
    "sixteen parts": (many_parts, ["memory_limit=96MiB"]),
    "large refills": (large_chunks, ["chunk_size=16MiB", "max_connections=50"]),
}


@pytest.mark.parametrize("mix", MIXES)
def test_connections_at_their_worst(tmp_path: Path, mix: str) -> None:
    act, settings = MIXES[mix]
    with (tmp_path / "large.bin").open("wb") as file:
        file.truncate(24 * MIB)
    with served(tmp_path, *settings) as server, ExitStack() as stack:
        act(server, stack)
        with Client(server.address) as client:  # it has done with all that came before
            assert client.get("/nothing").status == 404
        assert server.peak() <= server.ceiling
