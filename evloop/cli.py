"""The command line."""

import argparse
import logging
import os
import resource
import sys
from collections.abc import Sequence
from typing import NoReturn

from evloop import __version__
from evloop.observe import messages
from evloop.process.allocator import fix_thresholds
from evloop.process.environment import ServerError
from evloop.process.privileges import harden, is_root
from evloop.process.server import Server
from evloop.settings.config import (
    OPTIONS,
    Config,
    ConfigError,
    default_text,
    option_name,
    read_config,
)
from evloop.settings.printable import printable
from evloop.settings.units import format_size

EXIT_OK = 0
EXIT_ENVIRONMENT = 1
EXIT_USAGE = 2

_log = logging.getLogger("evloop")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words[:1] == ["check-site"]:  # imported only for this: nothing that serves needs it
        from evloop.checksite.command import main as check_site

        return check_site(words[1:])
    parser = _parser()
    given = parser.parse_args(arguments)
    messages.install()
    try:
        return _serve(_config(given))
    except ConfigError as error:
        return _complain(error, EXIT_USAGE)
    except ServerError as error:
        return _complain(error, EXIT_ENVIRONMENT)
    except KeyboardInterrupt:  # before the server was there to be finished
        return EXIT_OK


def _complain(error: Exception, code: int) -> int:
    print(f"evloop: {error}", file=sys.stderr)
    return code


def _config(given: argparse.Namespace) -> Config:
    texts = {name: value for name in OPTIONS if (value := getattr(given, name)) is not None}
    return read_config(given.root, texts, os.environ)


class _Parser(argparse.ArgumentParser):
    """Says in one line what is wrong."""

    def error(self, message: str) -> NoReturn:
        self.exit(EXIT_USAGE, f"evloop: {message} (try {self.prog} --help)\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="evloop",
        description="A static file server whose memory stays constant.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"evloop {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    commands.add_parser("check-site", help="say what is wrong with a site's rules and files")
    serve = commands.add_parser(
        "serve",
        allow_abbrev=False,
        help="serve the files of a directory",
        description="Serve the files beneath ROOT until SIGINT or SIGTERM.",
        epilog="Each option is also read from the environment: --port from EVLOOP_PORT."
        " Sizes read as 32768, 32K, 32KiB or 1MiB, times as 500ms, 10s or 2m."
        " Exit codes: 0 after a signal, 1 the environment refused, 2 wrong usage.",
    )
    serve.add_argument("root", metavar="ROOT", nargs="?", default=".", help="default: here")
    for name, option in OPTIONS.items():
        default = default_text(name)
        text = f"{option.help} (default: {default})" if default else option.help
        serve.add_argument(
            option_name(name), metavar=option.metavar, action="append", help=text.replace("%", "%%")
        )
    return parser


def _serve(config: Config) -> int:
    _raise_descriptor_limit()
    server = Server(config)
    server.open()
    harden()
    fix_thresholds()
    with server.signals():
        if is_root():
            _log.warning("running as root; --user gives that up after binding")
        messages.say(_greeting(server))
        server.run()
    return EXIT_OK


def _greeting(server: Server) -> str:
    config, plan = server.config, server.memory
    terms = ", ".join(f"{term.name} {format_size(term.size)}" for term in plan.terms)
    lines = [
        f"evloop {__version__} serves {printable(os.path.realpath(os.fsdecode(config.root)))}",
        f"  open      {'  '.join(server.urls)}",
        f"  strategy  {config.strategy}",
        f"  memory    at most {format_size(plan.ceiling)}: {terms};"
        f" {plan.connections} connections at once",
    ]
    return "\n".join(lines)


def _raise_descriptor_limit() -> None:
    """Use what the hard limit allows: each connection takes a descriptor, a download two."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
