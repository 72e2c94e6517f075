"""The attacks as a program: each runs from end to end, small, and says what it found."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ATTACK = Path(__file__).resolve().parents[2] / "tools" / "attack.py"
PATIENCE = 60.0


def run(*arguments: object) -> tuple[int, str, str]:
    """Run an attack; return its code and what it wrote."""
    done = subprocess.run(
        [sys.executable, ATTACK, *map(str, arguments)],
        capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


SMALL = {
    "churn": (
        ("--gets", 30, "--aborts", 30, "--cancels", 5),
        r"30 x connect, GET, close: \+0 descriptors.*30 x abort.*5 x cancelled download: \+0",
    ),
    "crowd": (
        ("--clients", 60, "--descriptors", 64, "--seconds", "300ms"),
        r"(1[7-9]|[2-6][0-9]) of 60 clients are answered.*recovery: good again",
    ),
    "cost": (("--requests", 2), r"a small file: .*\(200\).*quotes: .*a hundred fields: .*\(200\)"),
    "fleet": (
        ("--files", 20, "--clients", 5, "--size", "64KiB", "--memory-limit", "96MiB"),
        r"20 requests on 5 connections that never read.*ceiling 96 MiB",
    ),
}


@pytest.mark.parametrize("name", SMALL)
def test_a_small_attack_ends_and_tells(name: str) -> None:
    arguments, expected = SMALL[name]
    code, out, complaint = run(name, *arguments)
    assert (code, complaint) == (0, "")
    assert re.search(expected, out, re.DOTALL), out


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("nobody",), "nobody"),
        (("crowd", "--clients", "many"), "--clients"),
        (("cost", "--requests", "-1"), "--requests"),
        (("probe", "--port", "x"), "--port"),
    ],
)
def test_wrong_usage_is_one_line(arguments: tuple[str, ...], why: str) -> None:
    code, out, complaint = run(*arguments)
    assert (code, out) == (2, "")
    assert why in complaint
    assert "Traceback" not in complaint
