"""A report: a verdict and tables, as text for a terminal, as Markdown, and as one HTML file."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

from evloop_tools.report.table import WIDTH, Table

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


@dataclass(frozen=True, slots=True)
class Page:
    """A report, ready to be written in any form; *verdict* is one sentence."""

    title: str
    has_passed: bool
    verdict: str
    tables: Sequence[Table]

    def text(self, width: int = WIDTH) -> str:
        """Return it for a terminal of *width* characters."""
        tables = [table.text(width) for table in self.tables]
        # The verdict stays one line, the last one, for whoever looks for it there.
        return "\n\n".join([self.title, *tables, self.verdict])

    def markdown(self) -> str:
        """Return it as Markdown."""
        parts = [f"# {self.title}", f"**{self.verdict.replace('<', '&lt;')}**"]
        for table in self.tables:
            parts += [f"## {table.title}", table.markdown(), *([table.note] if table.note else [])]
        return "\n\n".join(parts) + "\n"

    def html(self, pictures: Iterable[str] = ()) -> str:
        """Return it as one file that needs no other; *pictures* are SVG elements."""
        kind = "pass" if self.has_passed else "fail"
        body = [
            f"<h1>{escape(self.title)}</h1>",
            f'<p class="verdict {kind}"><strong>{escape(self.verdict)}</strong></p>',
            *(f"<figure>{picture}</figure>" for picture in pictures),
        ]
        for table in self.tables:
            body += [f"<h2>{escape(table.title)}</h2>", table.html()]
            if table.note:
                body.append(f'<p class="note">{escape(table.note)}</p>')
        return (
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
            '<meta name="viewport" content="width=device-width">\n'
            f"<title>{escape(self.title)}</title>\n<style>\n{_STYLE}</style>\n</head>\n<body>\n"
            + "\n".join(body)
            + "\n</body>\n</html>\n"
        )


def listed(items: Iterable[str]) -> str:
    """Return a list in Markdown, or a word where there is nothing in it."""
    return "\n".join(f"- {item}" for item in items) or "Nothing."
