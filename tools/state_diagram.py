"""Write the diagram of connection states into ARCHITECTURE.md, from the transition table.

Usage: python tools/state_diagram.py [--check]
"""

import argparse
import sys
from pathlib import Path

from evloop.http1.states import state_diagram

DOCUMENT = Path(__file__).resolve().parent.parent / "ARCHITECTURE.md"
BEGIN = "<!-- state diagram: made by tools/state_diagram.py -->"
END = "<!-- end of state diagram -->"


def with_diagram(document: str) -> str:
    """Return *document* with the present diagram between its two marks.

    Raises ValueError when the marks are missing.
    """
    before, begin, rest = document.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"no marks for the diagram in {DOCUMENT.name}")
    return f"{before}{BEGIN}\n```mermaid\n{state_diagram()}\n```\n{END}{after}"


def main() -> int:
    """Run the command and return its exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="only say whether it is current")
    arguments = parser.parse_args()
    document = DOCUMENT.read_text(encoding="utf-8")
    current = with_diagram(document)
    if arguments.check:
        print("current" if document == current else "out of date")
        return 0 if document == current else 1
    DOCUMENT.write_text(current, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
