"""The benchmark of one server that somebody else has set up: by its URL, or by its command."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from evloop_tools.bench.figures import Figure
from evloop_tools.bench.options import CLIENTS, parse_arguments

from evloop import Server

WAIT = 60.0
BENCH = [sys.executable, "-m", "evloop", "bench", "--driver", "own", "--rounds", "2"]
BENCH += ["--duration", "200ms", "--clients", "4"]
SERVE = [sys.executable, "-m", "evloop", "serve", "--port", "0", "--access-log", "off"]
SIZE = 12_345


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*BENCH, *arguments], capture_output=True, text=True, timeout=WAIT, check=False
    )


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "file.bin").write_bytes(b"x" * SIZE)
    (tmp_path / "index.html").write_bytes(b"<title>it</title>")
    return tmp_path


@pytest.fixture
def url(root: Path) -> Iterator[str]:
    with Server(root=root, port=0).in_thread() as server:
        yield server.url


def test_a_server_is_measured_by_its_url(url: str, tmp_path: Path) -> None:
    results = tmp_path / "results.json"
    done = run(url + "file.bin", "--json", str(results))
    assert done.returncode == 0, done.stderr
    assert f"4 clients, {SIZE:,} bytes of /file.bin" in done.stdout
    ((row, cells),) = json.loads(results.read_text())["cells"].items()
    samples = cells[row]["samples"]
    assert len(samples) == 2
    for figure in (Figure.CPU_PER_REQUEST, Figure.REQUESTS_PER_SECOND, Figure.MEMORY_AFTER):
        assert all(sample[figure] > 0 for sample in samples)
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_a_command_is_started_measured_and_ended(root: Path) -> None:
    done = run("--path", "/file.bin", "--", *SERVE, str(root))
    assert done.returncode == 0, done.stderr
    assert f"{SIZE:,} bytes of /file.bin" in done.stdout
    assert not [
        process
        for process in psutil.process_iter(["cmdline"])
        if str(root) in (process.info["cmdline"] or [])
    ]


def test_without_a_path_the_first_page_is_asked_for(root: Path) -> None:
    done = run("--", *SERVE, str(root))
    assert done.returncode == 0, done.stderr
    assert "17 bytes of /" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["http://127.0.0.1:1/"], "no answer from http://127.0.0.1:1/: Connection refused"),
        (["--", "/no/such/program"], "'/no/such/program' can't be started"),
        (["--", "false"], "false did not start: it ended with code 1"),
    ],
)
def test_what_can_not_be_measured_is_one_line(arguments: list[str], complaint: str) -> None:
    done = run(*arguments)
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"bench: {complaint}")


def test_a_file_that_is_not_there_is_told(url: str) -> None:
    done = run(f"{url}none")
    assert done.returncode == 1
    assert "/none is answered with 404 and" in done.stderr


WRONG = {
    "http://a/ --rows small": "--rows does not go with a server of your own",
    "http://a/ --from x.json": "--from does not go with a server of your own",
    "http://a/ --write": "--write does not go with a server of your own",
    "--python-peers -- x": "--python-peers does not go with a server of your own",
    "http://a/ -- x": "name one server: URL or -- COMMAND",
    "--": "a command is wanted behind --",
    "--clients 3": "--clients goes with URL or -- COMMAND",
    "--path /x": "--path goes with URL or -- COMMAND",
    "http://a/ --path /x": "--path goes with -- COMMAND",
    "--path x -- y": "argument --path: 'x': a path as in a URL is wanted",
    "https://127.0.0.1/": "argument URL: 'https://127.0.0.1/': http://HOST",
}


@pytest.mark.parametrize("typed", WRONG)
def test_what_does_not_go_together_is_refused(
    typed: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("evloop_tools.load.endpoint.socket.getaddrinfo", _nowhere)
    with pytest.raises(SystemExit) as refused:
        parse_arguments(typed.split())
    assert refused.value.code == 2
    assert capsys.readouterr().err.startswith(f"bench: {WRONG[typed]}")


def _nowhere(host: str, port: int, **_: object) -> list[tuple[int, int, int, str, object]]:
    return [(2, 1, 6, "", (host, port))]


def test_a_url_may_lack_its_scheme(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evloop_tools.load.endpoint.socket.getaddrinfo", _nowhere)
    given = parse_arguments(["example.org/x"])
    assert (given.url, given.clients, given.program) == ("http://example.org/x", CLIENTS, [])
