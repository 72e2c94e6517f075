"""Kinds of settings: how each is read from a text, checked, shown and explained."""

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from math import isfinite
from typing import Any

from evloop.settings.units import format_duration, format_size, parse_duration, parse_size

_LONGEST = 100 * 365 * 86400.0  # seconds; clocks and pollers can't do with infinity
_NO_HOST = frozenset("[]/@ ")  # of an URL, or of a list: never of a host (RFC 3986 section 3.2.2)
_LARGEST = 1 << 60  # bytes; no file system has a file of 2^63, and sums of two sizes stay below


@dataclass(frozen=True, slots=True)
class Option:
    """How a setting is read, checked and explained.

    *parse* makes the value of a text, *take* makes it of what is no text, *check* refuses
    values that make no sense; all three raise ValueError with a reason. *show* makes a text of
    a value again.
    """

    metavar: str
    help: str
    parse: Callable[[str], Any] = str
    take: Callable[[object], Any] = lambda value: _refuse("a text is wanted")
    check: Callable[[Any], None] = lambda value: None
    show: Callable[[Any], str] = str
    repeatable: bool = False
    is_switch: bool = False
    """Whether it is on or off; on the command line its name alone then means on."""
    may_be_empty: bool = False
    """Of a repeatable one: whether it may be given no value at all."""
    guards: bool = False
    """Whether it protects something unless it is empty. A shell makes an empty text of a variable
    that is not set, so that is refused where one is given."""

    def read(self, value: object) -> Any:
        """Return the setting that *value*, of its own type or a text, means.

        Raises ValueError with a reason.
        """
        setting = self.parse(value) if isinstance(value, str) else self.take(value)
        self.check(setting)
        return setting


def _refuse(reason: str) -> None:
    raise ValueError(reason)


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


def _take_whole(value: object) -> int:
    # True is an int to Python, and as a size or a number it is a mistake.
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise ValueError("a whole number is wanted")


def _take_seconds(value: object) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool) and _is_finite(value):
        return float(value)
    raise ValueError("a number of seconds is wanted")


def _is_finite(value: float) -> bool:
    try:
        return isfinite(value)
    except OverflowError:  # an int that no float holds
        return False


def size_option(least: int, help_: str, most: int = _LARGEST) -> dict[str, Option]:
    """A number of bytes from *least* to *most*, as the metadata of a dataclass field."""
    check = _AtLeast(least, most, format_size)
    return {"option": Option("SIZE", help_, parse_size, _take_whole, check, _compact_size)}


def duration_option(least: float, help_: str) -> dict[str, Option]:
    """Seconds, from *least* to a hundred years."""
    check = _AtLeast(least, _LONGEST, format_duration)
    return {"option": Option("TIME", help_, parse_duration, _take_seconds, check, format_duration)}


def choice_option(choices: type[Enum], help_: str) -> dict[str, Option]:
    """One of *choices*, by its value."""
    names = [choice.value for choice in choices]
    reason = f"one of {', '.join(names)} is wanted"

    def parse(text: str) -> Enum:
        if text not in names:
            raise ValueError(reason)
        return choices(text)

    def take(value: object) -> Enum:
        if isinstance(value, choices):
            return value
        raise ValueError(reason)

    return {"option": Option("|".join(names), help_, parse, take, show=lambda each: each.value)}


def whole_option(least: int, most: int | None, help_: str) -> dict[str, Option]:
    """A whole number from *least* to *most*."""

    def parse(text: str) -> int:
        if not text.isdecimal():
            raise ValueError("a whole number is wanted")
        return int(text)

    return {"option": Option("N", help_, parse, _take_whole, _AtLeast(least, most))}


def switch_option(help_: str) -> dict[str, Option]:
    """On or off."""
    words = {"on": True, "off": False}
    reason = "on or off is wanted"

    def parse(text: str) -> bool:
        if text not in words:
            raise ValueError(reason)
        return words[text]

    def take(value: object) -> bool:
        if isinstance(value, bool):
            return value
        raise ValueError(reason)

    show = {True: "on", False: "off"}.__getitem__
    return {"option": Option("on|off", help_, parse, take, show=show, is_switch=True)}


def _compact_size(size: int) -> str:
    return format_size(size).replace(" ", "")


def check_file_name(name: str) -> None:
    """Refuse what is no name within a directory."""
    if not name or "/" in name or name in {".", ".."}:
        raise ValueError("the name of a file is wanted, without a slash")
    check_path(name)


def check_host(value: str) -> None:
    """Refuse what is neither a name nor an address; whether it is one of a host shows later."""
    check_not_empty(value)
    # A resolver takes 8080 for the bits of an IPv4 address; IPv6 has two colons or more.
    if value.isdecimal() or value.count(":") == 1:
        raise ValueError("a name or an address is wanted; a port alone goes to --port")
    if not value.isprintable() or not _NO_HOST.isdisjoint(value):
        raise ValueError("a name or an address is wanted")


def check_field_value(value: str) -> None:
    """Refuse what can't stand in a response field."""
    if not re.fullmatch(r"[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?", value):
        raise ValueError("printable ASCII is wanted")


def text_option(
    metavar: str, help_: str, check: Callable[[str], None], *, guards: bool = False
) -> dict[str, Option]:
    """A text that *check* lets pass."""
    return {"option": Option(metavar, help_, check=check, guards=guards)}


def texts_option(
    metavar: str,
    help_: str,
    check: Callable[[str], None],
    parse: Callable[[str], str] = str,
    *,
    may_be_empty: bool = False,
) -> dict[str, Option]:
    """Several texts, each of which *check* lets pass when *parse* has made its usual form.

    None at all are taken only if it *may_be_empty*.
    """
    option = Option(metavar, help_, parse, check=check, repeatable=True, may_be_empty=may_be_empty)
    return {"option": option}


def check_name(value: str) -> None:
    """Refuse what is no user's or group's name."""
    if value.startswith("-") or not value.isprintable():
        raise ValueError("a name is wanted")


def check_path(value: str) -> None:
    """Refuse what no file system takes for a path."""
    check_not_empty(value)
    if "\0" in value:
        raise ValueError("a path has no zero byte")
    try:
        os.fsencode(value)
    except UnicodeEncodeError as error:
        raise ValueError("this is no name that the file system could have") from error


def check_not_empty(value: str) -> None:
    """Refuse the empty text."""
    if not value:
        raise ValueError("it is empty")


def check_optional_path(value: str) -> None:
    """Refuse what is neither empty nor a path."""
    if value:
        check_path(value)
