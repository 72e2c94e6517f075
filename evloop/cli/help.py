"""The help: short for `evloop --help`, whole for `evloop serve --help`."""

import shutil
import textwrap
from collections.abc import Iterator

from evloop import __version__
from evloop.cli.arguments import SHORT_NAMES
from evloop.settings.config import OPTIONS, default_text, option_name
from evloop.settings.groups import FIRST, sections

_WIDEST = 100  # columns; longer lines are hard to read
_NARROWEST = 40
_INDENT = 26  # columns to the explanation of an option

_ALIASES = {name: short for short, name in SHORT_NAMES.items()} | {"host": "-b, --bind"}

_HEAD = f"""\
evloop {__version__}: a static file server whose memory stays constant

  evloop [serve] [ROOT] [options]    serves the files beneath ROOT, or beneath
                                     the current directory
  evloop compress [ROOT] [options]   writes compressed files for it to send
  evloop monitor, soak, bench        watch a server, check all that it sends,
                                     tell its costs: --help of each
"""
_EXAMPLES = """
Examples:
  evloop                        this directory, on http://127.0.0.1:8080/
  evloop public -p 3000 --dev   while you edit: a reload shows what you saved
  evloop public -b 0.0.0.0:80 --user www-data
                                for everybody in the network, not as root
"""
_QUESTIONS = """\
  -V, --version           which evloop this is
  -h, --help              this; serve --help has all options
"""
_NOTES = """\
Each option is also read from the environment: --port from EVLOOP_PORT.
Sizes read as 32768, 32K, 32KiB or 1MiB (MiB = 1024^2; MB is refused), times as
500ms, 10s or 2m. A directory that is called like a command is ./serve.

Signals: SIGINT (Ctrl-C) and SIGTERM let downloads finish, a second one ends at
once; SIGUSR1 and SIGHUP reopen the access log.
Exit codes: 0 after a signal, 1 the environment refused, 2 wrong usage.
"""


def short_help() -> str:
    """Return what somebody who is new needs: three examples and a dozen options."""
    more = f"evloop serve --help explains all {len(OPTIONS)} options.\n"
    return "\n".join([_HEAD + _EXAMPLES, _options("Options", FIRST) + _QUESTIONS, more])


def long_help() -> str:
    """Return all options, the dozen first, then the others by group."""
    (title, names), *others = sections()
    common = _options(f"{title} options", names) + _QUESTIONS
    groups = [_options(title, names) for title, names in others]
    return "\n".join([_HEAD + _EXAMPLES, common, *groups, _NOTES])


def _options(title: str, names: tuple[str, ...]) -> str:
    return "\n".join([f"{title}:", *(line for name in names for line in _explain(name))]) + "\n"


def _explain(name: str) -> Iterator[str]:
    """Yield the lines of an option."""
    option, default = OPTIONS[name], default_text(name)
    metavar = f"[{option.metavar}]" if option.is_switch else option.metavar
    names = ", ".join(filter(None, [_ALIASES.get(name), option_name(name)]))
    text = f"{option.help} (default: {default})" if default else option.help
    yield from _row(f"{names} {metavar}", text)


def _row(names: str, text: str) -> Iterator[str]:
    """Yield *names* with *text* to the right of them, or beneath them where they are long."""
    width = min(_WIDEST, max(_NARROWEST, shutil.get_terminal_size().columns)) - _INDENT
    lines = textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)
    left = f"  {names}"
    if len(left) + 2 > _INDENT:
        yield left
        left = ""
    for line in lines:
        yield left.ljust(_INDENT) + line
        left = ""
