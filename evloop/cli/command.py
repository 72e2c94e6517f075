"""The command: from what was typed to the exit code."""

import importlib
import importlib.util
import logging
import os
import resource
import signal
import sys
import time
from collections.abc import Mapping, Sequence

from evloop import __version__
from evloop.cli import EXIT_ENVIRONMENT, EXIT_OK, EXIT_USAGE
from evloop.cli.arguments import (
    COMMAND,
    COMPRESS,
    OTHERS,
    Arguments,
    Question,
    UsageError,
    read_arguments,
)
from evloop.cli.greeting import farewell, greeting
from evloop.cli.streams import open_missing, with_log
from evloop.cli.suggestions import did_you_mean
from evloop.observe import messages
from evloop.process.allocator import fix_thresholds
from evloop.process.environment import ServerError
from evloop.process.memory import peak_size
from evloop.process.privileges import harden, is_root
from evloop.process.server import Server
from evloop.settings.config import OPTIONS, Config, ConfigError, variable_name
from evloop.settings.printable import printable
from evloop.settings.reading import read_config

_PREFIX = "EVLOOP_"
_STDERR = 2

_log = logging.getLogger("evloop")


def run(arguments: Sequence[str]) -> int:
    """Do what *arguments* say, and return the exit code."""
    open_missing()
    if arguments and arguments[0] in OTHERS:
        return _leave_to(arguments[0], arguments[1:])
    messages.install()
    try:
        given = read_arguments(arguments)
        if given.question is not None:
            return _answer(given)
        config = read_config(given.root, given.texts, os.environ)
        _warn_of_variables(os.environ)
        return _serve(with_log(config))
    except UsageError as error:
        return _complain(f"{error} (evloop {COMMAND} --help)", EXIT_USAGE)
    except ConfigError as error:
        return _complain(str(error), EXIT_USAGE)
    except ServerError as error:
        return _complain(f"{error}{_perhaps_a_command(given)}", EXIT_ENVIRONMENT)


def _leave_to(command: str, arguments: Sequence[str]) -> int:
    """Leave it to a module that is loaded by its name, so that no server imports it."""
    code: int
    if command == COMPRESS:
        code = importlib.import_module("evloop.compress.command").main(arguments)
    elif importlib.util.find_spec("evloop_tools"):
        code = importlib.import_module("evloop_tools.programs").main(command, arguments)
    else:  # a checkout that is not installed
        print(f"evloop: {command} is in tools/: python tools/{command}.py", file=sys.stderr)
        code = EXIT_ENVIRONMENT
    return code


def _perhaps_a_command(given: Arguments) -> str:
    """Return the command that a directory that is not there was meant to be, as did_you_mean()."""
    if given.names_command or os.path.lexists(given.root):
        return ""
    return did_you_mean(given.root, (COMMAND, *OTHERS))


def _complain(reason: str, code: int) -> int:
    messages.say(f"evloop: {reason}")
    return code


def _answer(given: Arguments) -> int:
    """Answer a question, on the standard output."""
    if given.question is Question.VERSION:
        print(f"evloop {__version__}")
    else:
        from evloop.cli.help import long_help, short_help  # what wraps texts is for this alone

        print(long_help() if given.names_command else short_help(), end="")
    return EXIT_OK


def _warn_of_variables(environment: Mapping[str, str]) -> None:
    """Say which variables look like options and are none; other programs may own them."""
    known = [variable_name(name) for name in OPTIONS]
    for name in sorted(environment):
        if name.startswith(_PREFIX) and name not in known:
            hint = did_you_mean(name, known, _PREFIX)
            _log.warning("the variable %s is no option%s", printable(name), hint)


def _serve(config: Config) -> int:
    if config.qr:
        from evloop.cli.qr import check_qr  # for those who ask for it alone

        check_qr()
    _raise_descriptor_limit()
    for number in (signal.SIGUSR1, signal.SIGHUP):
        # Until the loop takes it, a signal to reopen the log has nothing to do, and must not kill.
        signal.signal(number, signal.SIG_IGN)
    server = Server(config)
    server.open()
    harden()
    fix_thresholds()
    with server.signals():
        if is_root():
            _log.warning("running as root; --user gives that up after binding")
        messages.say(greeting(server))
        if config.open:
            from evloop.cli.browser import open_browser  # for those who ask for it alone

            open_browser(server.url)
        started = time.monotonic()
        server.run()
        _say_farewell(server, time.monotonic() - started)
    return EXIT_OK


def _say_farewell(server: Server, seconds: float) -> None:
    end = server.snapshot()
    # On a terminal the cursor stands behind the ^C of Ctrl-C.
    begin = "\r" if os.isatty(_STDERR) else ""
    messages.say(begin + farewell(end.responses, end.bytes_sent, seconds, peak_size()))


def _raise_descriptor_limit() -> None:
    """Use what the hard limit allows: each connection takes a descriptor, a download two."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
