"""The configurations that are written for each server, and the floor in C."""

import http.client
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from evloop_tools.bench.rows import ROWS
from evloop_tools.campaign.rounds import configuration
from evloop_tools.lab.docroot import LARGE, PAGES, place
from evloop_tools.lab.errors import TargetError, VoidError
from evloop_tools.lab.running import ask, free_port, running
from evloop_tools.lab.servers.base import Kind, Launch, Server, Setup, Transfer
from evloop_tools.lab.servers.evloop import Evloop
from evloop_tools.lab.servers.floor import Floor, compile_floor
from evloop_tools.lab.servers.native import Lighttpd, Nginx
from evloop_tools.lab.servers.python_peers import PythonPeer, python_peers
from evloop_tools.lab.servers.registry import all_servers
from evloop_tools.load.endpoint import local_endpoint

CHECK_DEADLINE = 20.0
BODY = bytes(range(256)) * 2048

needs_compiler = pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler")


@pytest.fixture
def setup(tmp_path: Path) -> Setup:
    root = tmp_path / "root"
    root.mkdir()
    (root / "small.html").write_bytes(b"small")
    (root / "large.bin").write_bytes(BODY)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    return Setup(root, scratch, free_port(), floor=("respond", str(root / "large.bin"), "keep"))


def _servers() -> list[Server]:
    known = all_servers(["evloop"], sys.executable, Path("build"))
    return [server for server in known if server.kind is not Kind.FLOOR]


@pytest.mark.parametrize("server", _servers(), ids=lambda server: server.name)
def test_every_server_is_told_its_port_and_root(server: Server, setup: Setup) -> None:
    launch = server.launch(setup)
    told = " ".join([*launch.command, *launch.files.values()])
    assert str(setup.port) in told
    assert str(setup.root) in told
    assert "{" not in launch.command[-1]


def test_server_names_are_unique_and_every_goal_names_one() -> None:
    names = [server.name for server in all_servers(["evloop"], sys.executable, Path("build"))]
    assert len(set(names)) == len(names)
    for row in ROWS:
        for goal in row.goals:
            assert goal.figure in row.figures
            assert goal.against is None or goal.against in names


CHECKS = {
    "nginx": ["nginx", "-t", "-e", "stderr", "-c", "nginx.conf"],
    "nginx-cache": ["nginx", "-t", "-e", "stderr", "-c", "nginx.conf"],
    "lighttpd": ["lighttpd", "-tt", "-f", "lighttpd.conf"],
    "caddy": ["caddy", "adapt", "--adapter", "caddyfile", "--config", "Caddyfile"],
    "h2o": ["h2o", "-t", "-c", "h2o.conf"],
}


@pytest.mark.parametrize("name", CHECKS)
@pytest.mark.parametrize("transfer", Transfer)
def test_the_server_accepts_its_configuration(name: str, transfer: Transfer, setup: Setup) -> None:
    server = next(server for server in _servers() if server.name == name)
    if reason := server.missing():
        pytest.skip(reason)
    for file, content in server.launch(replace(setup, transfer=transfer)).files.items():
        (setup.scratch / file).write_text(content)
    program, *options, file = CHECKS[name]
    done = subprocess.run(
        [program, *options, str(setup.scratch / file)],
        capture_output=True,
        text=True,
        timeout=CHECK_DEADLINE,
        check=False,
    )
    assert done.returncode == 0, done.stderr


SENDFILE = {Transfer.AS_IT_IS: "on", Transfer.COPY: "off", Transfer.SENDFILE: "on"}


@pytest.mark.parametrize(("transfer", "word"), SENDFILE.items())
def test_nginx_sends_files_unless_it_shall_copy(
    transfer: Transfer, word: str, setup: Setup
) -> None:
    config = Nginx().launch(replace(setup, transfer=transfer)).files["nginx.conf"]
    assert f"sendfile {word};" in config


@pytest.mark.parametrize(("transfer", "word"), SENDFILE.items())
@pytest.mark.parametrize(
    ("name", "switch"),
    {"aiohttp": "if not {}:\n", "whitenoise": "sendfile=None if {} else False"}.items(),
)
def test_a_python_peer_with_sendfile_copies_when_it_shall(
    name: str, switch: str, transfer: Transfer, word: str, setup: Setup
) -> None:
    (peer,) = (each for each in python_peers(sys.executable) if each.name == name)
    script = peer.launch(replace(setup, transfer=transfer)).files["server.py"]
    assert switch.format(word == "on") in script


def test_only_nginx_cache_caches_files(setup: Setup) -> None:
    assert "open_file_cache" not in Nginx().launch(setup).files["nginx.conf"]
    assert "open_file_cache max" in Nginx(caches_files=True).launch(setup).files["nginx.conf"]


def test_nginx_copy_never_uses_sendfile(setup: Setup) -> None:
    assert "sendfile off;" in Nginx(never_sendfile=True).launch(setup).files["nginx.conf"]


def test_lighttpd_may_open_twice_as_many_files_as_it_takes_connections(setup: Setup) -> None:
    config = Lighttpd().launch(replace(setup, connections=5000)).files["lighttpd.conf"]
    assert "server.max-connections = 5000" in config
    assert "server.max-fds = 10064" in config


