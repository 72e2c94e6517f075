"""The words of the command line, its help and its exit codes."""

import argparse
from enum import IntEnum
from pathlib import Path
from textwrap import fill

from evloop.settings.units import format_duration, parse_duration, parse_size
from evloop_tools.load.endpoint import parse_url
from evloop_tools.report.arguments import (
    Parser,
    interval,
    positive,
    seconds,
    url_path,
    value,
    whole,
)
from evloop_tools.report.figures import parse_byte_rate, parse_count_rate, show_slope
from evloop_tools.report.verdict import DESCRIPTORS, LONG_ENOUGH, SHORT_SLOPE, SLOPE
from evloop_tools.soaking.scenarios import MIXED, SCENARIOS, Scenario, parse_mix

REPORTS = (".md", ".json", ".html")
REPORT = Path("docs/soak/many-10000.md")
"""What --report writes when no file is named."""
CLIENTS_PER_SECOND = 500
"""As fast as clients come unless --ramp-up says otherwise."""
MOST_ARRIVALS_AT_ONCE = 4000
_WIDTH = 80  # characters of a line of the help


class Exit(IntEnum):
    """What the exit code says."""

    PASS = 0
    FAIL = 1
    USAGE = 2
    INTERRUPTED = 130


_CONSTANT = show_slope(SLOPE).lstrip("+")
_SHORT = show_slope(SHORT_SLOPE).lstrip("+")
_LONG = format_duration(LONG_ENOUGH)
_EPILOG = f"""\
whom it tests
  --launch  makes the files of the scenario in a directory for the time being,
            starts evloop there on a free port, and ends both. What follows --
            goes to evloop.
  URL       any server. What its files should be is told by --root (they are
            compared byte by byte with those of a directory of this machine), by
            --scenario (the files that --make has made), or by --path (or /
            alone): then the first download is kept and all others are compared
            with it.

behaviours (--mix full=5,slow=2: shares of the clients)
  full        whole files, full speed      slow       one file at --rate
  stalled     reads the head, no more      slow-head  sends its head in pieces
  resume      breaks off and resumes       ranges     several in one request
  revalidate  asks for what it knows       pipelined  several requests at once
  abort       breaks off, by FIN or RST    page       one over six connections

how it is timed
  Time to first byte counts from the request, with the connection when one is
  made for it; for --arrivals from when the client was due, even if the test
  itself was late.

limits
  All of them are judged at the end, and those that decided are named. Memory is
  that of own pages (anonymous ones) of all processes of the server. Its base is
  taken after each file was asked for once. The slope is that of a line through
  the looks after --warm-up. From {_LONG} of these on it has to be constant: all
  of its 95 % confidence interval under {_CONSTANT}, else FAIL. In less time
  nobody can tell; then it may be up to {_SHORT}. That limit, and one from
  --max-slope, is broken when all of the interval is above it.

scenarios
{{scenarios}}

exit codes
  {Exit.PASS:d}    PASS
  {Exit.FAIL:d}    FAIL: a limit was broken, the report says which
  {Exit.USAGE:d}    wrong arguments, a file that the server lacks, too few descriptors, or
       what else kept the test from being held; one line on stderr says why
  {Exit.INTERRUPTED:d}  a second Ctrl-C; after the first the report is of what was seen so far
"""


def _scenario(name: str) -> Scenario:
    if name not in SCENARIOS:
        raise ValueError(f"one of {', '.join(SCENARIOS)} is wanted")
    return SCENARIOS[name]


def _report(text: str) -> Path:
    path = Path(text)
    if path.suffix.lower() not in REPORTS:
        raise ValueError(f"a name that ends in {', '.join(REPORTS)} is wanted")
    return path


def parser() -> Parser:
    """Return what reads the command line; its help is the whole reference."""
    scenarios = "\n".join(
        fill(f"  {name:<12}{each.line}", _WIDTH, subsequent_indent=" " * 14)
        for name, each in SCENARIOS.items()
    )
    command_line = Parser(
        "soak",
        "Let thousands of clients ask a server for files, check every byte, and hold its memory "
        "to limits.",
        _EPILOG.format(scenarios=scenarios),
        usage="evloop soak [options] (--launch [-- EVLOOP OPTIONS] | URL | --make DIR)",
    )
    _add_target(command_line.add_argument_group("the server"))
    _add_load(command_line.add_argument_group("the load (TIME as in 500ms, 10s, 2m, 8h)"))
    _add_limits(command_line.add_argument_group("limits (SIZE as in 2KiB, 5MiB)"))
    results = command_line.add_argument_group("results")
    results.add_argument(
        "--report",
        type=value(_report),
        nargs="?",
        const=REPORT,
        metavar="FILE",
        help=f"write it: {', '.join(REPORTS)} (FILE: {REPORT})",
    )
    for name, parse, metavar, meaning in (
        ("--json", Path, "FILE", "all figures: sizes in bytes, times in seconds"),
        ("--interval", value(interval), "TIME", "time between two looks at the server's memory"
         " (default: 1s, less in a short run)"),
    ):  # fmt: skip
        results.add_argument(name, type=parse, metavar=metavar, help=meaning)
    command_line.set_defaults(timeout=30.0, seed=1)
    return command_line


