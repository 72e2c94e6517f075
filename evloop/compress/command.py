"""The command line of `evloop compress`."""

import argparse
import os
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures.process import BrokenProcessPool
from typing import NoReturn

from evloop.compress.coders import REQUIREMENTS, is_installed
from evloop.compress.delta import Delta, Leftover
from evloop.compress.outcome import Outcome, Verdict
from evloop.compress.pool import EXIT_INTERRUPTED, carry_out_all
from evloop.compress.progress import Progress
from evloop.compress.sidecar import ENDINGS, Task
from evloop.compress.tree import find_deltas, find_leftovers, find_tasks
from evloop.files.compressible import COMPRESSIBLE
from evloop.settings.printable import printable
from evloop.settings.units import format_size, parse_size

EXIT_OK = 0
EXIT_FAULTS = 1
EXIT_USAGE = 2

_SIGNAL_GRACE = 0.2  # seconds: a signal that is on its way comes within a time slice
_MIN_SIZE = "1KiB"  # smaller responses fit into one packet with their head anyway
_FAULTS = {Verdict.MISSING, Verdict.STALE, Verdict.FAILED}


class _Parser(argparse.ArgumentParser):
    """Says in one line what is wrong."""

    def error(self, message: str) -> NoReturn:
        self.exit(EXIT_USAGE, f"evloop: {message} (try {self.prog} --help)\n")


def main(arguments: Sequence[str]) -> int:
    """Run the command and return its exit code."""
    given = _parser().parse_args(arguments)
    for directory in filter(None, (given.root, given.against)):
        if not os.path.isdir(directory):
            return _complain(f"{printable(directory)} is no directory", EXIT_FAULTS)
    if given.against and not is_installed("zstd"):
        return _complain(_advice(["zstd"]), EXIT_FAULTS)
    codings, missing = _installed(given.formats or list(ENDINGS))
    if missing:
        _complain(_advice(missing), EXIT_FAULTS)
        if given.formats or not codings:
            return EXIT_FAULTS
    try:
        return _run(given, codings)
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenProcessPool:
        return _without_processes()


def _without_processes() -> int:
    """Return the exit code when a process has died.

    SIGINT ends them too. A terminal sends it to all at once, and their death may be known here
    before the signal is.
    """
    try:
        time.sleep(_SIGNAL_GRACE)
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    return _complain("a process was killed: too little memory?", EXIT_FAULTS)


def _run(given: argparse.Namespace, codings: list[str]) -> int:
    faults: list[OSError] = []
    rounds = _rounds(given, codings, faults.append)
    progress = Progress(sum(job.size for jobs in rounds for job in jobs), sys.stderr)
    for error in faults:
        _complain(f"{printable(str(error.filename))}: {error.strerror}", EXIT_FAULTS)
    for jobs in rounds:
        for outcome in carry_out_all(jobs, given.jobs):
            progress.note(outcome)
            if outcome.verdict in _FAULTS:
                progress.clear()
                _tell(outcome)
    progress.clear()
    print(_summary(progress, len({task.path for task in rounds[0]})))
    found = sum(progress.counts[verdict] for verdict in _FAULTS)
    return EXIT_FAULTS if found or faults else EXIT_OK


def _rounds(
    given: argparse.Namespace, codings: list[str], on_error: Callable[[OSError], None]
) -> tuple[list[Task], list[Leftover], list[Delta]]:
    """Return what is done, one list after the other.

    A difference must be smaller than the sidecars are, and may take the place of a leftover.
    """
    types, least, check = tuple(given.types or COMPRESSIBLE), given.min_size, given.check
    tasks = list(find_tasks(given.root, codings, types, least, on_error, is_check=check))
    tasks.sort(key=lambda task: -task.size)  # so that no large file is left for the end
    leftovers = list(find_leftovers(given.root, on_error, is_check=check))
    if not given.against:
        return tasks, leftovers, []
    deltas = find_deltas(given.root, given.against, types, least, on_error, is_check=check)
    return tasks, leftovers, list(deltas)


def _tell(outcome: Outcome) -> None:
    path = printable(outcome.task.sidecar)
    if outcome.verdict is Verdict.FAILED:
        _complain(f"{path}: {outcome.reason}", EXIT_FAULTS)
    else:
        print(f"{outcome.verdict.value}  {path}")


def _summary(progress: Progress, files: int) -> str:
    counts = progress.counts
    parts = [f"{count} {verdict.value}" for verdict, count in counts.items() if count]
    text = f"{files} files, sidecars: {', '.join(parts) or 'none'}"
    if progress.plain_size:
        sizes = f"{format_size(progress.plain_size)} became {format_size(progress.coded_size)}"
        text += f"; {sizes}, {progress.saved}"
    return text


def _installed(codings: list[str]) -> tuple[list[str], list[str]]:
    found = [coding for coding in codings if is_installed(coding)]
    return found, [coding for coding in codings if coding not in found]


def _advice(missing: list[str]) -> str:
    needs = " and ".join(f"{coding} needs {REQUIREMENTS[coding]}" for coding in missing)
    return f"{needs}: pip install 'evloop-server[compress]'"


def _complain(text: str, code: int) -> int:
    print(f"evloop: {text}", file=sys.stderr)
    return code


def _members(parse: Callable[[str], str]) -> Callable[[str], list[str]]:
    return lambda text: [parse(each.strip()) for each in text.split(",") if each.strip()]


def _coding(text: str) -> str:
    if text not in ENDINGS:
        raise argparse.ArgumentTypeError(f"{text}: one of {', '.join(ENDINGS)} is wanted")
    return text


def _size(text: str) -> int:
    try:
        return parse_size(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text}: {error}") from error


def _jobs(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text}: a whole number from 1 on is wanted")
    return int(text)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="evloop compress",
        allow_abbrev=False,
        description="Write NAME.zst, NAME.br and NAME.gz beside each file NAME beneath ROOT that"
        " shrinks by 5 % at least, for `evloop serve` to send. What is current is left alone, what"
        " is stale is replaced, or removed where NAME does not shrink any more.",
        epilog="Exit codes: 0 all is current, 1 something failed or, with --check, is missing or"
        " stale, 2 wrong usage.",
    )
    parser.add_argument("root", metavar="ROOT", nargs="?", default=".", help="default: here")
    parser.add_argument(
        "--formats",
        metavar="LIST",
        type=_members(_coding),
        help="codings, with commas (default: zstd,br,gzip as far as they are installed)",
    )
    parser.add_argument(
        "--min-size",
        metavar="SIZE",
        type=_size,
        default=_size(_MIN_SIZE),
        help=f"smaller files are left out (default: {_MIN_SIZE})",
    )
    parser.add_argument(
        "--types",
        metavar="LIST",
        type=_members(str),
        help=f"media types, with commas (default: {','.join(COMPRESSIBLE)})",
    )
    parser.add_argument(
        "--jobs",
        metavar="N",
        type=_jobs,
        default=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1,
        help="processes at once (default: as many as there are processors)",
    )
    parser.add_argument(
        "--against",
        metavar="OLD_ROOT",
        help="write NAME.<digest>.dcz as well, the difference of each file to its version in the"
        " tree of an older release, for `evloop serve --dictionaries on`",
    )
    parser.add_argument(
        "--check", action="store_true", help="write nothing, and tell what is missing or stale"
    )
    return parser
