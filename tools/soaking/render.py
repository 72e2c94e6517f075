"""A report as text for a terminal, as Markdown, and as one HTML file."""

from html import escape
from textwrap import wrap

from soaking.report import Page, Row, Table

_WIDTH = 100  # characters of a note in a terminal

_STYLE = """\
body { font: 15px/1.5 system-ui, sans-serif; max-width: 75rem; margin: 2rem auto; padding: 0 1rem;
       color: #1b1f24; background: #fff; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
.verdict { padding: .75rem 1rem; border-left: .4rem solid; background: #f6f8fa; }
.pass { border-color: #1a7f37; } .fail { border-color: #cf222e; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .75rem .25rem 0; text-align: right; vertical-align: top;
         border-bottom: 1px solid #d0d7de; white-space: nowrap; }
th:first-child, td:first-child, .text td, .text th { text-align: left; }
.text td { white-space: normal; overflow-wrap: anywhere; } .text td:first-child { min-width: 9rem; }
.note { color: #59636e; max-width: 60rem; } svg { max-width: 100%; height: auto; }
@media (prefers-color-scheme: dark) {
  body { color: #e6edf3; background: #0d1117; } .verdict { background: #161b22; }
  th, td { border-color: #30363d; } .note { color: #9198a1; }
  figure { background: #fff; border-radius: .5rem; padding: .5rem; }
}
figure { margin: 1rem 0; }
"""


def as_text(page: Page) -> str:
    """Return *page* for a terminal."""
    parts = [page.title, *(_text_table(table) for table in page.tables), page.verdict]
    return "\n\n".join(parts)


def _text_table(table: Table) -> str:
    lines = [table.header, *table.rows] if table.header else list(table.rows)
    is_text = _is_text(table)
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    aligned = [
        "  ".join(
            cell.ljust(width) if column == 0 or is_text else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]
    notes = wrap(table.note, _WIDTH)
    return "\n".join([table.title, *(f"  {line}" for line in [*aligned, *notes])])


def _is_text(table: Table) -> bool:
    """Whether its cells are words rather than numbers."""
    return table.title in {"Run", "Limits", "Errors"}


def as_markdown(page: Page) -> str:
    """Return *page* as Markdown."""
    parts = [f"# {page.title}", f"**{_escaped(page.verdict)}**"]
    for table in page.tables:
        parts += [f"## {table.title}", _markdown_table(table)]
        if table.note:
            parts.append(table.note)
    return "\n\n".join(parts) + "\n"


def _markdown_table(table: Table) -> str:
    header = table.header or ("",) * len(table.rows[0])
    right = ":--" if _is_text(table) else "--:"
    lines = [header, (":--", *[right] * (len(header) - 1)), *table.rows]
    return "\n".join("| " + " | ".join(map(_escaped, line)) + " |" for line in lines)


def _escaped(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*")


def as_html(page: Page, pictures: list[str]) -> str:
    """Return *page* as one file that needs no other; *pictures* are SVG elements."""
    kind = "pass" if page.has_passed else "fail"
    body = [
        f"<h1>{escape(page.title)}</h1>",
        f'<p class="verdict {kind}"><strong>{escape(page.verdict)}</strong></p>',
        *(f"<figure>{picture}</figure>" for picture in pictures),
    ]
    for table in page.tables:
        body += [f"<h2>{escape(table.title)}</h2>", _html_table(table)]
        if table.note:
            body.append(f'<p class="note">{escape(table.note)}</p>')
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width">\n'
        f"<title>{escape(page.title)}</title>\n<style>\n{_STYLE}</style>\n</head>\n<body>\n"
        + "\n".join(body)
        + "\n</body>\n</html>\n"
    )


def _html_table(table: Table) -> str:
    lines = [_html_row(table.header, "th")] if table.header else []
    lines += [_html_row(row, "td") for row in table.rows]
    kind = ' class="text"' if _is_text(table) else ""
    return f'<div class="scroll"><table{kind}>\n' + "\n".join(lines) + "\n</table></div>"


def _html_row(row: Row, tag: str) -> str:
    return "<tr>" + "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in row) + "</tr>"
