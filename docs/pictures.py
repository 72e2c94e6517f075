"""Draw the pictures of docs/memory.md, docs/security.md and docs/soak.md from their results.

python docs/pictures.py          # writes overview.svg beside each results file

Every figure is one of the results files, which tools/ write.
"""

import math
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).resolve().parent
COLOURS = {
    "evloop": "#1f77b4",
    "nginx": "#1b7f3b",
    "lighttpd": "#8a4fbf",
    "Caddy": "#0b7285",
    "aiohttp": "#c77700",
    "http.server": "#8d6e63",
    "starlette": "#c2185b",
    "loading whole files": "#bf3b0b",
}
_UNITS = {"B": 1, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}

# Pixels: the picture, where its bars begin and end, a bar with its gap, a heading over bars.
_WIDTH, _LEFT, _RIGHT, _BAR, _HEADING, _TOP = 900, 170, 130, 21, 34, 62


class Bar(NamedTuple):
    """One figure: whose, as a number, and as it is written; *is_open*: it is more than that."""

    name: str
    value: float
    text: str
    is_open: bool = False


class Group(NamedTuple):
    """Bars under one heading."""

    heading: str
    bars: tuple[Bar, ...]


class Series(NamedTuple):
    """Points of one line."""

    name: str
    colour: str
    points: tuple[tuple[float, float], ...]


# What is drawn


def memory(results: str) -> str:
    """Return the picture of docs/memory.md."""
    rows = _table(results, "#### 50 x 100 MB")
    whole = _row(results, "50 x 100 MB")[1]
    names = ("evloop", "nginx", "aiohttp", "http.server", "starlette")
    growth = [_size_bar(name, rows[name][1]) for name in names]
    groups = [
        Group(
            "50 downloads of 100 MB at once: the process grows by",
            (*growth, _size_bar("loading whole files", whole)),
        ),
        Group(
            "and its kernel queues hold", tuple(_size_bar(name, rows[name][4]) for name in names)
        ),
        Group("the process at rest takes", tuple(_size_bar(name, rows[name][0]) for name in names)),
    ]
    least = 16 * 1024
    title = "Memory while 50 clients download 100 MB each"
    note = "Less is better. Logarithmic: each step is 16 times the one before."
    ticks = [(least * 16**step, text) for step, text in enumerate(_SIZES)]
    return _bars(title, note, groups, ticks, lambda value: math.log(value / least))


_SIZES = ("16 KiB", "256 KiB", "4 MiB", "64 MiB", "1 GiB", "16 GiB")


def security(results: str) -> str:
    """Return the picture of docs/security.md."""
    kept = (
        ("A request head that never ends, a field a second", "a request head that never ends"),
        ("A download that is never read", "a download that is never read"),
        ("A download read at 512 bytes/s", "a download read at 512 bytes/s"),
        ("A connection that never asks", "a connection that never asks"),
    )
    servers = ("evloop", "nginx", "lighttpd", "Caddy")
    groups = []
    for row, heading in kept:
        cells = _row(results, row)
        told = dict(zip(("nginx", "lighttpd", "Caddy", "evloop"), cells, strict=False))
        groups.append(Group(heading, tuple(_time_bar(name, told[name]) for name in servers)))
    title = "How long a client that only holds on is kept"
    note = "Less is better. Seconds with the default settings; an arrow: longer than was waited."
    ticks = [(float(at), f"{at} s") for at in (0, 30, 60, 90, 120, 150)]
    return _bars(title, note, groups, ticks, lambda value: value)


def soak(lines: str) -> str:
    """Return the picture of docs/soak.md, of what tools/soak.py prints while it runs."""
    found = re.findall(r"^(\d+):(\d\d):(\d\d) .* \+([\d,.]+) (B|KiB|MiB)$", lines, re.M)
    points = [
        (int(h) * 60 + int(m) + int(s) / 60, float(size.replace(",", "")) * _UNITS[unit] / 1024)
        for h, m, s, size, unit in found
    ]
    end = points[-1][0]
    limit = ((0.0, 0.0), (end, 64.0 * end))
    series = [
        Series("the limit: 64 KiB a minute", "#bf3b0b", limit),
        Series("evloop's own memory", COLOURS["evloop"], tuple(points)),
    ]
    title = "Growth of the server's memory under one hour of load"
    return _lines(title, "Less is better, and a level line is constant.", series)


PICTURES: Mapping[Path, tuple[Path, Callable[[str], str]]] = {
    HERE / "memory/overview.svg": (HERE / "memory/results.md", memory),
    HERE / "security/overview.svg": (HERE / "security/attacks.md", security),
    HERE / "soak/overview.svg": (HERE / "soak/one-hour.txt", soak),
}


# Where it is from


def _table(results: str, heading: str) -> dict[str, list[str]]:
    """Return the cells of each row of the table under *heading*, by its first cell."""
    part = results.partition(f"\n{heading}\n")[2].partition("\n#")[0]
    rows = [
        [cell.strip() for cell in row.split("|")] for row in re.findall(r"^\|(.*)\|$", part, re.M)
    ]
    return {name: cells for name, *cells in rows}


