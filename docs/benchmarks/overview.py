"""Draw overview.svg: what other servers spend, as a multiple of what evloop spends.

python docs/benchmarks/overview.py          # reads results.md, writes overview.svg beside it

Every multiple is the quotient of two medians of results.md, which tools/bench writes.
"""

import math
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).resolve().parent
RESULTS, PICTURE = HERE / "results.md", HERE / "overview.svg"


class Row(NamedTuple):
    """A row of the picture: a section of results.md, and what its first figure is called here."""

    section: str
    label: str


ROWS = (
    Row("1 KiB, keep-alive, browser-like headers", "CPU: small file, known head"),
    Row("1,000 files of 4 KiB, no two request heads alike", "CPU: small file, every head new"),
    Row("a new connection per request", "CPU: a new connection"),
    Row("100 KiB from memory", "CPU: 100 KiB file"),
    Row("one 100 MiB file, 16 clients, 32 KiB refill", "CPU: 100 MiB file, copied"),
    Row("the same with sendfile", "CPU: 100 MiB file, sendfile"),
    Row("an idle keep-alive connection", "Memory: an idle connection"),
    Row("a stalled download", "Memory: a stalled download"),
    Row("1,000 downloads read at 64 KiB/s, and a fast one", "Kernel memory: 1,000 slow downloads"),
    Row("start until the port answers; memory at rest", "Time: start until it answers"),
)
SUBJECT = "evloop"
SERVERS = {
    "nginx": ("nginx", "#1b7f3b", "circle"),
    "nginx-cache": ("nginx with open_file_cache", "#1b7f3b", "ring"),
    "lighttpd": ("lighttpd", "#8a4fbf", "square"),
    "h2o": ("h2o", "#c2185b", "diamond"),
    "caddy": ("Caddy", "#0b7285", "triangle"),
    "aiohttp": ("aiohttp (Python)", "#c77700", "cross"),
}

_LEAST, _MOST = 0.08, 200.0  # multiples at both ends of the axis
_TICKS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100)
# Pixels: the picture, the field of the marks in it, a row, and half a mark.
_WIDTH, _LEFT, _RIGHT, _TOP, _ROW, _MARK = 900, 255, 20, 112, 30, 5


def medians(results: str, section: str) -> dict[str, float]:
    """Return the first figure of each server in *section*; those without a valid one are left out.

    Raises ValueError when there is no such section.
    """
    found = re.search(rf"^### {re.escape(section)}\n\n(.*?)(?:\n\n|\Z)", results, re.M | re.S)
    if found is None:
        raise ValueError(f"no section {section!r}")
    cells = re.findall(r"^\| ([\w.-]+) \| ([\d,.]+)", found[1], re.M)
    return {server: float(figure.replace(",", "")) for server, figure in cells}


def multiples(results: str, row: Row) -> dict[str, float]:
    """Return what each of SERVERS spends in *row*, divided by what evloop spends."""
    figures = medians(results, row.section)
    return {name: figures[name] / figures[SUBJECT] for name in SERVERS if name in figures}


def render(results: str) -> str:
    """Return the picture as SVG."""
    bottom = _TOP + len(ROWS) * _ROW
    lines = [*_head(bottom), *_axis(bottom)]
    for number, row in enumerate(ROWS):
        y = _TOP + number * _ROW + _ROW // 2
        lines += _label(row, y)
        lines += (_mark(name, at, y) for name, at in multiples(results, row).items())
    return "\n".join([*lines, "</svg>", ""])


def _x(multiple: float) -> float:
    share = math.log(multiple / _LEAST) / math.log(_MOST / _LEAST)
    return _LEFT + share * (_WIDTH - _LEFT - _RIGHT)


