"""The page docs/memory.md: the prose of page.md, filled with what was measured."""

from collections.abc import Iterable
from pathlib import Path
from string import Template

from evloop_tools.campaign.results import Results
from evloop_tools.report.arguments import UsageError
from evloop_tools.report.page import listed
from evloop_tools.report.plot import can_plot
from evloop_tools.report.table import Table

from comparing import beside, tables
from comparing.cells import each, grown, size
from comparing.contenders import SETTINGS, Strategy
from comparing.numbers import numbers_table
from comparing.plots import BY_NUMBER, OVER_TIME, draw
from comparing.quantities import Quantity
from comparing.scenarios import BY_NAME, Scenario

_TEMPLATE = Path(__file__).with_name("page.md")


def check_page() -> None:
    """Raise UsageError when the plots can't be drawn: before a long run, not after it."""
    if not can_plot():
        raise UsageError("the page's plots need matplotlib: pip install 'evloop-server[plot]'")


def write_page(results: Results, path: Path) -> None:
    """Write the page to *path* and its plots beside it. Raises OSError when that fails."""
    pictures = {picture.name for picture in draw(results, path.parent)}
    path.write_text(render(results, pictures), encoding="utf-8")


def render(results: Results, pictures: Iterable[str] = ()) -> str:
    """Return the page as Markdown, with those of the plots that are named in *pictures*."""
    shown = {
        "over_time": (OVER_TIME, "Process memory over time, logarithmic, for each strategy"),
        "by_number_plot": (BY_NUMBER, "Process memory by the number of downloads, logarithmic"),
    }
    images = {
        place: f"![{text}]({name})" if name in pictures else ""
        for place, (name, text) in shown.items()
    }
    return Template(_TEMPLATE.read_text(encoding="utf-8")).substitute(
        summary=listed(_summary(results)),
        about=listed(f"{name}: {value}" for name, value in results.about.items()),
        servers=listed(f"{name}: {note.version}" for name, note in results.servers.items()),
        settings=_settings(),
        high_water=_high_water(results),
        in_flight=tables.in_flight_table(results),
        numbers=numbers_table(results),
        kernel=tables.kernel(results),
        waiting=tables.waiting(results),
        by_number=tables.by_number(results),
        by_size=tables.by_size(results),
        by_type=tables.by_type(results),
        timeline=tables.timeline(results),
        held=tables.held(results),
        send_queue=tables.send_queue(results),
        default_queue=tables.DEFAULT_QUEUE,
        peers=beside.beside_peers(results),
        peers_timeline=beside.peers_timeline(results),
        by_tools=beside.by_tools(results),
        losses=listed(beside.losses(results)),
        missing=listed(beside.missing(results)),
        **images,
    )


def _settings() -> str:
    rows = [
        (name, f"`{' '.join(options)}`" if options else "the defaults")
        for name, options in SETTINGS.items()
    ]
    return Table("", ("strategy", "`evloop serve` with"), rows, words=True).markdown()


def _high_water(results: Results) -> str:
    """How much higher the resident set of evloop's defaults was than the looks at it saw."""
    missed = [
        sample[Quantity.HIGH_WATER] - sample[Quantity.GROWTH]
        for cells in results.cells.values()
        if Strategy.HYBRID in cells
        for sample in cells[Strategy.HYBRID].samples
        if Quantity.HIGH_WATER in sample and Quantity.GROWTH in sample
    ]
    return size(max(missed, default=0.0))


def _summary(results: Results) -> Iterable[str]:
    for name in ("50x100MB", "video-1000", "web-100"):
        if results.cells.get(name):
            yield _against(results, BY_NAME[name])
    for name in ("stalled-8000", "idle-5000"):
        if results.cells.get(name):
            one = each(results, BY_NAME[name], Strategy.HYBRID, Quantity.GROWTH)
            yield f"{BY_NAME[name].title}: {one} of process memory each."


def _against(results: Results, scenario: Scenario) -> str:
    whole, hybrid = (
        grown(results, scenario, name) for name in (Strategy.LOAD_ALL, Strategy.HYBRID)
    )
    kernel = each(results, scenario, Strategy.HYBRID, Quantity.SERVER_SOCKETS)
    return (
        f"{scenario.title}: the process grows by {hybrid}, where loading whole files takes "
        f"{whole}. Beside it the kernel holds {kernel} in the server's end of each connection."
    )
