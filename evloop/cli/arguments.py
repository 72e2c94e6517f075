"""What was typed: a directory, options, or a question.

Read by the table of the settings rather than by argparse, which knows no command that may be left
out, and whose import takes 1 MiB of the 22 MiB that the process has at its start.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum

from evloop.cli.suggestions import did_you_mean, nearest
from evloop.settings.config import OPTIONS, option_name
from evloop.settings.printable import shown

COMMAND = "serve"
"""What is done without a command. A directory of this name is `./serve`."""
COMPRESS = "compress"
TOOLS = ("monitor", "soak", "bench")
OTHERS = (COMPRESS, *TOOLS)
"""The other commands, each as the first word; they read their own arguments."""

SHORT_NAMES = {"-b": "host", "-p": "port", "-v": "verbose"}
LONG_NAMES = {option_name(name): name for name in OPTIONS} | {"--bind": "host"}

# What is a switch's value when it stands behind its name; a path of such a name is `./on`. What
# is not on or off is refused later, with the reason.
_SWITCH_WORDS = frozenset({"on", "off", "yes", "no", "true", "false", "1", "0"})


class Question(Enum):
    """What is asked instead of serving."""

    HELP = "help"
    VERSION = "version"


_QUESTIONS = {
    "-h": Question.HELP,
    "--help": Question.HELP,
    "-V": Question.VERSION,
    "--version": Question.VERSION,
}


class UsageError(Exception):
    """What was typed means nothing. The text says in one line what would."""


@dataclass(slots=True)
class Arguments:
    """What was typed. `texts` are the values of each option, in their order."""

    words: list[str] = field(default_factory=list)
    texts: dict[str, list[str]] = field(default_factory=dict)
    question: Question | None = None

    @property
    def names_command(self) -> bool:
        """Whether the command stands there, and not only its directory."""
        return self.words[:1] == [COMMAND]

    @property
    def root(self) -> str:
        """The directory to serve. Raises UsageError when there are several."""
        paths = self.words[1:] if self.names_command else self.words
        if len(paths) > 1:
            names = " ".join(shown(path) for path in paths)
            hint = ""
            if not self.names_command and (command := nearest(paths[0], (COMMAND, *OTHERS))):
                hint = f"; did you mean evloop {command} {shown(paths[1])}?"
            raise UsageError(f"one directory is served, not {len(paths)}: {names}{hint}")
        return paths[0] if paths else "."


def read_arguments(arguments: Sequence[str]) -> Arguments:
    """Return what *arguments* say; nothing behind a question is read.

    Raises UsageError.
    """
    read = Arguments()
    rest = list(reversed(arguments))
    while rest and read.question is None:
        word = rest.pop()
        if word == "--":
            read.words += reversed(rest)
            break
        if word in _QUESTIONS:
            read.question = _QUESTIONS[word]
        elif word.startswith("--"):
            _read_long(word, rest, read)
        elif word.startswith("-") and word != "-":
            _read_short(word, rest, read)
        else:
            read.words.append(word)
    return read


def _read_long(word: str, rest: list[str], read: Arguments) -> None:
    name, has_value, value = word.partition("=")
    if name not in LONG_NAMES:
        raise _unknown(name)
    _keep(name, LONG_NAMES[name], value if has_value else None, rest, read)


def _read_short(word: str, rest: list[str], read: Arguments) -> None:
    """Read `-p 80`, `-p80`, or several at once: `-vp 80`."""
    name, value = word[:2], word[2:]
    if name not in SHORT_NAMES:
        raise _unknown(word)
    if OPTIONS[SHORT_NAMES[name]].is_switch and value:
        rest.append(f"-{value}")
        read.texts.setdefault(SHORT_NAMES[name], []).append("on")
    else:
        _keep(name, SHORT_NAMES[name], value or None, rest, read)


def _keep(name: str, setting: str, value: str | None, rest: list[str], read: Arguments) -> None:
    """Keep the value of an option, which may be the next word."""
    option = OPTIONS[setting]
    if value is None and option.is_switch:
        value = rest.pop() if rest and rest[-1] in _SWITCH_WORDS else "on"
    elif value is None:
        value = rest.pop() if rest and not _is_option(rest[-1]) else None
    if value is None:
        raise UsageError(f"{name} needs a value: {name} {option.metavar}")
    read.texts.setdefault(setting, []).append(value)


def _is_option(word: str) -> bool:
    """Whether *word* looks like an option; as a value it is written `--name=value`."""
    return word.startswith("-") and word != "-"


def _unknown(name: str) -> UsageError:
    known = [*LONG_NAMES, "--help", "--version"]
    return UsageError(f"no option {shown(name)}{did_you_mean(name, known)}")
