"""`evloop serve` as a person or a script meets it."""

import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

DEADLINE = 20.0  # seconds

WRONG = {
    "serve --bogus": (2, "--bogus"),
    "serve --port": (2, "--port"),
    "serve --port x": (2, "--port x"),
    "serve --por 80": (2, "--por"),
    "serve --chunk-size 3Q": (2, "--chunk-size 3Q"),
    "serve --memory-limit 1MiB --port 0": (2, "--memory-limit 1 MiB"),
    "serve --user no-such --port 0": (2, "--user no-such"),
    "serve no-such-directory": (1, "no-such-directory"),
    "serve a-file": (1, "a-file"),
    "serve --host 203.0.113.1": (1, "--host 203.0.113.1"),
    "serve --access-log no/such/log --port 0": (1, "--access-log no/such/log"),
    "serve one two": (2, "two"),
    "frob": (2, "frob"),
    "": (2, "COMMAND"),
}


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "evloop", *arguments]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "a-file").write_bytes(b"hello")
    (tmp_path / "large").write_bytes(bytes(8 * 1024 * 1024))
    return tmp_path


@pytest.fixture
def server(root: Path) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        command("serve", str(root), "--host", "127.0.0.1", "--port", "0", "--access-log", "log"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=root,
    )
    yield process
    process.kill()
    process.communicate(timeout=DEADLINE)


def url_of(server: subprocess.Popen[str]) -> str:
    """Read the greeting to its end and return the address in it."""
    assert server.stdout is not None
    greeting = [server.stdout.readline() for _ in range(4)]
    assert "stream larger in 32 KiB chunks" in greeting[2]
    assert "at most" in greeting[3]
    found = re.search(r"http://\S+", greeting[1])
    assert found is not None
    return found[0]


@pytest.mark.parametrize(("arguments", "expected"), WRONG.items())
def test_what_is_wrong_is_said_in_one_line(
    root: Path, arguments: str, expected: tuple[int, str]
) -> None:
    code, named = expected
    done = subprocess.run(
        command(*arguments.split()), capture_output=True, text=True, cwd=root, timeout=DEADLINE
    )
    assert done.returncode == code
    [line] = [line for line in done.stderr.splitlines() if "running as root" not in line]
    assert line.startswith("evloop: ")
    assert named in line
    assert done.stdout == ""


def test_a_port_in_use_is_said(root: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = str(busy.getsockname()[1])
        done = subprocess.run(
            command("serve", ".", "--host", "127.0.0.1", "--port", port),
            capture_output=True,
            text=True,
            cwd=root,
            timeout=DEADLINE,
        )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(f"evloop: --port {port}: in use on 127.0.0.1")


def test_the_version_is_told() -> None:
    shown = subprocess.run(
        command("--version"), capture_output=True, text=True, check=True, timeout=DEADLINE
    )
    assert re.fullmatch(r"evloop \d+\.\d+\.\d+\n", shown.stdout)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_an_idle_server(server: subprocess.Popen[str], number: int) -> None:
    assert urllib.request.urlopen(url_of(server) + "a-file", timeout=DEADLINE).read() == b"hello"
    server.send_signal(number)
    assert server.wait(timeout=DEADLINE) == 0


def test_a_download_may_finish_after_a_signal(server: subprocess.Popen[str]) -> None:
    with urllib.request.urlopen(url_of(server) + "large", timeout=DEADLINE) as response:
        first = response.read(1)
        server.send_signal(signal.SIGTERM)
        assert server.stderr is not None
        for line in server.stderr:
            if "finishing 1 connections" in line:
                break
        assert len(first + response.read()) == 8 * 1024 * 1024
    assert server.wait(timeout=DEADLINE) == 0


def test_a_second_signal_ends_a_download(server: subprocess.Popen[str]) -> None:
    with urllib.request.urlopen(url_of(server) + "large", timeout=DEADLINE) as response:
        response.read(1)
        server.send_signal(signal.SIGTERM)
        assert server.stderr is not None
        for line in server.stderr:
            if "finishing" in line:
                break
        server.send_signal(signal.SIGTERM)
        assert server.wait(timeout=DEADLINE) == 0


def test_the_log_is_reopened_on_a_signal(server: subprocess.Popen[str], root: Path) -> None:
    url = url_of(server) + "a-file"
    urllib.request.urlopen(url, timeout=DEADLINE).close()
    (root / "log").rename(root / "log.1")
    server.send_signal(signal.SIGUSR1)
    while not (root / "log").exists():
        urllib.request.urlopen(url, timeout=DEADLINE).close()
    urllib.request.urlopen(url, timeout=DEADLINE).close()
    server.send_signal(signal.SIGTERM)
    assert server.wait(timeout=DEADLINE) == 0
    assert "GET /a-file" in (root / "log.1").read_text(encoding="ascii")
    assert "GET /a-file" in (root / "log").read_text(encoding="ascii")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root is warned")
def test_root_is_warned(server: subprocess.Popen[str]) -> None:
    url_of(server)
    assert server.stderr is not None
    assert "running as root" in server.stderr.readline()
