"""What the parsers of rule files share: their limits, and how they tell what is wrong."""

import re
from collections.abc import Iterator
from typing import NamedTuple

HEADERS_FILE = "_headers"
REDIRECTS_FILE = "_redirects"

MAX_FILE_SIZE = 64 * 1024
"""Bytes of one rule file: the limit in the IPFS specification of `_redirects`."""
MAX_RULES = 2000
"""Rules of one file: Cloudflare Pages takes as many static redirects."""
MAX_SCANS = 100
"""Patterns of one file with another star, or a placeholder, behind a star. The index can't tell
which of them a path may match, so each is tried. Cloudflare's limit on dynamic redirects is 100,
too."""
MAX_ALIKE = 100
"""Patterns of one file that match the same paths, and rules that can't be told apart by one of
their conditions: what a request is compared with one by one takes less than 100 us."""

RULES_SIZE = 1024 * 1024
"""Bytes that the rules of a site, and what is remembered of them, may take; what the compiled rules
take beyond is paid for out of the memory budget. It is enough for 3 KiB of text, some 100 rules."""
COST_PER_BYTE = 128
"""Bytes of memory that a byte of a rule file may come to take while it is read; 123 at the worst
that was found (tests/site/test_rules_memory.py)."""

_LINE = re.compile(r"[^\n]*\n|[^\n]+\Z")


class RuleError(ValueError):
    """A rule file that can't be used at all. The text is `file:line: reason`."""

    def __init__(self, file: str, line: int, reason: str) -> None:
        super().__init__(f"{file}:{line}: {reason}")


class Ignored(NamedTuple):
    """A line of a rule file, counted from 1, that has no effect."""

    file: str
    line: int
    reason: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.reason}"


def numbered_lines(file: str, data: bytes) -> Iterator[tuple[int, str]]:
    """Yield the lines of a rule file that say something, trimmed, with their numbers.

    Raises RuleError when it is too large or not UTF-8.
    """
    if len(data) > MAX_FILE_SIZE:
        line = data.count(b"\n", 0, MAX_FILE_SIZE) + 1
        raise RuleError(file, line, f"the file is larger than {MAX_FILE_SIZE // 1024} KiB")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise RuleError(file, line, "the file is not UTF-8") from error
    # Line by line: a list of all of them may take 25 times as much as the text.
    for number, found in enumerate(_LINE.finditer(text), 1):
        line_text = found[0].strip()
        if line_text and not line_text.startswith("#"):
            yield number, line_text
