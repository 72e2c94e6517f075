"""What a run may use before it has failed."""

from dataclasses import dataclass

from lab.history import History
from report.figures import show_count, show_size

from monitoring.sentences import pages


@dataclass(frozen=True, slots=True)
class Limits:
    """Bytes; None: no such limit.

    growth: of own pages since the start
    rss: of all processes together
    growth_per_connection: peak growth of own pages over the peak of connections; judged
    at the end, since a server's first requests weigh more than its connections
    """

    growth: int | None = None
    rss: int | None = None
    growth_per_connection: int | None = None

    def breach(self, history: History) -> str | None:
        """Name the limit that is broken by now, or None."""
        own = history.own_metric
        growth, rss = history.peak_growth(own), history.peak("rss")
        if self.growth is not None and growth is not None and growth > self.growth:
            return (
                f"growth of {pages(own)} {show_size(growth, signed=True)} "
                f"is over --max-growth {show_size(self.growth)}"
            )
        if self.rss is not None and rss is not None and rss > self.rss:
            return f"rss {show_size(rss)} is over --max-rss {show_size(self.rss)}"
        return None

    def final_breach(self, history: History) -> str | None:
        """Name the limit that is broken when all is seen, or None."""
        each = history.growth_per_connection(history.own_metric)
        bound = self.growth_per_connection
        if bound is None or each is None or each <= bound:
            return self.breach(history)
        return (
            f"growth of {pages(history.own_metric)} {show_size(each, signed=True)} for each of "
            f"{show_count(history.peak_growth('connections'))} connections "
            f"is over --max-growth-per-connection {show_size(bound)}"
        )

    def unjudged(self, history: History) -> str | None:
        """Say which limit could not be judged, or None."""
        if self.growth_per_connection is None or history.peak_growth("connections"):
            return None
        return "no new connection was seen, so --max-growth-per-connection was not judged"
