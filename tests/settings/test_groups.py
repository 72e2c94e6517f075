"""How the options are shown to people: each of them once, those that are needed first before."""

from evloop.settings.config import OPTIONS
from evloop.settings.groups import FIRST, GROUPS, sections


def test_every_option_is_in_one_group() -> None:
    assert sorted(name for names in GROUPS.values() for name in names) == sorted(OPTIONS)


def test_those_that_come_first_are_a_dozen_options() -> None:
    assert len(FIRST) == 12
    assert set(FIRST) <= set(OPTIONS)


def test_the_sections_show_each_option_once() -> None:
    shown = [name for _, names in sections() for name in names]
    assert sorted(shown) == sorted(OPTIONS)
    assert shown[: len(FIRST)] == list(FIRST)
    assert all(names for _, names in sections())
