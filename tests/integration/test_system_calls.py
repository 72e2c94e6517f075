"""What the kernel is asked for by a request, a connection and a download, and nothing else."""

import gc
import os
import shutil
import signal
import subprocess
import time
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from evloop.files.cache import CacheSettings
from evloop.http1.states import State
from tests.support.bench import write
from tests.support.client import Client, request
from tests.support.deadline import PATIENCE, eventually
from tests.support.serving import Command
from tests.support.wire import CHUNK, Wire

KIB = 1024
PRELOADED = 60 * KIB
SMALL, MEDIUM, LARGE = 1 * KIB, 64 * KIB + 17, 3 * KIB * KIB + 17
REQUESTS = 50
GET = request("/small.txt")
CLOSING = request("/small.txt", "Connection: close")

# The turns in which the loop waits: one for each arrival, and a few at both ends of a trace.
WAIT, SOME = "epoll_wait", 8


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("root")
    write(root / "small.txt", b"s" * SMALL)
    write(root / "medium.bin", bytes(MEDIUM))
    write(root / "large.bin", bytes(LARGE))
    write(root / "coded.txt", b"c" * SMALL)
    write(root / "coded.txt.br", b"br" * 100)
    write(root / "in-memory.bin", bytes(PRELOADED))
    return root


# One step at a time, on a clock that stands


@pytest.fixture
def wire(root: Path) -> Iterator[Wire]:
    settings = CacheSettings(max_in_memory_size=PRELOADED, revalidate=3600.0)
    with Wire(root, cache_settings=settings) as wire:
        yield wire


