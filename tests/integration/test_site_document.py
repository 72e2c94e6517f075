"""docs/site.md says what the program does: its files are made and its tables are asked for."""

import re
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support.bench import write
from tests.support.client import Client
from tests.support.serving import Command, run_command

TEXT = (Path(__file__).resolve().parents[2] / "docs/site.md").read_text(encoding="utf-8")
SECTIONS = {part.partition("\n")[0]: part for part in TEXT.split("\n## ")[1:]}
NAMES = ["Single pages and clean addresses", "Error pages", "_headers and _redirects"]


class Row(NamedTuple):
    """A request of a table, and its answer: status and address, and a file or a field."""

    target: str
    fields: str
    answer: str
    more: str


def rows(section: str) -> list[Row]:
    found = re.findall(r"^\| `(/[^`]*)` \| (?:`([^`]*)`)? ?\| `(\d[^`]*)` ?(.*) \|$", section, re.M)
    return [Row(*each) for each in found]


def make(section: str, root: Path) -> None:
    for name in " ".join(re.findall(r"<!-- site: (.*) -->", section)).split():
        write(root / name, name.encode())
    for name, text in re.findall(r"^```text (_\w+)\n(.*?)^```", section, re.M | re.S):
        write(root / name, text.encode())


@pytest.mark.parametrize("name", NAMES)
def test_the_examples_work_as_printed(name: str, tmp_path: Path) -> None:
    section = SECTIONS[name]
    make(section, tmp_path)
    options = " ".join(re.findall(r"<!-- options: (.*) -->", section)).split()
    assert rows(section)
    with Command(tmp_path, *options) as command, Client(command.address) as client:
        for row in rows(section):
            reply = client.get(row.target, row.fields)
            location = reply.fields.get("location")
            assert f"{reply.status} {location or ''}".strip() == row.answer, row
            name, colon, value = row.more.partition(": ")
            if colon:
                assert reply.fields[name.lower()] == value, row
            elif name:
                assert reply.body.decode() == name, row


def test_what_check_site_prints(tmp_path: Path) -> None:
    section = SECTIONS["_headers and _redirects"]
    make(section, tmp_path)
    code, out, err = run_command("check-site", str(tmp_path))
    printed = re.search(r"^```text check-site\n(.*?)^```", section, re.M | re.S)
    assert printed is not None
    assert (code, out, err) == (1, printed[1], "")
