"""What was observed becomes a verdict, tables, plots and a page: no server is started."""

from dataclasses import replace
from pathlib import Path

import pytest
from comparing.beside import losses
from comparing.campaign import fitting, is_disturbed
from comparing.cells import Growth, growth, seconds, size, times
from comparing.cli import chosen
from comparing.contenders import Strategy, takes_part
from comparing.numbers import numbers
from comparing.page import render, write_page
from comparing.promises import judge, line
from comparing.quantities import Quantity
from comparing.scenarios import BY_NAME, BY_TYPE, SCENARIOS, Scenario, Table
from comparing.tables import in_flight, of_one_file
from evloop_tools.campaign.results import Cell, Results, Sample, load, save
from evloop_tools.lab.servers.evloop import Evloop
from evloop_tools.report.arguments import UsageError
from evloop_tools.report.verdict import broken, is_pass

KIB = 1024
MIB = 1024 * KIB
GIB = 1024 * MIB

STRESS, VIDEO, WEB, SLOW = (
    BY_NAME[name] for name in ("50x100MB", "video-1000", "web-100", "slow-1000")
)


def grew(by: float, **more: float) -> Sample:
    return {
        Quantity.BASE: 12 * MIB,
        Quantity.GROWTH: by,
        Quantity.KERNEL_TCP: 20 * MIB,
        Quantity.SERVER_SOCKETS: 10 * MIB,
        Quantity.CLIENT_SOCKETS: 10 * MIB,
        Quantity.FIRST_BYTE_MEDIAN: 0.005,
        Quantity.FIRST_BYTE_LAST: 0.010,
        **{Quantity[name]: value for name, value in more.items()},
    }


def cell(scenario: Scenario, *rounds: Sample, downloads: int = 0) -> Cell:
    return Cell(list(rounds), [], downloads or scenario.downloads, [(0.0, 0.0), (1.0, 9.0)])


def stress(hybrid: float = 40 * KIB) -> Results:
    """The stress test of the guide, with a growth of *hybrid* bytes."""
    return Results(
        cells={
            STRESS.name: {
                Strategy.LOAD_ALL: cell(STRESS, grew(STRESS.total)),
                Strategy.STREAMING: cell(STRESS, grew(36 * KIB)),
                Strategy.HYBRID: cell(STRESS, grew(hybrid), grew(hybrid)),
            }
        }
    )


# What does not fit


def test_what_fits_is_run_as_it_is() -> None:
    assert fitting(STRESS, Strategy.LOAD_ALL, STRESS.total) is STRESS
    assert fitting(VIDEO, Strategy.HYBRID, MIB) is VIDEO
    assert fitting(VIDEO, "nginx", MIB) is VIDEO


def test_what_does_not_fit_is_run_with_as_many_downloads_as_do() -> None:
    fits = fitting(VIDEO, Strategy.LOAD_ALL, 8 * GIB)
    assert fits is not None
    assert fits.downloads == 16
    assert fits.total <= 8 * GIB


@pytest.mark.parametrize("scenario", [VIDEO, WEB])
def test_what_does_not_fit_at_all_is_not_run(scenario: Scenario) -> None:
    assert fitting(scenario, Strategy.LOAD_ALL, 50 * MIB) is None


def test_a_growth_that_was_not_measured_is_marked_wherever_it_is_shown() -> None:
    results = Results(
        cells={
            VIDEO.name: {
                Strategy.LOAD_ALL: cell(VIDEO, grew(16 * 500 * MIB), downloads=16),
                Strategy.HYBRID: cell(VIDEO, grew(700 * KIB)),
            }
        }
    )
    assert growth(results, VIDEO, Strategy.LOAD_ALL) == Growth(1000 * 500 * MIB, True)
    assert growth(results, VIDEO, Strategy.HYBRID) == Growth(700 * KIB, False)
    page = render(results)
    assert page.count("488.3 GiB") == page.count("488.3 GiB computed (7.8 GiB measured with 16)")
    assert "700 KiB computed" not in page


def test_what_could_not_be_run_at_all_is_computed_from_its_size() -> None:
    results = Results(cells={VIDEO.name: {Strategy.HYBRID: cell(VIDEO, grew(MIB))}})
    assert growth(results, VIDEO, Strategy.LOAD_ALL) == Growth(VIDEO.total, True)
    assert growth(results, VIDEO, "nginx") is None


# Promises


