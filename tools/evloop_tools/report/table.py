"""A table, as text that fits a terminal, as Markdown and as HTML."""

import re
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from html import escape
from textwrap import wrap
from typing import Generic, TextIO, TypeVar

Row = Sequence[str]

WIDTH = 80
"""Characters of a line where there is no terminal to ask."""
_GAP = "  "
_HEADER_EVERY = 30  # lines
_BOUND = re.compile(r"(?<=\d) (?=\S)|(?<=[≤≥]) ")
_HARD_SPACE = "\u00a0"


def terminal_width(stream: TextIO) -> int:
    """Return the characters that a line of *stream* may have."""
    return shutil.get_terminal_size((WIDTH, 24)).columns if stream.isatty() else WIDTH


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under a header, or a list without one. No cell is ever cut.

    words: whether the cells behind the first column are words, and not figures
    """

    title: str
    header: Row
    rows: Sequence[Row]
    note: str = ""
    words: bool = False

    @property
    def _lines(self) -> list[Row]:
        return [self.header, *self.rows] if self.header else list(self.rows)

    def text(self, width: int = WIDTH) -> str:
        """Return it in lines of *width* characters, in several parts where it is wider.

        Each part repeats the first column; words are wrapped.
        """
        room = width - len(_GAP)
        if self.words:
            body = _wrapped(self._lines, room)
        else:
            parts = _parts(self._lines, room)
            body = [line for part in parts for line in ["", *_aligned(part)]][1:]
        notes = wrap(self.note, room)
        return "\n".join([self.title, *(f"{_GAP}{line}".rstrip() for line in [*body, *notes])])

    def markdown(self) -> str:
        """Return it in Markdown, without its title."""
        columns = len(self._lines[0]) if self._lines else 1
        header = self.header or ("",) * columns
        rule = ("---", *["---" if self.words else "---:"] * (columns - 1))
        return "\n".join(
            f"| {' | '.join(map(_escaped, line))} |" for line in (header, rule, *self.rows)
        )

    def html(self) -> str:
        """Return it as an element, without its title."""
        lines = [_html_row(self.header, "th")] if self.header else []
        lines += [_html_row(row, "td") for row in self.rows]
        kind = ' class="text"' if self.words else ""
        return f'<div class="scroll"><table{kind}>\n' + "\n".join(lines) + "\n</table></div>"


def _widths(lines: Sequence[Row]) -> list[int]:
    return [max(map(len, column)) for column in zip(*lines, strict=True)]


def _parts(lines: Sequence[Row], room: int) -> list[list[Row]]:
    """Share the columns out among parts that fit into *room*, the first one in each."""
    if not lines:
        return []
    widths = _widths(lines)
    parts: list[list[int]] = [[]]
    used = widths[0]
    for column, width in enumerate(widths[1:], 1):
        if parts[-1] and used + len(_GAP) + width > room:
            parts.append([])
            used = widths[0]
        parts[-1].append(column)
        used += len(_GAP) + width
    return [[[line[0], *(line[column] for column in part)] for line in lines] for part in parts]


def _aligned(lines: Sequence[Row]) -> list[str]:
    widths = _widths(lines)
    return [
        _GAP.join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]


def _wrapped(lines: Sequence[Row], room: int) -> list[str]:
    """Align columns of words, the widest of which are wrapped until all fit into *room*."""
    if not lines:
        return []
    widths = _widths(lines)
    least = [max(map(_longest_word, column)) for column in zip(*lines, strict=True)]
    while sum(widths) + len(_GAP) * (len(widths) - 1) > room:
        spare = [column for column, width in enumerate(widths) if width > least[column]]
        if not spare:
            break
        widths[max(spare, key=widths.__getitem__)] -= 1
    found = []
    for line in lines:
        cells = [_folded(cell, width) for cell, width in zip(line, widths, strict=True)]
        for number in range(max(map(len, cells))):
            pieces = (cell[number] if number < len(cell) else "" for cell in cells)
            padded = (piece.ljust(width) for piece, width in zip(pieces, widths, strict=True))
            found.append(_GAP.join(padded).rstrip())
    return found


def _longest_word(cell: str) -> int:
    return max(map(len, _BOUND.sub(_HARD_SPACE, cell).split(" ")))


def _folded(cell: str, width: int) -> list[str]:
    """Wrap *cell* between its words, but never between a number and its unit."""
    bound = _BOUND.sub(_HARD_SPACE, cell)
    folded = wrap(bound, width, break_on_hyphens=False) or [""]
    return [line.replace(_HARD_SPACE, " ") for line in folded]


def _escaped(text: str) -> str:
    for sign, instead in (("|", "\\|"), ("<", "&lt;"), ("\n", " ")):
        text = text.replace(sign, instead)
    return text


def _html_row(row: Row, tag: str) -> str:
    return "<tr>" + "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in row) + "</tr>"


Shown = TypeVar("Shown")


@dataclass(frozen=True, slots=True)
class Column(Generic[Shown]):
    """A column of Lines: its title, its width, and what stands in it.

    rank: columns with a high one are left out first where there is no room for all
    """

    title: str
    width: int
    figure: Callable[[Shown], str]
    rank: int = 0


class Lines(Generic[Shown]):
    """Writes a line of figures now and then, in *width* characters at most (None: as it comes).

    In a terminal it is no wider than that is.
    """

    def __init__(
        self, stream: TextIO, columns: Iterable[Column[Shown]], width: int | None = None
    ) -> None:
        self._stream = stream
        self._columns = list(columns)
        room = terminal_width(stream) if stream.isatty() else width
        while room is not None and self._width > room and len(self._columns) > 1:
            self._columns.remove(max(self._columns, key=lambda column: column.rank))
        self._written = 0

    @property
    def _width(self) -> int:
        return sum(len(_GAP) + column.width for column in self._columns) - len(_GAP)

    def show(self, shown: Shown) -> None:
        """Write a line about *shown*, below a header from time to time."""
        if self._written % _HEADER_EVERY == 0:
            self._write([column.title for column in self._columns])
        self._write([column.figure(shown) for column in self._columns])
        self._written += 1

    def redraw(self) -> None:
        """What is written stays."""

    def _write(self, cells: list[str]) -> None:
        padded = (
            f"{cell:>{column.width}}" for cell, column in zip(cells, self._columns, strict=True)
        )
        self._stream.write(_GAP.join(padded) + "\n")
        self._stream.flush()
