"""Ratios, verdicts, the page, and results as JSON."""

import json
from pathlib import Path

import pytest
from evloop_tools.bench.figures import Figure, show
from evloop_tools.bench.page import render
from evloop_tools.bench.rows import ROWS, Goal, Row
from evloop_tools.bench.tables import row_table
from evloop_tools.bench.verdict import against_python, judge, peer_goal, verdict_on, with_spread
from evloop_tools.campaign.results import Cell, Results, ServerNote, load, save
from evloop_tools.lab.servers.base import Kind
from evloop_tools.report.arguments import UsageError
from evloop_tools.report.figures import digits, ratio
from evloop_tools.report.verdict import Finding

CPU = Figure.CPU_PER_REQUEST
SMALL = next(row for row in ROWS if row.name == "small")


def cell(*values: float, figure: Figure = CPU, voids: int = 0) -> Cell:
    return Cell([{figure: value} for value in values], ["no luck"] * voids)


def results(**cells: Cell) -> Results:
    kinds = {"evloop": Kind.SUBJECT, "tornado": Kind.PYTHON, "floor": Kind.FLOOR}
    notes = {
        name: ServerNote(kinds.get(name, Kind.NATIVE).value, "1.0", {"small": f"run {name}"})
        for name in cells
    }
    about = {"date": "today", "command": "run it"}
    return Results(about, 3, 5.0, notes, cells={"small": cells})


VERDICTS = {
    "met": (Goal(0.75, CPU, "x"), cell(7.0, 9.0, 8.0), cell(16.0), "0.500 x", Finding.KEPT),
    "met exactly": (Goal(1.0, CPU, "x"), cell(8.0), cell(8.0), "1.00 x", Finding.KEPT),
    "missed": (Goal(0.75, CPU, "x"), cell(8.0), cell(10.0), "0.800 x", Finding.BROKEN),
    "ours void": (Goal(1.0, CPU, "x"), cell(voids=2), cell(8.0), "", Finding.NOT_JUDGED),
    "theirs void": (Goal(1.0, CPU, "x"), cell(8.0), cell(), "", Finding.NOT_JUDGED),
    "absolute": (Goal(10.0, CPU), cell(9.99), None, "9.99 µs", Finding.KEPT),
    "absolute missed": (Goal(10.0, CPU), cell(10.1), None, "10.1 µs", Finding.BROKEN),
    "more is better": (
        Goal(0.97, Figure.FAST_CLIENT, "x"),
        cell(960.0, figure=Figure.FAST_CLIENT),
        cell(1000.0, figure=Figure.FAST_CLIENT),
        "0.960 x",
        Finding.BROKEN,
    ),
}


@pytest.mark.parametrize(
    ("goal", "ours", "theirs", "reached", "outcome"), VERDICTS.values(), ids=VERDICTS.keys()
)
def test_a_goal_is_judged_by_medians(
    goal: Goal, ours: Cell, theirs: Cell | None, reached: str, outcome: Finding
) -> None:
    verdict = verdict_on(SMALL, goal, ours, theirs)
    assert (verdict.reached, verdict.finding) == (reached, outcome)


def test_a_ratio_needs_both_sides() -> None:
    assert ratio(3.0, 2.0) == 1.5
    assert ratio(None, 2.0) is None
    assert ratio(3.0, None) is None
    assert ratio(3.0, 0.0) is None


SPREADS = {
    "one round": (cell(8.0), "8.00 µs"),
    "three rounds": (cell(8.0, 12.0, 9.0), "9.00 µs (8.00-12.0)"),
    "a void among them": (cell(8.0, voids=1), "8.00 µs, 1 void"),
    "all void": (cell(voids=2), "void: no luck"),
    "nothing": (cell(), "not measured"),
}


@pytest.mark.parametrize(("found", "text"), SPREADS.values(), ids=SPREADS.keys())
def test_the_spread_and_the_voids_are_shown(found: Cell, text: str) -> None:
    assert with_spread(found, CPU) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (0.0123, "0.012"),
        (1.234, "1.23"),
        (12.34, "12.3"),
        (123.4, "123"),
        (12345.6, "12,346"),
    ],
)
def test_three_digits_count(value: float, text: str) -> None:
    assert digits(value) == text


def test_a_figure_is_shown_with_its_unit() -> None:
    assert show(Figure.START, 150) == "150 ms"
    assert show(Figure.REQUESTS_PER_SECOND, 1000) == "1,000"


