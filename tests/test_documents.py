"""The documents say what the program does."""

import re
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from state_diagram import BEGIN, with_diagram

from evloop.http1.states import state_diagram
from evloop.settings.config import OPTIONS, default_text, option_name

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
DOCUMENTS = [*sorted(ROOT.glob("*.md")), *sorted(ROOT.glob("docs/**/*.md"))]

# The pages that people read, and where each of their figures comes from.
SOURCES = {
    "README.md": ("docs/benchmarks/results.md", "docs/memory/results.md"),
    "docs/benchmarks.md": ("docs/benchmarks/results.md",),
    "docs/memory.md": ("docs/memory/results.md",),
    "docs/security.md": ("docs/security/attacks.md",),
    "docs/soak.md": ("docs/soak/many-10000.md",),
}
_UNITS = "µs|ms|s|bytes|B|KiB|MiB|GiB|MB/s|KiB/s|MiB/s|GiB/s|x|%"
FIGURE = re.compile(rf"(?<![\w.,-])\d[\d,]*(?:\.\d+)? (?:{_UNITS})(?![\w/])")
MOST_LINES = 130
"""Lines of a page that people read; what is longer stands beside it."""


def option_rows() -> dict[str, tuple[str, str]]:
    """Default and meaning of each option in the README's table."""
    rows = re.findall(r"^\| `(--[a-z-]+) [^|]*(?:\\\|[^|]*)*` \| (.*?) \| (.*) \|$", README, re.M)
    return {name: (default.strip("`"), meaning) for name, default, meaning in rows}


@pytest.mark.parametrize("name", OPTIONS)
def test_the_readme_has_each_option_as_it_is(name: str) -> None:
    assert option_rows()[option_name(name)] == (default_text(name), OPTIONS[name].help)


def test_the_readme_has_no_option_that_is_gone() -> None:
    assert len(option_rows()) == len(OPTIONS)


def test_the_state_diagram_is_current() -> None:
    document = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    assert document == with_diagram(document)
    assert state_diagram() in document


def test_a_document_without_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="marks"):
        with_diagram(f"{BEGIN} but no end")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_relative_link_leads_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)", document.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (document.parent / target).exists(), target


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_test_that_is_named_is_there(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    for path, name in re.findall(r"\b(tests/[\w/]+\.py)(?:::(\w+))?", text):
        assert (ROOT / path).is_file(), path
        assert f"def {name}(" in (ROOT / path).read_text(encoding="utf-8") or not name, name


def test_every_promise_of_security_names_its_test() -> None:
    text = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    promises = re.findall(r"^\| (.*) \| (.*) \|$", text.partition("## What is not")[0], re.M)
    told = [held for promise, held in promises if promise != "promise"]
    assert len(told) > 20
    assert all(re.fullmatch(r"`tests/[^`]+`(, `tests/[^`]+`)*", held) for held in told)


@pytest.mark.parametrize("page", SOURCES)
def test_every_figure_of_a_page_was_measured(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    if page == "README.md":
        text = text.partition("## How it compares")[2].partition("## What people do")[0]
    source = "".join((ROOT / each).read_text(encoding="utf-8") for each in SOURCES[page])
    known = set(FIGURE.findall(source))
    found = FIGURE.findall(text)
    assert found
    assert [figure for figure in found if figure not in known] == []


@pytest.mark.parametrize("page", [page for page in SOURCES if page != "README.md"])
def test_a_page_is_short_and_tells_how_to_repeat_it(page: str) -> None:
    lines = (ROOT / page).read_text(encoding="utf-8").splitlines()
    assert len(lines) <= MOST_LINES
    assert "## Repeat it" in lines


@pytest.fixture(scope="module")
def overview() -> dict[str, Any]:
    return runpy.run_path(str(ROOT / "docs/benchmarks/overview.py"))


def test_the_plot_of_the_benchmarks_is_current(overview: dict[str, Any]) -> None:
    results = overview["RESULTS"].read_text(encoding="utf-8")
    assert overview["PICTURE"].read_text(encoding="utf-8") == overview["render"](results)


def test_the_plot_has_the_quotients_of_the_medians(overview: dict[str, Any]) -> None:
    row = overview["Row"]("a row", "label")
    results = (
        "### a row\n\n| server | CPU |\n| --- | --- |\n| evloop | 2.00 µs (1-3) |\n"
        "| nginx | 1,000 µs |\n| h2o | void: 3 errors |\n\n### b\n\n| caddy | 9 µs |\n"
    )
    assert overview["multiples"](results, row) == {"nginx": 500.0}
    with pytest.raises(ValueError, match="no section"):
        overview["medians"](results, "another row")


def test_help_tells_each_option() -> None:
    shown = subprocess.run(
        [sys.executable, "-m", "evloop", "serve", "--help"],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    ).stdout
    for name in OPTIONS:
        assert option_name(name) in shown
