"""Tables, pages, progress and verdicts as people and programs get them."""

import io
import json
from pathlib import Path

import pytest
from attacks.telling import entry, tell
from evloop_tools.monitoring.sentences import kinds
from evloop_tools.report.figures import digits, ratio, show_time
from evloop_tools.report.page import Page
from evloop_tools.report.progress import Progress, bar, left
from evloop_tools.report.table import Column, Lines, Table
from evloop_tools.report.verdict import Limits, broken, check, memory_checks, sentence

from tests.tools.test_attack import run as attack

WIDE = Table(
    "wide",
    ("server", *(f"figure {number}" for number in range(12))),
    [("evloop", *["12.34 MiB"] * 12), ("http.server", *["1,234.5 us"] * 12)],
    note="a note " * 30,
)
WORDS = Table("words", ("", "seen", "limit"), [("errors", "x " * 90, "0")], words=True)


@pytest.mark.parametrize("table", [WIDE, WORDS], ids=["figures", "words"])
@pytest.mark.parametrize("width", [60, 80, 200])
def test_a_table_fits_and_no_cell_is_cut(table: Table, width: int) -> None:
    text = table.text(width)
    assert max(map(len, text.splitlines())) <= width
    assert text.count("12.34 MiB") == (12 if table is WIDE else 0)
    assert text.split().count("x") == (0 if table is WIDE else 90)


def test_a_wide_table_repeats_its_first_column_in_each_part() -> None:
    assert 1 < WIDE.text(80).count("http.server") < 12
    assert WIDE.text(400).count("http.server") == 1


def test_a_number_is_never_parted_from_its_unit() -> None:
    cell = "memory per connection ≤ 1,024 bytes, and 0.1 x that of nginx " * 5
    text = Table("t", ("", "goal"), [("a row", cell)], words=True).text(40)
    assert max(map(len, text.splitlines())) <= 40
    assert text.count("≤ 1,024 bytes") == text.count("0.1 x") == 5


def test_many_columns_of_words_fit_too() -> None:
    row = ("1,000 files of 4 KiB, no two request heads alike", "CPU per request ≤ 1.6 x floor",
           "18.1 us (17.8-18.4)", "not measured", "1.39 x", "not measured")  # fmt: skip
    text = Table("goals", ("row", "goal", "evloop", "the other", "reached", ""), [row], words=True)
    assert max(map(len, text.text(80).splitlines())) <= 80
    assert "not measured" in text.text(400)


def test_a_table_without_rows_is_no_error() -> None:
    assert Table("none", (), []).text() == "none"
    assert Table("none", ("a", "b"), []).markdown() == "| a | b |\n| --- | ---: |"


def test_signs_of_markdown_and_html_are_escaped() -> None:
    table = Table("t", ("a", "b"), [("x|y", "<b>")])
    assert "| x\\|y | &lt;b> |" in table.markdown()
    assert "<td>&lt;b&gt;</td>" in table.html()
    page = Page("t", False, "FAIL: <b>", [table])
    assert "**FAIL: &lt;b>**" in page.markdown()
    assert 'class="verdict fail"><strong>FAIL: &lt;b&gt;' in page.html(["<svg></svg>"])
    assert page.text().splitlines()[-1] == "FAIL: <b>"


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_lines_leave_out_what_matters_least_where_there_is_no_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    columns: list[Column[str]] = [
        Column(f"c{number}", 10, lambda shown: shown, number) for number in range(12)
    ]
    for stream, count in ((_Terminal(), 6), (io.StringIO(), 12)):
        Lines(stream, columns).show("x")
        header, line = stream.getvalue().splitlines()
        assert header.split() == [f"c{number}" for number in range(count)]
        assert line.split() == ["x"] * count


@pytest.mark.parametrize(
    ("share", "shown"), [(0.0, "[....]"), (0.5, "[##..]"), (1.0, "[####]"), (7.0, "[####]")]
)
def test_a_bar_is_as_full_as_its_share(share: float, shown: str) -> None:
    assert bar(share, 4) == shown


def test_what_is_left_follows_from_what_is_done() -> None:
    assert left(30.0, 0.25) == "0:01:30 left"
    assert left(30.0, 0.0) == "? left"


def test_progress_draws_in_a_terminal_and_keeps_quiet_in_a_pipe() -> None:
    for stream, is_drawn in ((_Terminal(), True), (io.StringIO(), False)):
        with Progress(stream) as progress:
            progress.begin(4)
            progress.say("one line")
            progress.step()
        assert ("elapsed" in stream.getvalue()) is is_drawn
        assert "one line\n" in stream.getvalue()
        assert stream.getvalue().endswith("\x1b[K" if is_drawn else "line\n")


def test_progress_knows_steps_and_seconds() -> None:
    progress = Progress(io.StringIO())
    progress.begin(4)
    progress.step()
    assert " 25%  1/4  0:00:" in progress.line(progress._began + 10)
    assert "0:00:30 left" in progress.line(progress._began + 10)
    progress.begin(seconds=40.0)
    assert " 25%  0:00:10 elapsed, 0:00:30 left" in progress.line(progress._began + 10)


def test_limits_that_decided_are_named() -> None:
    limits = Limits(growth=10, rss=100)
    checks = memory_checks(limits, growth=11.0, rss=100.0, per_connection=5.0)
    assert [each.name for each in broken(checks)] == ["growth at the peak"]
    assert sentence(checks) == "FAIL: growth at the peak: 11 B, the limit is up to 10 B"
    assert sentence([check("a", "1", "2", True), check("b", "", "", None)]) == (
        "PASS: a within their limits"
    )


@pytest.mark.parametrize(
    ("shown", "text"),
    [
        (show_time(None), "n/a"),
        (show_time(0.00085), "850 us"),
        (show_time(0.00125), "1.25 ms"),
        (show_time(12.3), "12.3 s"),
        (digits(0.0123), "0.012"),
        (str(ratio(3.0, 2.0)), "1.5"),
        (str(ratio(3.0, 0.0)), "None"),
    ],
)
def test_figures_for_people(shown: str, text: str) -> None:
    assert shown == text


def test_each_kind_of_memory_is_explained_in_one_line_that_fits() -> None:
    lines = kinds()
    assert [line[:13].strip() for line in lines] == [
        "own pages",
        "file-backed",
        "send queues",
        "TCP, machine",
    ]
    assert max(map(len, lines)) <= 78


def test_what_an_attack_tells_has_figures_behind_it() -> None:
    assert entry("  a line") == {"text": "a line"}
    assert entry(tell("a line", size=3)) == {"text": "a line", "size": 3}


@pytest.mark.slow
def test_a_quiet_probe_tells_the_sum_and_writes_it(tmp_path: Path) -> None:
    path = tmp_path / "probe.json"
    code, out, complaint = attack("probe", "--quiet", "--json", path)
    assert (code, complaint) == (0, "")
    (line,) = out.splitlines()
    assert line.endswith("shapes are answered twice: none")
    content = json.loads(path.read_text())
    assert content["attack"] == "probe"
    assert content["told"][-1]["answered_twice"] == []
