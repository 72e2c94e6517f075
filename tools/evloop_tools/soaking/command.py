"""Let thousands of clients ask a server for files, check every byte, hold its memory to limits."""

import json
import sys
from pathlib import Path

from evloop_tools.lab.errors import TargetError, VoidError
from evloop_tools.lab.terminal import Events, forget_reader, in_foreground
from evloop_tools.load.faults import FaultError
from evloop_tools.load.tally import Tally
from evloop_tools.report.arguments import UsageError
from evloop_tools.report.table import terminal_width
from evloop_tools.report.verdict import Check, is_pass
from evloop_tools.soaking.command_line import Exit
from evloop_tools.soaking.figures import document
from evloop_tools.soaking.options import Options
from evloop_tools.soaking.plot import draw
from evloop_tools.soaking.progress import ProgressBar, ProgressLines
from evloop_tools.soaking.report import page
from evloop_tools.soaking.result import Outcome, Result
from evloop_tools.soaking.setting import Setting, make, raise_descriptor_limit, set_up
from evloop_tools.soaking.soak import Soak, Timing
from evloop_tools.soaking.verdict import judge
from evloop_tools.soaking.watch import watch


def main(options: Options) -> int:
    """Run the soak test and return its exit code."""
    try:
        if options.make is not None:
            print(make(options.scenario, options.make))
            return Exit.PASS
        raise_descriptor_limit(options.load)
        with Events() as events, set_up(options) as setting:
            return run(options, setting, events)
    except (UsageError, TargetError, VoidError) as error:
        print(f"soak: {error}", file=sys.stderr)
        return Exit.USAGE
    except BrokenPipeError:
        forget_reader()
        return Exit.INTERRUPTED


def run(options: Options, setting: Setting, events: Events) -> Exit:
    """Hold the test that *options* describe in *setting*, report it, and say how it ended.

    Raises UsageError when it can't be held or reported.
    """
    result = hold(options, setting, events)
    if result is None:
        return Exit.INTERRUPTED
    checks = judge(result, options.limits)
    print(page(result, checks).text(terminal_width(sys.stdout)), flush=True)
    for path in options.reports:
        write(path, result, checks)
    return Exit.PASS if is_pass(checks) else Exit.FAIL


def hold(options: Options, setting: Setting, events: Events) -> Result | None:
    """Hold the test; return None when it was interrupted before there was anything to report.

    Raises UsageError when it can't be held.
    """
    tally = Tally(group.name for group in options.load.groups)
    timing = Timing(options.duration, options.warm_up, options.interval)
    outcome = Outcome()
    watched, unseen = None, "it did not answer"
    try:
        catalogue = setting.visit(options.load.timeout, lambda: events.stopped)
    except FaultError as fault:
        tally.fault(fault, "")
    else:
        if events.stopped:
            return None
        watched, unseen = watch(setting.target, setting.unseen)
        soak = Soak(setting.endpoint, catalogue, options.load, timing, tally, watched)
        with view(options) as shown:
            outcome = soak.run(shown, events)
    if events.stops > 1:
        return None
    return Result(
        title=f"Soak test: {options.scenario.name}",
        server=setting.name,
        url=setting.endpoint.url,
        checked=setting.checked,
        load=options.load,
        outcome=outcome,
        tally=tally,
        memory=watched.seen(tally.peak_connected) if watched else None,
        history=watched.history if watched else None,
        unseen=unseen,
        ended=watched.ended if watched else None,
    )


def view(options: Options) -> ProgressBar | ProgressLines:
    """Return what shows the run: a bar if this is a terminal of ours, lines if not."""
    if in_foreground():
        return ProgressBar(options.scenario.name)
    return ProgressLines(sys.stdout, options.duration)


def write(path: Path, result: Result, checks: list[Check]) -> None:
    """Write the report in the form that the name of *path* asks for.

    Raises UsageError when it can't be written.
    """
    match path.suffix.lower():
        case ".md":
            text = page(result, checks).markdown()
        case ".html":
            text = page(result, checks).html(draw(result))
        case _:
            text = json.dumps(document(result, checks), indent=1) + "\n"
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error