def _add_target(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "url", type=value(parse_url), nargs="?", metavar="URL", help="http://HOST[:PORT][/PATH]"
    )
    group.add_argument("--launch", action="store_true", help="start evloop for the test")
    for name, parse, metavar, meaning in (
        ("--root", Path, "DIR", "the directory that the server at URL shows"),
        ("--pid", value(positive), "N", "the process of the server at URL, for its memory\n"
         "(default: whoever listens on the port, if that is this machine)"),
        ("--make", Path, "DIR", "make the scenario's files in DIR for another server, and end"),
    ):  # fmt: skip
        group.add_argument(name, type=parse, metavar=metavar, help=meaning)
    group.add_argument(
        "--path",
        type=value(url_path),
        metavar="PATH",
        action="append",
        default=[],
        help="a file to ask for; may be repeated (default: /)",
    )


def _add_load(group: argparse._ArgumentGroup) -> None:
    for name, parse, metavar, meaning in (
        ("--scenario", value(_scenario), "NAME", "files and load by name, see below"
         f" (default: {MIXED.name})"),
        ("--clients", value(positive), "N", "clients at once; with --arrivals, the most that are"
         f" let in (default: the scenario's, {MIXED.clients}; {MOST_ARRIVALS_AT_ONCE})"),
        ("--arrivals", value(parse_count_rate), "RATE", "new clients per time, as in 200/s,"
         " whatever the server does (default: as many as leave)"),
        ("--ramp-up", value(parse_duration), "TIME", "until all clients are there"
         f" (default: {CLIENTS_PER_SECOND} clients per second)"),
        ("--duration", value(seconds), "TIME",
         f"of the load (default: the scenario's, {format_duration(MIXED.duration)})"),
        ("--requests", value(positive), "N", "end when so many were answered"),
        ("--mix", value(parse_mix), "NAME=WEIGHT,...", "behaviours, see below"),
        ("--rate", value(_byte_rate), "RATE", "of slow clients (default: 64KiB/s)"),
        ("--pause", value(parse_duration), "TIME", "mean pause between two requests of a client"
         " (default: 1s)"),
        ("--stall", value(parse_duration), "TIME", "how long stalled clients stay"
         " (default: 15s)"),
        ("--timeout", value(seconds), "TIME", "a client waits so long for each sign of the"
         " server (default: 30s)"),
        ("--seed", value(whole), "N", "of all chance (default: 1)"),
    ):  # fmt: skip
        group.add_argument(name, type=parse, metavar=metavar, help=meaning)


def _byte_rate(text: str) -> float:
    rate = parse_byte_rate(text)
    if rate < 1:
        raise ValueError("at least 1 byte per second is wanted")
    return rate


def _add_limits(group: argparse._ArgumentGroup) -> None:
    for name, parse, metavar, default, meaning in (
        ("--max-errors", value(whole), "N", 0, "errors of all kinds together (default: 0)"),
        ("--max-slope", value(parse_byte_rate), "RATE", None, "growth of memory after --warm-up,"
         f" as in 1MiB/min, 0/h (default: constant, under {_CONSTANT})"),
        ("--max-growth-per-connection", value(parse_size), "SIZE", None,
         "growth of memory at its peak over the peak of connections (default: none)"),
        ("--max-growth", value(parse_size), "SIZE", None,
         "growth of memory at its peak (default: none)"),
        ("--max-rss", value(parse_size), "SIZE", None, "RSS at its peak (default: none)"),
        ("--max-descriptors", value(whole), "N", DESCRIPTORS, "open descriptors that the server"
         f" has more at the end than at the base (default: {DESCRIPTORS})"),
        ("--warm-up", value(parse_duration), "TIME", None, "memory may move so long from the"
         " start (default: the ramp-up and a quarter of the duration)"),
    ):  # fmt: skip
        group.add_argument(name, type=parse, metavar=metavar, default=default, help=meaning)
