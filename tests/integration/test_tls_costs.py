"""What TLS costs: memory of the process for each connection, and system calls for a request."""

import gc
import socket
import ssl
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from evloop.net.handshakes import HANDSHAKE_SIZE
from evloop.process.memory import TLS_RECORD_SIZE, TLS_SIZE
from tests.integration.test_system_calls import QUIET, REQUESTS, SOME, WAIT, traced
from tests.support.bench import write
from tests.support.certificates import SecureClient, client_context, make
from tests.support.client import request
from tests.support.serving import Command

KIB = 1024
MANY, WARM = 250, 30


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("root")
    write(root / "small.txt", b"s" * KIB)
    write(root / "large.bin", bytes(4 * KIB * KIB))
    return root


@pytest.fixture(scope="module")
def options(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    certificate, key = make("localhost").write(tmp_path_factory.mktemp("certificates"))
    return ("--tls-cert", certificate, "--tls-key", key, *QUIET)


def connect(command: Command, stack: ExitStack) -> socket.socket:
    sock = stack.enter_context(socket.socket())
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.settimeout(20.0)
    sock.connect(command.address)
    return sock


Session = tuple[ssl.SSLObject, ssl.MemoryBIO, ssl.MemoryBIO]
CONTEXT = client_context()


def begin(sock: socket.socket) -> Session:
    """Send the hello, and wait until it is answered."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    session = CONTEXT.wrap_bio(incoming, outgoing, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        session.do_handshake()
    sock.sendall(outgoing.read())
    incoming.write(sock.recv(64 * KIB))
    return session, incoming, outgoing


def shake(sock: socket.socket) -> Session:
    session, incoming, outgoing = begin(sock)
    while True:
        try:
            session.do_handshake()
            break
        except ssl.SSLWantReadError:
            incoming.write(sock.recv(64 * KIB))
    sock.sendall(outgoing.read())
    return session, incoming, outgoing


def half_a_hello(sock: socket.socket) -> object:
    return sock.send(b"\x16\x03\x01\x02\x00\x01")


def half_a_handshake(sock: socket.socket) -> object:
    return begin(sock)


def kept_alive(sock: socket.socket) -> object:
    talk = session, _, outgoing = shake(sock)
    session.write(request("/small.txt"))
    sock.sendall(outgoing.read())
    sock.recv(1)
    return talk


def part_of_a_record(sock: socket.socket) -> object:
    talk = session, _, outgoing = shake(sock)
    session.write(request("/small.txt", "X: " + "y" * 12 * KIB))
    sock.sendall(outgoing.read()[:-10])
    return talk


def stalled(sock: socket.socket) -> object:
    talk = session, _, outgoing = shake(sock)
    session.write(request("/large.bin"))
    sock.sendall(outgoing.read())
    return talk


LIGHT = TLS_SIZE + KIB
# Bytes of the process for each connection; measured 0.4, 44.2, 14.7, 31.2 and 15.1 KB.
COSTS: dict[str, tuple[Callable[[socket.socket], object], int]] = {
    "half a hello": (half_a_hello, KIB),
    "half a handshake": (half_a_handshake, LIGHT + HANDSHAKE_SIZE),
    "kept alive": (kept_alive, LIGHT),
    "part of a record": (part_of_a_record, LIGHT + TLS_RECORD_SIZE),
    "stalled": (stalled, LIGHT),
}


@pytest.mark.parametrize("name", COSTS)
def test_a_connection_costs_no_more_than_is_planned(
    root: Path, options: tuple[str, ...], name: str
) -> None:
    act, most = COSTS[name]
    with Command(root, *options) as command, ExitStack() as stack:
        kept = [act(connect(command, stack)) for _ in range(WARM)]
        settle(command)
        before = proportional(command.process.pid)
        kept += [act(connect(command, stack)) for _ in range(MANY)]
        settle(command)
        grown = proportional(command.process.pid) - before
        assert grown / MANY <= most
        gc.collect()
    assert len(kept) == WARM + MANY


def settle(command: Command) -> None:
    """Return when the server has done all that came before: one thread answers in turn."""
    for _ in range(3):
        with SecureClient(command.address) as client:
            assert client.get("/small.txt").status == 200


def proportional(process: int) -> int:
    with open(f"/proc/{process}/smaps_rollup") as rollup:
        return next(int(line.split()[1]) * KIB for line in rollup if line.startswith("Pss:"))


def test_a_request_costs_these_system_calls(
    root: Path, options: tuple[str, ...], tmp_path: Path
) -> None:
    with Command(root, *options) as command, SecureClient(command.address) as client:
        for _ in range(REQUESTS):
            client.get("/small.txt")
        with traced(command.process.pid, tmp_path / "trace") as found:
            for _ in range(REQUESTS):
                client.get("/small.txt")
    looks = {"newfstatat", "stat"}  # at the certificates' files, every two seconds
    # A record is read in two: its header, and what that says. The queue is asked for its room.
    most = {"read": 2, "write": 1, "ioctl": 1, WAIT: 1}
    assert set(found) - looks == set(most)
    assert all(found[call] <= count * REQUESTS + SOME for call, count in most.items())
