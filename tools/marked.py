"""Documents of which a part, between two marks, is made by a program."""

import argparse
from collections.abc import Mapping
from pathlib import Path


def between(document: str, begin: str, end: str, text: str) -> str:
    """Return *document* with *text* between its marks *begin* and *end*.

    Raises ValueError when the marks are missing.
    """
    before, first, rest = document.partition(begin)
    _, last, after = rest.partition(end)
    if not first or not last:
        raise ValueError(f"there are no marks {begin} and {end}")
    return f"{before}{begin}\n{text}{end}{after}"


def renew(documents: Mapping[Path, str], about: str) -> int:
    """Write *documents*, or with --check only say which are out of date; return the exit code."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--check", action="store_true", help="only say whether they are current")
    is_check = parser.parse_args().check
    old = [path for path, text in documents.items() if path.read_text(encoding="utf-8") != text]
    if is_check:
        print(f"out of date: {', '.join(path.name for path in old)}" if old else "current")
        return 1 if old else 0
    for path in old:
        path.write_text(documents[path], encoding="utf-8")
    return 0
