"""Whether a run has broken a limit: by now, or when all is seen."""

from evloop_tools.lab.history import History
from evloop_tools.report.figures import show_count, show_size
from evloop_tools.report.verdict import Limits, broken, memory_checks
from evloop_tools.report.words import pages

_OPTIONS = {
    "growth at the peak": "--max-growth",
    "RSS at the peak": "--max-rss",
    "growth per connection": "--max-growth-per-connection",
}


def breach(limits: Limits, history: History, is_final: bool = False) -> str | None:
    """Name the limit that is broken, or None.

    Growth per connection is judged at the end, since a server's first requests weigh more
    than its connections.
    """
    own = history.own_metric
    growth, rss = history.peak_growth(own), history.peak("rss")
    each = history.growth_per_connection(own) if is_final else None
    whose = f"growth of {pages(own)}"
    shown = {
        "growth at the peak": f"{whose} {show_size(growth, signed=True)}",
        "RSS at the peak": f"rss {show_size(rss)}",
        "growth per connection": f"{whose} {show_size(each, signed=True)} for each of "
        f"{show_count(history.peak_growth('connections'))} connections",
    }
    for check in broken(memory_checks(limits, growth, rss, each)):
        limit = check.limit.removeprefix("up to ")
        return f"{shown[check.name]} is over {_OPTIONS[check.name]} {limit}"
    return None


def unjudged(limits: Limits, history: History) -> str | None:
    """Say which limit could not be judged, or None."""
    if limits.growth_per_connection is None or history.peak_growth("connections"):
        return None
    return "no new connection was seen, so --max-growth-per-connection was not judged"
