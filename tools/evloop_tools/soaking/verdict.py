"""PASS or FAIL: a run held to its limits."""

from math import inf

from evloop_tools.lab.history import Slope
from evloop_tools.report.figures import show_count, show_slope
from evloop_tools.report.verdict import (
    LONG_ENOUGH,
    SHORT_SLOPE,
    SLOPE,
    Check,
    Limits,
    check,
    memory_checks,
)
from evloop_tools.soaking.result import Result
from evloop_tools.soaking.watch import Seen


def judge(result: Result, limits: Limits) -> list[Check]:
    """Hold *result* to *limits*."""
    checks = [*_answers(result, limits), *_server(result)]
    seen = result.memory
    if seen is None:
        return [*checks, check("memory", result.unseen, "all limits", None)]
    if result.ended is None and seen.descriptors is not None:
        checks.append(_descriptors(seen.descriptors[0], seen.descriptors[2], limits))
    checks.append(_slope(seen, limits))
    return [*checks, *memory_checks(limits, seen.growth, seen.rss_peak, seen.per_connection)]


def _answers(result: Result, limits: Limits) -> list[Check]:
    tally, wanted = result.tally, result.load.requests
    requests = tally.all.requests
    least = 1 if wanted == inf or result.outcome.was_interrupted else int(wanted)
    kinds = ", ".join(f"{count:,} {fault.value}" for fault, count in tally.errors.most_common())
    errors = show_count(tally.error_count) + (f" ({kinds})" if kinds else "")
    return [
        check("answers", show_count(requests), f"at least {least:,}", requests >= least),
        check("wrong bytes", show_count(tally.wrong_bytes), "0", tally.wrong_bytes == 0),
        check("errors", errors, show_count(limits.errors), tally.error_count <= limits.errors),
    ]


def _server(result: Result) -> list[Check]:
    if result.ended is None:
        return []
    return [check("server", result.ended, "alive to the end", False)]


def _descriptors(before: float, after: float, limits: Limits) -> Check:
    seen = f"{before:,.0f} before, {after:,.0f} after"
    kept = after - before <= limits.descriptors
    return check("descriptors", seen, f"{limits.descriptors:+,d}", kept)


def _slope(seen: Seen, limits: Limits) -> Check:
    """Hold the slope to a limit that was given, or to what counts as constant.

    A given limit is broken when even the low end of the interval is above it. That memory is
    constant is shown when the high end is not: a long run that leaves it open has failed.
    """
    if seen.slope is None:
        return check("memory slope", "too few looks", f"up to {show_slope(SLOPE)}", None)
    shown = with_confidence(seen.slope)
    if limits.slope is not None:
        allowed, kept = limits.slope, seen.slope.low <= limits.slope
    elif seen.judged >= LONG_ENOUGH:
        limit = f"under {show_slope(SLOPE).lstrip('+')} at 95 %: constant"
        return check("memory slope", shown, limit, seen.slope.high < SLOPE)
    else:
        allowed, kept = SHORT_SLOPE, seen.slope.low <= SHORT_SLOPE
    return check("memory slope", shown, f"up to {show_slope(allowed)}", kept)


def with_confidence(slope: Slope) -> str:
    """Write a slope with its confidence."""
    low, high = show_slope(slope.low), show_slope(slope.high)
    return f"{show_slope(slope.per_second)} (95 %: {low} to {high}; {slope.samples} looks)"
