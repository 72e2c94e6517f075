"""The live view: numbers, memory over time, and a bar against loading whole files."""

import os
import signal
from collections.abc import Iterable, Sequence
from math import inf

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.live import Live
from rich.table import Table
from rich.text import Text

from evloop_tools.lab.history import METRICS, History
from evloop_tools.lab.terminal import Events
from evloop_tools.monitoring.sentences import counterfactual, kinds, lower_bound
from evloop_tools.report.figures import show_clock, show_count, show_size
from evloop_tools.report.scale import LogScale, binary_unit, columns, nice_span, nice_top
from evloop_tools.report.words import pages

_OWN, _FILES, _GOOD, _BAD, _DIM = "cyan", "blue", "green", "red", "bright_black"
_LABEL = 12  # characters left of graphs and bars
_TALL = 34  # rows from which the connections get a graph too
_ROWS = (
    ("own pages", "anonymous", "bold cyan"),
    ("file-backed", "file_backed", ""),
    ("PSS", "pss", "bold"),
    ("USS", "uss", ""),
    ("RSS", "rss", ""),
    ("send queues", "send_queues", ""),
    ("TCP, machine", "kernel_tcp", ""),
)
_LESS = {"uss"}  # left out of a low window
_EACH = {"anonymous", "send_queues", "kernel_tcp"}  # shown for each connection
_FIGURE = 11  # characters of a figure, and of the longest heading
_TABLE = 13 + 5 * (_FIGURE + 1)  # and of the table with all five of them
_LEAST = 16  # samples that a graph has room for from the start
_EIGHTHS = " ▁▂▃▄▅▆▇█"
_SHADE = "░"


