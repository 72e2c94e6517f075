"""Write the tables of docs/options.md and of the README from the table of the settings.

Usage: python tools/options_page.py [--check]
"""

import sys
from collections.abc import Iterable
from pathlib import Path

from marked import between, renew

from evloop.cli.arguments import LONG_NAMES, SHORT_NAMES
from evloop.settings.config import OPTIONS, default_text, option_name, variable_name
from evloop.settings.groups import FIRST, sections

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "options.md"
README = ROOT / "README.md"
BEGIN = "<!-- options: made by tools/options_page.py -->"
END = "<!-- end of options -->"


def readme_table() -> str:
    """Return the table of the dozen options that most need."""
    return _table(FIRST, variables=False)


def page_tables() -> str:
    """Return a table for each section of options."""
    tables = (f"## {title}\n\n{_table(names, variables=True)}" for title, names in sections())
    return "\n".join(tables)


def with_options(document: str, tables: str) -> str:
    """Return *document* with *tables* between its marks. Raises ValueError without these."""
    return between(document, BEGIN, END, tables)


def _table(names: Iterable[str], *, variables: bool) -> str:
    head = ["option", "default", "meaning", *(["variable"] if variables else [])]
    rows = [head, ["---"] * len(head), *(_row(name)[: len(head)] for name in names)]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _row(name: str) -> list[str]:
    option, default = OPTIONS[name], default_text(name)
    own = option_name(name)
    others = [short for short, setting in SHORT_NAMES.items() if setting == name]
    others += [long for long, setting in LONG_NAMES.items() if setting == name and long != own]
    metavar = option.metavar.replace("|", "\\|")
    names = ", ".join(f"`{each}`" for each in [*others, f"{own} {metavar}"])
    return [names, f"`{default}`" if default else "", option.help, f"`{variable_name(name)}`"]


if __name__ == "__main__":
    tables = {README: readme_table(), PAGE: page_tables()}
    current = {path: with_options(path.read_text("utf-8"), text) for path, text in tables.items()}
    sys.exit(renew(current, __doc__.partition("\n")[0]))
