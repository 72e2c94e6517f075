"""The documents say what the program does."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from state_diagram import BEGIN, with_diagram

from evloop.http1.states import state_diagram
from evloop.settings.config import OPTIONS, default_text, option_name

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


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


@pytest.mark.parametrize("document", sorted(ROOT.glob("*.md")) + sorted(ROOT.glob("docs/*.md")))
def test_every_relative_link_leads_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)", document.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (document.parent / target).exists(), target


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
