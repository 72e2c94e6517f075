"""Write the diagram of connection states into ARCHITECTURE.md, from the transition table.

Usage: python tools/state_diagram.py [--check]
"""

import sys
from pathlib import Path

from marked import between, renew

from evloop.http1.states import state_diagram

DOCUMENT = Path(__file__).resolve().parent.parent / "ARCHITECTURE.md"
BEGIN = "<!-- state diagram: made by tools/state_diagram.py -->"
END = "<!-- end of state diagram -->"


def with_diagram(document: str) -> str:
    """Return *document* with the diagram between its marks. Raises ValueError without these."""
    return between(document, BEGIN, END, f"```mermaid\n{state_diagram()}\n```\n")


if __name__ == "__main__":
    current = with_diagram(DOCUMENT.read_text(encoding="utf-8"))
    sys.exit(renew({DOCUMENT: current}, __doc__.partition("\n")[0]))
