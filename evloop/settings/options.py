"""Kinds of settings: how each is read from a text, checked, shown and explained."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

from evloop.settings.units import format_duration, format_size, parse_duration, parse_size

_LONGEST = 100 * 365 * 86400.0  # seconds; clocks and pollers can't do with infinity


@dataclass(frozen=True, slots=True)
class Option:
    """How a setting is read, checked and explained.

    *parse* makes the value of a text, *check* refuses values that make no sense; both raise
    ValueError with a reason. *show* makes a text of a value again.
    """

    metavar: str
    help: str
    parse: Callable[[str], Any] = str
    check: Callable[[Any], None] = lambda value: None
    show: Callable[[Any], str] = str
    repeatable: bool = False


@dataclass(frozen=True, slots=True)
class _AtLeast:
    """Refuses values under *least*, and over *most* if it is given."""

    least: float
    most: float | None = None
    show: Callable[[Any], str] = str

    def __call__(self, value: float) -> None:
        if value < self.least:
            raise ValueError(f"at least {self.show(self.least)} is wanted")
        if self.most is not None and value > self.most:
            raise ValueError(f"at most {self.show(self.most)} is possible")


def size_option(least: int, help_: str, most: int | None = None) -> dict[str, Option]:
    """A number of bytes from *least* to *most*, as the metadata of a dataclass field."""
    check = _AtLeast(least, most, format_size)
    return {"option": Option("SIZE", help_, parse_size, check, lambda v: _compact(format_size(v)))}


def duration_option(least: float, help_: str) -> dict[str, Option]:
    """Seconds, from *least* to a hundred years."""
    check = _AtLeast(least, _LONGEST, format_duration)
    return {"option": Option("TIME", help_, parse_duration, check, format_duration)}


def choice_option(choices: type[Enum], help_: str) -> dict[str, Option]:
    """One of *choices*, by its value."""
    names = [choice.value for choice in choices]

    def parse(text: str) -> Enum:
        if text not in names:
            raise ValueError(f"one of {', '.join(names)} is wanted")
        return choices(text)

    return {"option": Option("|".join(names), help_, parse, show=lambda choice: choice.value)}


def whole_option(least: int, most: int | None, help_: str) -> dict[str, Option]:
    """A whole number from *least* to *most*."""

    def parse(text: str) -> int:
        if not text.isdecimal():
            raise ValueError("a whole number is wanted")
        return int(text)

    return {"option": Option("N", help_, parse, _AtLeast(least, most))}


def switch_option(help_: str) -> dict[str, Option]:
    """On or off."""
    words = {"on": True, "off": False}

    def parse(text: str) -> bool:
        if text not in words:
            raise ValueError("on or off is wanted")
        return words[text]

    return {"option": Option("on|off", help_, parse, show=lambda on: "on" if on else "off")}


def _compact(text: str) -> str:
    return text.replace(" ", "")


def check_file_name(name: str) -> None:
    """Refuse what is no name within a directory."""
    if not name or "/" in name or "\0" in name:
        raise ValueError("the name of a file is wanted, without a slash")


def check_field_value(value: str) -> None:
    """Refuse what can't stand in a response field."""
    if not re.fullmatch(r"[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?", value):
        raise ValueError("printable ASCII is wanted")


def text_option(metavar: str, help_: str, check: Callable[[str], None]) -> dict[str, Option]:
    """A text that *check* lets pass."""
    return {"option": Option(metavar, help_, check=check)}


def texts_option(metavar: str, help_: str, check: Callable[[str], None]) -> dict[str, Option]:
    """Several texts, each of which *check* lets pass."""
    return {"option": Option(metavar, help_, check=check, repeatable=True)}


def check_name(value: str) -> None:
    """Refuse what is no user's or group's name."""
    if value.startswith("-") or not value.isprintable():
        raise ValueError("a name is wanted")


def check_not_empty(value: str) -> None:
    """Refuse the empty text."""
    if not value:
        raise ValueError("it is empty")