def _text(x: float, y: float, text: str, *, anchor: str = "start", style: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{style}>{text}</text>'


def _head(bottom: int) -> Iterator[str]:
    height = bottom + 50
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img" '
        f'width="{_WIDTH}" height="{height}" font-family="sans-serif" font-size="13" '
        'fill="#222">'
    )
    yield "<title>What other servers spend, as a multiple of evloop. Less is better.</title>"
    yield f'<rect width="{_WIDTH}" height="{height}" fill="#fff"/>'
    bold = ' font-size="17" font-weight="bold"'
    yield _text(12, 26, "What other servers spend, as a multiple of evloop", style=bold)
    yield _text(
        12,
        46,
        "Less is better: left of the blue line a server spends less than evloop. Logarithmic.",
    )
    x = 12.0
    for name, (label, _, _) in SERVERS.items():
        yield _shape(name, x + _MARK, 68)
        yield _text(x + 16, 72, label)
        x += 36 + 7.2 * len(label)


def _axis(bottom: int) -> Iterator[str]:
    one, end = _x(1), _x(_MOST)
    top = _TOP - 6
    yield (
        f'<rect x="{_LEFT}" y="{top}" width="{one - _LEFT:.1f}" height="{bottom - top}" '
        'fill="#fdecea"/>'
    )
    yield (
        f'<rect x="{one:.1f}" y="{top}" width="{end - one:.1f}" height="{bottom - top}" '
        'fill="#eaf4fd"/>'
    )
    for tick in _TICKS:
        stroke = "#1f77b4" if tick == 1 else "#ccc"
        yield f'<path d="M{_x(tick):.1f} {top}V{bottom}" stroke="{stroke}" fill="none"/>'
        yield _text(_x(tick), bottom + 18, f"{tick:g} x", anchor="middle")
    yield _text(_LEFT, _TOP - 14, "the others spend less: evloop loses", style=' fill="#b3261e"')
    yield _text(end, _TOP - 14, "the others spend more", anchor="end", style=' fill="#1f5f99"')
    yield _text(one, bottom + 38, "evloop = 1", anchor="middle", style=' fill="#1f5f99"')


def _label(row: Row, y: int) -> Iterator[str]:
    yield _text(_LEFT - 12, y + 4, row.label, anchor="end")
    yield f'<path d="M{_LEFT} {y}H{_WIDTH - _RIGHT}" stroke="#ddd" fill="none"/>'


def _mark(name: str, multiple: float, y: int) -> str:
    label = SERVERS[name][0]
    tip = f"<title>{label}: {multiple:.3g} x</title>"
    return f"<g>{tip}{_shape(name, _x(multiple), y)}</g>"


def _shape(name: str, x: float, y: float) -> str:
    _, colour, shape = SERVERS[name]
    size = _MARK
    if shape == "circle":
        return f'<circle cx="{x:.1f}" cy="{y}" r="{size}" fill="{colour}"/>'
    if shape == "ring":
        ring = f'r="{size - 1}" stroke="{colour}" stroke-width="2" fill="#fff"'
        return f'<circle cx="{x:.1f}" cy="{y}" {ring}/>'
    if shape == "cross":
        arms = (
            f"M{x - size:.1f} {y - size}l{2 * size} {2 * size}m0 {-2 * size}l{-2 * size} {2 * size}"
        )
        return f'<path d="{arms}" stroke="{colour}" stroke-width="3" fill="none"/>'
    outlines = {
        "square": f"M{x - size:.1f} {y - size}h{2 * size}v{2 * size}h{-2 * size}z",
        "diamond": f"M{x:.1f} {y - size - 1}l{size + 1} {size + 1}l{-size - 1} {size + 1}"
        f"l{-size - 1} {-size - 1}z",
        "triangle": f"M{x:.1f} {y - size}l{size} {2 * size}h{-2 * size}z",
    }
    return f'<path d="{outlines[shape]}" fill="{colour}"/>'


if __name__ == "__main__":
    PICTURE.write_text(render(RESULTS.read_text(encoding="utf-8")), encoding="utf-8")
    sys.stdout.write(f"{PICTURE.name} was written\n")
