"""What `dev` means: the settings for somebody who edits the files while they are served."""

from dataclasses import replace

from evloop.settings.config import Config


def as_served(config: Config) -> Config:
    """Return the settings that are served by: *config*, or what `dev` makes of it.

    This is the one place that says what `dev` switches. Whatever was given for these settings,
    `dev` goes before it: an edited file is new on the next reload, in every cache.
    """
    if not config.dev:
        return config
    return replace(config, cache_control="no-cache", revalidate=0.0)
