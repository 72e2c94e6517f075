"""The code of an address: what a camera sees of it."""

import re
from pathlib import Path

import pytest
import segno

from evloop import Server
from evloop.cli import EXIT_USAGE, main
from evloop.cli.greeting import greeting
from evloop.cli.qr import qr_lines
from tests.support.serving import Command

URL = "http://192.168.178.123:8080/"
LINES_OF = {" ": (False, False), "\u2580": (True, False), "\u2584": (False, True)}
QUIET = 4


def modules(lines: list[str]) -> list[list[bool]]:
    """What is dark in *lines* of half blocks."""
    rows: list[list[bool]] = []
    for line in lines:
        pairs = [LINES_OF.get(character, (True, True)) for character in line]
        rows += [[above for above, _ in pairs], [below for _, below in pairs]]
    return rows


@pytest.mark.parametrize("url", [URL, "http://[2001:db8:1234:5678:9abc:def0:1234:5678]:65535/"])
def test_it_is_the_code_with_light_around_it(url: str) -> None:
    seen = modules(qr_lines(url, is_terminal=False))
    code = [[bool(module) for module in row] for row in segno.make(url, error="l").matrix]
    size = len(code)
    inner = [row[QUIET : QUIET + size] for row in seen[QUIET : QUIET + size]]
    assert inner == code
    assert sum(map(sum, seen)) == sum(map(sum, code))  # nothing is dark around it
    assert len(seen) >= size + 2 * QUIET
    assert {len(row) for row in seen} == {size + 2 * QUIET}
    assert size + 2 * QUIET <= 80


def test_a_terminal_shows_black_on_white() -> None:
    plain, coloured = (qr_lines(URL, is_terminal=each) for each in (False, True))
    for line, in_colours in zip(plain, coloured, strict=True):
        assert in_colours == f"\x1b[38;5;16;48;5;231m{line}\x1b[0m"


def test_the_start_shows_it(tmp_path: Path) -> None:
    server = Server(root=tmp_path, host="0.0.0.0", port=0, qr=True)
    server.open()
    said = greeting(server)
    server.close()
    others = re.findall(r"(http://\S+)  from elsewhere", said)
    code = "\n  ".join(qr_lines(others[0], is_terminal=False)) if others else "no code: nobody else"
    assert code in said


def test_what_nobody_else_can_reach_has_none(tmp_path: Path) -> None:
    with Command(tmp_path, "--qr") as command:
        assert b"no code: nobody else can reach it; -b 0.0.0.0 lets others in" in command.said


def test_without_segno_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("evloop.cli.qr.find_spec", lambda name: None)
    assert main([str(tmp_path), "-p", "0", "--qr"]) == EXIT_USAGE
    assert capfd.readouterr().err == (
        "evloop: --qr on: segno is not installed: pip install 'evloop-server[qr]'\n"
    )