def _row(results: str, name: str) -> list[str]:
    """Return the cells of the first row that *name* begins."""
    found = re.search(rf"^\| {re.escape(name)} \|(.*)\|$", results, re.M)
    if found is None:
        raise ValueError(f"no row {name!r}")
    return [cell.strip() for cell in found[1].split("|")]


def _size_bar(name: str, cell: str) -> Bar:
    number, unit = cell.split()
    return Bar(name, float(number) * _UNITS[unit], cell)


def _time_bar(name: str, cell: str) -> Bar:
    found = re.fullmatch(r"kept (more than )?(\d+) s", cell)
    if found is None:
        raise ValueError(f"no time: {cell!r}")
    return Bar(name, float(found[2]), cell.removeprefix("kept "), found[1] is not None)


# How it is drawn


def _bars(
    title: str,
    note: str,
    groups: Sequence[Group],
    ticks: Sequence[tuple[float, str]],
    scale: Callable[[float], float],
) -> str:
    """Return groups of bars over one axis; *scale* grows with the value, and is 0 at its left."""
    height = _TOP + sum(_HEADING + _BAR * len(group.bars) for group in groups) + 36
    last = scale(ticks[-1][0])

    def x(value: float) -> float:
        return _LEFT + max(0.0, scale(value)) / last * (_WIDTH - _LEFT - _RIGHT)

    lines = list(_head(title, note, height))
    for at, text in ticks:
        lines.append(f'<path d="M{x(at):.1f} {_TOP}V{height - 30}" stroke="#ddd" fill="none"/>')
        lines.append(_text(x(at), height - 12, text, anchor="middle"))
    y = _TOP
    for group in groups:
        y += _HEADING
        lines.append(_text(_LEFT, y - 9, group.heading, style=' font-weight="bold"'))
        for bar in group.bars:
            lines += _bar(bar, x(bar.value), y)
            y += _BAR
    return "\n".join([*lines, "</svg>", ""])


def _bar(bar: Bar, end: float, y: float) -> Iterator[str]:
    weight = ' font-weight="bold"' if bar.name == "evloop" else ""
    yield _text(_LEFT - 10, y + 12, bar.name, anchor="end", style=weight)
    width = max(2.0, end - _LEFT)
    colour = COLOURS[bar.name]
    yield f'<rect x="{_LEFT}" y="{y}" width="{width:.1f}" height="{_BAR - 6}" fill="{colour}"/>'
    if bar.is_open:
        middle = (_BAR - 6) / 2
        tip = f"M{end:.1f} {y}l{middle + 3} {middle}l{-middle - 3} {middle}z"
        yield f'<path d="{tip}" fill="{colour}"/>'
    yield _text(end + (20 if bar.is_open else 8), y + 12, bar.text, style=weight)


def _lines(title: str, note: str, series: Sequence[Series]) -> str:
    """Return lines of KiB over minutes, each with its name at its end."""
    height, bottom, left, right = 400, 350, 80, 190
    across = max(x for each in series for x, _ in each.points)
    high = max(y for each in series for _, y in each.points)

    def place(point: tuple[float, float]) -> tuple[float, float]:
        x, y = point
        return left + x / across * (_WIDTH - left - right), bottom - y / high * (bottom - _TOP - 10)

    lines = list(_head(title, note, height))
    for kib in range(0, int(high) + 1, 1024):
        y = place((0, kib))[1]
        lines.append(f'<path d="M{left} {y:.1f}H{_WIDTH - right}" stroke="#ddd" fill="none"/>')
        lines.append(
            _text(left - 8, y + 4, f"+{kib // 1024} MiB" if kib else "start", anchor="end")
        )
    for minute in range(0, int(across) + 1, 10):
        text = f"{minute} min" if minute else "0"
        lines.append(_text(place((minute, 0))[0], bottom + 22, text, anchor="middle"))
    for each in series:
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in map(place, each.points))
        lines.append(
            f'<polyline points="{path}" fill="none" stroke="{each.colour}" stroke-width="3"/>'
        )
        x, y = place(each.points[-1])
        lines.append(_text(x + 8, y + 4, each.name, style=f' fill="{each.colour}"'))
    return "\n".join([*lines, "</svg>", ""])


def _text(x: float, y: float, text: str, *, anchor: str = "start", style: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{style}>{text}</text>'


def _head(title: str, note: str, height: float) -> Iterator[str]:
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img" '
        f'width="{_WIDTH}" height="{height}" font-family="sans-serif" font-size="13" fill="#222">'
    )
    yield f"<title>{title}. {note}</title>"
    yield f'<rect width="{_WIDTH}" height="{height}" fill="#fff"/>'
    yield _text(12, 26, title, style=' font-size="17" font-weight="bold"')
    yield _text(12, 46, note)


if __name__ == "__main__":
    for picture, (source, draw) in PICTURES.items():
        picture.write_text(draw(source.read_text(encoding="utf-8")), encoding="utf-8")
        sys.stdout.write(f"{picture.relative_to(HERE)} was written\n")
