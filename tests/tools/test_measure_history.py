"""Arithmetic over samples: literals only."""

import itertools
import json
import math
import random
from collections import Counter
from pathlib import Path

import pytest
from evloop_tools.lab.descriptors import Downloads
from evloop_tools.lab.history import METRICS, History, fit_slope
from evloop_tools.lab.kernel import KernelTcp
from evloop_tools.lab.memory import Memory
from evloop_tools.lab.sample import Sample
from evloop_tools.lab.sockets import Connections, Queues
from evloop_tools.monitoring.limits import breach, unjudged
from evloop_tools.monitoring.plot import draw
from evloop_tools.monitoring.records import CsvFile, document, row, write_json
from evloop_tools.monitoring.sentences import counterfactual, lower_bound, summary
from evloop_tools.report.arguments import UsageError
from evloop_tools.report.figures import show_clock, show_count, show_size
from evloop_tools.report.plot import check_plot
from evloop_tools.report.verdict import Limits

KIB, MIB, GIB = 1024, 1024**2, 1024**3


def sample(
    at: float = 0.0,
    own: int = 8 * MIB,
    connections: int = 0,
    downloads: int = 0,
    rss: int = 20 * MIB,
    rss_high: int | None = None,
    processes: int = 1,
) -> Sample:
    """A look at a server whose own pages are *own* and whose downloads are 100 MiB each."""
    memory = Memory(
        rss=rss,
        pss=own + 4 * MIB,
        uss=own,
        anonymous=own,
        file_backed=4 * MIB,
        swap=0,
        rss_high=rss if rss_high is None else rss_high,
    )
    return Sample(
        at=100 + at,
        clock=1_700_000_000 + at,
        processes=processes,
        memory=memory,
        cpu=12.5,
        threads=1,
        descriptors=10 + connections,
        connections=Connections(
            Counter(ESTABLISHED=connections, LISTEN=1), connections, Queues(downloads, 7, 3)
        ),
        downloads=Downloads(downloads, downloads * 100 * MIB),
        kernel=KernelTcp(3 * MIB, GIB),
        cgroup=None,
        cost=0.01,
    )


def elsewhere(at: float = 0.0, rss: int = 20 * MIB) -> Sample:
    """A look on a platform that tells of nothing but RSS and CPU."""
    return Sample(100 + at, 0.0, 1, Memory(rss), 0.0, 1, None, None, None, None, None, 0.01)


def history(*samples: Sample) -> History:
    found = History(samples[0])
    for one in samples[1:]:
        found.add(one)
    return found


BUSY = history(
    sample(0, own=8 * MIB, connections=10),
    sample(1, own=12 * MIB, connections=50, downloads=40),
    sample(2, own=9 * MIB, connections=110, downloads=50),
)


def test_peak_and_growth_are_told_apart() -> None:
    assert BUSY.peak("anonymous") == 12 * MIB
    assert BUSY.peak_growth("anonymous") == 4 * MIB
    assert BUSY.growth("anonymous") == 1 * MIB
    assert BUSY.elapsed == 2


def test_growth_per_connection_takes_both_peaks_and_leaves_out_the_first_connections() -> None:
    assert BUSY.growth_per_connection("anonymous") == pytest.approx(4 * MIB / 100)
    assert history(sample(connections=3), sample(1)).growth_per_connection("anonymous") is None


def test_what_a_platform_does_not_tell_stays_unknown() -> None:
    there = history(elsewhere(0), elsewhere(1, rss=21 * MIB))
    unknown = {name for name in METRICS if there.peak(name) is None}
    assert unknown == set(METRICS) - {"rss", "cpu_percent", "processes", "threads"}
    assert (there.total_metric, there.own_metric) == ("rss", "rss")
    assert there.growth("rss") == MIB
    assert there.growth("pss") is None
    assert there.series("load_all") == []


@pytest.mark.parametrize(
    ("samples", "peak"),
    [
        # The kernel saw 90 MiB between two looks.
        ([sample(0), sample(1, rss_high=90 * MIB)], 90 * MIB),
        # It saw them before the first look.
        ([sample(0, rss_high=90 * MIB), sample(1, rss_high=90 * MIB)], 20 * MIB),
        # The highest values of two processes need not have been at one time.
        ([sample(0, processes=2), sample(1, rss_high=90 * MIB, processes=2)], 20 * MIB),
    ],
)
def test_rss_peaks_between_the_looks_count_when_they_can_be_told(
    samples: list[Sample], peak: int
) -> None:
    assert history(*samples).peak("rss") == peak


