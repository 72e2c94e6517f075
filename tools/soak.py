"""Let thousands of clients ask a server for files, check every byte, hold its memory to limits.

python tools/soak.py --launch
python tools/soak.py http://127.0.0.1:8080 --root public/ --clients 500 --report soak.html
"""

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

try:
    from lab.terminal import Events, in_foreground
    from load.faults import FaultError
    from load.tally import Tally
    from report.table import terminal_width
    from report.verdict import Check, is_pass
    from soaking.command_line import Exit
    from soaking.figures import document
    from soaking.options import Options, parse_arguments
    from soaking.plot import draw
    from soaking.progress import ProgressBar, ProgressLines
    from soaking.report import page
    from soaking.result import Outcome, Result
    from soaking.setting import Setting, SettingError, make, raise_descriptor_limit, set_up
    from soaking.soak import Soak, Timing
    from soaking.verdict import judge
    from soaking.watch import watch
except ModuleNotFoundError as error:
    print(f"soak: {error.name} is missing: pip install 'evloop-server[tools]'", file=sys.stderr)
    sys.exit(2)  # 1 would be a server that failed


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the soak test and return its exit code."""
    options = parse_arguments(sys.argv[1:] if arguments is None else arguments)
    try:
        if options.make is not None:
            print(make(options.scenario, options.make))
            return Exit.PASS
        raise_descriptor_limit(options.load)
        with Events() as events, set_up(options) as setting:
            return run(options, setting, events)
    except SettingError as error:
        print(f"soak: {error}", file=sys.stderr)
        return Exit.USAGE
    except BrokenPipeError:
        # Who read our lines has seen enough. What is left in the buffer has no reader.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.INTERRUPTED


def run(options: Options, setting: Setting, events: Events) -> Exit:
    """Hold the test that *options* describe in *setting*, report it, and say how it ended.

    Raises SettingError when it can't be held or reported.
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

    Raises SettingError when it can't be held.
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

    Raises SettingError when it can't be written.
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
        raise SettingError(f"{path}: {error.strerror}") from error


if __name__ == "__main__":
    sys.exit(main())
