"""What the figures mean, in one line."""

from evloop_tools.lab.history import METRICS, History
from evloop_tools.report.figures import show_clock, show_count, show_size
from evloop_tools.report.words import KINDS, pages


def counterfactual(history: History, name: str) -> list[str]:
    """Say what loading whole files would take now, beside what the server takes: the clauses."""
    total, own = history.total_metric, history.own_metric
    takes = (
        f"{name} {show_size(METRICS[total](history.now))} "
        f"({show_size(history.growth(own), signed=True)})"
    )
    downloads = history.now.downloads
    if downloads is None:
        return [takes]
    if not downloads.count:
        return [f"no file is open for reading: {takes}"]
    size = show_size(downloads.size)
    plural = "s" if downloads.count > 1 else ""
    return [
        f"{show_count(downloads.count)} download{plural} of {size} in flight: {takes}",
        f"load-all {size} ({show_size(2 * downloads.size)} with the string copy)",
    ]


def lower_bound(history: History) -> str | None:
    """Say why the counterfactual is a lower bound, or None."""
    downloads, connections = history.now.downloads, history.now.connections
    queues = connections.queues if connections else None
    return downloads.note(queues.sending if queues else None) if downloads else None


def summary(history: History, name: str) -> list[str]:
    """Say what the whole run came to, a line for each thing; which figure is which is said."""
    total, own = history.total_metric, history.own_metric
    start, end = METRICS[total](history.start), METRICS[total](history.now)
    lines = [
        f"{name}, {show_clock(history.elapsed)}, {history.seen:,} samples",
        f"memory ({total.upper()}): {show_size(start)} at the start, "
        f"{show_size(history.peak(total))} at the peak, {show_size(end)} at the end",
        f"growth of {pages(own)}: {show_size(history.peak_growth(own), signed=True)} at the peak, "
        f"{show_size(history.growth(own), signed=True)} at the end",
    ]
    connections = history.peak_growth("connections")
    if connections:
        each = show_size(history.growth_per_connection(own), signed=True)
        lines.append(f"growth per connection: {each} for each of {show_count(connections)}")
    if history.peak("downloads"):
        lines.append(
            f"load-all: up to {show_size(history.peak('load_all'))} "
            f"for {show_count(history.peak('downloads'))} downloads in flight"
        )
    if history.peak("kernel_tcp") is not None:
        lines.append(
            f"kernel: its send queues up to {show_size(history.peak('send_queues'))}, "
            f"TCP memory of the machine up to {show_size(history.peak('kernel_tcp'))}"
        )
    return [*lines, *kinds()]


def kinds() -> list[str]:
    """Say what each kind of memory is, a line for each, in 78 columns."""
    return [f"{name:<13}{meaning}" for name, meaning in KINDS.items()]
