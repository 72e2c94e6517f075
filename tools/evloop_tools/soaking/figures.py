"""The run as numbers, for other programs: sizes in bytes, times in seconds."""

import platform
from dataclasses import asdict, fields
from math import inf
from typing import Any

from evloop_tools.lab.history import Slope
from evloop_tools.load.tally import Counts, Histogram
from evloop_tools.report.verdict import Check, is_pass
from evloop_tools.soaking.result import Result
from evloop_tools.soaking.watch import Seen


def document(result: Result, checks: list[Check]) -> dict[str, Any]:
    """Return everything that is known of a run, as JSON can say it."""
    tally, seconds = result.tally, result.outcome.seconds
    return {
        "verdict": "PASS" if is_pass(checks) else "FAIL",
        "checks": [
            asdict(each) | {"finding": each.finding.value}
            for each in checks
        ],
        "title": result.title,
        "server": result.server,
        "url": result.url,
        "checked_against": result.checked,
        "platform": f"{platform.platform()}, Python {platform.python_version()}",
        "load": _load(result),
        "seconds": round(seconds, 3),
        "interrupted": result.outcome.was_interrupted,
        "server_ended": result.ended,
        "all": _counts(tally.all, seconds),
        "groups": {name: _counts(each, seconds) for name, each in tally.groups.items()},
        "errors": {fault.value: count for fault, count in tally.errors.most_common()},
        "examples": {fault.value: text for fault, text in tally.examples.items()},
        "wrong_bytes": tally.wrong_bytes,
        "peak_connections": tally.peak_connected,
        "reconnects": tally.reconnects,
        "driver": {
            "cpu_percent": round(result.outcome.cpu, 1),
            "lag": result.outcome.lag._asdict(),
        },
        "memory": None if result.memory is None else _memory(result.memory),
        "memory_not_seen": result.unseen,
        "timeline": [point._asdict() for point in result.outcome.timeline.points],
    }  # fmt: skip


def _load(result: Result) -> dict[str, Any]:
    load, habits = result.load, asdict(result.load.habits)
    del habits["trickle"]  # nobody can set it
    names = ("clients", "arrivals", "ramp_up", "seed", "timeout")
    return {
        **{name: getattr(load, name) for name in names},
        "requests": None if load.requests == inf else load.requests,
        "mix": {group.name: group.weight for group in load.groups},
        **habits,
    }


def _counts(counts: Counts, seconds: float) -> dict[str, Any]:
    found = {each.name: getattr(counts, each.name) for each in fields(counts)}
    received = found.pop("received")
    return found | {
        "bytes": received,
        "bytes_per_second": round(received / seconds) if seconds else 0,
        "first_byte": _percentiles(counts.first_byte),
        "total": _percentiles(counts.total),
    }


def _percentiles(histogram: Histogram) -> dict[str, float | None]:
    *lower, longest = histogram.percentiles().values()
    return dict(zip(("p50", "p90", "p99"), lower, strict=True)) | {"max": longest}


def _memory(memory: Seen) -> dict[str, Any]:
    return {
        "own_metric": memory.own_metric,
        "own": _three(memory.own),
        "total_metric": memory.total_metric,
        "total": _three(memory.total),
        "rss_peak": memory.rss_peak,
        "growth": memory.growth,
        "growth_per_connection": memory.per_connection,
        "slope": None if memory.slope is None else _slope(memory.slope),
        "kernel_tcp": None
        if memory.kernel is None
        else dict(zip(("base", "peak", "limit"), memory.kernel, strict=True)),
        "send_queues_peak": memory.send_queues,
        "descriptors": None if memory.descriptors is None else _three(memory.descriptors),
        "cpu_percent_peak": round(memory.cpu_peak, 1),
        "looks": memory.looks,
        "seconds_judged": round(memory.judged, 3),
    }


def _three(values: tuple[float, float, float]) -> dict[str, float]:
    return dict(zip(("base", "peak", "end"), values, strict=True))


def _slope(slope: Slope) -> dict[str, float]:
    return {
        "bytes_per_second": slope.per_second,
        "low": slope.low,
        "high": slope.high,
        "looks": slope.samples,
    }
