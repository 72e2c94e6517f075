"""Watch the memory of a running server, and what loading whole files would take instead."""

import contextlib
import io
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from evloop_tools.lab.errors import (
    AmbiguousTargetError,
    NoRightError,
    NoSuchTargetError,
    TargetEndedError,
    TargetError,
)
from evloop_tools.lab.history import History
from evloop_tools.lab.launch import Launched
from evloop_tools.lab.processes import Target, Tree
from evloop_tools.lab.sample import Sample, Sampler
from evloop_tools.lab.terminal import Events, forget_reader, in_foreground
from evloop_tools.monitoring.limits import breach, unjudged
from evloop_tools.monitoring.lines import lines
from evloop_tools.monitoring.live import LiveView
from evloop_tools.monitoring.options import SETTLE, Exit, Options
from evloop_tools.monitoring.plot import draw
from evloop_tools.monitoring.records import CsvFile, document, write_json
from evloop_tools.monitoring.sentences import summary

_SETTLE_POLL = 0.05  # seconds
_SETTLED = 5  # looks


_CODES: dict[type[Exception], Exit] = {
    NoSuchTargetError: Exit.NO_PROCESS,
    AmbiguousTargetError: Exit.USAGE,
    NoRightError: Exit.NO_RIGHT,
    TargetEndedError: Exit.ENDED,
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended, with the line that says why unless that goes without saying."""

    code: Exit
    line: str | None = None


class View(Protocol):
    """Shows a history to somebody."""

    def show(self, history: History) -> None: ...

    def redraw(self) -> None: ...


def main(options: Options) -> int:
    """Run the monitor and return its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # block characters, in a terminal without them
    try:
        with Events() as events:
            outcome = run(options, events)
    except BrokenPipeError:
        forget_reader()
        outcome = Outcome(Exit.OK)
    except TargetError as exc:
        outcome = Outcome(_CODES[type(exc)], str(exc))
    except OSError as exc:
        where = f"{exc.filename}: " if exc.filename else ""
        outcome = Outcome(Exit.ENVIRONMENT, f"{where}{exc.strerror or exc}")
    if outcome.line is not None:
        print(f"monitor: {outcome.line}", file=sys.stderr)
    return outcome.code


def run(options: Options, events: Events) -> Outcome:
    """Watch one server from beginning to end.

    Raises TargetError when it can't be watched at all, OSError when a file can't be written.
    """
    with contextlib.ExitStack() as stack:
        table = stack.enter_context(CsvFile(options.csv)) if options.csv else None
        for path in filter(None, (options.json, options.plot)):
            path.open("ab").close()  # better to fail now than after hours
        live = in_foreground()
        target, what = stack.enter_context(find_target(options, events, live))
        sampler = Sampler(target)
        history = History(first_sample(target, sampler, events))
        view: View = lines(sys.stdout)
        with (
            LiveView(events, target.name, what, options.duration)
            if live
            else contextlib.nullcontext(view) as view
        ):
            outcome = watch(target, sampler, history, view, table, options, events)
        return report(history, target.name, what, outcome, options)


@contextlib.contextmanager
def find_target(options: Options, events: Events, live: bool) -> Iterator[tuple[Target, str]]:
    """Yield the server that *options* name and a word on which it is; end one we started."""
    if options.pid is not None:
        yield Tree.of_pid(options.pid), f"pid {options.pid}"
    elif options.port is not None:
        tree = Tree.of_port(options.port)
        yield tree, f"pid {tree.pid}, port {options.port}"
    else:
        launched = Launched(options.command, quiet=live)
        try:
            yield launched, f"pid {launched.pid}"
        finally:
            stops = events.stops
            launched.end(hurry=lambda: events.stops > stops)


def first_sample(target: Target, sampler: Sampler, events: Events) -> Sample:
    """Look at the server; at one that we started, when it has settled or SETTLE has passed.

    Settled: it listens, and as many processes run as _SETTLED looks before.
    """
    deadline = time.monotonic() + SETTLE
    seen: list[int] = []
    while True:
        sample = sampler.sample()
        seen = [*seen, sample.processes] if _listens(sample) else []
        settled = len(seen) > _SETTLED and len(set(seen[-_SETTLED:])) == 1
        late = events.stopped or time.monotonic() >= deadline
        if settled or late or not isinstance(target, Launched):
            return sample
        events.wait(time.monotonic() + _SETTLE_POLL)


def _listens(sample: Sample) -> bool:
    return sample.connections is not None and sample.connections.states["LISTEN"] > 0


def watch(
    target: Target,
    sampler: Sampler,
    history: History,
    view: View,
    table: CsvFile | None,
    options: Options,
    events: Events,
) -> Outcome:
    """Look at the server again and again until something ends the run."""
    end = due = history.start.at
    end += options.duration
    while True:
        view.show(history)
        if table is not None:
            table.write(history)
        broken = breach(options.limits, history)
        if broken is not None:
            return Outcome(Exit.BREACH, broken)
        if time.monotonic() >= end:
            return Outcome(Exit.OK)
        # A look that takes long is followed by a rest as long.
        due = min(end, max(due + options.interval, time.monotonic() + history.now.cost))
        while not events.stopped and not events.wait(due):
            view.redraw()
        if events.stopped:
            return Outcome(Exit.OK)
        try:
            history.add(sampler.sample())
        except TargetEndedError as exc:
            return Outcome(Exit.ENDED, str(exc))
        except NoRightError as exc:
            return Outcome(Exit.NO_RIGHT, str(exc))


def report(history: History, name: str, what: str, outcome: Outcome, options: Options) -> Outcome:
    """Print and write what the run came to; a limit broken in all of it decides."""
    broken = outcome.line
    if outcome.code != Exit.BREACH:
        broken = breach(options.limits, history, is_final=True)
    verdict = Outcome(Exit.BREACH, broken) if broken else outcome
    print("\n  ".join(summary(history, name)), flush=True)
    if (left_open := unjudged(options.limits, history)) is not None:
        print(f"monitor: {left_open}", file=sys.stderr)
    if outcome.code == Exit.ENDED and verdict is not outcome:
        print(f"monitor: {outcome.line}", file=sys.stderr)
    if options.json is not None:
        facts = {"server": name, "target": what, "exit_code": verdict.code, "verdict": verdict.line}
        write_json(options.json, document(history, **facts))
    if options.plot is not None:
        draw(history, name, options.plot)
    return verdict
