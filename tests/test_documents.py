"""The documents say what the program does."""

import json
import re
import runpy
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import options_page
import pytest
from state_diagram import BEGIN, with_diagram

from evloop.http1.states import state_diagram
from evloop.net.protocol import Security
from evloop.observe.accesslog import AccessLog
from evloop.observe.exchange import EndReason, Exchange
from evloop.observe.logwriter import LogWriter
from evloop.settings.choices import LogFormat
from evloop.settings.config import OPTIONS, default_text, option_name, variable_name
from evloop.settings.groups import FIRST
from tests.support.deadline import PATIENCE

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
DOCUMENTS = [*sorted(ROOT.glob("*.md")), *sorted(ROOT.glob("docs/**/*.md"))]

# The pages that people read, and where each of their figures comes from.
SOURCES = {
    "README.md": ("docs/benchmarks/results.md", "docs/memory/results.md"),
    "docs/benchmarks.md": ("docs/benchmarks/results.md",),
    "docs/memory.md": ("docs/memory/results.md",),
    "docs/security.md": ("docs/security/attacks.md",),
    "docs/soak.md": (
        "docs/soak/one-hour.txt",
        "docs/soak/faster.txt",
        "docs/soak/many-10000.md",
    ),
}
_UNITS = "µs|ms|s|bytes|B|KiB|MiB|GiB|MB/s|KiB/s|MiB/s|GiB/s|x|%"
FIGURE = re.compile(rf"(?<![\w.,-])\d[\d,]*(?:\.\d+)? (?:{_UNITS})(?![\w/])")
MOST_LINES = 130
"""Lines of a page that people read; what is longer stands beside it."""
PAGE = (ROOT / "docs/options.md").read_text(encoding="utf-8")
LIBRARY = (ROOT / "docs/library.md").read_text(encoding="utf-8")
LOGS = (ROOT / "docs/logs.md").read_text(encoding="utf-8")


def option_rows(document: str) -> dict[str, tuple[str, ...]]:
    """What a document's tables say of each option, by its name."""
    rows = re.findall(
        r"^\| (?:`-[-a-z]+`, )*`(--[a-z0-9-]+) (?:[^|]|\\\|)*` \| (.*) \|$", document, re.M
    )
    return {name: tuple(rest.split(" | ")) for name, rest in rows}


@pytest.mark.parametrize("name", OPTIONS)
def test_the_page_has_each_option_as_it_is(name: str) -> None:
    default, meaning, variable = option_rows(PAGE)[option_name(name)]
    assert (default.strip("`"), meaning) == (default_text(name), OPTIONS[name].help)
    assert variable == f"`{variable_name(name)}`"


def test_the_page_is_what_the_program_makes() -> None:
    tables = options_page.page_tables()
    assert options_page.with_options(PAGE, tables) == PAGE, "run tools/options_page.py"
    assert len(option_rows(PAGE)) == len(OPTIONS)


def test_the_readme_has_the_dozen_that_most_need() -> None:
    table = options_page.readme_table()
    assert options_page.with_options(README, table) == README, "run tools/options_page.py"
    assert list(option_rows(README)) == [option_name(name) for name in FIRST]
    with pytest.raises(ValueError, match="marks"):
        options_page.with_options(f"{options_page.BEGIN} but no end", "")


@pytest.mark.parametrize("end", EndReason)
def test_every_end_is_explained(end: EndReason) -> None:
    assert re.search(rf"^\| `{end.value}` \| \S.* \|.*\|$", LOGS, re.M)


def test_every_key_of_the_log_is_explained(tmp_path: Path) -> None:
    sink = LogWriter(str(tmp_path / "log"))
    exchange = Exchange(b"GET /x HTTP/1.1\r\n\r\n", 404, 0, time.monotonic(), "a hidden name")
    exchange.security = Security("TLSv1.3", "TLS_AES_256_GCM_SHA384", "CN=Jo")
    exchange.user = b"anna"
    AccessLog(sink, LogFormat.JSON).write("::1", exchange, EndReason.COMPLETE, 0.0)
    sink.close()
    table = LOGS.partition("| key |")[2].partition("\n\n")[0]
    keys = json.loads((tmp_path / "log").read_text())
    assert re.findall(r"^\| `(\w+)` \|", table, re.M) == [*keys, "lost"]


def python_blocks() -> list[str]:
    return re.findall(r"^```python\n(.*?)^```$", LIBRARY, re.M | re.S)


def test_the_page_of_the_library_has_four_programs() -> None:
    assert len(python_blocks()) == 4


@pytest.mark.parametrize("number", range(4))
def test_its_programs_run(number: int, tmp_path: Path) -> None:
    (tmp_path / "public").mkdir()
    (tmp_path / "public/index.html").write_text("<title>hello</title>")
    program = python_blocks()[number]
    (tmp_path / "test_program.py").write_text(program)
    run = ["-m", "pytest", "-q", "-p", "no:cacheprovider"] if "def test_" in program else []
    done = subprocess.run(
        [sys.executable, "-W", "error", *run, "test_program.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    said = ["200", "HTTP/1.1 200 OK", "1 passed", "200 -1"][number]
    assert said in done.stdout
    assert done.stderr == ""


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


PICTURES: dict[str, Any] = runpy.run_path(str(ROOT / "docs/pictures.py"))


@pytest.mark.parametrize(
    "picture", PICTURES["PICTURES"], ids=lambda path: str(path.relative_to(ROOT))
)
def test_a_picture_is_current(picture: Path) -> None:
    source, draw = PICTURES["PICTURES"][picture]
    drawn = draw(source.read_text(encoding="utf-8"))
    assert picture.read_text(encoding="utf-8") == drawn, "run docs/pictures.py"
    assert "Less is better" in drawn
    assert "evloop" in drawn
    page = picture.parent.with_suffix(".md").read_text(encoding="utf-8")
    assert f"]({picture.parent.name}/{picture.name})" in page


def test_a_figure_that_is_not_there_is_not_drawn() -> None:
    with pytest.raises(ValueError, match="no row 'A'"):
        PICTURES["_row"]("| B | 1 |", "A")
    with pytest.raises(ValueError, match="no time"):
        PICTURES["_time_bar"]("nginx", "not measured")


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
