"""The measuring of the guide, from its command line to its results."""

import argparse
import platform
from collections.abc import Sequence
from pathlib import Path

import psutil
from evloop_tools.campaign import command
from evloop_tools.campaign.command import Exit, known_only, words
from evloop_tools.campaign.results import Results, load, save
from evloop_tools.campaign.rounds import installed
from evloop_tools.lab.docroot import make
from evloop_tools.lab.kernel import read_kernel_tcp
from evloop_tools.lab.machine import about, raise_descriptors
from evloop_tools.lab.servers.base import Server
from evloop_tools.report.arguments import Parser, UsageError, seconds, value
from evloop_tools.report.figures import show_size
from evloop_tools.report.progress import Progress
from evloop_tools.report.verdict import is_pass

from comparing.campaign import GuideCampaign
from comparing.contenders import SETTINGS, peers, strategies
from comparing.other_tools import make_soak_files
from comparing.page import check_page, write_page
from comparing.promises import judge, line
from comparing.quantities import Quantity
from comparing.scenarios import PROBE, SCENARIOS, Measure, Scenario, Table
from evloop.settings.units import format_duration, format_size, parse_size

NAME = "strategies.py"
MAX_MEMORY = 8 * 1024**3
RESULTS = Path("docs/memory/results.md")
"""What --write writes when no file is named."""
HOLD = 3.0

# Descriptors that a server wants beyond a connection and a file for each download.
_MORE_DESCRIPTORS = 128

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


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with *arguments* (default: those of the process); return its exit code."""
    return command.run(NAME, _parser().parse_args(arguments), _run)


def _parser() -> Parser:
    about_it = (
        "Measure what the streaming guide says: load entire files, stream everything, or the "
        "hybrid of both, in memory and time."
    )
    found = Parser(NAME, about_it, _EPILOG)
    group = found.add_argument_group("what is run")
    group.add_argument("--list", action="store_true", help="show scenarios and servers, and end")
    for option, meaning in (
        (
            "--scenarios",
            "these scenarios; the name of a table stands for all of its scenarios: "
            f"{', '.join(Table)} (default: all)",
        ),
        ("--strategies", f"these settings of evloop: {', '.join(SETTINGS)} (default: all)"),
        (
            "--against",
            "these other servers beside it, if they are installed: nginx, http.server, "
            "starlette, aiohttp, ... (default: none)",
        ),
    ):
        group.add_argument(option, nargs="+", metavar="NAME", help=meaning)
    command.add_interpreters(group)
    group = found.add_argument_group("how it is measured")
    command.add_rounds(group, 3)
    group.add_argument(
        "--hold",
        type=value(seconds),
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
    group = found.add_argument_group("what comes out")
    command.add_files(group, "the page with its plots", RESULTS)
    return found


def chosen(names: Sequence[str] | None) -> list[Scenario]:
    """Return the scenarios that *names* stand for. Raises UsageError for an unknown one."""
    known_only(names, [*Table, *(each.name for each in SCENARIOS)], "scenario or table")
    wanted = set(names or Table)
    return [each for each in SCENARIOS if {each.name, each.table.value} & wanted]


def _repeat_command(given: argparse.Namespace) -> str:
    """Return the command that repeats this run, without what is particular to this machine."""
    parts = ["python", "tools/strategies.py"]
    parts += words("--scenarios", given.scenarios) + words("--strategies", given.strategies)
    if given.against:
        parts += ["--against", *given.against, "--peer-python", "PYTHON"]
    parts += ["--rounds", str(given.rounds), "--hold", format_duration(given.hold)]
    return " ".join([*parts, "--write", str(RESULTS)])


def _run(given: argparse.Namespace, scratch: Path, progress: Progress) -> int:
    scenarios = chosen(given.scenarios)
    servers = _servers(given, scratch)
    if given.list:
        return _list(servers)
    command.check_outputs((given.json, given.write))
    if given.write:
        check_page()
    if given.sources:
        return _show(given, load(given.sources, Quantity), scenarios)
    _check_descriptors(scenarios)
    results = Results()
    try:
        _measure(given, scenarios, servers, scratch, progress, results)
    finally:
        code = _show(given, results, scenarios)
    return code


def _servers(given: argparse.Namespace, scratch: Path) -> list[Server]:
    others = peers(given.peer_python, scratch)
    known_only(given.strategies, list(SETTINGS), "strategy")
    known_only(given.against, [server.name for server in others], "server")
    wanted = given.strategies or list(SETTINGS)
    ours = [each for each in strategies(given.evloop) if each.name in wanted]
    return ours + [each for each in others if given.list or each.name in (given.against or ())]


def _list(servers: Sequence[Server]) -> int:
    for scenario in SCENARIOS:
        print(f"{scenario.table:<11} {scenario.name:<24} {scenario.title}")
    for server in servers:
        print(f"{'server':<11} {server.name:<24} {server.missing() or server.version()}")
    return Exit.OK


def _check_descriptors(scenarios: Sequence[Scenario]) -> None:
    has = raise_descriptors()
    for scenario in scenarios:
        needs = 2 * scenario.downloads + _MORE_DESCRIPTORS
        if needs > has:
            raise UsageError(
                f"{scenario.name} needs {needs:,} descriptors per process and there may be "
                f"{has:,}: raise the limit (ulimit -n), or choose others with --scenarios"
            )


def _measure(
    given: argparse.Namespace,
    scenarios: Sequence[Scenario],
    servers: Sequence[Server],
    scratch: Path,
    progress: Progress,
    results: Results,
) -> None:
    results.about = {**_machine(), "command": _repeat_command(given)}
    results.rounds, results.seconds = given.rounds, given.hold
    root = scratch / "root"
    root.mkdir()
    for directory in (scratch, root):
        directory.chmod(0o755)  # for servers that give up their privileges
    make_files(root, scenarios)
    GuideCampaign(
        scenarios,
        installed(servers, results, progress.say),
        given.rounds,
        progress,
        given.hold,
        min(given.max_memory, psutil.virtual_memory().available // 2),
        root,
    ).run(results)


def make_files(root: Path, scenarios: Sequence[Scenario]) -> None:
    """Make what *scenarios* want in *root*, and the page that a new server is asked for."""
    make(root, (PROBE, *(wanted for scenario in scenarios for wanted in scenario.files)))
    if any(scenario.measure is Measure.SOAKED for scenario in scenarios):
        make_soak_files(root)


def _machine() -> dict[str, str]:
    facts = about("")
    kept = ("date", "processor", "memory", "system", "descriptors")
    machine = {**{name: facts[name] for name in kept}, "Python": platform.python_version()}
    kernel = read_kernel_tcp()
    if kernel is not None and kernel.limit is not None:
        machine["limit of all TCP memory"] = f"{show_size(kernel.limit)} (tcp_mem)"
    return machine


def _show(given: argparse.Namespace, results: Results, scenarios: Sequence[Scenario]) -> int:
    """Write what *results* hold, and judge it."""
    if given.json:
        save(results, given.json)
    if given.write:
        write_page(results, given.write)
    checks = list(judge(results, scenarios))
    for found in checks:
        print(line(found))
    if not results.has_samples:
        return command.fail(NAME, "nothing could be measured", Exit.ENVIRONMENT)
    return Exit.OK if is_pass(checks) else Exit.BROKEN
