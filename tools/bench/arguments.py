"""The command line: what may be asked, and what was asked."""

import argparse
import shlex
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from report.arguments import Parser, positive, value

from bench.rows import ROWS
from evloop.settings.units import format_duration, parse_duration

_EPILOG = """\
what counts is what the server spends: CPU time of its process tree per request or per GB, and
memory. The rounds are interleaved, figures are medians, and goals are met or missed.

exit codes: 0 measured, whether the goals were met or not; 1 nothing could be measured, or a
file could not be written; 2 wrong usage; 130 interrupted, 143 terminated (what was measured
until then is shown and written all the same)
"""


class UsageError(Exception):
    """A command line that can't be carried out; the message is one line for the user."""


def parser() -> argparse.ArgumentParser:
    """Return the parser of `python tools/bench`."""
    found = Parser(
        prog="bench",
        description="Run evloop beside every server found here, and compare what they spend.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_choices(found)
    _add_measuring(found)
    _add_output(found)
    return found


def _add_choices(found: argparse.ArgumentParser) -> None:
    group = found.add_argument_group("what is run")
    group.add_argument("--list", action="store_true", help="show rows, goals and servers, and end")
    group.add_argument("--rows", nargs="+", metavar="NAME", help="these rows (default: all)")
    group.add_argument(
        "--servers",
        nargs="+",
        metavar="NAME",
        help="these servers (default: all that are found, Python peers with --python-peers)",
    )
    group.add_argument("--python-peers", action="store_true", help="run the Python peers as well")
    group.add_argument(
        "--peer-python",
        default=sys.executable,
        metavar="PATH",
        help="the interpreter that has the Python peers (default: this one)",
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
        "--rounds", type=value(positive), default=5, metavar="N", help="rounds (default: 5)"
    )
    group.add_argument(
        "--duration",
        type=value(_seconds),
        default=5.0,
        metavar="TIME",
        help="how long one measurement loads the server, such as 500ms or 5s (default: 5s)",
    )
    group.add_argument(
        "--driver",
        choices=("auto", "wrk", "own"),
        default="auto",
        help="what loads the server with requests (default: wrk if installed, else our client)",
    )


def _add_output(found: argparse.ArgumentParser) -> None:
    group = found.add_argument_group("what comes out")
    group.add_argument("--json", type=Path, metavar="FILE", help="write every sample as JSON")
    group.add_argument("--plot", type=Path, metavar="FILE", help="draw a .png or .svg")
    group.add_argument("--write", type=Path, metavar="FILE", help="write the page as Markdown")
    group.add_argument(
        "--from",
        dest="sources",
        type=Path,
        nargs="+",
        metavar="FILE",
        help="measure nothing, take the results of --json; rows of a later file replace earlier",
    )


def _seconds(text: str) -> float:
    seconds = parse_duration(text)
    if seconds <= 0:
        raise ValueError("more than 0 is wanted")
    return seconds


def known_only(wanted: Sequence[str], known: Iterable[str], what: str) -> None:
    """Raise UsageError when one of *wanted* is not *known*; *what* is the kind of name."""
    names = list(known)
    for name in wanted:
        if name not in names:
            raise UsageError(f"no {what} is called {name!r}; there are {', '.join(names)}")


def repeat_command(given: argparse.Namespace) -> str:
    """Return the command that repeats this run, without what is particular to this machine."""
    words = ["python", "tools/bench"]
    words += ["--rounds", str(given.rounds), "--duration", format_duration(given.duration)]
    if given.rows and set(given.rows) != {row.name for row in ROWS}:
        words += ["--rows", *given.rows]
    if given.servers:
        words += ["--servers", *given.servers]
    if given.python_peers:
        words += ["--python-peers", "--peer-python", "PYTHON"]
    if given.driver != "auto":
        words += ["--driver", given.driver]
    return " ".join([*words, "--write", "docs/benchmarks.md"])
