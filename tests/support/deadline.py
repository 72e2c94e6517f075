"""Waiting for what another thread or process does, with an end to the patience."""

import time
from collections.abc import Callable

PATIENCE = 20.0
"""Seconds until a test gives up; a passing test never waits that long."""
_PAUSE = 0.002


def eventually(condition: Callable[[], bool], what: str, patience: float = PATIENCE) -> None:
    """Return when *condition* holds; fail with *what* when it does not come to hold."""
    give_up_at = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < give_up_at, f"waited {patience:g} s for {what}"
        time.sleep(_PAUSE)