@pytest.mark.parametrize(
    ("times", "outcome"),
    [(5.0, Finding.KEPT), (4.99, Finding.BROKEN), (None, Finding.NOT_JUDGED)],
)
def test_python_peers_are_to_be_five_times_dearer(times: float | None, outcome: Finding) -> None:
    assert peer_goal(times) is outcome


def test_evloop_is_compared_with_every_python_peer() -> None:
    found = results(evloop=cell(10.0), nginx=cell(20.0), tornado=cell(900.0))
    assert against_python(found, ROWS) == (["tornado"], {"small": [90.0]})


def test_every_goal_of_a_row_has_a_verdict() -> None:
    found = results(evloop=cell(8.0), lighttpd=cell(9.0), floor=cell(6.0))
    outcomes = [verdict.finding for verdict in judge(found, [SMALL])]
    assert outcomes == [Finding.KEPT, Finding.NOT_JUDGED, Finding.KEPT]


def test_a_row_shows_what_is_known() -> None:
    found = results(evloop=cell(8.0), nginx=cell(16.0))
    evloop, nginx = row_table(found, SMALL).rows
    assert list(nginx) == ["nginx", "16.0 µs", "", "", "", "", "", "0.500"]
    assert evloop[-1] == ""


def test_the_page_says_where_evloop_loses() -> None:
    found = results(evloop=cell(10.0), lighttpd=cell(8.0), floor=cell(5.0), tornado=cell(90.0))
    found.missing["h2o"] = "h2o is not installed"
    page = render(found, ROWS, judge(found, [SMALL]))
    losses = page.partition("## Where evloop loses")[2].partition("## The machine")[0]
    assert "CPU per request is 1.25 x that of lighttpd" in losses
    assert "CPU per request ≤ 1.6 x floor is missed, with 2.00 x" in losses
    assert "tornado" not in losses
    assert "that of floor" not in losses
    assert "h2o is left out: h2o is not installed" in page
    assert "### lighttpd (small)\n\n```\nrun lighttpd\n```" in page
    assert "    run it\n" in page
    assert "![" not in page
    assert "$" not in page
    assert "](plot.svg)\n\n### Against" in render(found, ROWS, [], "plot.svg")


def test_a_configuration_stands_once_for_all_rows_it_was_used_in() -> None:
    found = results(evloop=cell(10.0))
    found.servers["evloop"].configurations |= {"medium": "run evloop", "sendfile": "otherwise"}
    page = render(found, ROWS, [])
    assert "### evloop (small, medium)" in page
    assert "### evloop (sendfile)" in page


def test_results_come_back_from_their_file(tmp_path: Path) -> None:
    found = results(evloop=cell(8.0, 9.0, voids=1), nginx=cell(16.0))
    save(found, tmp_path / "results.json")
    assert load([tmp_path / "results.json"], Figure) == found


def test_rows_of_a_later_file_replace_those_of_an_earlier(tmp_path: Path) -> None:
    earlier, later = results(evloop=cell(8.0)), results(evloop=cell(9.0))
    earlier.cells["medium"] = {"evloop": cell(30.0)}
    later.about["command"] = "run the rest"
    save(earlier, tmp_path / "1.json")
    save(later, tmp_path / "2.json")
    merged = load([tmp_path / "1.json", tmp_path / "2.json"], Figure)
    assert merged.cell("small", "evloop") == cell(9.0)
    assert merged.cell("medium", "evloop") == cell(30.0)
    assert merged.about["command"] == "run it\nrun the rest"
    assert "    run it\n    run the rest\n" in render(merged, ROWS, [])


UNUSABLE = {
    "not JSON": ("{", "is not JSON"),
    "other JSON": ("[1]", "does not hold results"),
    "another format": ('{"format": 99}', "does not hold results"),
    "not whole": ('{"format": 1}', "is not whole"),
    "unknown figures": (
        json.dumps(
            {
                "format": 1,
                "servers": {},
                "cells": {"small": {"x": {"samples": [{"warp": 9}], "voids": []}}},
            }
        ),
        "is not whole",
    ),
}


@pytest.mark.parametrize(("text", "reason"), UNUSABLE.values(), ids=UNUSABLE.keys())
def test_unusable_results_are_refused_in_one_line(tmp_path: Path, text: str, reason: str) -> None:
    path = tmp_path / "results.json"
    path.write_text(text)
    with pytest.raises(UsageError, match=reason) as caught:
        load([path], Figure)
    assert "\n" not in str(caught.value)


def test_a_row_runs_where_it_makes_sense() -> None:
    rows: dict[str, Row] = {row.name: row for row in ROWS}
    assert [name for name in rows if not rows[name].figures] == []
    assert rows["sendfile"].needs_choice
