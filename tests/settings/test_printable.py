"""Texts that were not made for printing."""

import os

import pytest

from evloop.settings.printable import printable, shown

TEXTS = {
    "plain": "plain",
    "": "",
    "Grüße 😀": "Grüße 😀",
    os.fsdecode(b"caf\xe9"): r"caf\xe9",
    os.fsdecode(b"\x80\xff"): r"\x80\xff",
    "\ud800": r"\ud800",
    "a\nb\x1b[0m\x7f": r"a\nb\x1b[0m\x7f",
    "\u2028": r"\u2028",
}


@pytest.mark.parametrize("text", TEXTS)
def test_every_text_can_be_printed_in_one_line(text: str) -> None:
    assert printable(text) == TEXTS[text]
    assert printable(text).encode("utf-8").splitlines() == [printable(text).encode()] * bool(text)


def test_a_value_is_shown_as_it_was_written() -> None:
    assert shown("") == "''"
    assert shown("10s") == "10s"
    assert shown(None) == "None"
    assert shown(b"\n") == r"b'\n'"
    assert shown(10**5000) == "<int>"
