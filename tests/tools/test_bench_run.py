"""The benchmark as a program: a tiny row from end to end, its exit codes, its end."""

import io
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import psutil
import pytest
from evloop_tools.bench.campaign import BenchCampaign
from evloop_tools.bench.figures import Figure
from evloop_tools.bench.rows import ROWS, Row
from evloop_tools.campaign.results import Cell, Results, Sample, ServerNote
from evloop_tools.lab.driver import OwnLoad
from evloop_tools.lab.errors import VoidError
from evloop_tools.lab.servers.base import Server
from evloop_tools.lab.servers.evloop import Evloop
from evloop_tools.report.progress import Progress

from tests.support.deadline import eventually

BENCH = [sys.executable, "-m", "evloop", "bench"]
WAIT = 60.0
TINY = ["--rows", "small", "--servers", "http.server", "--rounds", "1", "--driver", "own"]


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*BENCH, *arguments],
        capture_output=True,
        text=True,
        timeout=WAIT,
        check=False,
        env=os.environ | environment,
    )


def test_a_tiny_row_from_end_to_end(tmp_path: Path) -> None:
    results, page = tmp_path / "results.json", tmp_path / "page.md"
    done = run(*TINY, "--duration", "0.2", "--json", str(results), "--write", str(page))
    assert done.returncode == 0, done.stderr
    assert "round 1/1  http.server" in done.stderr
    assert "http.server" in done.stdout
    (sample,) = json.loads(results.read_text())["cells"]["small"]["http.server"]["samples"]
    assert sample[Figure.REQUESTS_PER_SECOND] > 0
    assert sample[Figure.CPU_PER_REQUEST] > 0
    assert sample[Figure.LATENCY_P99] >= sample[Figure.LATENCY_P50] > 0
    assert "### 1 KiB, keep-alive, browser-like headers" in page.read_text()
    again = run("--from", str(results), "--rows", "small", "--write", str(page))
    assert again.returncode == 0, again.stderr


WRONG = {
    "a row": (["--rows", "warp"], "no row is called 'warp'; there are small, pages"),
    "a server": (["--servers", "iis"], "no server is called 'iis'; there are evloop"),
    "rounds": (["--rounds", "0"], "argument --rounds: '0': a whole number above 0 is wanted"),
    "a duration": (["--duration", "soon"], "argument --duration: 'soon'"),
    "no duration": (["--duration", "0"], "more than 0 is wanted"),
    "no command": (["--evloop", " "], "argument --evloop: ' ': a command is wanted"),
    "no directory": (["--json", "/no/such/place.json"], "there is no directory /no/such"),
    "a picture": (["--plot", "plot.gif"], "does not end in .png or .svg"),
    "no results": (["--from", "no-such.json"], "no-such.json: No such file"),
    "no wrk": (["--driver", "wrk"], "wrk is not installed"),
}


@pytest.mark.parametrize(("arguments", "message"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_command_line_is_refused_in_one_line(arguments: list[str], message: str) -> None:
    path = {"PATH": "/nowhere"} if "wrk" in arguments else {}
    done = run(*arguments, **path)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.startswith("bench: ")
    assert done.stderr.count("\n") == 1


def test_when_nothing_can_be_measured_it_fails() -> None:
    done = run("--rows", "small", "--servers", "evloop", "--evloop", "no-such-evloop")
    assert done.returncode == 1
    assert "evloop is left out: no-such-evloop is not a program" in done.stderr
    assert "bench: nothing could be measured" in done.stderr


def test_the_list_names_rows_and_servers() -> None:
    done = run("--list")
    assert done.returncode == 0
    for row in ROWS:
        assert f"  {row.name} " in done.stdout
    assert "CPU per request ≤ 1.6 x floor" in done.stdout
    assert "http.server" in done.stdout


ENDS = {"terminated": (signal.SIGTERM, 143), "interrupted": (signal.SIGINT, 130)}


@pytest.mark.parametrize(("number", "code"), ENDS.values(), ids=ENDS.keys())
def test_it_leaves_nothing_behind_when_it_is_ended(number: signal.Signals, code: int) -> None:
    bench = subprocess.Popen([*BENCH, *TINY, "--duration", "60"], stderr=subprocess.PIPE)
    try:
        children = _server_and_driver(bench)
        bench.send_signal(number)
        assert bench.wait(WAIT) == code
        eventually(lambda: not any(map(_runs, children)), "server and driver to end")
    finally:
        bench.kill()
        bench.communicate()


def test_even_when_it_is_killed_its_children_end(tmp_path: Path) -> None:
    bench = subprocess.Popen(
        [*BENCH, *TINY, "--duration", "60"],
        stderr=subprocess.PIPE,
        env=os.environ | {"TMPDIR": str(tmp_path)},
    )
    try:
        children = _server_and_driver(bench)
    finally:
        bench.kill()
        bench.communicate()
        shutil.rmtree(tmp_path)  # the files to serve, which nobody removed
    eventually(lambda: not any(map(_runs, children)), "server and driver to end")


def _runs(process: psutil.Process) -> bool:
    """False for one that has ended and was not waited for by whoever inherited it."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _server_and_driver(bench: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """Return the children of *bench* once the server is under load."""
    parent = psutil.Process(bench.pid)
    eventually(lambda: len(parent.children()) == 2, "a server and a driver", WAIT)
    return parent.children()


class _Rehearsal(BenchCampaign):
    """A campaign in which nothing runs; the server "broken" always fails."""

    def __init__(self, servers: list[Server], rounds: int) -> None:
        rows = [row for row in ROWS if row.name in ("small", "sendfile")]
        progress = Progress(io.StringIO())
        super().__init__(rows, servers, rounds, progress, 1.0, OwnLoad(), Path("/"))
        self.turns: list[tuple[str, str]] = []

    def measure(self, row: Row, server: Server, cell: Cell, note: ServerNote) -> Sample:
        self.turns.append((row.name, server.name))
        if server.name == "broken":
            raise VoidError("broken as ever")
        return dict.fromkeys(row.figures, 1.0)


def _rehearse(servers: list[Server], rounds: int) -> tuple[Results, list[tuple[str, str]]]:
    results = Results(servers={server.name: ServerNote("peer", "1") for server in servers})
    campaign = _Rehearsal(servers, rounds)
    campaign.run(results)
    return results, campaign.turns


def test_the_rounds_are_interleaved() -> None:
    _, turns = _rehearse([Evloop(("a",), name="a"), Evloop(("b",), name="b")], 2)
    once = [("a",), ("b",)]
    assert [turn[1:] for turn in turns if turn[0] == "small"] == once * 2
    assert [turn[1:] for turn in turns if turn[0] == "sendfile"] == once * 2


def test_a_server_that_fails_twice_sits_the_row_out() -> None:
    results, turns = _rehearse([Evloop(("broken",), name="broken"), Evloop(("b",), name="b")], 5)
    assert turns.count(("small", "broken")) == 2
    assert turns.count(("small", "b")) == 5
    voids: Mapping[str, object] = {"broken": ["broken as ever"] * 2, "b": []}
    assert {name: cell.voids for name, cell in results.cells["small"].items()} == voids
