"""Where the server's own figures have an address, what they say, and what it costs where not."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from evloop import Config
from evloop.demo.figures import INTERVAL
from evloop.process.demonstration import tells_figures
from evloop.process.memory import process_size
from evloop.settings.choices import Demo
from evloop.settings.site_config import DEFAULT_ROOT
from tests.support.bench import write
from tests.support.client import Client, request
from tests.support.deadline import eventually
from tests.support.serving import Command, call, serving

ADDRESS = "/.well-known/evloop"
LOOPBACK = [("127.0.0.1", 8080), ("::1", 8080)]
LARGE = 8 * 1024 * 1024


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write(tmp_path / "index.html", b"<h1>hello</h1>")
    write(tmp_path / "large.bin", bytes(LARGE))
    return tmp_path


@pytest.mark.parametrize(
    ("demo", "root", "addresses", "tells"),
    [
        ("auto", ".", LOOPBACK, True),
        ("auto", ".", [("0.0.0.0", 8080)], False),
        ("auto", ".", [*LOOPBACK, ("192.0.2.1", 8080)], False),
        ("auto", "public", LOOPBACK, False),
        ("on", "public", [("0.0.0.0", 8080)], True),
        ("off", ".", LOOPBACK, False),
    ],
)
def test_who_tells_its_figures(
    demo: str, root: str, addresses: Sequence[tuple[str, int]], tells: bool
) -> None:
    assert tells_figures(Config(root=root, demo=Demo(demo)), addresses) is tells


def test_the_default_root_has_them(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root)
    with serving(Path(DEFAULT_ROOT)) as server, call(server) as client:
        assert client.get(ADDRESS).status == 200


def test_another_root_has_its_own_file_there(root: Path) -> None:
    with serving(root) as server, call(server) as client:
        assert client.get(ADDRESS).status == 404
        write(root / ADDRESS[1:], b"its own")
        eventually(lambda: client.get(ADDRESS).body == b"its own", "the file")


def test_downloads_under_way_can_be_watched(root: Path) -> None:
    with serving(root, demo="on") as server, call(server) as client:

        def told() -> dict[str, object]:
            reply = client.get(ADDRESS)
            assert reply.fields["cache-control"] == "no-store"
            figures: dict[str, object] = json.loads(reply.body)
            return figures

        before = told()
        assert (before["downloads"], before["load_all"], before["connections"]) == (0, 0, 1)
        readers = [call(server, receive_buffer=64 * 1024) for _ in range(3)]
        for reader in readers:
            reader.send(request("/large.bin"))
        eventually(lambda: told()["load_all"] == 3 * LARGE, "what they would take")
        during = told()
        assert (during["downloads"], during["connections"]) == (3, 4)
        assert during["memory"] == {
            "now": pytest.approx(process_size(), rel=0.2),
            "start": server.memory.start,
            "ceiling": server.memory.ceiling,
        }
        for reader in readers:
            reader.socket.close()
        eventually(lambda: told()["load_all"] == 0, "the end of them")
        assert client.get(ADDRESS, method="HEAD").body == b""
        assert client.get(ADDRESS, method="POST").status == 405


def test_the_answer_is_never_recalled(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evloop.demo.figures.INTERVAL", 0.0)
    with serving(root, demo="on") as server, call(server) as client:
        counts = [json.loads(client.get(ADDRESS).body)["responses"] for _ in range(3)]
    assert counts == [0, 1, 2]
    assert INTERVAL > 0


def test_where_it_is_off_nothing_of_it_is_loaded(root: Path) -> None:
    program = (
        "import sys; from evloop import Server; "
        "s = Server(root=sys.argv[1], port=0, demo=sys.argv[2]); s.open(); s.close(); "
        "print('evloop.demo.responder' in sys.modules)"
    )
    for demo, loaded in (("off", "False"), ("auto", "False"), ("on", "True")):
        done = subprocess.run(
            [sys.executable, "-c", program, str(root), demo],
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        assert done.stdout.strip() == loaded, demo


def test_the_command_says_that_all_are_told(root: Path) -> None:
    line = b"\n  demo: /.well-known/evloop tells memory, connections and bytes sent\n"
    with Command(root, "--demo", "on") as command, Client(command.address) as client:
        assert line in command.said
        assert client.get(ADDRESS).status == 200
    with Command(root) as command:
        assert line not in command.said


@pytest.mark.parametrize(("options", "is_said"), [((), False), (("--verbose",), True)])
def test_what_the_default_root_tells_is_said_on_demand(
    root: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...], is_said: bool
) -> None:
    monkeypatch.chdir(root)
    with Command(Path(DEFAULT_ROOT), *options) as command:
        assert (b"\n  demo: " in command.said) is is_said
