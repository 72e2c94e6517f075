"""The whole program, on scenarios so small that they take seconds."""

import io
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import strategies
from comparing import cli, scenarios
from comparing.alone import IN_MEMORY, STREAMED, method
from comparing.campaign import GuideCampaign
from comparing.contenders import SETTINGS, Strategy
from comparing.contenders import strategies as all_strategies
from comparing.quantities import Quantity
from comparing.scenarios import Group, Measure, Scenario, Table
from evloop_tools.campaign.command import Exit
from evloop_tools.campaign.results import Results
from evloop_tools.lab.docroot import evict, warm
from evloop_tools.lab.servers.evloop import Evloop
from evloop_tools.load.orders import Behaviour
from evloop_tools.report.progress import Progress

KIB = 1024
MIB = 1024 * KIB
EVLOOP = [sys.executable, "-m", "evloop"]
TOOL = Path(strategies.__file__)
WAIT = 60.0  # seconds until a test gives up

linux = pytest.mark.skipif(sys.platform != "linux", reason="needs Linux")

TINY = Scenario(
    "tiny",
    Table.IN_FLIGHT,
    "3 x 8 MB",
    (Group("video.mp4", 3, 8 * MIB), Group("page.html", 4, 20 * KIB, own_files=True)),
    promise=MIB,
    beside_peers=True,
)
TINY_TIMED = Scenario(
    "tiny-timed",
    Table.BY_TYPE,
    "clip.mp4",
    (Group("clip.mp4", 4, 2 * MIB),),
    behaviour=Behaviour.STALLED,
    resume=MIB,
    measure=Measure.HELD_AND_TIMED,
)


@pytest.fixture(autouse=True)
def _nothing_is_left_running() -> Iterator[None]:
    before = {child.pid for child in psutil.Process().children(recursive=True)}
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)
    left = {child.pid for child in psutil.Process().children(recursive=True)} - before
    assert not left


def campaign(tmp_path: Path, *of: Scenario, names: tuple[Strategy, ...]) -> GuideCampaign:
    root = tmp_path / "root"
    root.mkdir()
    tmp_path.chmod(0o755)
    cli.make_files(root, of)
    servers = [server for server in all_strategies(EVLOOP) if server.name in names]
    progress = Progress(io.StringIO())
    return GuideCampaign(of, servers, 1, progress, 0.2, 20 * MIB * 10, root)


@linux
def test_the_three_strategies_differ_as_the_guide_says(tmp_path: Path) -> None:
    three = (Strategy.LOAD_ALL, Strategy.STREAMING, Strategy.HYBRID)
    results = Results()
    campaign(tmp_path, TINY, names=three).run(results)
    cells = results.cells["tiny"]
    assert [cell.voids for cell in cells.values()] == [[], [], []]
    grown = {name: cell.median(Quantity.GROWTH) or 0.0 for name, cell in cells.items()}
    assert 3 * 8 * MIB <= grown[Strategy.LOAD_ALL] < 4 * 8 * MIB
    assert grown[Strategy.STREAMING] < MIB
    assert grown[Strategy.HYBRID] < MIB
    for cell in cells.values():
        assert cell.median(Quantity.RECEIVED) == TINY.total
        assert cell.series[0] == (0.0, 0.0)
        assert cell.downloads == 7
    assert cells[Strategy.HYBRID].median(Quantity.FILES_OPEN) == 3
    assert cells[Strategy.LOAD_ALL].median(Quantity.FILES_OPEN) == 0


@linux
def test_what_does_not_fit_is_run_with_fewer_downloads(tmp_path: Path) -> None:
    results = Results()
    measured = campaign(tmp_path, TINY_TIMED, names=(Strategy.LOAD_ALL,))
    measured._bound = 5 * MIB
    measured.run(results)
    cell = results.cells["tiny-timed"][Strategy.LOAD_ALL]
    assert (cell.voids, cell.downloads) == ([], 2)
    assert 2 * 2 * MIB <= (cell.median(Quantity.GROWTH) or 0.0) < 3 * 2 * MIB
    first, total = cell.median(Quantity.FIRST_BYTE), cell.median(Quantity.TOTAL)
    assert first is not None
    assert total is not None
    assert 0 < first <= total
    assert results.methods == {"tiny-timed": STREAMED}


# A server that dies as soon as it is asked for the second time: the first is our probe.
_MORTAL = """
import http.server, os, sys
class Handler(http.server.SimpleHTTPRequestHandler):
    asked = 0
    def do_GET(self):
        Handler.asked += 1
        if Handler.asked > 1:
            os._exit(1)
        super().do_GET()
    def log_message(self, *arguments):
        pass
os.chdir(sys.argv[2])
port = int(sys.argv[sys.argv.index("--port") + 1])
http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()
"""


def test_a_server_that_dies_makes_the_round_void_and_is_not_waited_for(tmp_path: Path) -> None:
    results = Results()
    measured = campaign(tmp_path, TINY, names=())
    mortal = Evloop((sys.executable, "-c", _MORTAL), name=Strategy.HYBRID)
    measured.servers = [mortal]
    measured.run(results)
    cell = results.cells["tiny"][Strategy.HYBRID]
    assert cell.samples == []
    assert len(cell.voids) == 1


