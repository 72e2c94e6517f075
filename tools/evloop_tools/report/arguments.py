"""Command lines of the tools: values with units, and errors of one line."""

import argparse
from collections.abc import Callable, Sequence
from textwrap import fill
from typing import Any, NoReturn, TypeVar

from evloop.settings.units import format_duration, parse_duration

USAGE = 2  # the exit code for a wrong command line
_MIN_INTERVAL = 0.01  # seconds
_WIDTH = 80  # characters of a line of the help

Value = TypeVar("Value")


class UsageError(Exception):
    """A command line that can't be carried out; the message is one line for the user."""


class Parser(argparse.ArgumentParser):
    """An ArgumentParser that says what is wrong in one line, and whose *epilog* stays as it is."""

    def __init__(self, prog: str, description: str, epilog: str = "", **more: Any) -> None:
        wrapped = fill(description, _WIDTH)
        how = argparse.RawDescriptionHelpFormatter
        super().__init__(prog=prog, description=wrapped, epilog=epilog, formatter_class=how, **more)

    def error(self, message: str) -> NoReturn:
        self.exit(USAGE, f"{self.prog}: {message} (see --help)\n")

    def split(self, arguments: Sequence[str]) -> tuple[argparse.Namespace, list[str] | None]:
        """Read what stands before `--`, and return what stands behind it; None without one."""
        words = list(arguments)
        at = words.index("--") if "--" in words else len(words)
        return self.parse_args(words[:at]), words[at + 1 :] if at < len(words) else None


def value(parse: Callable[[str], Value]) -> Callable[[str], Value]:
    """Let argparse show the text, and what *parse* has against it as a ValueError."""

    def convert(text: str) -> Value:
        try:
            return parse(text)
        except ValueError as exc:
            raise argparse.ArgumentTypeError(f"{text!r}: {exc}") from None

    return convert


def positive(text: str) -> int:
    """Raises ValueError unless *text* is a whole number above 0."""
    if not text.isascii() or not text.isdigit() or int(text) == 0:
        raise ValueError("a whole number above 0 is wanted")
    return int(text)


def port(text: str) -> int:
    """Raises ValueError unless *text* is a TCP port that can be connected to."""
    number = positive(text)
    if number > 65535:
        raise ValueError("ports end at 65535")
    return number


def whole(text: str) -> int:
    """Raises ValueError unless *text* is a whole number, 0 included."""
    return 0 if text == "0" else positive(text)


def seconds(text: str) -> float:
    """Raises ValueError unless *text* is a duration above 0."""
    found = parse_duration(text)
    if found <= 0:
        raise ValueError("more than 0 is wanted")
    return found


def url_path(text: str) -> str:
    """Raises ValueError unless *text* can stand in a request line as the path of a file."""
    if not text.startswith("/") or not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError("a path as in a URL is wanted: it begins with /")
    return text


def interval(text: str) -> float:
    """Raises ValueError unless *text* is a duration that looks can be apart."""
    seconds = parse_duration(text)
    if seconds < _MIN_INTERVAL:
        raise ValueError(f"at least {format_duration(_MIN_INTERVAL)} is wanted")
    return seconds
