"""The package as programs see it: its names, for Python and for type checkers, and its plugin."""

import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

import evloop
from evloop.pytest_plugin import ServeDirectory
from tests.support.client import Client

NAMES = {
    "Config": "evloop.settings.config",
    "ConfigError": "evloop.settings.config",
    "LogFormat": "evloop.settings.choices",
    "Phase": "evloop.process.phases",
    "PreloadMode": "evloop.settings.choices",
    "Server": "evloop.process.server",
    "ServerError": "evloop.process.environment",
    "Snapshot": "evloop.observe.snapshot",
    "Symlinks": "evloop.settings.choices",
    "Transfer": "evloop.settings.choices",
    "serving": "evloop.process.aio",
}


@pytest.mark.parametrize("name", NAMES)
def test_each_name_is_where_it_is_said_to_be(name: str) -> None:
    found = getattr(evloop, name)
    assert (found.__module__, found.__name__) == (NAMES[name], name)
    assert name in dir(evloop)


def test_there_are_no_others() -> None:
    assert sorted(evloop.__all__) == sorted([*NAMES, "__version__"])
    name = "Sever"
    with pytest.raises(AttributeError, match=r"^module 'evloop' has no attribute 'Sever'$"):
        getattr(evloop, name)


def test_importing_the_package_imports_nothing_of_it() -> None:
    program = "import sys, evloop; print([name for name in sys.modules if 'evloop.' in name])"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "[]\n"


TYPED = [
    # a program, and what a type checker says of it
    ("from evloop import Server\nServer(root='public', port=0, chunk_size='32KiB', dev=True)", ""),
    ("from evloop import Server\nprint(Server().url, Server().port + 1)", ""),
    (
        "import evloop\nasync def f() -> None:\n"
        "    async with evloop.serving(port=0) as server:\n        print(server.url)",
        "",
    ),
    ("from evloop import Sever", 'Module "evloop" has no attribute "Sever"'),
    ("import evloop\nevloop.Sever", 'Module has no attribute "Sever"'),
    ("from evloop import Server\nServer(prot=0)", 'Unexpected keyword argument "prot"'),
    ("from evloop import Server\nServer(port=[])", "has incompatible type"),
    ("from evloop import Server\nServer(sock=8080)", "has incompatible type"),
]


@pytest.mark.slow
def test_type_checkers_know_what_there_is(tmp_path: Path) -> None:
    pytest.importorskip("mypy", reason="mypy comes with the dev extra")
    for number, (program, _) in enumerate(TYPED):
        (tmp_path / f"program{number}.py").write_text(program + "\n")
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "--config-file=", "."],
        cwd=tmp_path,
        env={"PATH": "", "MYPYPATH": str(Path(evloop.__file__).parent.parent)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    said = done.stdout.splitlines()
    for number, (program, complaint) in enumerate(TYPED):
        mine = [line for line in said if line.startswith(f"program{number}.py:")]
        assert complaint in "\n".join(mine), program
        assert bool(mine) == bool(complaint), (program, mine)


class TestPytestPlugin:
    def test_pytest_finds_it_by_itself(self) -> None:
        (found,) = entry_points(group="pytest11", name="evloop")
        assert found.value == "evloop.pytest_plugin"

    def test_the_fixture_serves_directories(
        self, evloop_server: ServeDirectory, tmp_path: Path
    ) -> None:
        (tmp_path / "index.html").write_text("hello")
        first = evloop_server(tmp_path)
        second = evloop_server(tmp_path, cache_control="no-store")
        assert first.port != second.port
        for server, caching in ((first, "public, max-age=3600"), (second, "no-store")):
            with Client(server.addresses[0]) as client:
                assert client.get("/").fields["cache-control"] == caching

    def test_no_download_outlives_the_test(self, tmp_path: Path) -> None:
        (tmp_path / "large.bin").write_bytes(bytes(8 * 1024 * 1024))
        (tmp_path / "test_it.py").write_text(
            "import socket\n"
            "def test_it(evloop_server):\n"
            "    server = evloop_server('.', shutdown_timeout='24h', send_timeout='24h')\n"
            "    global client\n"
            "    client = socket.create_connection(server.addresses[0])\n"
            "    client.send(b'GET /large.bin HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n')\n"
            "    assert client.recv(5) == b'HTTP/'\n"
        )
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_it.py"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        assert "1 passed" in done.stdout
