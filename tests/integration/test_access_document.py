"""What docs/site.md prints of origins, passwords and small things: it is run, and compared."""

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from evloop.cli.arguments import read_arguments
from evloop.settings.reading import read_config
from tests.support.bench import write
from tests.support.deadline import PATIENCE
from tests.support.serving import Command

TEXT = (Path(__file__).resolve().parents[2] / "docs/site.md").read_text(encoding="utf-8")
SECTIONS = {part.partition("\n")[0]: part for part in TEXT.split("\n## ")[1:]}
NAMES = ["Other origins", "Passwords", "Small things"]
EXAMPLES = [
    pytest.param(name, *example, id=f"{name} {number}")
    for name in NAMES
    for number, example in enumerate(
        re.findall(r"^<!-- options:([^\n]*)-->\n```console\n(.*?)^```", SECTIONS[name], re.M | re.S)
    )
]
COMMANDS = [
    line.partition("  #")[0]
    for name in NAMES
    for line in re.findall(r"^evloop .*", SECTIONS[name], re.M)
]


def run(line: str, place: Path) -> str:
    command = ["bash", "-o", "pipefail", "-c", line]
    done = subprocess.run(command, cwd=place, capture_output=True, timeout=PATIENCE, check=True)
    return done.stdout.decode().replace("\r\n", "\n")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with what the examples are about."""
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "site/index.html", b"hello")
    write(tmp_path / "site/data.bin", bytes(1000))
    return tmp_path


def test_there_are_some() -> None:
    assert (len(EXAMPLES), len(COMMANDS)) == (4, 8)


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")
@pytest.mark.parametrize(("name", "options", "printed"), EXAMPLES)
def test_it_prints_what_it_says(name: str, options: str, printed: str, place: Path) -> None:
    for line in re.findall(r"^printf .*", SECTIONS[name], re.M):
        run(line, place)
    with Command(place / "site", *shlex.split(options)) as command:
        host, port = command.address
        for line, output in re.findall(r"^\$ (.*)\n((?:[^$].*\n)*)", printed, re.M):
            assert run(line.replace("127.0.0.1:8080", f"{host}:{port}"), place) == output


@pytest.mark.parametrize("line", COMMANDS)
def test_each_command_is_one(line: str) -> None:
    given = read_arguments(shlex.split(line)[1:])
    read_config(given.root, given.texts, {})
