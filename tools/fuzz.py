"""Look for inputs that break a promise of the HTTP part, the path resolution or the protocol.

    python tools/fuzz.py --minutes 30

Any input is to be answered or refused as HTTP: never with another exception, never out of
bounds, and never twice. A finding is saved into the corpus, so that the tests fail until it
is dealt with, and deserves a row in a table.
"""

import hashlib
import os
import sys
import textwrap
import time
from collections.abc import Callable, Sequence
from pathlib import Path

try:
    from evloop_tools.report.arguments import Parser, value
    from evloop_tools.report.progress import Progress
    from fuzzing.engines import EngineError, Report, has_atheris, run_atheris, run_mutations
    from fuzzing.targets import TARGETS
except ModuleNotFoundError as error:
    print(f"fuzz: {error.name} is missing: pip install 'evloop-server[tools]'", file=sys.stderr)
    sys.exit(3)  # 1 would be a finding

EXIT_OK, EXIT_FINDING, EXIT_USAGE, EXIT_ENVIRONMENT, EXIT_INTERRUPTED = 0, 1, 2, 3, 130

CORPUS = Path(__file__).resolve().parent.parent / "tests" / "fuzz_corpus"
_EPILOG = """\
exit codes: 0 nothing was found, 1 there is a finding, 2 wrong usage,
3 atheris did not run, 130 interrupted
"""
_TRACE_LINES = 20
_MAX_MINUTES = 7 * 24 * 60
ENGINES = ("auto", "atheris", "mutations")


def read_corpus(target: str, directory: Path = CORPUS) -> list[bytes]:
    """Return the inputs that are kept for *target*, in the order of their names."""
    return [path.read_bytes() for path in sorted((directory / target).glob("*"))]


def save(target: str, data: bytes, directory: Path) -> Path:
    """Keep *data* in the corpus and return where it is."""
    place = directory / target / f"found-{hashlib.sha256(data).hexdigest()[:12]}"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(data)
    return place


def fuzz(
    target: str,
    engine: str,
    seconds: float,
    seed: int,
    directory: Path,
    tick: Callable[[], object] = lambda: None,
) -> Report:
    """Fuzz one target for *seconds*; *tick* is called again and again meanwhile."""
    corpus = read_corpus(target, directory)
    if engine == "atheris":
        return run_atheris(target, corpus, seed, seconds, tick)
    end = time.monotonic() + seconds

    def is_over(report: Report) -> bool:
        tick()
        return time.monotonic() >= end

    return run_mutations(target, corpus, seed, is_over)


def main(arguments: Sequence[str] | None = None) -> int:
    """Fuzz what was asked for; return the exit code."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if not options.corpus.is_dir():
        parser.error(f"--corpus {options.corpus}: no such directory")
    engine = options.engine
    if engine == "auto":
        engine = "atheris" if has_atheris() else "mutations"
    elif engine == "atheris" and not has_atheris():
        print("fuzz: --engine atheris: it is not installed: pip install atheris", file=sys.stderr)
        return EXIT_USAGE
    findings = 0
    targets, seconds = options.target or TARGETS, options.minutes * 60
    progress = Progress(sys.stderr)
    progress.begin(seconds=seconds * len(targets))
    try:
        with progress:
            for target in targets:
                seed, corpus = options.seed, options.corpus
                report = fuzz(target, engine, seconds, seed, corpus, progress.tick)
                findings += len(report.findings)
                progress.clear()
                _tell(target, engine, report, corpus)
    except EngineError as error:
        print(f"fuzz: {error}", file=sys.stderr)
        return EXIT_ENVIRONMENT
    except KeyboardInterrupt:
        print("fuzz: interrupted", file=sys.stderr)
        return EXIT_INTERRUPTED
    return EXIT_FINDING if findings else EXIT_OK


def _tell(target: str, engine: str, report: Report, directory: Path) -> None:
    count = len(report.findings)
    print(
        f"{target:12} {engine}: {report.executions:>12,} executions in {report.seconds:,.0f} s,"
        f" {count} finding{'s' * (count != 1)}",
        flush=True,
    )
    for finding in report.findings:
        place = save(target, finding.data, directory)
        print(f"  saved as {os.path.relpath(place)}")
        print(textwrap.indent("\n".join(finding.trace.splitlines()[-_TRACE_LINES:]), "    "))


def _parser() -> Parser:
    parser = Parser("fuzz", "Look for inputs that break a promise of evloop.", _EPILOG)
    parser.set_defaults(minutes=1.0, seed=1, engine="auto", corpus=CORPUS)
    for name, how, meaning in (
        ("--minutes", {"type": value(_minutes), "metavar": "N"}, "for each target (default: 1)"),
        ("--target", {"action": "append", "choices": TARGETS},
         "what to fuzz; may be repeated (default: each in turn)"),
        ("--seed", {"type": int, "metavar": "N"}, "where chance begins (default: 1)"),
        ("--engine", {"choices": ENGINES}, "atheris is guided by coverage, mutations need nothing;"
         " auto takes atheris where it is installed (default: auto)"),
        ("--corpus", {"type": Path, "metavar": "DIRECTORY"},
         "one directory of inputs for each target (default: tests/fuzz_corpus)"),
    ):  # fmt: skip
        parser.add_argument(name, help=meaning, **how)
    return parser


def _minutes(text: str) -> float:
    try:
        minutes = float(text)
    except ValueError:
        minutes = -1.0
    if not 0 < minutes <= _MAX_MINUTES:
        raise ValueError("a number over 0, and at most a week, is wanted")
    return minutes


if __name__ == "__main__":
    sys.exit(main())