def test_promises_are_kept_up_to_their_bound_and_broken_above_it() -> None:
    assert STRESS.promise == 2 * MIB
    assert is_pass(judge(stress(2 * MIB), [STRESS]))
    (found,) = judge(stress(2 * MIB + 1), [STRESS])
    assert line(found).startswith("BROKEN  50x100MB: process memory grew by 2 MiB, over 2 MiB")


def test_the_worst_round_decides() -> None:
    results = stress()
    results.cells[STRESS.name][Strategy.HYBRID].samples.append(grew(3 * MIB))
    assert not is_pass(judge(results, [STRESS]))


def test_a_void_round_of_evloop_breaks_a_promise_and_one_of_another_server_does_not() -> None:
    results = stress()
    results.cells[STRESS.name]["nginx"] = Cell([], ["3 x wrong bytes"], 50)
    assert is_pass(judge(results, [STRESS]))
    results.cells[STRESS.name][Strategy.STREAMING].voids.append("2 x wrong bytes")
    assert [line(each) for each in broken(judge(results, [STRESS]))] == [
        "BROKEN  50x100MB: streaming: 2 x wrong bytes"
    ]


@pytest.mark.parametrize(("unbounded", "is_kept"), [(500 * MIB, True), (499 * MIB, False)])
def test_the_send_queue_saves_five_times(unbounded: int, is_kept: bool) -> None:
    cells: dict[str, Cell] = {
        Strategy.HYBRID: cell(SLOW, grew(MIB, KERNEL_TCP=100 * MIB)),
        Strategy.UNBOUNDED: cell(SLOW, grew(MIB, KERNEL_TCP=unbounded)),
    }
    (found,) = judge(Results(cells={SLOW.name: cells}), [SLOW])
    assert is_pass([found]) is is_kept


# Who takes part, and what counts


PARTS = {
    ("load-all", "50x100MB"): True,
    ("nginx", "50x100MB"): True,
    ("nginx", "stalled-8000"): False,
    ("hybrid", "slow-1000"): True,
    ("unbounded", "slow-1000"): True,
    ("load-all", "slow-1000"): False,
    ("unbounded", "50x100MB"): False,
    ("load-all", "stalled-8000"): False,
    ("streaming", "stalled-8000"): True,
    ("hybrid", "soak"): True,
    ("streaming", "soak"): False,
    ("nginx", "soak"): True,
}


@pytest.mark.parametrize(("server", "scenario"), PARTS)
def test_who_takes_part_in_what(server: str, scenario: str) -> None:
    part = takes_part(Evloop((), name=server), BY_NAME[scenario])
    assert part is PARTS[server, scenario]


@pytest.mark.parametrize(
    ("kernel", "is_so"),
    [(20 * MIB, False), (28 * MIB, False), (30 * MIB, True), (11 * MIB, True), (0, True)],
)
def test_tcp_memory_of_others_is_noticed(kernel: int, is_so: bool) -> None:
    assert is_disturbed(grew(0, KERNEL_TCP=kernel)) is is_so


def test_without_figures_by_socket_nothing_is_called_a_disturbance() -> None:
    assert not is_disturbed(grew(0, KERNEL_TCP=GIB, SERVER_SOCKETS=0, CLIENT_SOCKETS=0))


# Tables and the page


def test_the_guides_words_stand_beside_what_was_measured() -> None:
    (row,) = in_flight(stress())
    assert list(row) == ["50 x 100 MB", "~5 GB", "4.9 GiB", "~1.6 MB", "36 KiB", "40 KiB"]


def test_every_scenario_of_the_guide_says_what_the_guide_says() -> None:
    silent = [
        scenario.name
        for scenario in SCENARIOS
        if scenario.table is Table.IN_FLIGHT and not scenario.said.load_all
    ]
    assert silent == ["web-100-shared"]


def test_void_rounds_are_told_and_never_shown_as_figures() -> None:
    results = stress()
    results.cells[STRESS.name]["nginx"] = Cell([], ["it closed 3 connections"], 50)
    page = render(results)
    assert "- 50 x 100 MB, nginx: it closed 3 connections" in page
    assert "| nginx | void: it closed 3 connections |" in page


def test_other_servers_that_do_better_are_named() -> None:
    results = stress()
    results.cells[STRESS.name]["nginx"] = cell(
        STRESS, {**grew(MIB), Quantity.BASE: 3 * MIB, Quantity.FIRST_BYTE_MEDIAN: 0.001}
    )
    assert list(losses(results)) == [
        "50 x 100 MB, process at rest: nginx 3 MiB, evloop 12 MiB (4.0 x better).",
        "50 x 100 MB, median first byte: nginx 1 ms, evloop 5 ms (5.0 x better).",
    ]


