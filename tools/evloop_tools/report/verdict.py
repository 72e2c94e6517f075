"""Limits, and what became of each: kept, broken, or not judged."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from evloop_tools.report.figures import show_size

SLOPE = 64 * 1024 / 60
"""Bytes per second that own pages may grow and still count as constant: 64 KiB a minute.

A server that keeps 56 bytes of each of 20 requests a second is above it; what an allocator
moves about is below it, once a run is long enough to tell.
"""
LONG_ENOUGH = 10 * 60.0
"""Seconds behind the warm-up after which a run must show that memory is constant.

In less time the steps of an allocator, some 100 KiB each, can't be told from a trend of
64 KiB a minute; then only a trend that is sure to be above SHORT_SLOPE fails.
"""
SHORT_SLOPE = 1024 * 1024 / 60
"""Bytes per second that own pages may grow in a shorter run: 1 MiB a minute."""
DESCRIPTORS = 8
"""Open descriptors that a server may have more at the end than at the base."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a run may come to. Bytes, and bytes per second; None: no such limit.

    growth, rss: of own pages since the base, and of all processes, at their peak
    growth_per_connection: peak growth of own pages over the peak of connections
    slope: of own pages after the warm-up; None: they must be constant, as far as can be told
    descriptors: more at the end than at the base
    """

    growth: float | None = None
    rss: float | None = None
    growth_per_connection: float | None = None
    slope: float | None = None
    errors: int = 0
    descriptors: int = DESCRIPTORS


class Finding(Enum):
    """What became of a limit."""

    KEPT = "kept"
    BROKEN = "broken"
    NOT_JUDGED = "not judged"


@dataclass(frozen=True, slots=True)
class Check:
    """One limit: what was seen, what is allowed, what follows."""

    name: str
    seen: str
    limit: str
    finding: Finding


def check(name: str, seen: str, limit: str, kept: bool | None) -> Check:
    """Return the check of a limit that was *kept*, or not, or (None) not judged."""
    if kept is None:
        return Check(name, seen, limit, Finding.NOT_JUDGED)
    return Check(name, seen, limit, Finding.KEPT if kept else Finding.BROKEN)


def broken(checks: Iterable[Check]) -> list[Check]:
    """Return the checks whose limit was broken."""
    return [each for each in checks if each.finding is Finding.BROKEN]


def is_pass(checks: Iterable[Check]) -> bool:
    """Whether no limit was broken."""
    return not broken(checks)


def sentence(checks: Iterable[Check]) -> str:
    """Say PASS or FAIL, and name the limits that decided."""
    found = list(checks)
    if decisive := broken(found):
        return "FAIL: " + "; ".join(
            f"{each.name}: {each.seen}, the limit is {each.limit}" for each in decisive
        )
    kept = (each.name for each in found if each.finding is Finding.KEPT)
    return "PASS: " + ", ".join(kept) + " within their limits"


def memory_checks(
    limits: Limits, growth: float | None, rss: float | None, per_connection: float | None
) -> list[Check]:
    """Hold peaks of memory to those of *limits* that there are; what is None was not seen."""
    found = []
    for name, seen, limit in (
        ("growth per connection", per_connection, limits.growth_per_connection),
        ("growth at the peak", growth, limits.growth),
        ("RSS at the peak", rss, limits.rss),
    ):
        if limit is None:
            continue
        if seen is None:
            found.append(check(name, "no new connection", show_size(limit), None))
        else:
            kept = seen <= limit
            found.append(check(name, show_size(seen), f"up to {show_size(limit)}", kept))
    return found
