"""A program whose packages are not installed says which one, and how to get it."""

import subprocess
import sys
from pathlib import Path

import pytest

TOOLS = Path(__file__).resolve().parents[2] / "tools"
# What stands behind the name, and the exit code with which each complains of its environment.
PROGRAMS = {
    "monitor": (["--pid", "1"], 1),
    "soak": (["--launch"], 2),
    "bench": (["--list"], 1),
    "strategies": ([], 1),
    "attack": ([], 3),
    "fuzz": ([], 3),
}
EXTRA = ("psutil", "rich", "matplotlib")
IN_THE_WHEEL = ("monitor", "soak", "bench")
DEADLINE = 20.0


def bare(
    source: str, *arguments: str, hidden: tuple[str, ...] = EXTRA
) -> "subprocess.CompletedProcess[str]":
    """Run a line of Python where the packages *hidden* can't be imported."""
    hide = f"import runpy, sys; sys.modules.update(dict.fromkeys({hidden}))"
    return subprocess.run(
        [sys.executable, "-c", f"{hide}; {source}", *arguments],
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )


def script(program: str) -> str:
    path = TOOLS / f"{program}.py"
    return f"sys.path.insert(0, {str(TOOLS)!r}); runpy.run_path({str(path)!r}, run_name='__main__')"


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_missing_package_is_one_line(program: str) -> None:
    arguments, code = PROGRAMS[program]
    done = bare(script(program), *arguments, hidden=(*EXTRA, "httptools"))
    assert done.returncode == code
    (line,) = done.stderr.splitlines()
    assert line.startswith(program)
    assert line.endswith(" is missing: pip install 'evloop-server[tools]'")


@pytest.mark.parametrize("program", IN_THE_WHEEL)
def test_the_command_says_the_same(program: str) -> None:
    arguments, code = PROGRAMS[program]
    done = bare("from evloop.cli import main; sys.exit(main())", program, *arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr == bare(script(program), *arguments).stderr


@pytest.mark.parametrize("program", IN_THE_WHEEL)
def test_the_help_needs_no_package(program: str) -> None:
    done = bare("from evloop.cli import main; sys.exit(main())", program, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"usage: evloop {program} ")
    assert all(len(line) <= 80 for line in done.stdout.splitlines())


@pytest.mark.parametrize("program", IN_THE_WHEEL)
def test_wrong_usage_needs_none_either(program: str) -> None:
    done = bare("from evloop.cli import main; sys.exit(main())", program, "--warp")
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"{program}: ")


def test_a_fault_of_our_own_is_not_told_as_a_missing_package() -> None:
    broken = "sys.modules['evloop_tools.lab.history'] = None"
    done = bare(f"{broken}; from evloop.cli import main; sys.exit(main())", "monitor", "--pid", "1")
    assert "ModuleNotFoundError" in done.stderr
    assert "pip install" not in done.stderr


def test_a_checkout_that_is_not_installed_names_the_script() -> None:
    hidden = "import importlib.util as util; find = util.find_spec; "
    hidden += "util.find_spec = lambda name: None if name == 'evloop_tools' else find(name)"
    done = bare(f"{hidden}; from evloop.cli import main; sys.exit(main())", "monitor", "--pid", "1")
    assert done.returncode == 1
    assert done.stderr == "evloop: monitor is in tools/: python tools/monitor.py\n"
