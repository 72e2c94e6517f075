"""The command line of strategies.py."""

import argparse
import shlex
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from report.arguments import Parser, positive, value

from comparing.contenders import SETTINGS
from comparing.scenarios import SCENARIOS, Scenario, Table
from evloop.settings.units import format_duration, format_size, parse_duration, parse_size

MAX_MEMORY = 8 * 1024**3
HOLD = 3.0

_EPILOG = """\
Memory is growth over the server at rest: its own pages at their peak, and the kernel's TCP
memory beside them. All downloads of a scenario are in flight at once, every byte that is
read is compared with the file. Figures are medians of the rounds.

A scenario that does not fit into --max-memory is run with as many downloads as do fit, and
the rest is marked "computed".

exit codes: 0 measured, and evloop's promises are kept; 1 nothing could be measured, or a
file could not be written; 2 wrong usage, or too few descriptors; 3 a promise is broken or a
run of evloop failed, with a line that says which; 130 interrupted, 143 terminated (what was
measured until then is shown and written all the same)
"""


class UsageError(Exception):
    """A command line that can't be carried out; the message is one line for the user."""


def parser() -> argparse.ArgumentParser:
    """Return the parser of `python tools/strategies.py`."""
    found = Parser(
        prog="strategies.py",
        description="Measure what the streaming guide says: load entire files, stream "
        "everything, or the hybrid of both, in memory and time.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_choices(found)
    _add_measuring(found)
    _add_output(found)
    return found


def _add_choices(found: argparse.ArgumentParser) -> None:
    group = found.add_argument_group("what is run")
    group.add_argument("--list", action="store_true", help="show scenarios and servers, and end")
    group.add_argument(
        "--scenarios",
        nargs="+",
        metavar="NAME",
        help="these scenarios; the name of a table stands for all of its scenarios: "
        f"{', '.join(Table)} (default: all)",
    )
    group.add_argument(
        "--strategies",
        nargs="+",
        metavar="NAME",
        help=f"these settings of evloop: {', '.join(SETTINGS)} (default: all)",
    )
    group.add_argument(
        "--against",
        nargs="+",
        metavar="NAME",
        default=[],
        help="these other servers beside it, if they are installed: nginx, http.server, "
        "starlette, aiohttp, ... (default: none)",
    )
    group.add_argument(
        "--peer-python",
        default=sys.executable,
        metavar="PATH",
        help="the interpreter that has the servers written in Python (default: this one)",
    )
    group.add_argument(
        "--evloop",
        default=shlex.join([sys.executable, "-m", "evloop"]),
        metavar="COMMAND",
        help="how evloop is started, `serve` and its options follow (default: python -m evloop)",
    )


def _add_measuring(found: argparse.ArgumentParser) -> None:
    group = found.add_argument_group("how it is measured")
    group.add_argument(
        "--rounds", type=value(positive), default=3, metavar="N", help="rounds (default: 3)"
    )
    group.add_argument(
        "--hold",
        type=value(_seconds),
        default=HOLD,
        metavar="TIME",
        help="how long downloads are held in flight, such as 500ms or 3s "
        f"(default: {format_duration(HOLD)})",
    )
    group.add_argument(
        "--max-memory",
        type=value(parse_size),
        default=MAX_MEMORY,
        metavar="SIZE",
        help="bytes that a server may be made to load; never more than half of what is free "
        f"(default: {format_size(MAX_MEMORY)})",
    )


def _add_output(found: argparse.ArgumentParser) -> None:
    group = found.add_argument_group("what comes out")
    group.add_argument("--json", type=Path, metavar="FILE", help="write every observation as JSON")
    group.add_argument(
        "--write",
        type=Path,
        metavar="FILE",
        help="write the page as Markdown, with its plots (.svg) beside it",
    )
    group.add_argument(
        "--from",
        dest="sources",
        type=Path,
        nargs="+",
        metavar="FILE",
        help="measure nothing, take the results of --json; scenarios of a later file replace "
        "those of an earlier",
    )


def _seconds(text: str) -> float:
    seconds = parse_duration(text)
    if seconds <= 0:
        raise ValueError("more than 0 is wanted")
    return seconds


def chosen(names: Sequence[str] | None) -> list[Scenario]:
    """Return the scenarios that *names* stand for. Raises UsageError for an unknown one."""
    known_only(names or (), [*Table, *(each.name for each in SCENARIOS)], "scenario or table")
    wanted = set(names or Table)
    return [each for each in SCENARIOS if {each.name, each.table.value} & wanted]


def known_only(wanted: Iterable[str], known: Sequence[str], what: str) -> None:
    """Raise UsageError when one of *wanted* is not *known*; *what* is the kind of name."""
    for name in wanted:
        if name not in known:
            raise UsageError(f"no {what} is called {name!r}; there are {', '.join(known)}")


def repeat_command(given: argparse.Namespace) -> str:
    """Return the command that repeats this run, without what is particular to this machine."""
    words = ["python", "tools/strategies.py"]
    for option, names in (("--scenarios", given.scenarios), ("--strategies", given.strategies)):
        words += [option, *names] if names else []
    if given.against:
        words += ["--against", *given.against, "--peer-python", "PYTHON"]
    words += ["--rounds", str(given.rounds), "--hold", format_duration(given.hold)]
    return " ".join([*words, "--write", "docs/memory.md"])