def test_a_history_of_any_length_stays_small_and_keeps_its_ends_and_peaks() -> None:
    long = History(sample(0), bound=64)
    for second in range(1, 10_000):
        long.add(sample(second, own=50 * MIB if second == 777 else 8 * MIB))
    assert len(long.samples) <= 64
    assert long.samples[0] is long.start
    assert long.seen == 10_000
    assert long.start.at == 100
    assert long.elapsed == 9_999
    assert long.peak("anonymous") == 50 * MIB
    times = [one.at for one in long.samples]
    steps = {after - before for before, after in itertools.pairwise(times)}
    assert len(steps) == 1


def test_a_line_has_its_slope_and_no_doubt() -> None:
    slope = fit_slope([(second, 1000.0 + 7 * second) for second in range(60)])
    assert slope is not None
    assert slope.per_second == pytest.approx(7)
    assert slope.low == pytest.approx(7)
    assert slope.high == pytest.approx(7)
    assert slope.samples == 60


@pytest.mark.parametrize("points", [[], [(0, 1.0)], [(0, 1.0), (1, 2.0), (2, 3.0)], [(5, 1.0)] * 9])
def test_too_little_has_no_slope(points: list[tuple[float, float]]) -> None:
    assert fit_slope(points) is None


@pytest.mark.parametrize(("true", "likeness"), [(0.0, 0.0), (0.0, 0.8), (5.0, 0.0), (5.0, 0.8)])
def test_the_interval_holds_the_true_slope_as_often_as_it_says(
    true: float, likeness: float
) -> None:
    chance = random.Random(1)
    runs, held = 300, 0
    for _ in range(runs):
        noise, points = 0.0, []
        for second in range(120):
            noise = likeness * noise + chance.gauss(0, 100)
            points.append((float(second), 5000 + true * second + noise))
        slope = fit_slope(points, confidence=0.95)
        assert slope is not None
        held += slope.low <= true <= slope.high
    assert held / runs > 0.88


def test_neighbours_that_err_alike_widen_the_interval() -> None:
    def width(values: list[float]) -> float:
        slope = fit_slope(list(enumerate(values)))
        assert slope is not None
        return slope.high - slope.low

    ups_and_downs = [float(second % 2) for second in range(100)]
    one_step = [float(second >= 50) for second in range(100)]
    assert width(one_step) > 2 * width(ups_and_downs)


def test_the_warm_up_can_be_left_out_of_a_slope() -> None:
    run = history(*(sample(second, own=MIB * min(second, 20)) for second in range(60)))
    whole, later = run.slope("anonymous"), run.slope("anonymous", after=20)
    assert whole is not None
    assert later is not None
    assert whole.per_second > 0.1 * MIB
    assert later.per_second == pytest.approx(0, abs=1e-6)


LIMITS = [
    (Limits(), None, None),
    (Limits(growth=4 * MIB), None, None),
    (Limits(growth=4 * MIB - 1), "+4 MiB is over --max-growth 4 MiB", "--max-growth"),
    (Limits(rss=20 * MIB), None, None),
    (Limits(rss=19 * MIB), "rss 20 MiB is over --max-rss 19 MiB", "--max-rss"),
    (Limits(growth_per_connection=41 * KIB), None, None),
    (
        Limits(growth_per_connection=40 * KIB),
        None,
        "+41 KiB for each of 100 connections is over --max-growth-per-connection 40 KiB",
    ),
]


@pytest.mark.parametrize(("limits", "at_once", "at_the_end"), LIMITS)
def test_a_limit_is_broken_only_above_it(
    limits: Limits, at_once: str | None, at_the_end: str | None
) -> None:
    for found, words in (
        (breach(limits, BUSY), at_once),
        (breach(limits, BUSY, is_final=True), at_the_end),
    ):
        assert found is None if words is None else found is not None and words in found


def test_a_limit_per_connection_that_saw_none_says_so() -> None:
    limits, idle = Limits(growth_per_connection=1), history(sample(0), sample(1, own=9 * MIB))
    assert breach(limits, idle, is_final=True) is None
    assert "not judged" in (unjudged(limits, idle) or "")
    assert unjudged(limits, BUSY) is None
    assert unjudged(Limits(), idle) is None


