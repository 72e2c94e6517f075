"""What the documents print to be run runs as printed: here, from a clean clone, from the wheel."""

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import venv
from pathlib import Path

import pytest

from evloop import Config
from evloop.cli.arguments import read_arguments
from evloop.settings.config import OPTIONS, variable_name
from evloop.settings.reading import read_config
from tests.support.deadline import PATIENCE

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text("utf-8")
OPTIONS_PAGE = (ROOT / "docs/options.md").read_text("utf-8")
LIBRARY = (ROOT / "docs/library.md").read_text("utf-8")
INSTALLING = 300.0
"""Seconds that building and installing may take."""
_UNREACHABLE = re.compile(r"NewConnectionError|ConnectionError|name resolution|timed out")


def blocks(document: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", document, re.M | re.S)


# The second one is that of the tests, which .ci/run runs as printed.
FIRST, TESTS = (block.strip() for block in blocks(README, "sh")[:2])
USES = [line.partition("  #")[0].strip() for line in blocks(README, "sh")[2].splitlines()]
SERVING = [line for line in USES if line.startswith("evloop serve ")]
# A port below 1024 and another user are for root alone.
PRIVILEGED = [line for line in SERVING if "--user" in line]


def environment(**more: str) -> dict[str, str]:
    """Return the variables of a shell that knows nothing of this one's settings.

    Where no port is printed a free one is taken, so that nothing has to be free here.
    """
    foreign = ("EVLOOP_", "PYTEST_", "PYTHON", "VIRTUAL_ENV", "COVERAGE_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    return {**kept, "EVLOOP_PORT": "0", "PYTHONDONTWRITEBYTECODE": "1", **more}


def serve(line: str, where: Path, **more: str) -> str:
    """Run *line* in a shell until it serves, end it as Ctrl-C does, and return what it said."""
    shell = subprocess.Popen(
        ["sh", "-c", line],
        cwd=where,
        env=environment(**more),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert shell.stderr is not None
    killer = threading.Timer(INSTALLING, os.killpg, (shell.pid, signal.SIGKILL))
    killer.start()
    said = ""
    try:
        for told in shell.stderr:
            said += told
            if told == "  Ctrl-C stops\n":
                os.killpg(shell.pid, signal.SIGINT)
        code = shell.wait(PATIENCE)
    finally:
        killer.cancel()
        shell.stderr.close()
    skip_without_index(said)
    if " in use on " in said:
        pytest.skip("the port that is printed is another program's here")
    assert re.search(r"^evloop: 0 responses, 0 B in .*; peak memory ", said, re.M), said
    assert code in {0, 128 + signal.SIGINT, -signal.SIGINT}, said
    return said


def skip_without_index(said: str) -> None:
    if _UNREACHABLE.search(said):
        pytest.skip("the package index can't be reached")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A directory that has the roots of all lines."""
    for line in SERVING:
        root = read_arguments(line.partition(" | ")[0].split()[1:]).root
        (tmp_path / root).mkdir(parents=True, exist_ok=True)
        assert not Path(root).is_absolute()
    return tmp_path


def path_with(scripts: Path) -> str:
    return f"{scripts}{os.pathsep}{os.environ['PATH']}"


# In this environment


def test_the_readme_has_ten_lines_of_uses() -> None:
    assert len(USES) == 10
    assert len(SERVING) >= 8
    assert FIRST.startswith("python3 -m venv ")
    assert "-m pytest" in TESTS


@pytest.mark.parametrize("line", [line for line in SERVING if line not in PRIVILEGED])
def test_what_people_do_runs_as_printed(line: str, place: Path) -> None:
    scripts = Path(sys.executable).parent
    if not (scripts / "evloop").exists():
        pytest.skip("the command is not installed here")
    assert "serves " in serve(line, place, PATH=path_with(scripts))


@pytest.mark.parametrize("line", SERVING)
def test_its_options_are_read(line: str) -> None:
    given = read_arguments(line.partition(" | ")[0].split()[1:])
    config = read_config(given.root, given.texts, {})
    assert all(getattr(config, name) != getattr(Config(), name) for name in given.texts)


def spans(begin: str, end: str) -> list[str]:
    """Return the code of docs/options.md between two texts."""
    part = OPTIONS_PAGE[OPTIONS_PAGE.index(begin) :].partition(end)[0]
    return re.findall(r"`([^`]+)`", part)


def read(*typed: str, **variables: str) -> Config:
    given = read_arguments(typed)
    return read_config(given.root, given.texts, variables)


def test_the_spellings_of_an_option_are_the_same() -> None:
    spelled = spans("Options and ROOT", "the same")
    assert len(spelled) == 4
    assert {read(*each.split()).port for each in spelled} == {80}
    once, twice = spans("A switch alone is on", ".\n")
    assert read(*once.split()) == read(*twice.split())
    assert read("./serve").root == spans("a directory that is called", ". Options")[1]


def test_the_variable_and_the_keywords_are_read() -> None:
    (assigned,) = (each for each in spans("One that may be", "A variable") if "=" in each)
    name, _, value = assigned.partition("=")
    assert name in map(variable_name, OPTIONS)
    assert read(**{name: value}).host == ("127.0.0.1", "::1")
    option, *keywords = spans("take each option as a keyword", "\n\n")
    sizes = {eval(f"Config({each})", {"Config": Config}).chunk_size for each in keywords}
    assert sizes == {read(*option.split()).chunk_size} == {32768}


def test_the_forms_of_values_are_read() -> None:
    sizes = spans("**SIZE**", "KiB = 1024")
    assert [read("--memory-budget", size).memory_budget for size in sizes] == [
        *[32 * 1024] * 3,
        *[1024**2] * 2,
        *[2 * 1024**3] * 2,
    ]
    times = spans("**TIME**", "\n")
    assert [read("--idle-timeout", time).idle_timeout for time in times] == [10, 10, 0.5, 120, 3600]
    for address in spans("**ADDRESS**", "all addresses"):
        assert len(read("--host", address).host) == 1


# From a clean clone, and from the wheel; each in an environment that was empty


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not (ROOT / ".git").exists() or shutil.which("git") is None:
        pytest.skip("not a checkout")
    into = tmp_path_factory.mktemp("clone") / "evloop"
    subprocess.run(["git", "clone", "-q", str(ROOT), str(into)], check=True, timeout=PATIENCE)
    return into


def run(command: list[str], where: Path, **more: str) -> str:
    done = subprocess.run(
        command,
        cwd=where,
        env=environment(**more),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=INSTALLING,
        check=False,
    )
    skip_without_index(done.stdout)
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.mark.slow
def test_a_clean_clone_is_served_as_printed(clone: Path) -> None:
    said = serve(FIRST, clone)
    assert f"serves {clone / 'public'}" in said
    assert "demo: " in said


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment that has the wheel and pytest, for the fixture that it brings."""
    pytest.importorskip("hatchling")
    pytest.importorskip("hatch_fancy_pypi_readme")
    place = tmp_path_factory.mktemp("installed")
    run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(place)], ROOT)
    venv.create(place / "venv", with_pip=True)
    (wheel,) = place.glob("*.whl")
    run([str(place / "venv/bin/pip"), "install", "-q", str(wheel), "pytest"], place)
    return place / "venv/bin"


@pytest.mark.slow
@pytest.mark.parametrize("line", [line for line in SERVING if line not in PRIVILEGED])
def test_the_wheel_serves_as_printed(line: str, installed: Path, place: Path) -> None:
    assert "serves " in serve(line, place, PATH=path_with(installed))


PROGRAMS = [*blocks(README, "python"), *blocks(LIBRARY, "python")]


@pytest.mark.slow
@pytest.mark.parametrize("program", PROGRAMS, ids=["readme", *map(str, range(4))])
def test_the_wheel_runs_the_programs_of_the_library(
    program: str, installed: Path, tmp_path: Path
) -> None:
    (tmp_path / "public").mkdir()
    (tmp_path / "public/index.html").write_text("<title>hello</title>")
    (tmp_path / "test_program.py").write_text(program)
    is_test = "def test_" in program
    options = ["-m", "pytest", "-q", "-p", "no:cacheprovider"] if is_test else []
    run([str(installed / "python"), "-W", "error", *options, "test_program.py"], tmp_path)
