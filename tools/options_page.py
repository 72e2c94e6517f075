"""Write the tables of docs/options.md and of the README from the table of the settings.

Usage: python tools/options_page.py [--check]
"""

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path

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
    """Return *document* with *tables* between its two marks.

    Raises ValueError when the marks are missing.
    """
    before, begin, rest = document.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError("there are no marks for the options")
    return f"{before}{BEGIN}\n{tables}{END}{after}"


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


def main() -> int:
    """Run the command and return its exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="only say whether they are current")
    arguments = parser.parse_args()
    old = []
    for path, tables in ((README, readme_table()), (PAGE, page_tables())):
        document = path.read_text(encoding="utf-8")
        if document != (current := with_options(document, tables)):
            old.append(path.name)
            if not arguments.check:
                path.write_text(current, encoding="utf-8")
    if arguments.check:
        print(f"out of date: {', '.join(old)}" if old else "current")
    return 1 if old and arguments.check else 0


if __name__ == "__main__":
    sys.exit(main())
