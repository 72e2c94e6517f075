"""A tool whose packages are not installed says which one, and how to get it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

TOOLS = Path(__file__).resolve().parents[2] / "tools"
# The exit code with which each complains of its environment.
PROGRAMS = {
    "monitor.py": 1,
    "soak.py": 2,
    "strategies.py": 1,
    "attack.py": 3,
    "fuzz.py": 3,
    "bench": 1,
}
DEADLINE = 20.0


@pytest.mark.parametrize(("program", "code"), PROGRAMS.items())
def test_a_missing_package_is_one_line(program: str, code: int, tmp_path: Path) -> None:
    bare = [sys.executable, "-S", str(TOOLS / program), "--help"]  # no site-packages
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        bare,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        cwd=tmp_path,
        env=environment,
        check=False,
    )
    assert done.returncode == code
    (line,) = done.stderr.splitlines()
    assert line.startswith(program.removesuffix(".py"))
    assert line.endswith(" is missing: pip install 'evloop-server[tools]'")
