"""PASS or FAIL, and the limits that decided."""

from dataclasses import dataclass
from enum import Enum
from math import inf

from lab.history import Slope
from report.figures import show_count, show_size, show_slope

from soaking.result import Result
from soaking.watch import Memory

SLOPE = 1024 * 1024 / 60
"""Bytes per second that own pages may grow unless another limit is given: 1 MiB a minute.

A server that keeps 1 KiB of each of 20 requests a second is above it; what an allocator
moves about within a minute is not.
"""
DESCRIPTORS = 8
"""Open descriptors that a server may have more at the end than at the base."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a run may come to. Bytes, and bytes per second; None: no such limit.

    growth, rss: of own pages since the base, and of all processes, at their peak
    descriptors: more at the end than at the base
    """

    errors: int = 0
    slope: float = SLOPE
    growth_per_connection: int | None = None
    descriptors: int = DESCRIPTORS
    growth: int | None = None
    rss: int | None = None


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


def judge(result: Result, limits: Limits) -> list[Check]:
    """Hold *result* to *limits*."""
    checks = [*_answers(result, limits), *_server(result)]
    if result.memory is None:
        return [*checks, Check("memory", result.unseen, "all limits", Finding.NOT_JUDGED)]
    if result.ended is None:
        checks += _descriptors(result.memory, limits)
    return [*checks, *_memory(result.memory, limits)]


def is_pass(checks: list[Check]) -> bool:
    """Whether no limit was broken."""
    return all(check.finding is not Finding.BROKEN for check in checks)


def _answers(result: Result, limits: Limits) -> list[Check]:
    tally, wanted = result.tally, result.load.requests
    requests = tally.all.requests
    least = 1 if wanted == inf or result.outcome.was_interrupted else int(wanted)
    kinds = ", ".join(f"{count:,} {fault.value}" for fault, count in tally.errors.most_common())
    errors = show_count(tally.error_count) + (f" ({kinds})" if kinds else "")
    return [
        _check("answers", show_count(requests), f"at least {least:,}", requests >= least),
        _check("wrong bytes", show_count(tally.wrong_bytes), "0", tally.wrong_bytes == 0),
        _check("errors", errors, show_count(limits.errors), tally.error_count <= limits.errors),
    ]


def _server(result: Result) -> list[Check]:
    if result.ended is None:
        return []
    return [_check("server", result.ended, "alive to the end", False)]


def _descriptors(memory: Memory, limits: Limits) -> list[Check]:
    if memory.descriptors is None:
        return []
    before, _, after = memory.descriptors
    seen = f"{before:,.0f} before, {after:,.0f} after"
    kept = after - before <= limits.descriptors
    return [_check("descriptors", seen, f"{limits.descriptors:+,d}", kept)]


def _memory(memory: Memory, limits: Limits) -> list[Check]:
    checks = [_slope(memory.slope, limits.slope)]
    for name, seen_size, limit in (
        ("growth per connection", memory.per_connection, limits.growth_per_connection),
        ("growth at the peak", memory.growth, limits.growth),
        ("RSS at the peak", memory.rss_peak, limits.rss),
    ):
        if limit is None:
            continue
        if seen_size is None:
            checks.append(Check(name, "no connection", show_size(limit), Finding.NOT_JUDGED))
        else:
            kept = seen_size <= limit
            checks.append(_check(name, show_size(seen_size), f"up to {show_size(limit)}", kept))
    return checks


def _slope(slope: Slope | None, limit: float) -> Check:
    """The slope breaks its limit when even the low end of its interval does."""
    allowed = f"up to {show_slope(limit)}"
    if slope is None:
        return Check("memory slope", "too few looks", allowed, Finding.NOT_JUDGED)
    seen = slope_with_confidence(slope)
    return _check("memory slope", seen, allowed, slope.low <= limit)


def slope_with_confidence(slope: Slope) -> str:
    """Write a slope with its confidence."""
    low, high = show_slope(slope.low), show_slope(slope.high)
    return f"{show_slope(slope.per_second)} (95 %: {low} to {high}; {slope.samples} looks)"


def _check(name: str, seen: str, limit: str, kept: bool) -> Check:
    return Check(name, seen, limit, Finding.KEPT if kept else Finding.BROKEN)