@pytest.mark.parametrize(
    ("run", "clauses"),
    [
        (
            BUSY,
            [
                "50 downloads of 4.9 GiB in flight: evloop 13 MiB (+1 MiB)",
                "load-all 4.9 GiB (9.8 GiB with the string copy)",
            ],
        ),
        (
            history(sample(downloads=1)),
            [
                "1 download of 100 MiB in flight: evloop 12 MiB (+0 B)",
                "load-all 100 MiB (200 MiB with the string copy)",
            ],
        ),
        (history(sample()), ["no file is open for reading: evloop 12 MiB (+0 B)"]),
        (history(elsewhere()), ["evloop 20 MiB (+0 B)"]),
    ],
)
def test_the_counterfactual_reads_as_a_sentence(run: History, clauses: list[str]) -> None:
    assert counterfactual(run, "evloop") == clauses


def test_a_lower_bound_is_said_where_the_queues_are_known() -> None:
    assert lower_bound(BUSY) is None
    assert lower_bound(history(elsewhere())) is None


def test_the_summary_says_which_figure_is_which() -> None:
    text = "\n".join(summary(BUSY, "evloop"))
    assert "memory (PSS): 12 MiB at the start, 16 MiB at the peak, 13 MiB at the end" in text
    assert "growth of own (anonymous) pages: +4 MiB at the peak, +1 MiB at the end" in text
    assert "up to 4.9 GiB for 50 downloads" in text
    assert "growth of RSS" in "\n".join(summary(history(elsewhere()), "other"))


@pytest.mark.parametrize(
    ("shown", "text"),
    [
        (show_size(None), "n/a"),
        (show_size(0, signed=True), "+0 B"),
        (show_size(1536, signed=True), "+1.5 KiB"),
        (show_size(-2 * MIB, signed=True), "-2 MiB"),
        (show_count(None), "n/a"),
        (show_count(12345.0), "12,345"),
        (show_clock(3725.9), "1:02:05"),
    ],
)
def test_figures_for_people(shown: str, text: str) -> None:
    assert shown == text


def test_every_row_of_the_csv_file_is_there_at_once(tmp_path: Path) -> None:
    path = tmp_path / "run.csv"
    run = history(sample(0), sample(1, connections=2, downloads=1))
    with CsvFile(path) as file:
        file.write(run)
        header, line = path.read_text().splitlines()
    cells = dict(zip(header.split(","), line.split(","), strict=True))
    assert float(cells["seconds"]) == 1
    assert cells["time"] == "2023-11-14T22:13:21.000+00:00"
    assert cells["load_all"] == str(100 * MIB)
    assert cells["established"] == "2"
    assert cells["listen"] == "1"
    assert cells["cgroup_usage"] == ""


def test_the_document_of_a_run_is_json(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    write_json(path, document(BUSY, server="evloop"))
    content = json.loads(path.read_text())
    assert content["server"] == "evloop"
    assert content["peak"]["anonymous"] == 12 * MIB
    assert content["start"]["connections"] == 10
    assert content["growth_per_connection"] == pytest.approx(4 * MIB / 100, abs=0.1)
    assert len(content["samples"]) == 3
    json.dumps(document(history(elsewhere())))
    assert row(elsewhere(), elsewhere())["listen"] is None


@pytest.mark.parametrize("name", ["run.pdf", "run", "run.png.gz"])
def test_a_picture_of_another_kind_is_refused_before_the_run(name: str) -> None:
    with pytest.raises(UsageError, match=r"\.png or \.svg"):
        check_plot(Path(name))


@pytest.mark.parametrize(("suffix", "magic"), [(".png", b"\x89PNG"), (".svg", b"<?xml")])
@pytest.mark.parametrize("run", [BUSY, history(sample()), history(elsewhere(), elsewhere(1))])
def test_a_run_of_any_kind_can_be_plotted(
    tmp_path: Path, suffix: str, magic: bytes, run: History
) -> None:
    pytest.importorskip("matplotlib")
    path = tmp_path / f"run{suffix}"
    check_plot(path)
    draw(run, "evloop", path)
    assert path.read_bytes().startswith(magic)
    assert math.isfinite(path.stat().st_size)
