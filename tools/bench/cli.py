"""From the command line to the results."""

import argparse
import os
import shlex
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from lab import interruption
from lab.machine import about, raise_descriptors
from lab.servers.base import Kind, Server, first_line
from lab.servers.registry import all_servers
from monitoring.plot import PlotError, check_plot

from bench.arguments import UsageError, known_only, parser, repeat_command
from bench.campaign import Campaign, find_servers
from bench.docroot import build
from bench.load import LoadDriver
from bench.own import OwnLoad
from bench.report.listing import print_listing
from bench.report.page import render
from bench.report.plot import draw
from bench.report.table import print_tables
from bench.report.verdict import judge
from bench.results import Results, ResultsError, load, save
from bench.rows import ROWS, Row
from bench.wrk import Wrk

EXIT_OK, EXIT_ENVIRONMENT, EXIT_USAGE = 0, 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; return its exit code."""
    given = parser().parse_args(arguments)
    interruption.listen()
    try:
        with tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as scratch:
            return _run(given, Path(scratch))
    except (UsageError, PlotError, ResultsError) as error:
        return _fail(str(error), EXIT_USAGE)
    except OSError as error:
        return _fail(f"{error.filename or 'the system'}: {error.strerror}", EXIT_ENVIRONMENT)
    except interruption.StopRequestError as request:
        return request.exit_code


def _fail(message: str, code: int) -> int:
    print(f"bench: {message}", file=sys.stderr)
    return code


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _run(given: argparse.Namespace, scratch: Path) -> int:
    evloop = shlex.split(given.evloop)
    if not evloop:
        raise UsageError("--evloop wants a command")
    known = all_servers(evloop, given.peer_python, scratch)
    rows = _rows(given.rows)
    wanted = _wanted(given, known)
    if given.list:
        print_listing(ROWS, known)
        return EXIT_OK
    _check_outputs(given)
    if given.sources:
        _show(given, load(given.sources), rows)
        return EXIT_OK
    results = Results()
    try:
        _measure(given, rows, known, wanted, scratch, results)
    finally:
        _show(given, results, rows)
    has_samples = any(cell.samples for cells in results.cells.values() for cell in cells.values())
    return EXIT_OK if has_samples else _fail("nothing could be measured", EXIT_ENVIRONMENT)


def _rows(names: Sequence[str] | None) -> list[Row]:
    known_only(names or (), (row.name for row in ROWS), "row")
    return [row for row in ROWS if not names or row.name in names]


def _wanted(given: argparse.Namespace, known: Sequence[Server]) -> list[str]:
    known_only(given.servers or (), (server.name for server in known), "server")
    return given.servers or [
        server.name for server in known if given.python_peers or server.kind is not Kind.PYTHON
    ]


def _check_outputs(given: argparse.Namespace) -> None:
    """Refuse outputs that can't be written before a long run, not after it."""
    if given.plot:
        check_plot(given.plot)
    for path in (given.json, given.plot, given.write):
        if path and not path.resolve().parent.is_dir():
            raise UsageError(f"{path}: there is no directory {path.resolve().parent}")


def _measure(
    given: argparse.Namespace,
    rows: Sequence[Row],
    known: Sequence[Server],
    wanted: Sequence[str],
    scratch: Path,
    results: Results,
) -> None:
    driver, driver_name = _load_driver(given.driver)
    may_open = raise_descriptors()
    connections = max(row.connections for row in rows)
    if may_open < 2 * connections:
        _say(
            f"only {may_open:,} descriptors per process: servers that set aside two for each "
            f"of {connections:,} connections hold fewer (see ulimit -Hn)"
        )
    results.about = {**about(driver_name), "command": repeat_command(given)}
    servers = find_servers(known, wanted, results, _say)
    root = scratch / "root"
    root.mkdir()
    scratch.chmod(0o755)
    campaign = Campaign(
        rows=rows,
        servers=servers,
        rounds=given.rounds,
        seconds=given.duration,
        load=driver,
        docroot=build(root),
        scratch=scratch,
        say=_say,
    )
    campaign.run(results)


def _load_driver(wish: str) -> tuple[LoadDriver, str]:
    wrk = None if wish == "own" else Wrk.find()
    if wrk:
        return wrk, first_line([wrk.program, "-v"]).partition(" Copyright")[0]
    if wish == "wrk":
        raise UsageError("--driver wrk: wrk is not installed")
    if wish == "auto":
        _say("wrk is not installed: our own client loads the servers, more slowly")
    return OwnLoad(), "our own client"


def _show(given: argparse.Namespace, results: Results, rows: Sequence[Row]) -> None:
    """Print and write what *results* hold."""
    if not results.cells:
        return
    if given.json:
        save(results, given.json)
    verdicts = judge(results, rows)
    print_tables(results, rows, verdicts)
    if given.write:
        beside = os.path.relpath(given.plot, given.write.parent) if given.plot else ""
        given.write.write_text(render(results, rows, verdicts, beside))
    if given.plot:
        draw(results, rows, given.plot)