@pytest.mark.parametrize(
    ("transfer", "options"),
    [
        (Transfer.AS_IT_IS, ()),
        (Transfer.COPY, ("--transfer", "copy")),
        (Transfer.SENDFILE, ("--transfer", "sendfile")),
    ],
)
def test_evloop_is_told_how_to_transfer(
    transfer: Transfer, options: tuple[str, ...], setup: Setup
) -> None:
    command = Evloop(("evloop",)).launch(replace(setup, transfer=transfer)).command
    assert command[:3] == ("evloop", "serve", str(setup.root))
    assert command[-2:] == options or (not options and "--transfer" not in command)


@pytest.mark.parametrize("peer", python_peers(sys.executable), ids=lambda peer: peer.name)
def test_the_script_of_a_python_peer_compiles(peer: PythonPeer, setup: Setup) -> None:
    for name, text in peer.launch(setup).files.items():
        compile(text, name, "exec")


def test_a_python_peer_without_its_packages_says_so() -> None:
    peer = PythonPeer(sys.executable, "", ("no_such_module",), name="none")
    assert peer.missing() == f"no_such_module is not there in {sys.executable}"


def test_a_command_that_is_not_evloop_is_missing() -> None:
    assert Evloop(("no-such-program",)).missing() == "no-such-program is not a program"
    not_it = (sys.executable, "-m", "no_such_evloop")
    assert "No module named no_such_evloop" in (Evloop(not_it).missing() or "")


def test_a_shown_configuration_names_no_place_of_this_machine(setup: Setup) -> None:
    text = configuration(Nginx().launch(setup), setup)
    assert "root ROOT;" in text
    assert "listen 127.0.0.1:PORT" in text
    assert str(setup.scratch) not in text


def test_the_docroot_names_a_thousand_pages(tmp_path: Path) -> None:
    assert len({wanted.path for wanted in PAGES}) == len(PAGES) == 1000
    assert place(tmp_path, PAGES[7]) == tmp_path / "pages" / "0007.html"


FLOORS = {
    "respond": (("respond", "{small}", "keep"), b"small"),
    "respond-large": (("respond", "{large}", "keep"), BODY),
    "close": (("respond", "{small}", "close"), b"small"),
    "copy": (("copy", "{large}"), BODY),
    "sendfile": (("sendfile", "{large}"), BODY),
    "copy within bounds": (("copy", "{large}", "16384", "40000"), BODY),
    "sendfile within bounds": (("sendfile", "{large}", "16384", "40000"), BODY),
}


def test_the_bounded_floor_has_the_bounds_of_evloop() -> None:
    servers = all_servers(["evloop"], sys.executable, Path("build"))
    (bounded,) = (each for each in servers if isinstance(each, Floor) and each.bounds)
    assert bounded.bounds == (str(64 * 1024), str(256 * 1024))
    rows = {row.name for row in ROWS if row.runs(bounded)}
    assert rows == {"large", "sendfile"}


@needs_compiler
@pytest.mark.parametrize(("floor", "body"), FLOORS.values(), ids=FLOORS.keys())
def test_the_floor_compiles_and_answers(floor: tuple[str, ...], body: bytes, setup: Setup) -> None:
    large, small = place(setup.root, LARGE), setup.root / "small.html"
    program = tuple(part.format(large=large, small=small) for part in floor)
    launch = Floor(setup.scratch).launch(replace(setup, floor=program))
    endpoint = local_endpoint(setup.port)
    with running(launch, endpoint, "/", setup.scratch) as server:
        assert 0 < server.start_seconds < CHECK_DEADLINE
        assert server.cost.cpu_seconds() >= 0
        assert server.cost.memory_bytes() > server.cost.own_bytes() > 0
        connection = http.client.HTTPConnection("127.0.0.1", endpoint.port, timeout=CHECK_DEADLINE)
        for _ in range(2):
            connection.request("GET", "/")
            response = connection.getresponse()
            assert (response.status, response.read()) == (200, body)
            assert response.will_close == ("close" in floor)
        connection.close()
    with pytest.raises(ConnectionError):
        ask(endpoint, "/")


@needs_compiler
def test_a_floor_that_does_not_compile_is_void(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken.c").write_text("int main(void) { return nothing; }")
    monkeypatch.setattr("evloop_tools.lab.servers.floor.SOURCES", tmp_path)
    with pytest.raises(VoidError, match=r"cc failed on broken\.c"):
        compile_floor("broken", tmp_path)


STILLBORN = {
    "not there": (("no-such-program",), "'no-such-program' can't be started: No such file"),
    "ends at once": (
        (sys.executable, "-c", "import sys; sys.exit('no port for me')"),
        "it did not start: it ended with code 1; its last words: no port for me",
    ),
}


@pytest.mark.parametrize(("command", "reason"), STILLBORN.values(), ids=STILLBORN.keys())
def test_a_server_that_does_not_start_is_void(
    command: tuple[str, ...], reason: str, setup: Setup
) -> None:
    with (
        pytest.raises((VoidError, TargetError), match=reason),
        running(Launch(command), local_endpoint(setup.port), "/", setup.scratch),
    ):
        pytest.fail("it runs")
