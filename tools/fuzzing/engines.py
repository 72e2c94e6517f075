"""What thinks of inputs: mutations of a corpus, or atheris where it can be had.

Mutations are deterministic: the same seed, corpus and count of executions are the same
inputs. atheris (libFuzzer) is guided by the coverage of evloop, in a process of its own.
"""

import importlib.util
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from evloop_tools.lab.python import environment

from fuzzing.targets import open_target
from fuzzing.words import WORDS

MAX_SIZE = 4 * 1024
"""Bytes of an input, at most."""
PATIENCE = 10.0
"""Seconds of CPU time after which an execution counts as one that holds the loop."""
_SLACK = 60.0  # seconds that a process may take beside its fuzzing
_TICK = 0.5  # seconds
_GUIDED = ["-m", "fuzzing.guided"]
_SPLICES = (1, 1, 2, 3, 5)


@dataclass(slots=True)
class Finding:
    """An input, and the traceback that it led to."""

    data: bytes
    trace: str


@dataclass(slots=True)
class Report:
    """What came of fuzzing one target."""

    executions: int = 0
    seconds: float = 0.0
    findings: list[Finding] = field(default_factory=list)


class EngineError(Exception):
    """An engine did not run."""


class HeldError(Exception):
    """An execution did not come to its end."""


def has_atheris() -> bool:
    """Whether atheris is installed for this Python."""
    return importlib.util.find_spec("atheris") is not None


def mutate(corpus: Sequence[bytes], chance: random.Random) -> bytes:
    """Return one of *corpus*, changed in a few places."""
    data = chance.choice(corpus) if corpus else b""
    for _ in range(chance.choice(_SPLICES)):
        start = chance.randint(0, len(data))
        stop = min(len(data), start + chance.choice((0, 0, 1, 2, 8, 64)))
        data = data[:start] + _piece(corpus, data[start:stop], chance) + data[stop:]
    return data[:MAX_SIZE]


def _piece(corpus: Sequence[bytes], old: bytes, chance: random.Random) -> bytes:
    """Return what takes the place of *old*."""
    kind = chance.randrange(6)
    if kind == 0:
        return b""
    if kind == 1:
        return chance.randbytes(1)
    if kind == 2:
        return old * chance.choice((2, 3, 10, 100))
    if kind == 3 and corpus:
        other = chance.choice(corpus)
        start = chance.randint(0, len(other))
        return other[start : start + chance.randint(0, 64)]
    return chance.choice(WORDS)


def run_mutations(
    target: str,
    corpus: Sequence[bytes],
    seed: int,
    is_over: Callable[[Report], bool],
) -> Report:
    """Run the corpus, then mutations of it, until *is_over*; stop at the first finding."""
    report, chance = Report(), random.Random(f"{target} {seed}")
    started = time.monotonic()
    with open_target(target) as run, _alarm():
        while not report.findings and not is_over(report):
            known = report.executions < len(corpus)
            data = corpus[report.executions] if known else mutate(corpus, chance)
            finding = execute(run, data)
            report.executions += 1
            report.seconds = time.monotonic() - started
            if finding is not None:
                report.findings.append(finding)
    return report


def execute(run: Callable[[bytes], None], data: bytes) -> Finding | None:
    """Run one input; anything that it raises is a finding."""
    signal.setitimer(signal.ITIMER_PROF, PATIENCE)
    try:
        run(data)
    except Exception:
        return Finding(data, traceback.format_exc())
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    return None


@contextmanager
def _alarm() -> Iterator[None]:
    def ring(number: int, frame: object) -> None:
        raise HeldError(f"more than {PATIENCE:g} s of CPU time for one input")

    before = signal.signal(signal.SIGPROF, ring)
    try:
        yield
    finally:
        signal.signal(signal.SIGPROF, before)


def run_atheris(
    target: str,
    corpus: Sequence[bytes],
    seed: int,
    seconds: float,
    tick: Callable[[], object] = lambda: None,
) -> Report:
    """Let atheris look for *seconds*; it stops at the first finding.

    *tick* is called twice a second meanwhile.

    Raises EngineError when it did not run.
    """
    with tempfile.TemporaryDirectory(prefix="evloop-fuzz-") as directory:
        seeds, artifacts, words = (Path(directory, name) for name in ("seeds", "found", "words"))
        seeds.mkdir()
        artifacts.mkdir()
        for number, data in enumerate(corpus):
            (seeds / str(number)).write_bytes(data)
        words.write_text("".join(f'"{_quoted(word)}"\n' for word in WORDS if word))
        options = {
            "max_total_time": max(1, round(seconds)),
            "seed": seed or 1,  # 0 would mean "choose one"
            "max_len": MAX_SIZE,
            "timeout": round(PATIENCE),
            "rss_limit_mb": 1024,
            "print_final_stats": 1,
            "artifact_prefix": f"{artifacts}/",
            "dict": words,
        }
        arguments = [f"-{name}={value}" for name, value in options.items()]
        output = _run_worker(target, [*arguments, str(seeds)], seconds + _SLACK, tick)
        found = [path.read_bytes() for path in sorted(artifacts.iterdir())]
    executions = re.search(r"stat::number_of_executed_units:\s*(\d+)", output)
    report = Report(int(executions[1]) if executions else 0, seconds)
    report.findings = [_again(target, data) or Finding(data, _tail(output)) for data in found]
    if executions is None and not found:
        raise EngineError(f"atheris did not run: {_tail(output, 1)}")
    return report


def _again(target: str, data: bytes) -> Finding | None:
    """Run what was found here, where the traceback is our own."""
    with open_target(target) as run, _alarm():
        return execute(run, data)


def _run_worker(
    target: str, arguments: list[str], timeout: float, tick: Callable[[], object]
) -> str:
    """Run fuzzing.guided in a process of its own; return what it says on stderr."""
    command = [sys.executable, *_GUIDED, target, *arguments]
    tools = Path(__file__).resolve().parent.parent
    deadline = time.monotonic() + timeout
    with subprocess.Popen(
        command,
        cwd=tools,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as worker:
        while True:
            try:
                return worker.communicate(timeout=_TICK)[0].decode(errors="replace")
            except subprocess.TimeoutExpired as late:
                tick()
                if time.monotonic() > deadline:
                    worker.kill()
                    said = (late.output or b"").decode(errors="replace")
                    return f"{said}\nit did not end by itself"


def _quoted(word: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in word)


def _tail(output: str, lines: int = 40) -> str:
    return "\n".join(output.splitlines()[-lines:])
