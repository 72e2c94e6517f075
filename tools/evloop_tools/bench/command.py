"""The benchmark from its command line to its results."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from evloop.settings.units import format_duration
from evloop_tools.bench.campaign import BenchCampaign
from evloop_tools.bench.figures import Figure
from evloop_tools.bench.one import measure_one, subject_of
from evloop_tools.bench.options import RESULTS
from evloop_tools.bench.page import render
from evloop_tools.bench.plot import draw
from evloop_tools.bench.rows import ROWS, Row
from evloop_tools.bench.tables import listing, tables
from evloop_tools.bench.verdict import judge
from evloop_tools.bench.wrk import Wrk
from evloop_tools.campaign import command
from evloop_tools.campaign.command import Exit, known_only, words
from evloop_tools.campaign.results import Results, load, save
from evloop_tools.campaign.rounds import installed
from evloop_tools.lab.docroot import build
from evloop_tools.lab.driver import LoadDriver, OwnLoad
from evloop_tools.lab.machine import about, raise_descriptors
from evloop_tools.lab.servers.base import Kind, Server, first_line
from evloop_tools.lab.servers.registry import all_servers
from evloop_tools.report.arguments import UsageError
from evloop_tools.report.plot import check_plot
from evloop_tools.report.progress import Progress
from evloop_tools.report.table import terminal_width


def main(given: argparse.Namespace) -> int:
    """Run the benchmark; return its exit code."""
    return command.run("bench", given, _run_one if given.url or given.program else _run)


def _run_one(given: argparse.Namespace, scratch: Path, progress: Progress) -> int:
    command.check_outputs([given.json])
    driver, driver_name = _load_driver(given.driver, progress)
    raise_descriptors()
    results = Results(about(driver_name), given.rounds, given.duration)
    with subject_of(given, progress) as subject:
        row = subject.row(given.clients)
        try:
            measure_one(subject, row, given, driver, results, progress)
        finally:
            _show(given, results, [row])
    return Exit.OK if results.has_samples else _nothing()


def _nothing() -> int:
    return command.fail("bench", "nothing could be measured", Exit.ENVIRONMENT)


def _repeat_command(given: argparse.Namespace) -> str:
    """Return the command that repeats this run, without what is particular to this machine."""
    parts = ["evloop", "bench", "--rounds", str(given.rounds)]
    parts += ["--duration", format_duration(given.duration)]
    if given.rows and set(given.rows) != {row.name for row in ROWS}:
        parts += ["--rows", *given.rows]
    parts += words("--servers", given.servers)
    if given.python_peers:
        parts += ["--python-peers", "--peer-python", "PYTHON"]
    if given.driver != "auto":
        parts += ["--driver", given.driver]
    return " ".join([*parts, "--write", str(RESULTS)])


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
    return Exit.OK if results.has_samples else _nothing()


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
    for directory in (scratch, root):
        directory.chmod(0o755)  # for servers that give up their privileges
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
