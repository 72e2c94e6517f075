"""The soak test as a program: its verdicts, bad input, and that nothing is left behind."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import psutil
import pytest
from evloop_tools.lab.docroot import make
from evloop_tools.load.behaviours import BEHAVIOURS
from evloop_tools.load.orders import CODED, Wanted

from tests.support.deadline import eventually

TOP = Path(__file__).resolve().parent.parent.parent
SOAK = TOP / "tools" / "soak.py"
DOUBLE = Path(__file__).with_name("soak_double.py")
PATIENCE = 60.0
KIB, MIB = 1024, 1024 * 1024
SPECS = (Wanted("/page.html", 45 * KIB, CODED), Wanted("/large.bin", 2 * MIB, CODED))
ENVIRONMENT = os.environ | {"PYTHONPATH": str(TOP)}


class Ran(NamedTuple):
    """What came of a run: *figures* are those of --json, empty when it wrote none."""

    code: int
    out: str
    complaint: str
    figures: dict[str, Any]


def start(*arguments: object, cwd: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, SOAK, *map(str, arguments)],
        cwd=cwd, env=ENVIRONMENT | {"TMPDIR": str(cwd)}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def run(*arguments: object, cwd: Path) -> Ran:
    """Run the soak test to its end in *cwd*, which is its directory for temporary files too."""
    with start("--json", "figures.json", *arguments, cwd=cwd) as process:
        try:
            out, complaint = process.communicate(timeout=PATIENCE)
        finally:
            process.kill()
    figures = cwd / "figures.json"
    found = json.loads(figures.read_text()) if figures.exists() else {}
    return Ran(process.returncode, out, complaint, found)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "root"
    folder.mkdir()
    make(folder, SPECS)
    return folder


@contextlib.contextmanager
def double(fault: str, root: Path) -> Iterator[str]:
    """Serve *root* with a server that has a *fault*; yield its URL."""
    command = [sys.executable, str(DOUBLE), fault, str(root)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        finally:
            process.kill()


def broken(ran: Ran) -> set[str]:
    return {check["name"] for check in ran.figures["checks"] if check["finding"] == "broken"}


FULL = ("--clients", 4, "--mix", "full", "--pause", "10ms", "--interval", "100ms")


# Verdicts

FAULTY = {
    "flip": ("--requests", 4, "errors", "wrong bytes"),
    "short": ("--requests", 4, "errors", "short body"),
    "garbage": ("--requests", 4, "errors", "garbage"),
    "no-length": ("--requests", 4, "errors", "no Content-Length"),
}


@pytest.mark.parametrize("fault", FAULTY)
def test_a_faulty_server_fails_by_what_it_does(fault: str, root: Path, tmp_path: Path) -> None:
    *limit, check, kind = FAULTY[fault]
    with double(fault, root) as url:
        ran = run(url, "--root", root, *FULL, *limit, cwd=tmp_path)
    assert (ran.code, ran.complaint) == (1, "")
    assert check in broken(ran)
    assert ran.figures["errors"][kind] > 0
    assert kind in ran.out.splitlines()[-1]
    assert ran.out.splitlines()[-1].startswith("FAIL: ")


def test_a_flipped_byte_is_shown(root: Path, tmp_path: Path) -> None:
    with double("flip", root) as url:
        ran = run(url, "--root", root, *FULL, "--requests", 4, cwd=tmp_path)
    assert ran.figures["wrong_bytes"] > 0
    assert "wrong bytes" in broken(ran)
    assert "offset 20,000 is 0x" in ran.figures["examples"]["wrong bytes"]


def test_a_leaking_server_fails_by_its_slope(root: Path, tmp_path: Path) -> None:
    with double("leak", root) as url:
        ran = run(url, "--root", root, *FULL, "--duration", "3s", cwd=tmp_path)
    assert ran.code == 1
    assert broken(ran) == {"memory slope"}
    assert ran.figures["memory"]["slope"]["low"] > MIB
    assert "FAIL: memory slope: +" in ran.out


def test_a_server_that_leaks_descriptors_fails(root: Path, tmp_path: Path) -> None:
    with double("leak-descriptors", root) as url:
        ran = run(url, "--root", root, *FULL, "--requests", 40, cwd=tmp_path)
    assert ran.code == 1
    assert broken(ran) == {"descriptors"}


def test_a_server_that_dies_fails_and_ends_the_run(root: Path, tmp_path: Path) -> None:
    with double("die", root) as url:
        ran = run(url, "--root", root, *FULL, "--duration", "50s", cwd=tmp_path)
    assert ran.code == 1
    assert "server" in broken(ran)
    assert ran.figures["seconds"] < 40
    assert "has ended" in ran.figures["server_ended"]


def test_an_honest_server_of_another_make_passes(root: Path, tmp_path: Path) -> None:
    with double("none", root) as url:
        ran = run(url, "--root", root, *FULL, "--requests", 40, cwd=tmp_path)
    assert (ran.code, ran.complaint) == (0, "")
    assert ran.figures["verdict"] == "PASS"
    assert ran.figures["memory"]["own"]["base"] > MIB


def test_without_its_files_a_server_is_held_to_its_first_answers(
    root: Path, tmp_path: Path
) -> None:
    with double("none", root) as url:
        ran = run(
            url, "--path", "/page.html", "--path", "/large.bin", *FULL, "--requests", 20,
            cwd=tmp_path,
        )  # fmt: skip
    assert ran.code == 0
    assert ran.figures["checked_against"] == "the first download of each"
    assert ran.figures["all"]["bytes"] > 20 * 45 * KIB / 2


def test_a_server_that_is_not_there_fails(tmp_path: Path) -> None:
    ran = run("http://127.0.0.1:1", *FULL, cwd=tmp_path)
    assert (ran.code, ran.complaint) == (1, "")
    assert ran.figures["errors"] == {"refused": 1}


@pytest.mark.slow
def test_evloop_stands_five_hundred_clients_of_all_behaviours(tmp_path: Path) -> None:
    ran = run(
        "--launch", "--clients", 500, "--duration", "8s", "--max-slope", "8MiB/min",
        "--max-growth-per-connection", "16KiB", "--report", "report.html", cwd=tmp_path,
    )  # fmt: skip
    assert (ran.code, ran.complaint) == (0, ""), ran.out
    assert ran.figures["wrong_bytes"] == 0
    assert ran.figures["peak_connections"] > 350
    assert set(ran.figures["groups"]) == set(BEHAVIOURS)
    assert all(
        each["requests"] + each["stopped"] + each["unfinished"] > 0
        for each in ran.figures["groups"].values()
    )
    assert (
        ran.figures["memory"]["descriptors"]["end"] <= ran.figures["memory"]["descriptors"]["base"]
    )


# What is seen

SHORT = ("--launch", "--clients", 3, "--duration", "1s", "--mix", "full,slow")


def test_a_pipe_gets_lines_and_a_report(tmp_path: Path) -> None:
    ran = run(*SHORT, cwd=tmp_path)
    assert ran.code == 0
    assert "TTFB p50" in ran.out.splitlines()[0]
    for part in (
        "Limits",
        "Run",
        "Clients",
        "Times of",
        "Memory of the server",
        "kernel TCP memory",
    ):
        assert part in ran.out
    assert ran.out.splitlines()[-1].startswith("PASS: ")


@pytest.mark.parametrize(
    ("suffix", "part"),
    [(".md", "| own (anonymous) pages |"), (".html", "</table>"), (".json", '"verdict": "PASS"')],
)
def test_a_report_is_written_in_each_form(suffix: str, part: str, tmp_path: Path) -> None:
    assert run(*SHORT, "--report", f"r{suffix}", cwd=tmp_path).code == 0
    text = (tmp_path / f"r{suffix}").read_text()
    assert part in text
    if suffix == ".html":
        assert not any(word in text for word in ("<script", "<link", "<img", "@import", "src="))
        assert ("<svg" in text) == (find_spec("matplotlib") is not None)


def test_a_report_without_a_name_is_the_page_of_the_documents(tmp_path: Path) -> None:
    (tmp_path / "docs/soak").mkdir(parents=True)
    assert run(*SHORT, "--report", cwd=tmp_path).code == 0
    assert "# Soak test: " in (tmp_path / "docs/soak/many-10000.md").read_text()


# Nothing is left behind


def ours(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """Return the server that *process* has launched, once it listens."""
    found: list[psutil.Process] = []

    def has_server() -> bool:
        found[:] = psutil.Process(process.pid).children(recursive=True)
        return bool(found)

    eventually(has_server, "the server")
    return found


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_run_with_a_report(number: signal.Signals, tmp_path: Path) -> None:
    with start("--launch", "--clients", 3, "--duration", "50s", cwd=tmp_path) as process:
        assert process.stdout is not None
        process.stdout.readline()
        servers = ours(process)
        process.stdout.readline()
        process.send_signal(number)
        out, complaint = process.communicate(timeout=PATIENCE)
    assert complaint == ""
    assert "cut short" in out
    assert not any(server.is_running() for server in servers)
    assert not list(tmp_path.iterdir())


def test_a_reader_that_goes_away_ends_the_run(tmp_path: Path) -> None:
    with start("--launch", "--clients", 3, "--duration", "50s", cwd=tmp_path) as process:
        servers = ours(process)
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == ""
        assert process.wait(PATIENCE) == 130
    assert not any(server.is_running() for server in servers)


@pytest.mark.skipif(sys.platform != "linux", reason="asks the kernel of Linux for it")
def test_a_server_does_not_outlive_a_killed_soak(tmp_path: Path) -> None:
    with start("--launch", "--clients", 3, "--duration", "50s", cwd=tmp_path) as process:
        servers = ours(process)
        process.kill()
    eventually(lambda: not any(each.is_running() for each in servers), "the server's end")


def test_a_run_leaves_no_server_and_no_files(tmp_path: Path) -> None:
    run(*SHORT, cwd=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["figures.json"]


# Bad input

USAGE = {
    "no server": ((), "name one server"),
    "two servers": (("--launch", "http://127.0.0.1"), "name one server"),
    "an unknown scenario": (("--launch", "--scenario", "nobody"), "'nobody': one of mixed"),
    "an unknown behaviour": (("--launch", "--mix", "fast=1"), "'fast' is none of full"),
    "a number that is none": (("--launch", "--clients", "many"), "a whole number above 0"),
    "no clients": (("--launch", "--clients", "0"), "a whole number above 0"),
    "a rate of nothing": (("--launch", "--rate", "0"), "at least 1 byte per second"),
    "a report of another kind": (("--launch", "--report", "r.pdf"), "ends in .md, .json, .html"),
    "a report nowhere": (("--launch", "--report", "no/where/r.md"), "no directory 'no/where'"),
    "a root that is none": (("http://127.0.0.1", "--root", "nowhere"), "is not a directory"),
    "a root to launch": (("--launch", "--root", "."), "go with a URL"),
    "options for no evloop": (("http://127.0.0.1", "--", "--port", "1"), "only --launch starts"),
    "another scheme": (("https://127.0.0.1",), "http://HOST[:PORT][/PATH] is wanted"),
    "an unknown host": (("http://nobody.invalid",), "nobody.invalid: "),
    "a bad port": (("http://127.0.0.1:99999",), "http://127.0.0.1:99999"),
    "a process that is none": (
        ("http://127.0.0.1:1", "--pid", "4194304"),
        "no process has the pid",
    ),
    "wrong options for evloop": (("--launch", "--", "--chunk-size", "x"), "evloop did not start"),
    "an empty root": (("http://127.0.0.1:1", "--root", "empty"), "no file that a server"),
    "too many clients": (("--launch", "--clients", "100000000"), "descriptors and"),
}


@pytest.mark.parametrize("name", USAGE)
def test_bad_input_is_one_line_and_exit_2(name: str, tmp_path: Path) -> None:
    arguments, text = USAGE[name]
    (tmp_path / "empty").mkdir()
    ran = run(*arguments, cwd=tmp_path)
    assert ran.code == 2
    assert text in ran.complaint
    assert ran.complaint.startswith("soak: ")
    assert len(ran.complaint.splitlines()) == 1
    assert ran.out == ""


def test_a_file_that_the_server_lacks_is_named(root: Path, tmp_path: Path) -> None:
    with double("none", root) as url:
        ran = run(url, "--path", "/missing", cwd=tmp_path)
    assert ran.code == 2
    assert ran.complaint == "soak: /missing: the server answers 404\n"


def test_the_files_of_a_scenario_are_made_for_another_server(tmp_path: Path) -> None:
    ran = run("--make", "files", "--scenario", "web-100", cwd=tmp_path)
    assert ran.code == 0
    with double("none", tmp_path / "files") as url:
        ran = run(url, "--scenario", "web-100", "--requests", 150, "--clients", 10, cwd=tmp_path)
    assert ran.code == 0, ran.out
    assert set(ran.figures["groups"]) == {"pages", "css and js", "PDFs"}
    assert ran.figures["checked_against"] == "the files that --make makes"


def test_help_is_complete() -> None:
    out = subprocess.run(
        [sys.executable, SOAK, "--help"], env=ENVIRONMENT, text=True, capture_output=True,
        timeout=PATIENCE, check=True,
    ).stdout  # fmt: skip
    for word in (*BEHAVIOURS, "3x100MB", "overnight", "exit codes", "default: 30s"):
        assert word in out
