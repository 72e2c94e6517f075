"""What `dev` makes of the settings."""

from evloop.settings.config import Config
from evloop.settings.development import as_served


def test_without_it_they_stay_as_they_are() -> None:
    config = Config(cache_control="no-store")
    assert as_served(config) is config


def test_it_goes_before_what_was_given() -> None:
    config = as_served(Config(dev=True, cache_control="immutable", revalidate=5.0, port=1))
    assert (config.cache_control, config.revalidate, config.port) == ("no-cache", 0.0, 1)
