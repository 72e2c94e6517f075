"""What the command lines of campaigns have in common: their options, files and exit codes."""

import argparse
import shlex
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from enum import IntEnum
from pathlib import Path

from evloop_tools.lab import waiting
from evloop_tools.lab.errors import TargetError, VoidError
from evloop_tools.report.arguments import UsageError, positive, value
from evloop_tools.report.progress import Progress


class Exit(IntEnum):
    """What the exit code says; a signal adds its number to 128."""

    OK = 0
    ENVIRONMENT = 1
    USAGE = 2
    BROKEN = 3


Body = Callable[[argparse.Namespace, Path, Progress], int]


def run(name: str, given: argparse.Namespace, body: Body) -> int:
    """Run *body* with a scratch directory, and say in one line what kept it from its end."""
    progress = Progress(sys.stderr)
    waiting.listen(progress.tick)
    try:
        with (
            progress,
            tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as scratch,
        ):
            return body(given, Path(scratch), progress)
    except UsageError as error:
        return fail(name, str(error), Exit.USAGE)
    except OSError as error:
        where = error.filename or "the system"
        return fail(name, f"{where}: {error.strerror}", Exit.ENVIRONMENT)
    except (VoidError, TargetError) as error:
        return fail(name, str(error), Exit.ENVIRONMENT)
    except waiting.StopRequestError as request:
        return request.exit_code


def fail(name: str, message: str, code: int) -> int:
    """Complain in one line and return *code*."""
    print(f"{name}: {message}", file=sys.stderr)
    return code


def add_interpreters(group: argparse._ArgumentGroup) -> None:
    """Add the options that say how servers are started."""
    group.add_argument(
        "--peer-python",
        default=sys.executable,
        metavar="PATH",
        help="the interpreter that has the servers written in Python (default: this one)",
    )
    group.add_argument(
        "--evloop",
        type=value(_command),
        default=[sys.executable, "-m", "evloop"],
        metavar="COMMAND",
        help="how evloop is started, `serve` and its options follow (default: python -m evloop)",
    )


def add_rounds(group: argparse._ArgumentGroup, default: int) -> None:
    """Add the number of rounds."""
    group.add_argument(
        "--rounds",
        type=value(positive),
        default=default,
        metavar="N",
        help=f"rounds (default: {default})",
    )


def add_files(group: argparse._ArgumentGroup, page: str, default: Path) -> None:
    """Add the files that come out and those to begin with.

    *page* is what --write writes, to *default* when it names no file.
    """
    group.add_argument("--json", type=Path, metavar="FILE", help="write every sample as JSON")
    group.add_argument(
        "--write",
        type=Path,
        nargs="?",
        const=default,
        metavar="FILE",
        help=f"write {page} as Markdown (FILE: {default})",
    )
    group.add_argument(
        "--from",
        dest="sources",
        type=Path,
        nargs="+",
        metavar="FILE",
        help="measure nothing, take the results of --json; those of a later file replace earlier",
    )


def _command(text: str) -> list[str]:
    words = shlex.split(text)
    if not words:
        raise ValueError("a command is wanted")
    return words


def known_only(wanted: Iterable[str] | None, known: Iterable[str], what: str) -> None:
    """Raise UsageError when one of *wanted* is not *known*; *what* is the kind of name."""
    names = list(known)
    for name in wanted or ():
        if name not in names:
            raise UsageError(f"no {what} is called {name!r}; there are {', '.join(names)}")


def check_outputs(paths: Iterable[Path | None]) -> None:
    """Refuse outputs that can't be written before a long run, not after it."""
    for path in filter(None, paths):
        if not path.resolve().parent.is_dir():
            raise UsageError(f"{path}: there is no directory {path.resolve().parent}")


def words(option: str, names: Sequence[str] | None) -> list[str]:
    """Return *option* with *names* behind it; nothing without any."""
    return [option, *names] if names else []
