"""The run as a page: a verdict, lines of facts, and tables."""

import os
import platform
from math import inf

from evloop.settings.units import format_duration
from evloop_tools.load.tally import Counts, Histogram
from evloop_tools.report.figures import show_count, show_size, show_time
from evloop_tools.report.page import Page
from evloop_tools.report.table import Row, Table
from evloop_tools.report.verdict import Check, is_pass, sentence
from evloop_tools.report.words import pages
from evloop_tools.soaking.result import Result
from evloop_tools.soaking.watch import Seen


def page(result: Result, checks: list[Check]) -> Page:
    """Return the report of *result*, judged by *checks*."""
    tables = [_checks(checks), _run(result), _clients(result), *_times(result)]
    if result.tally.errors:
        tables.append(_errors(result))
    if result.memory is not None:
        tables.append(_memory(result.memory, result.tally.peak_connected))
    return Page(result.title, is_pass(checks), sentence(checks), tables)


def _checks(checks: list[Check]) -> Table:
    rows = [(each.name, each.seen, each.limit, each.finding.value) for each in checks]
    return Table("Limits", ("", "seen", "limit", "finding"), rows, words=True)


def _run(result: Result) -> Table:
    tally, load, outcome = result.tally, result.load, result.outcome
    everything = tally.all
    seconds = outcome.seconds or 1e-9
    cut = ", cut short" if outcome.was_interrupted else ""
    peak = show_count(tally.peak_connected)
    rows: list[Row] = [
        ("server", f"{result.server}, {result.url}"),
        ("load", _load_line(result)),
        ("lasted", f"{seconds:.1f} s{cut}"),
        ("clients", f"{show_count(everything.clients)} came, {peak} connections at the peak"),
        ("answers", f"{show_count(everything.requests)} ({everything.requests / seconds:,.0f}/s)"),
        ("bytes", f"{show_size(everything.received)} "
                  f"({show_size(everything.received / seconds)}/s), "
                  f"each compared with {result.checked}"),
        ("wrong bytes", show_count(tally.wrong_bytes)),
        ("kept connections closed meanwhile", show_count(tally.reconnects)),
        ("the test itself", f"CPU {outcome.cpu:.0f} % of a core"),
        ("machine", f"{os.cpu_count()} CPUs, {platform.system()} {platform.release()}, "
                    f"Python {platform.python_version()}"),
        ("seed", str(load.seed)),
    ]  # fmt: skip
    return Table("Run", (), rows, words=True)


def _load_line(result: Result) -> str:
    load, habits = result.load, result.load.habits
    who = f"{load.clients:,} clients at once"
    if load.arrivals is not None:
        who = f"{load.arrivals:g} clients a second, up to {load.clients:,} at once"
    mix = ", ".join(f"{group.name} {group.weight}" for group in load.groups)
    wanted = "" if load.requests == inf else f", {load.requests:,} requests"
    return (
        f"{who}{wanted} ({mix}); ramp-up {format_duration(load.ramp_up)}, slow ones at "
        f"{show_size(habits.rate)}/s, pauses of {format_duration(habits.pause)}"
    )


def _groups(result: Result) -> list[tuple[str, Counts]]:
    return [*result.tally.groups.items(), ("all", result.tally.all)]


def _clients(result: Result) -> Table:
    header = (
        "clients", "came", "answers", "bytes", "given up", "sent away", "unfinished", "errors",
    )  # fmt: skip
    note = (
        "Given up: by the client, on purpose. Sent away: stalled or trickling clients that the "
        "server closed, as it may. Unfinished: when the load was over."
    )
    rows = [
        (
            name,
            show_count(counts.clients),
            show_count(counts.requests),
            show_size(counts.received),
            *map(show_count, (counts.stopped, counts.cut, counts.unfinished, counts.errors)),
        )
        for name, counts in _groups(result)
    ]
    return Table("Clients", header, rows, note)


def _times(result: Result) -> tuple[Table, Table]:
    header = ("clients", "p50", "p90", "p99", "max")
    lag = result.outcome.lag
    note = (
        "From the request, with the connection when one was made for it. The test itself was "
        f"late by {show_time(lag.p99)} (p99), {show_time(lag.maximum)} at most, "
        "which these times contain."
    )
    groups = _groups(result)
    first = [(name, *_percentiles(counts.first_byte)) for name, counts in groups]
    whole = [(name, *_percentiles(counts.total)) for name, counts in groups]
    return (
        Table("Times to the first byte", header, first),
        Table("Times of whole answers", header, whole, note),
    )


def _percentiles(histogram: Histogram) -> Row:
    return tuple(map(show_time, histogram.percentiles().values()))


def _errors(result: Result) -> Table:
    tally = result.tally
    rows = [
        (fault.value, show_count(count), tally.examples[fault])
        for fault, count in tally.errors.most_common()
    ]
    return Table("Errors", ("kind", "count", "the first one"), rows, words=True)


def _memory(memory: Seen, connections: int) -> Table:
    each = show_size(memory.per_connection, signed=True)
    rows: list[Row] = [
        (pages(memory.own_metric), *map(show_size, memory.own)),
        ("their growth", "", show_size(memory.growth, signed=True), ""),
        (f"for each of {connections:,} connections", "", each, ""),
        (memory.total_metric.upper(), *map(show_size, memory.total)),
        ("RSS", "", show_size(memory.rss_peak), ""),
    ]
    if memory.kernel is not None:
        base, peak, limit = memory.kernel
        name = f"kernel TCP memory, whole machine (of {show_size(limit)})"
        rows.append((name, show_size(base), show_size(peak), ""))
    rows.append(("send queues of the server", "", show_size(memory.send_queues), ""))
    if memory.descriptors is not None:
        rows.append(("descriptors", *map(show_count, memory.descriptors)))
    note = (
        "Kernel TCP memory is that of both ends of each connection on this machine, and in no "
        "process figure. Send queues are what the server wrote and its clients have not "
        "acknowledged."
    )
    return Table("Memory of the server", ("", "base", "peak", "end"), rows, note)