def rest(wire: Wire) -> None:
    """Turn until the connection waits for a request."""
    (connection,) = wire.connections
    for _ in range(1 + MEDIUM // CHUNK):
        wire.turn()
        if connection.protocol.state is State.IDLE:
            return
    raise AssertionError(f"the connection is {connection.protocol.state}")


def test_a_keep_alive_hit_is_one_recv_and_one_send(wire: Wire) -> None:
    peer, sock = wire.connect()
    wire.exchange(peer, GET)
    sock.calls.clear()
    wire.poller.calls.clear()
    for _ in range(REQUESTS):
        peer.send(GET)
        wire.turn()
        peer.take()
    assert sock.calls == ["recv", "send"] * REQUESTS
    assert wire.poller.calls == ["poll"] * REQUESTS


def test_a_connection_for_one_request_is_registered_once(wire: Wire) -> None:
    wire.exchange(wire.connect()[0], CLOSING)
    wire.poller.calls.clear()
    peer, sock = wire.connect()
    peer.send(CLOSING)
    wire.turn()
    peer.close()
    assert wire.poller.calls == ["register", "poll", "unregister"]
    wire.until(lambda: wire.pool.count == 0)
    assert sock.calls == ["recv", "send", "shutdown", "recv", "close"]


def test_a_file_is_read_once_in_as_many_refills_as_it_has_chunks(wire: Wire) -> None:
    peer, sock = wire.connect()
    wire.exchange(peer, GET)
    sock.is_bottomless = True
    before = wire.reader.refills
    sock.calls.clear()
    wire.poller.calls.clear()
    peer.send(request("/medium.bin"))
    rest(wire)
    refills = -(-MEDIUM // CHUNK)
    assert wire.reader.refills - before == refills
    assert sock.calls == ["recv", "sendmsg"] + ["send"] * (refills - 1)
    assert wire.poller.calls.count("modify") == 2  # to writing, and back


# Bytes that are allocated for a moment: what is received, and little beside it.
_MOMENT = {
    "hit": (GET, 20 * KIB),
    "refills": (request("/medium.bin"), 22 * KIB),
    # Heads that differ share what was written; a file of some size is never copied to a head.
    "another head": (request("/in-memory.bin", "X: y"), 20 * KIB),
}


@pytest.mark.parametrize("name", _MOMENT)
def test_a_request_allocates_little_and_leaves_nothing(wire: Wire, name: str) -> None:
    asked, most = _MOMENT[name]
    peer, sock = wire.connect()

    def exchange() -> None:
        peer.send(asked)
        rest(wire)
        sock.calls.clear()
        wire.poller.calls.clear()

    def leaves_nothing() -> bool:
        before, _ = tracemalloc.get_traced_memory()
        for _ in range(REQUESTS):
            exchange()
        gc.collect()
        return tracemalloc.get_traced_memory()[0] - before < 10 * REQUESTS  # bytes

    wire.exchange(peer, asked)  # what everybody shares is there by then
    sock.is_bottomless = True
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        exchange()
        _, peak = tracemalloc.get_traced_memory()
        assert peak - before <= most
        # Free lists and the like take their time to fill; what leaks goes on for ever.
        assert any(leaves_nothing() for _ in range(30))
    finally:
        tracemalloc.stop()


# The whole program, seen from outside


# Calls of the allocator and of a clock that the kernel has to be asked for: not ours to count.
_NOISE = frozenset({"brk", "mmap", "munmap", "madvise", "clock_gettime", "restart_syscall"})
_SAME = {"epoll_pwait": WAIT, "epoll_pwait2": WAIT}


QUIET = ("--revalidate", "1h", "--access-log", "off")
"""No look at the disk, and no log, which a pipe would get."""


@contextmanager
def traced(process: int, trace: Path) -> Iterator[Counter[str]]:
    """Count the system calls of *process* by name; the counts are there when the context ends.

    Skips the test where no process can be traced.
    """
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    found: Counter[str] = Counter()
    command = ["strace", "-qq", "-o", str(trace), "-p", str(process)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as strace:
        assert strace.stderr is not None
        try:
            # The wait in which strace finds the process is in the trace when it has taken hold.
            eventually(lambda: strace.poll() is not None or _is_begun(trace), "strace to attach")
            if strace.poll() is not None:
                pytest.skip(strace.stderr.read().strip() or "strace could not attach")
            yield found
        finally:
            strace.send_signal(signal.SIGINT)
            strace.communicate(timeout=PATIENCE)
    names = (line.partition("(")[0] for line in trace.read_text().splitlines() if "(" in line)
    found.update(_SAME.get(name, name) for name in names if name not in _NOISE)


def _is_begun(trace: Path) -> bool:
    return trace.exists() and trace.stat().st_size > 0


def keep_alive(command: Command, client: Client) -> None:
    for _ in range(REQUESTS):
        assert client.get("/small.txt").status == 200


def connections(command: Command, client: Client) -> None:
    place = f"/proc/{command.process.pid}/fd"
    before = len(os.listdir(place))
    for _ in range(REQUESTS):
        with Client(command.address) as another:
            another.send(CLOSING)
            assert another.receive().status == 200
            another.receive_end()
    # Sockets that linger are looked at together, a moment later.
    eventually(lambda: len(os.listdir(place)) <= before, "them to go")


def revalidations(command: Command, client: Client) -> None:
    for _ in range(REQUESTS):
        assert client.get("/small.txt", "If-None-Match: *").status == 304


def negotiations(command: Command, client: Client) -> None:
    """No head comes twice, so none is recalled."""
    for number in range(REQUESTS):
        fields = f"X: {time.monotonic_ns()}\nAccept-Encoding: gzip, deflate, br, zstd"
        coded, plain = (client.get(f"/{name}.txt", fields) for name in ("coded", "small"))
        assert (coded.body, plain.body) == (b"br" * 100, b"s" * SMALL), number


# The server closes first here, so it lingers until the client has closed too.
_CONNECTING = ("getsockname", "ioctl", "sendto", "shutdown", "close")

# By what is done so many times: the calls, and how often at most for each time.
EXPECTED: dict[str, tuple[Callable[[Command, Client], None], dict[str, int]]] = {
    "keep-alive": (keep_alive, {"recvfrom": 1, "sendto": 1, WAIT: 1}),
    "revalidation": (revalidations, {"recvfrom": 1, "sendto": 1, WAIT: 1}),
    "negotiation": (negotiations, {"recvfrom": 2, "sendto": 2, WAIT: 2}),
    # The second accept finds nobody, the second wait is for the request, and what is read last
    # is the end.
    "connection": (
        connections,
        {
            **dict.fromkeys(_CONNECTING, 1),
            **dict.fromkeys(("accept4", "epoll_ctl", "recvfrom"), 2),
            WAIT: 3,  # traced it is slow, and those that linger are looked at every 50 ms
        },
    ),
}


@pytest.mark.parametrize("name", EXPECTED)
def test_a_request_costs_these_system_calls(root: Path, tmp_path: Path, name: str) -> None:
    act, each = EXPECTED[name]
    with Command(root, *QUIET) as command, Client(command.address) as client:
        assert client.get("/small.txt").status == 200  # so it is accepted
        act(command, client)
        with traced(command.process.pid, tmp_path / "trace") as found:
            act(command, client)
    most = {call: count * REQUESTS + (SOME if call == WAIT else 0) for call, count in each.items()}
    assert set(found) == set(most)
    assert {call: min(count, most[call]) for call, count in found.items()} == dict(found)


def test_rules_of_a_site_cost_none_more(root: Path, tmp_path: Path) -> None:
    shutil.copytree(root, tmp_path / "root")
    rules = "".join(f"/old-{number}/* /new/:splat\n" for number in range(2000))
    write(tmp_path / "root/_redirects", rules.encode())
    write(tmp_path / "root/_headers", b"/*\n  X-A: 1\n/small.txt\n  X-B: 2\n")
    for name in ("keep-alive", "revalidation", "negotiation"):
        (tmp_path / name).mkdir()  # a trace that is there already would be taken for a begun one
        test_a_request_costs_these_system_calls(tmp_path / "root", tmp_path / name, name)


@pytest.mark.parametrize(
    ("transfer", "moves"),
    {"copy": {"preadv2"}, "sendfile": {"preadv2", "sendfile"}}.items(),
)
def test_a_download_is_refills_and_nothing_else(
    root: Path, tmp_path: Path, transfer: str, moves: set[str]
) -> None:
    with (
        Command(root, "--transfer", transfer, *QUIET) as command,
        Client(command.address) as client,
    ):
        client.get("/large.bin")
        client.get("/small.txt")
        with traced(command.process.pid, tmp_path / "trace") as found:
            assert len(client.get("/large.bin").body) == LARGE
            client.get("/small.txt")  # so that the loop has done with the download
    opening = {"openat2", "newfstatat", "fstat", "openat", "close"}
    assert set(found) - opening == {"recvfrom", "sendto", "sendmsg", "epoll_ctl", WAIT} | moves
    assert found["epoll_ctl"] == found["recvfrom"] == 2