def test_a_difference_that_is_noise_is_no_loss() -> None:
    results = stress()
    results.cells[STRESS.name]["nginx"] = cell(STRESS, {**grew(0), Quantity.BASE: 11.9 * MIB})
    assert list(losses(results)) == []


def test_the_threshold_is_told_by_the_servers_own_word() -> None:
    at, above = (scenario for scenario in BY_TYPE if scenario.title == "threshold.bin")
    results = Results(methods={at.name: "in memory", above.name: "streamed"})
    assert list(numbers(results))[-1][-1] == (
        "1,048,576 bytes are kept in memory, 1,048,577 are streamed"
    )


def test_a_page_of_nothing_is_still_a_page() -> None:
    page = render(Results())
    assert page.startswith("# Memory, measured\n")
    assert "$" not in page.replace('"$5000 a month"', "")


def test_the_page_shows_the_plots_that_were_drawn(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    path = tmp_path / "memory.md"
    write_page(stress(), path)
    text = path.read_text()
    assert "](memory-over-time.svg)" in text
    assert "memory-by-number.svg" not in text  # one number makes no line
    drawn = (tmp_path / "memory-over-time.svg").read_text()
    write_page(stress(), path)
    assert (tmp_path / "memory-over-time.svg").read_text() == drawn
    other = BY_NAME["3x100MB"]
    results = stress()
    results.cells[other.name] = {Strategy.LOAD_ALL: cell(other, grew(other.total))}
    write_page(results, path)
    assert (tmp_path / "memory-by-number.svg").exists()


def test_scenarios_of_one_file_are_in_the_order_of_their_number() -> None:
    results = Results()
    for name in ("stalled-8000", "3x100MB", "web-100", "10x50MB"):
        results.cells[name] = {Strategy.HYBRID: cell(BY_NAME[name], grew(0))}
    assert [scenario.name for scenario in of_one_file(results)] == ["3x100MB", "stalled-8000"]


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "-"), (0.0005, "0.5 ms"), (0.0123, "12 ms"), (0.2, "200 ms"), (2.04, "2.0 s"),
     (0.9996, "1.0 s"), (0.0996, "100 ms")],
)  # fmt: skip
def test_times_are_short(value: float | None, text: str) -> None:
    assert seconds(value) == text


def test_memory_that_shrank_is_no_growth() -> None:
    assert size(-4096.0) == "0 B"
    assert times(None) == "-"
    assert [times(2.5), times(1500.0)] == ["2.5 x", "1,500 x"]


# Results and arguments


def test_results_survive_their_file(tmp_path: Path) -> None:
    results = replace(stress(), about={"date": "2000-01-01"}, methods={"a": "streamed"})
    save(results, tmp_path / "a.json")
    assert load([tmp_path / "a.json"], Quantity) == results


def test_later_results_replace_earlier_ones(tmp_path: Path) -> None:
    save(stress(MIB), tmp_path / "a.json")
    later = Results(cells={STRESS.name: {Strategy.HYBRID: cell(STRESS, grew(7))}})
    save(later, tmp_path / "b.json")
    merged = load([tmp_path / "a.json", tmp_path / "b.json"], Quantity)
    assert merged.median(STRESS.name, Strategy.HYBRID, Quantity.GROWTH) == 7
    assert merged.median(STRESS.name, Strategy.LOAD_ALL, Quantity.GROWTH) == STRESS.total


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 1, "cells": {"a": {"b": 1}}}'])
def test_a_file_without_results_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.json"
    path.write_text(text)
    with pytest.raises(UsageError, match=r"not JSON|not hold results|not whole"):
        load([path], Quantity)


def test_a_tables_name_stands_for_its_scenarios() -> None:
    assert chosen(None) == list(SCENARIOS)
    assert [each.name for each in chosen(["held", "3x100MB"])] == [
        "3x100MB",
        "stalled-8000",
        "idle-5000",
    ]


def test_an_unknown_scenario_is_refused_with_those_there_are() -> None:
    with pytest.raises(UsageError, match=r"no scenario or table is called '4x4'; .*3x100MB"):
        chosen(["4x4"])


def test_names_are_unique() -> None:
    assert len(BY_NAME) == len(SCENARIOS)
    assert not set(BY_NAME) & set(Table)
