"""The client's side of bench.conversation: events out, lines in."""

import json
import sys
from collections.abc import Sequence

from bench.conversation import MARK

PERCENTILES = (50, 90, 99)


def say(event: str, **values: object) -> None:
    """Print *event*."""
    line = json.dumps({"event": event, **values})
    sys.stdout.write(f"{MARK.decode()}{line}\n")
    sys.stdout.flush()


def say_and_wait(event: str, **values: object) -> None:
    """Print *event* and wait until we are told to go on."""
    say(event, **values)
    sys.stdin.readline()


def percentiles(seconds: Sequence[float]) -> dict[int, float]:
    """Return the percentiles of *seconds* in microseconds; 0 when there are none."""
    ordered = sorted(seconds)
    last = len(ordered) - 1
    return {
        percentile: ordered[round(last * percentile / 100)] * 1e6 if ordered else 0.0
        for percentile in PERCENTILES
    }
