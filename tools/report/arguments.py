"""Command lines of the tools: values with units, and errors of one line."""

import argparse
from collections.abc import Callable
from typing import NoReturn, TypeVar

from evloop.settings.units import format_duration, parse_duration

USAGE = 2  # the exit code for a wrong command line
_MIN_INTERVAL = 0.01  # seconds

Value = TypeVar("Value")


class UsageError(Exception):
    """A command line that can't be carried out; the message is one line for the user."""


class Parser(argparse.ArgumentParser):
    """An ArgumentParser that says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(USAGE, f"{self.prog}: {message} (see --help)\n")


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


def interval(text: str) -> float:
    """Raises ValueError unless *text* is a duration that looks can be apart."""
    seconds = parse_duration(text)
    if seconds < _MIN_INTERVAL:
        raise ValueError(f"at least {format_duration(_MIN_INTERVAL)} is wanted")
    return seconds
