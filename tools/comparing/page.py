"""The page docs/memory.md: the prose of page.md, filled with what was measured."""

from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from string import Template

from comparing import beside, tables
from comparing.cells import each, grown, size, table
from comparing.contenders import SETTINGS, Strategy
from comparing.losses import losses
from comparing.numbers import numbers
from comparing.plots import BY_NUMBER, OVER_TIME, draw
from comparing.results import Quantity, Results
from comparing.scenarios import HELD, IN_FLIGHT, Scenario

_TEMPLATE = Path(__file__).with_name("page.md")


class PageError(Exception):
    """The page can't be written; the message is one line for the user."""


def check_page() -> None:
    """Raise PageError when the plots can't be drawn: before a long run, not after it."""
    if find_spec("matplotlib") is None:
        raise PageError("the page's plots need matplotlib: pip install 'evloop-server[plot]'")


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
        summary=_listed(_summary(results)),
        about=_listed(f"{name}: {value}" for name, value in results.about.items()),
        servers=_listed(f"{name}: {version}" for name, version in results.servers.items()),
        settings=_settings(),
        high_water=_high_water(results),
        in_flight=table(tables.IN_FLIGHT_HEADINGS, tables.in_flight(results)),
        numbers=table(_NUMBER_HEADINGS, numbers(results)),
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
        losses=_listed(losses(results)),
        missing=_listed(beside.missing(results)),
        **images,
    )


_NUMBER_HEADINGS = ("what", *tables.IN_FLIGHT_HEADINGS[1:])


def _settings() -> str:
    rows = ((name, f"`{' '.join(options)}`" if options else "the defaults")
            for name, options in SETTINGS.items())  # fmt: skip
    return table(("strategy", "`evloop serve` with"), rows)


def _high_water(results: Results) -> str:
    """How much higher the resident set of evloop's defaults was than the looks at it saw."""
    cells = [each.get(Strategy.HYBRID) for each in results.cells.values()]
    missed = [
        high - grown
        for cell in cells
        if cell is not None
        for high, grown in zip(
            cell.values(Quantity.HIGH_WATER), cell.values(Quantity.GROWTH), strict=False
        )
    ]
    return size(max(missed, default=0.0))


def _summary(results: Results) -> Iterable[str]:
    by_name = {scenario.name: scenario for scenario in (*IN_FLIGHT, *HELD)}
    for name in ("50x100MB", "video-1000", "web-100"):
        if results.cells.get(name):
            yield _against(results, by_name[name])
    for name in ("stalled-8000", "idle-5000"):
        if results.cells.get(name):
            scenario = by_name[name]
            one = each(results, scenario, Strategy.HYBRID, Quantity.GROWTH)
            yield f"{scenario.title}: {one} of process memory each."


def _against(results: Results, scenario: Scenario) -> str:
    whole, hybrid = (
        grown(results, scenario, name) for name in (Strategy.LOAD_ALL, Strategy.HYBRID)
    )
    kernel = each(results, scenario, Strategy.HYBRID, Quantity.SERVER_SOCKETS)
    return (
        f"{scenario.title}: the process grows by {hybrid}, where loading whole files takes "
        f"{whole}. Beside it the kernel holds {kernel} in the server's end of each connection."
    )


def _listed(items: Iterable[str]) -> str:
    return "\n".join(f"- {item}" for item in items) or "Nothing."
