"""HTTP/2 over TLS: what ALPN agrees on, and that streams are what they are without."""

import hashlib
import json
import random
import shutil
import socket
import ssl
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from evloop import Config
from evloop.process.memory import HTTP2_LIGHT_SIZE, plan_memory
from tests.support.bench import write
from tests.support.certificates import client_context, make
from tests.support.client import request
from tests.support.deadline import PATIENCE
from tests.support.serving import serving

SMALL = b"small" * 20
LARGE = random.Random(2).randbytes(3 * 1024 * 1024 + 17)
PAIR = make("localhost", subject="localhost")

needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
needs_nghttp = pytest.mark.skipif(shutil.which("nghttp") is None, reason="needs nghttp")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("root")
    write(root / "small.txt", SMALL)
    write(root / "large.bin", LARGE)
    return root


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    certificate, key = PAIR.write(tmp_path_factory.mktemp("certificates"), "a")
    return {"tls_cert": certificate, "tls_key": key}


def run(*command: str) -> bytes:
    return subprocess.run(command, check=True, capture_output=True, timeout=PATIENCE).stdout


# What the server is told, what a client offers, and what they agree on.
AGREED = {
    ("on", ("h2", "http/1.1")): "h2",
    ("on", ("http/1.1", "h2")): "h2",  # the server's order counts
    ("on", ("http/1.1",)): "http/1.1",
    ("on", ()): None,
    ("off", ("h2", "http/1.1")): "http/1.1",
    ("off", ()): None,
}


@pytest.mark.parametrize("case", AGREED)
def test_what_is_agreed(
    root: Path, pair: dict[str, Any], case: tuple[str, tuple[str, ...]]
) -> None:
    http2, offered = case
    context = client_context()
    if offered:
        context.set_alpn_protocols(list(offered))
    with (
        serving(root, http2=http2, **pair) as server,
        socket.create_connection(("127.0.0.1", server.port), PATIENCE) as sock,
        context.wrap_socket(sock, server_hostname="localhost") as secure,
    ):
        assert secure.selected_alpn_protocol() == AGREED[case]
        if AGREED[case] != "h2":
            secure.sendall(request("/small.txt"))
            assert secure.recv(12) == b"HTTP/1.1 200"


def test_where_it_is_off_a_client_of_nothing_else_is_told(root: Path, pair: dict[str, Any]) -> None:
    context = client_context()
    context.set_alpn_protocols(["h2"])
    with (
        serving(root, http2="off", **pair) as server,
        socket.create_connection(("127.0.0.1", server.port), PATIENCE) as sock,
        pytest.raises(ssl.SSLError, match=r"(?i)no.application.protocol"),
    ):
        context.wrap_socket(sock, server_hostname="localhost").recv(1)


@needs_curl
def test_curl_gets_files_of_all_sizes(root: Path, pair: dict[str, Any], tmp_path: Path) -> None:
    log = tmp_path / "log"
    with serving(root, access_log=str(log), log_format="json", **pair) as server:
        for name, data in (("small.txt", SMALL), ("large.bin", LARGE)):
            url = f"https://localhost:{server.port}/{name}"
            assert run("curl", "-sk", "--http2", url) == data
        told = run("curl", "-sk", "--http2", "-r", "5-9", "-w", "%{http_version}", url)
        assert told == LARGE[5:10] + b"2"
    for line in map(json.loads, log.read_text().splitlines()):
        assert line["request"].endswith(" HTTP/2.0")
        assert line["tls"].startswith("TLSv1.")


@needs_nghttp
def test_fifty_streams_of_one_connection_are_whole(root: Path, pair: dict[str, Any]) -> None:
    with serving(root, max_in_memory_size=0, **pair) as server:
        url = f"https://localhost:{server.port}/large.bin"
        got = run("nghttp", "--no-verify-peer", "--multiply=50", url)
        assert len(got) == 50 * len(LARGE)
        # The bodies are mixed in the output, each chunk whole: the sum of the bytes is the same.
        assert sum(got) == 50 * sum(LARGE)


@needs_curl
def test_downloads_by_many_clients_have_the_right_bytes(
    root: Path, pair: dict[str, Any], tmp_path: Path
) -> None:
    with serving(root, max_in_memory_size=0, **pair) as server:
        url = f"https://localhost:{server.port}/large.bin"
        config = "\n".join(f'url = "{url}"\noutput = "{tmp_path / str(n)}"' for n in range(10))
        (tmp_path / "config").write_text(config)
        run("curl", "-sk", "--http2", "--parallel", "-K", str(tmp_path / "config"))
    wanted = hashlib.sha256(LARGE).digest()
    for number in range(10):
        assert hashlib.sha256((tmp_path / str(number)).read_bytes()).digest() == wanted


def test_the_plan_has_both_in_it(pair: dict[str, Any]) -> None:
    start, connections = 15 * 1024 * 1024, 100
    both = plan_memory(Config(**pair), start, connections, None)
    secure = plan_memory(Config(http2=False, **pair), start, connections, None)
    assert both.light_size - secure.light_size == HTTP2_LIGHT_SIZE
    assert both.streams > 0 == secure.streams


def test_nothing_of_it_is_loaded_where_it_is_off(root: Path, pair: dict[str, Any]) -> None:
    program = (
        "import sys; from evloop import Server\n"
        f"server = Server(root={str(root)!r}, port=0, http2='off', **{pair!r})\n"
        "with server.in_thread(): pass\n"
        "print([name for name in sys.modules if name.startswith('evloop.http2')])"
    )
    told = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, timeout=PATIENCE
    ).stdout
    assert told.strip() == b"[]"