def test_the_method_is_what_the_servers_counters_say(tmp_path: Path) -> None:
    for name, size in (("at.bin", MIB), ("above.bin", MIB + 1)):
        (tmp_path / name).write_bytes(bytes(size))
    assert method(tmp_path, "at.bin") == IN_MEMORY
    assert method(tmp_path, "above.bin") == STREAMED


def test_files_are_old_sparse_where_wanted_and_each_its_own(tmp_path: Path) -> None:
    groups = (Group("a.html", 2, 5 * KIB, own_files=True), Group("b.mp4", 3, 64 * MIB, sparse=True))
    cli.make_files(tmp_path, [Scenario("x", Table.IN_FLIGHT, "", groups)])
    sizes = {path.name: path.stat().st_size for path in tmp_path.iterdir()}
    assert sizes == {
        "probe.html": KIB,
        "a-5120-0.html": 5 * KIB,
        "a-5120-1.html": 5 * KIB,
        "b-67108864.mp4": 64 * MIB,
    }
    contents = {(tmp_path / name).read_bytes() for name in ("a-5120-0.html", "a-5120-1.html")}
    assert len(contents) == 2
    status = (tmp_path / "b-67108864.mp4").stat()
    assert status.st_blocks * 512 < MIB
    assert status.st_mtime < time.time() - 60
    warm(tmp_path / "a-5120-0.html")
    evict(tmp_path / "a-5120-0.html")


def test_a_small_run_from_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("matplotlib")
    for module in (scenarios, cli):
        monkeypatch.setattr(module, "SCENARIOS", (TINY,))
    page, figures = tmp_path / "memory.md", tmp_path / "memory.json"
    words = ["--scenarios", "tiny", "--strategies", "hybrid", "--rounds", "1", "--hold", "200ms"]
    code = cli.main([*words, "--json", str(figures), "--write", str(page)])
    out, err = capsys.readouterr()
    assert code == Exit.OK, err
    assert out.startswith("kept  tiny: process memory grew by ")
    assert "round 1/1  hybrid" in err
    assert page.read_text().startswith("# Memory, measured")
    assert cli.main(["--from", str(figures), "--scenarios", "tiny"]) == Exit.OK


USAGE = [
    ["--scenarios", "nowhere"],
    ["--strategies", "nothing"],
    ["--against", "evloop"],
    ["--rounds", "0"],
    ["--hold", "0s"],
    ["--max-memory", "much"],
    ["--evloop", ""],
    ["--json", "/nowhere/at/all.json"],
    ["--unknown"],
]


@pytest.mark.parametrize("words", USAGE)
def test_wrong_usage_is_one_line_and_code_2(words: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, str(TOOL), *words], capture_output=True, text=True, timeout=WAIT
    )
    assert done.returncode == Exit.USAGE
    assert done.stderr.startswith("strategies.py: ")
    assert done.stderr.count("\n") == 1
    assert words[-1].strip("-") in done.stderr


def test_too_few_descriptors_are_told_with_how_many_it_takes() -> None:
    limited = f"ulimit -n 500; exec {sys.executable} {TOOL} --scenarios stalled-8000"
    done = subprocess.run(["bash", "-c", limited], capture_output=True, text=True, timeout=WAIT)
    assert done.returncode == Exit.USAGE
    assert "stalled-8000 needs 16,128 descriptors per process and there may be 500" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_missing_results_file_is_one_line() -> None:
    done = subprocess.run(
        [sys.executable, str(TOOL), "--from", "/nowhere.json"],
        capture_output=True,
        text=True,
        timeout=WAIT,
    )
    assert (done.returncode, done.stderr) == (
        Exit.USAGE,
        "strategies.py: /nowhere.json: No such file or directory\n",
    )


def test_list_shows_scenarios_and_servers() -> None:
    done = subprocess.run(
        [sys.executable, str(TOOL), "--list"], capture_output=True, text=True, timeout=WAIT
    )
    assert done.returncode == 0
    for name in ("50x100MB", "stalled-8000", *SETTINGS, "nginx", "http.server"):
        assert f" {name} " in done.stdout


@linux
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_and_all_that_it_started(number: signal.Signals) -> None:
    words = ["--scenarios", "1x100MB", "--strategies", "hybrid", "--hold", "60s"]
    with subprocess.Popen(
        [sys.executable, str(TOOL), *words], stderr=subprocess.PIPE, start_new_session=True
    ) as process:
        watched = psutil.Process(process.pid)
        deadline = time.monotonic() + WAIT
        while len(children := watched.children(recursive=True)) < 2:  # a server and clients
            assert time.monotonic() < deadline
            time.sleep(0.05)
        process.send_signal(number)
        process.communicate(timeout=WAIT)
    assert process.returncode == 128 + number
    assert not psutil.wait_procs(children, timeout=WAIT)[1]