class LiveView:
    """Shows the history on the alternate screen; a context manager that puts all back."""

    def __init__(self, events: Events, name: str, what: str, duration: float = inf) -> None:
        self._events = events
        self._name, self._what, self._duration = name, what, duration
        self._history: History | None = None
        self._live = self._new()

    def _new(self) -> Live:
        return Live(
            Text("the first look ..."),
            screen=True,
            auto_refresh=False,
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def __enter__(self) -> "LiveView":
        self._events.take_keys()
        try:
            self._live.start(refresh=True)
        except BaseException:
            self._events.give_keys_back()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._live.stop()
        finally:
            self._events.give_keys_back()

    def show(self, history: History) -> None:
        self._history = history
        self.redraw()

    def redraw(self) -> None:
        """Draw again, for a window of another size; stand aside first after Ctrl-Z."""
        if self._events.pause:
            self._stand_aside()
        if self._history is not None:
            self._live.update(
                Screen(self._history, self._name, self._what, self._duration), refresh=True
            )

    def _stand_aside(self) -> None:
        self.__exit__()
        self._events.pause = False
        os.kill(os.getpid(), signal.SIGSTOP)
        self._live = self._new()
        self.__enter__()


class Screen:
    """One picture of a history, as large as the window; *duration* is that of the run."""

    def __init__(self, history: History, name: str, what: str, duration: float = inf) -> None:
        self._history, self._name, self._what = history, name, what
        self._left = max(0.0, duration - history.elapsed)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width, height = options.max_width, options.height or console.height
        apart = [Text()] if height >= _TALL else []
        above = Group(
            self._head(width), *apart, self._sentence(width), *apart, self._numbers(width, height)
        )
        explained = [Text(line, _DIM, no_wrap=True) for line in kinds()] if apart else []
        below = Group(*apart, *self._bars(width), *explained)
        free = options.update(height=None)
        room = height - sum(len(console.render_lines(part, free)) for part in (above, below))
        yield above
        yield from self._graphs(width, room, height)
        yield below

    def _head(self, width: int) -> Text:
        now = self._history.now
        left = f" {self._name}  {self._what}"
        more = f" and {now.processes - 1} more" if now.processes > 1 else ""
        left_over = f", {show_clock(self._left)} left" if self._left < inf else ""
        right = f"{show_clock(self._history.elapsed)}{left_over}  q ends "
        text = f"{left}{more}"[: max(0, width - len(right) - 1)]
        return Text(text.ljust(width - len(right)) + right, "reverse", no_wrap=True)

    def _sentence(self, width: int) -> Text:
        clauses = counterfactual(self._history, self._name)
        fits = len(", ".join(clauses)) <= width
        text = Text((", " if fits else ",\n").join(clauses), "bold")
        bound = lower_bound(self._history)
        return text.append(f"\n{bound}", "not bold yellow") if bound else text

    def _numbers(self, width: int, height: int) -> RenderableType:
        if width < 120:
            return Group(self._memory(width, height), Text("\n").join(self._facts()))
        grid = Table.grid(padding=(0, 2))
        grid.add_column(no_wrap=True, min_width=_TABLE)
        grid.add_row(self._memory(width, height), Text("\n").join(self._facts()))
        return grid

    def _memory(self, width: int, height: int) -> Table:
        titles = ["now", "start", "peak", "growth", "/connection"]
        if width < 72:
            titles = ["now", "peak", "growth"]
        table = Table(box=None, padding=(0, 1, 0, 0), header_style=_DIM)
        table.add_column("", no_wrap=True)
        for title in titles:
            table.add_column(title, justify="right", no_wrap=True, min_width=_FIGURE)
        for label, metric, style in _ROWS:
            if height < _TALL and metric in _LESS:
                continue
            cells = self._cells(metric)
            table.add_row(label, *(cells[title] for title in titles), style=style)
        return table

    def _cells(self, metric: str) -> dict[str, str]:
        history, getter = self._history, METRICS[metric]
        each = history.growth_per_connection(metric) if metric in _EACH else None
        return {
            "now": show_size(getter(history.now)),
            "start": show_size(getter(history.start)),
            "peak": show_size(history.peak(metric)),
            "growth": show_size(history.growth(metric), signed=True),
            "/connection": "" if each is None else show_size(each, signed=True),
        }

    def _facts(self) -> Iterable[Text]:
        now, own = self._history.now, self._history.own_metric
        if own != "anonymous":
            yield Text(f"n/a: not told by this platform; growth is that of {pages(own)}")
        yield Text(
            f"CPU {now.cpu:.1f} %   threads {now.threads}   "
            f"descriptors {show_count(now.descriptors)}"
        )
        if now.connections is not None:
            states = now.connections.states.most_common()
            shown = "   ".join(f"{count:,} {state}" for state, count in states)
            yield Text(f"sockets: {shown or 'none'}", overflow="ellipsis", no_wrap=True)
        if now.cgroup is not None:
            limit = f"of {show_size(now.cgroup.limit)}" if now.cgroup.limit else "without limit"
            cache = show_size(now.cgroup.cache)
            yield Text(f"cgroup: {show_size(now.cgroup.usage)} {limit}, page cache {cache}")

    def _graphs(self, width: int, room: int, height: int) -> Iterable[RenderableType]:
        if room < 4:
            yield from [Text()] * max(0, room)
            return
        second = room // 3 if height >= _TALL else 0
        own, total = self._history.own_metric, self._history.total_metric
        title = f"memory ({total.upper()})"
        if own != total:
            title += ": █ own pages  ░ file-backed"
        yield from self._graph(title, own, total, width, room - second, True)
        if second:
            yield from self._graph(
                "connections", "connections", "connections", width, second, False
            )

    def _graph(
        self, title: str, low: str, high: str, width: int, rows: int, sizes: bool
    ) -> Iterable[Text]:
        """A title, the picture, and the time axis: *rows* lines in all."""
        wide = max(10, width - _LABEL - 1)
        samples = max(1, len(self._history.samples) - 1)
        step = self._history.elapsed / samples or 1.0
        span = nice_span(self._history.elapsed, step * _LEAST)
        lower = columns(self._history.series(low), span, wide)
        upper = columns(self._history.series(high), span, wide)
        most = max((value for value in upper if value), default=1.0)
        top = nice_top(most * 1.02, binary_unit(most) if sizes else 1.0)
        show = show_size if sizes else show_count
        picture = area(lower, upper, top, rows - 2, (_OWN, _FILES))
        yield Text(title, _DIM, no_wrap=True)
        for index, line in enumerate(picture):
            label = show(top) if index == 0 else "0" if index == rows - 3 else ""
            yield Text(f"{label:>{_LABEL}}", _DIM, no_wrap=True).append("▕", _DIM).append(line)
        end = f"+{show_clock(span)}"
        yield Text(" " * (_LABEL + 1) + "0:00:00" + end.rjust(wide - 7), _DIM, no_wrap=True)

    def _bars(self, width: int) -> list[Text]:
        history = self._history
        total = METRICS[history.total_metric](history.now) or 0
        loaded = METRICS["load_all"](history.now)
        peak = history.peak("load_all") or 0
        scale = LogScale(min(total, 1024**2), max(total, 2 * peak), max(10, width - _LABEL - 22))
        lines = [
            Text("against loading whole files, each tick is 10 times more", _DIM, no_wrap=True)
        ]
        lines.append(_bar(self._name, total, scale, _GOOD))
        lines.append(_bar("load-all", loaded, scale, _BAD))
        if loaded and total:
            lines[-1].append(f"{loaded / total:6.4g} x".rjust(9))
        lines.append(_ticks(scale))
        return lines


def _bar(name: str, value: float | None, scale: LogScale, style: str) -> Text:
    text = Text(f"{name[:_LABEL]:>{_LABEL}} ", no_wrap=True)
    return text.append("━" * scale.length(value or 0), style).append(f" {show_size(value)}", "bold")


def _ticks(scale: LogScale) -> Text:
    line = ""
    for column, tick in scale.ticks():
        if len(line) <= column:
            line = line.ljust(column) + "╵" + show_size(tick)
    return Text(" " * _LABEL + line, _DIM, no_wrap=True, overflow="crop")


def area(lower: Sequence[float | None], upper: Sequence[float | None], top: float, height: int,
         styles: tuple[str, str]) -> list[Text]:  # fmt: skip
    """Draw *lower* filled and what *upper* adds to it shaded, *top* being the full height.

    One character is one column wide and shows eighths of its height. *styles* are the
    colours of the two.
    """
    filling, shading = styles
    solid = f"{shading} on {shading}"  # the character itself is for those without colours
    lines = []
    for line in range(height):
        floor = height - 1 - line  # rows below this one
        text = Text()
        for low, high in zip(lower, upper, strict=True):
            filled = 8 * ((low or 0) / top * height - floor)
            shaded = (high or 0) / top * height - floor
            if filled >= 0.5:
                behind = f"{filling} on {shading}" if shaded >= 0.5 else filling
                text.append(_EIGHTHS[min(8, round(filled))], behind)
            elif shaded >= 0.5:
                text.append(_SHADE, solid)
            else:
                text.append(" ")
        lines.append(text)
    return lines
