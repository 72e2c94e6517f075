"""The standard streams of the command: that they exist, and whether one has a reader."""

import os
import stat
from dataclasses import replace

from evloop.settings.config import Config

_STANDARD_STREAMS = (0, 1, 2)
_STDOUT = 1


def open_missing() -> None:
    """Open the null device as each standard stream that is closed.

    Else a socket gets its number, and what is written to the stream goes there.
    """
    for fd in _STANDARD_STREAMS:
        try:
            os.fstat(fd)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free (open(2))


def with_log(config: Config) -> Config:
    """Return *config* with a log that is not `auto`: the standard output, if that goes anywhere.

    A container, a service and a pipe have a log, as a terminal has.
    """
    if config.access_log != "auto":
        return config
    return replace(config, access_log="off" if _is_null(os.fstat(_STDOUT)) else "-")


def _is_null(status: os.stat_result) -> bool:
    null = os.stat(os.devnull)
    return stat.S_ISCHR(status.st_mode) and status.st_rdev == null.st_rdev
