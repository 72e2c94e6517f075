"""The command line of the monitor, its help and its exit codes."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

from evloop.settings.units import parse_duration, parse_size
from evloop_tools.lab import STOP_WAIT
from evloop_tools.report.arguments import Parser, UsageError, interval, port, positive, value
from evloop_tools.report.plot import check_plot
from evloop_tools.report.verdict import Limits
from evloop_tools.report.words import KINDS

SETTLE = 10.0  # seconds that a started command has to listen before the first sample


class Exit(IntEnum):
    """What the exit code says."""

    OK = 0
    ENVIRONMENT = 1
    USAGE = 2
    BREACH = 3
    NO_PROCESS = 4
    NO_RIGHT = 5
    ENDED = 6


_KINDS = "\n".join(f"    {name:<13} {meaning}" for name, meaning in KINDS.items())
_EPILOG = f"""\
what is measured
  The whole process tree is summed: workers and whatever else it started.

  There are four kinds of memory:
{_KINDS}

  PSS (shared pages divided among those who share them) says what a server
  takes; own pages (anonymous, swapped-out ones included) say whether it grows,
  because page cache and the neighbours of a process move PSS and RSS too. On a
  platform without these figures USS or RSS stand in, and what it does not tell
  at all reads "n/a". If the clients run on this machine too, what they have not
  read yet is in the TCP memory. Neither that nor the send queues are in any
  figure of a process.
  Load-all is the size of all files open for reading, each as often as it is
  open: what loading whole files would take at this moment. A server that
  shares, maps or preloads files shows fewer than it serves; then the view says
  that it is a lower bound.
  The start is the first look; at a COMMAND, the first when it listens and has
  started its workers, or after {SETTLE:g} s.
  A look takes about 10 ms of CPU time, and 16 ms more for each 1,000 downloads;
  the column sample_cost of the CSV file tells how long it took here.

limits
  --max-growth and --max-rss end the run at the first breach, as judged by the
  peak. --max-growth-per-connection is judged at the end: growth of own pages at
  its peak, divided by the connections that came on top of those at the start,
  at their peak.

exit codes
  {Exit.OK:d}  the run ended as asked: --duration, q, Ctrl-C, SIGTERM, no reader any more
  {Exit.ENVIRONMENT:d}  a file can't be written, or a package is missing
  {Exit.USAGE:d}  wrong arguments, or servers that have nothing in common share the port
  {Exit.BREACH:d}  a limit was broken; a line on stderr names it
  {Exit.NO_PROCESS:d}  nobody listens on the port, no such pid, or COMMAND can't be started
  {Exit.NO_RIGHT:d}  the process belongs to another user and may not be read
  {Exit.ENDED:d}  the server ended during the run
"""


@dataclass(frozen=True, slots=True)
class Options:
    """The command line: times in seconds, see --help."""

    port: int | None
    pid: int | None
    command: list[str]
    interval: float
    duration: float
    csv: Path | None
    json: Path | None
    plot: Path | None
    limits: Limits


def parse_arguments(arguments: Sequence[str]) -> Options:
    """Read the command line. Exits with code 2 and one line when it is wrong."""
    parser = _parser()
    given, command = parser.split(arguments)
    if sum((given.port is not None, given.pid is not None, bool(command))) != 1:
        parser.error("name one server: --port N, --pid N, or -- COMMAND ...")
    if given.plot is not None:
        try:
            check_plot(given.plot)
        except UsageError as exc:
            parser.error(f"argument --plot: {exc}")
    return Options(
        port=given.port,
        pid=given.pid,
        command=command or [],
        interval=given.interval,
        duration=given.duration,
        csv=given.csv,
        json=given.json,
        plot=given.plot,
        limits=Limits(given.max_growth, given.max_rss, given.max_growth_per_connection),
    )


def _parser() -> Parser:
    parser = Parser(
        "monitor",
        "Watch the memory of a running server of any make.",
        _EPILOG,
        usage="evloop monitor [options] (--port N | --pid N | -- COMMAND ...)",
    )
    target = parser.add_argument_group(
        "the server, one of",
        f"-- COMMAND ...  start it, watch it and end it: SIGTERM, then SIGKILL\n"
        f"                after {STOP_WAIT:g} s or at a second Ctrl-C",
    )
    run = parser.add_argument_group("the run")
    results = parser.add_argument_group("results (sizes in bytes, times in seconds)")
    limits = parser.add_argument_group("limits (SIZE as in 2KiB, 5MiB; default: none)")
    for group, name, parse, metavar, meaning in (
        (target, "--port", value(port), "N", "whoever listens on this TCP port"),
        (target, "--pid", value(positive), "N", "this process and all that it started"),
        (run, "--duration", value(parse_duration), "TIME",
         "end after this time, e.g. 60s, 2m (default: never)"),
        (run, "--interval", value(interval), "TIME",
         "time from look to look, e.g. 500ms (default: 1s)"),
        (results, "--csv", Path, "FILE", "a row for each look"),
        (results, "--json", Path, "FILE", "start, end, peak, growth, verdict, looks"),
        (results, "--plot", Path, "FILE", "picture, .png or .svg; needs the extra [plot]"),
        (limits, "--max-growth", value(parse_size), "SIZE", "growth of own pages since the start"),
        (limits, "--max-rss", value(parse_size), "SIZE", "RSS of all processes together"),
        (limits, "--max-growth-per-connection", value(parse_size), "SIZE",
         "growth of own pages for each connection"),
    ):  # fmt: skip
        group.add_argument(name, type=parse, metavar=metavar, help=meaning)
    parser.set_defaults(duration=math.inf, interval=1.0)
    return parser
