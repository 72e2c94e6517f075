"""The command line of the benchmark."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from evloop_tools.campaign import command
from evloop_tools.load.endpoint import parse_url
from evloop_tools.report.arguments import Parser, positive, seconds, url_path, value

CLIENTS = 64
"""Connections that ask again and again, unless --clients says otherwise."""
RESULTS = Path("docs/benchmarks/results.md")
"""What --write writes when no file is named."""

_EPILOG = """\
What counts is what the server spends: CPU time of its process tree per request
or per GB, and memory. The rounds are interleaved, figures are medians, and
goals are met or missed.

With a URL, or a COMMAND that starts a server on this machine, that server alone
is loaded with requests for one file, which has to be answered with 200 and its
length. CPU time and memory are told of a server on this machine.

exit codes: 0 measured, whether the goals were met or not; 1 nothing could be
measured, or a file could not be written; 2 wrong usage; 130 interrupted, 143
terminated (what was measured until then is shown and written all the same)
"""


def parse_arguments(arguments: Sequence[str]) -> argparse.Namespace:
    """Read the command line. Exits with code 2 and one line when it is wrong.

    url: where a file of a server is, path: that file on a server of ours, program: its command
    """
    parser = _parser()
    given, program = parser.split(arguments)
    if program == []:
        parser.error("a command is wanted behind --")
    given.program = program or []
    if given.url and program:
        parser.error("name one server: URL or -- COMMAND ...")
    is_one = bool(given.url or given.program)
    for option in ("rows", "servers", "python_peers", "sources", "plot", "write"):
        if is_one and getattr(given, option):
            name = {"sources": "from"}.get(option, option.replace("_", "-"))
            parser.error(f"--{name} does not go with a server of your own")
    for option in ("clients", "path"):
        if not is_one and getattr(given, option):
            parser.error(f"--{option} goes with URL or -- COMMAND")
    if given.url and given.path:
        parser.error("--path goes with -- COMMAND: a URL has its path")
    given.clients = given.clients or CLIENTS
    return given


def _url(text: str) -> str:
    parse_url(text)
    return text if "//" in text else f"http://{text}"


def _parser() -> Parser:
    found = Parser(
        "bench",
        "Run evloop beside every server found here, and compare what they spend; or load one "
        "server of your own.",
        _EPILOG,
        usage="evloop bench [options] [URL | -- COMMAND ...]",
    )
    group = found.add_argument_group("a server of your own")
    group.add_argument(
        "url", type=value(_url), nargs="?", metavar="URL", help="http://HOST[:PORT][/FILE]"
    )
    group.add_argument(
        "--path", type=value(url_path), help="the file to ask COMMAND for (default: /)"
    )
    group.add_argument(
        "--clients", type=value(positive), metavar="N", help=f"at once (default: {CLIENTS})"
    )
    group = found.add_argument_group("what is run without one")
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
        type=value(seconds),
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
    command.add_files(group, "the page", RESULTS)
    group.add_argument("--plot", type=Path, metavar="FILE", help="draw a .png or .svg")
    return found
