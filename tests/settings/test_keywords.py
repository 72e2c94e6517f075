"""The settings as keywords."""

from dataclasses import fields

from evloop.settings.config import Config
from evloop.settings.keywords import Settings


def test_each_setting_is_a_keyword() -> None:
    assert list(Settings.__annotations__) == [each.name for each in fields(Config)]
