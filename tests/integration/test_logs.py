"""The command's log, messages and greeting on what nobody reads, and on what is full."""

import json
import os
import pty
import re
import signal
import socket
import subprocess
import sys
import termios
import threading
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.bench import write
from tests.support.client import Client
from tests.support.deadline import PATIENCE, eventually
from tests.support.serving import SHORT_LINGER

Process = subprocess.Popen[bytes]

MORE_THAN_A_TERMINAL_TAKES = 64 * 1024
"""Bytes; a pty's buffer holds 19 KiB of lines, a pipe 64 KiB."""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("root")
    write(root / "index.html", b"<h1>hello</h1>")
    root.chmod(0o755)
    return root


@contextmanager
def launched(
    root: Path, *options: str, stdout: int | None = None, stderr: int | None = None
) -> Iterator[tuple[Process, tuple[str, int]]]:
    """Run the command on a free port; what is not given goes to the null device."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        address = probe.getsockname()
    where = [
        "--host",
        address[0],
        "--port",
        str(address[1]),
        "--linger-timeout",
        f"{SHORT_LINGER}s",
    ]
    arguments = ["serve", str(root), *where, *options]
    process = subprocess.Popen(
        [sys.executable, "-m", "evloop", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL if stdout is None else stdout,
        stderr=subprocess.DEVNULL if stderr is None else stderr,
    )
    try:
        eventually(lambda: _is_listening(address) or process.poll() is not None, "the server")
        yield process, address
    finally:
        process.kill()
        process.wait(PATIENCE)


def _is_listening(address: tuple[str, int]) -> bool:
    try:
        Client(address).socket.close()
    except ConnectionRefusedError:
        return False
    return True


def end(process: Process) -> int:
    process.send_signal(signal.SIGTERM)
    return process.wait(PATIENCE)


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    """A pty whose master nobody reads, unless the test does."""
    master, slave = pty.openpty()
    tty.setraw(slave)
    yield master, slave
    os.close(master)
    os.close(slave)


@contextmanager
def reading(fd: int) -> Iterator[bytearray]:
    """Gather what comes from *fd*, which ends when its last writer is gone."""
    received = bytearray()

    def read() -> None:
        try:
            while piece := os.read(fd, 64 * 1024):
                received.extend(piece)
        except OSError:
            pass  # EIO: the terminal's last user is gone

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    yield received
    thread.join(PATIENCE)
    assert not thread.is_alive()


def ask_until(client: Client, size: int) -> int:
    """Send requests until their lines have *size* bytes at least; return how many."""
    target = "/?" + "x" * 1000
    count = size // len(target) + 1
    for _ in range(count):
        assert client.get(target).status == 200
    return count


def test_a_terminal_that_nobody_reads_does_not_stop_the_loop(
    root: Path, terminal: tuple[int, int]
) -> None:
    _, slave = terminal
    with launched(root, "--access-log", "-", stdout=slave) as (process, address):
        with Client(address) as client:
            ask_until(client, MORE_THAN_A_TERMINAL_TAKES)
            assert os.get_blocking(slave)  # the shell's description is as it was
        assert end(process) == 0


def test_a_terminal_that_was_stopped_gets_its_lines_when_it_goes_on(
    root: Path, terminal: tuple[int, int]
) -> None:
    master, slave = terminal
    termios.tcflow(slave, termios.TCOOFF)  # as Ctrl-S does
    with launched(root, "--access-log", "-", stdout=slave) as (process, address):
        with Client(address) as client:
            assert client.get("/?first").status == 200
        received = bytearray()
        termios.tcflow(slave, termios.TCOON)
        while b"/?first" not in received:
            received += os.read(master, 64 * 1024)
        assert end(process) == 0


def test_a_terminal_that_only_a_thread_can_write_to_does_not_keep_the_process(
    root: Path, terminal: tuple[int, int]
) -> None:
    master, _ = terminal  # cannot be opened once more, which would make another pty
    with launched(root, "--access-log", "-", stdout=master) as (process, address):
        with Client(address) as client:
            ask_until(client, 512 * 1024)
        assert os.get_blocking(master)
        assert end(process) == 0


@pytest.mark.parametrize("kind", ["pipe", "socket"])
def test_a_pipe_or_socket_that_nobody_reads_does_not_stop_the_loop(root: Path, kind: str) -> None:
    if kind == "pipe":
        reader, writer = os.pipe()
    else:
        reader, writer = (end.detach() for end in socket.socketpair())
    try:
        with launched(root, "--access-log", "-", stdout=writer) as (process, address):
            with Client(address) as client:
                ask_until(client, 512 * 1024)
                assert os.get_blocking(writer)
            assert end(process) == 0
    finally:
        os.close(reader)
        os.close(writer)


def test_messages_that_nobody_reads_do_not_stop_the_loop(root: Path, tmp_path: Path) -> None:
    master, slave = pty.openpty()
    # A message of 3 KiB each time that the log can't be reopened.
    directory = tmp_path.joinpath("away", *(["d" * 200] * 15))
    directory.mkdir(parents=True)
    options = ("--access-log", str(directory / "log"))
    with launched(root, *options, stderr=slave) as (process, address):
        os.close(slave)
        with Client(address) as client:
            assert client.get("/").status == 200  # who answers has its log, and handles signals
            (tmp_path / "away").rename(tmp_path / "gone")
            for _ in range(60):
                process.send_signal(signal.SIGUSR1)
                assert client.get("/").status == 200
        with reading(master) as received:
            assert end(process) == 0
    os.close(master)
    assert received.count(b"can't be reopened") >= 2
    assert re.search(rb"evloop: [1-9][0-9]* messages lost", received)


def test_a_greeting_that_nobody_reads_does_not_stop_the_server(
    root: Path, terminal: tuple[int, int]
) -> None:
    _, slave = terminal
    termios.tcflow(slave, termios.TCOOFF)
    with launched(root, "--access-log", "off", stderr=slave) as (process, address):
        with Client(address) as client:
            assert client.get("/").status == 200
        assert end(process) == 0


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_full_disk_is_told_once(root: Path) -> None:
    reader, writer = os.pipe()
    with launched(root, "--access-log", "/dev/full", stderr=writer) as (process, address):
        os.close(writer)
        with reading(reader) as received, Client(address) as client:
            ask_until(client, 128 * 1024)
            assert end(process) == 0
    os.close(reader)
    assert received.count(b"evloop: the access log takes nothing: No space left on device\n") == 1
    assert b"Traceback" not in received
    assert re.search(rb"evloop: the access log: \d+ lines lost\n", received)


def test_json_on_standard_output_stays_json_when_lines_are_lost(root: Path) -> None:
    reader, writer = os.pipe()
    options = ("--access-log", "-", "--log-format", "json")
    with launched(root, *options, stdout=writer) as (process, address):
        os.close(writer)
        with Client(address) as client:
            ask_until(client, 1300 * 1024)  # what the log may keep, and the pipe
            with reading(reader) as received:
                eventually(lambda: b'"lost"' in received, "what was lost")
                assert end(process) == 0
    os.close(reader)
    records = [json.loads(line) for line in received.splitlines()]
    lost = [record["lost"] for record in records if "lost" in record]
    assert len(lost) == 1
    assert lost[0] > 0
