"""The benchmark from its command line to its results."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from campaign import command
from campaign.command import Exit, known_only, words
from campaign.results import Results, load, save
from campaign.rounds import installed
from lab.docroot import build
from lab.driver import LoadDriver, OwnLoad
from lab.machine import about, raise_descriptors
from lab.servers.base import Kind, Server, first_line
from lab.servers.registry import all_servers
from report.arguments import Parser, UsageError, value
from report.plot import check_plot
from report.progress import Progress
from report.table import terminal_width

from bench.campaign import BenchCampaign
from bench.figures import Figure
from bench.page import render
from bench.plot import draw
from bench.rows import ROWS, Row
from bench.tables import listing, tables
from bench.verdict import judge
from bench.wrk import Wrk
from evloop.settings.units import format_duration

_EPILOG = """\
what counts is what the server spends: CPU time of its process tree per request or per GB, and
memory. The rounds are interleaved, figures are medians, and goals are met or missed.

exit codes: 0 measured, whether the goals were met or not; 1 nothing could be measured, or a
file could not be written; 2 wrong usage; 130 interrupted, 143 terminated (what was measured
until then is shown and written all the same)
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; return its exit code."""
    return command.run("bench", _parser().parse_args(arguments), _run)


def _parser() -> Parser:
    found = command.parser(
        "bench", "Run evloop beside every server found here, and compare what they spend.", _EPILOG
    )
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
    command.add_interpreters(group)
    group = found.add_argument_group("how it is measured")
    command.add_rounds(group, 5)
    group.add_argument(
        "--duration",
        type=value(command.seconds),
        default=5.0,
        metavar="TIME",
        help="how long one measurement loads the server, such as 500ms or 5s (default: 5s)",
    )
    group.add_argument(
        "--driver",
        choices=("auto", "wrk", "own"),
        default="auto",
        help="what loads the server with requests (default: wrk if installed, else our clients)",
    )
    group = found.add_argument_group("what comes out")
    command.add_files(group, "the page")
    group.add_argument("--plot", type=Path, metavar="FILE", help="draw a .png or .svg")
    return found


def _repeat_command(given: argparse.Namespace) -> str:
    """Return the command that repeats this run, without what is particular to this machine."""
    parts = ["python", "tools/bench", "--rounds", str(given.rounds)]
    parts += ["--duration", format_duration(given.duration)]
    if given.rows and set(given.rows) != {row.name for row in ROWS}:
        parts += ["--rows", *given.rows]
    parts += words("--servers", given.servers)
    if given.python_peers:
        parts += ["--python-peers", "--peer-python", "PYTHON"]
    if given.driver != "auto":
        parts += ["--driver", given.driver]
    return " ".join([*parts, "--write", "docs/benchmarks.md"])


def _run(given: argparse.Namespace, scratch: Path, progress: Progress) -> int:
    known = all_servers(given.evloop, given.peer_python, scratch)
    known_only(given.rows, (row.name for row in ROWS), "row")
    known_only(given.servers, (server.name for server in known), "server")
    rows = [row for row in ROWS if not given.rows or row.name in given.rows]
    if given.list:
        print(listing(ROWS, known))
        return Exit.OK
    if given.plot:
        check_plot(given.plot)
    command.check_outputs((given.json, given.plot, given.write))
    if given.sources:
        _show(given, load(given.sources, Figure), rows)
        return Exit.OK
    results = Results()
    try:
        _measure(given, rows, _wanted(given, known), scratch, progress, results)
    finally:
        _show(given, results, rows)
    if not results.has_samples:
        return command.fail("bench", "nothing could be measured", Exit.ENVIRONMENT)
    return Exit.OK


def _wanted(given: argparse.Namespace, known: Sequence[Server]) -> list[Server]:
    if given.servers:
        return [server for server in known if server.name in given.servers]
    return [server for server in known if given.python_peers or server.kind is not Kind.PYTHON]


def _measure(
    given: argparse.Namespace,
    rows: Sequence[Row],
    wanted: Sequence[Server],
    scratch: Path,
    progress: Progress,
    results: Results,
) -> None:
    driver, driver_name = _load_driver(given.driver, progress)
    may_open, connections = raise_descriptors(), max(row.connections for row in rows)
    if may_open < 2 * connections:
        progress.say(
            f"only {may_open:,} descriptors per process: servers that set aside two for each "
            f"of {connections:,} connections hold fewer (see ulimit -Hn)"
        )
    results.about = {**about(driver_name), "command": _repeat_command(given)}
    results.rounds, results.seconds = given.rounds, given.duration
    servers = installed(wanted, results, progress.say)
    root = scratch / "root"
    root.mkdir()
    scratch.chmod(0o755)
    build(root)
    campaign = BenchCampaign(rows, servers, given.rounds, progress, given.duration, driver, root)
    campaign.run(results)


def _load_driver(wish: str, progress: Progress) -> tuple[LoadDriver, str]:
    wrk = None if wish == "own" else Wrk.find()
    if wrk:
        return wrk, first_line([wrk.program, "-v"]).partition(" Copyright")[0]
    if wish == "wrk":
        raise UsageError("--driver wrk: wrk is not installed")
    if wish == "auto":
        progress.say("wrk is not installed: our own clients load the servers, more slowly")
    return OwnLoad(), "our own clients"


def _show(given: argparse.Namespace, results: Results, rows: Sequence[Row]) -> None:
    """Print and write what *results* hold."""
    if not results.cells:
        return
    if given.json:
        save(results, given.json)
    verdicts = judge(results, rows)
    width = terminal_width(sys.stdout)
    print("\n\n".join(table.text(width) for table in tables(results, rows, verdicts)))
    if given.write:
        beside = os.path.relpath(given.plot, given.write.parent) if given.plot else ""
        given.write.write_text(render(results, rows, verdicts, beside))
    if given.plot:
        draw(results, rows, given.plot)
