"""A tool whose packages are not installed says which one, and how to get it."""

import subprocess
import sys
from pathlib import Path

import pytest

TOOLS = Path(__file__).resolve().parents[2] / "tools"
PROGRAMS = ("monitor.py", "soak.py", "strategies.py", "attack.py", "fuzz.py", "bench")
DEADLINE = 20.0


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_missing_package_is_one_line(program: str, tmp_path: Path) -> None:
    bare = [sys.executable, "-S", str(TOOLS / program), "--help"]  # no site-packages
    done = subprocess.run(
        bare, capture_output=True, text=True, timeout=DEADLINE, cwd=tmp_path, check=False
    )
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith(program.removesuffix(".py"))
    assert line.endswith(" is missing: pip install 'evloop[tools]'")
