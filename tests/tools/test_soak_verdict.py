"""The statistics of a soak test, and its verdict."""

import itertools
from math import inf

import pytest
from evloop_tools.lab.history import Slope
from evloop_tools.load.crowd import Group, Load
from evloop_tools.load.faults import Fault, FaultError
from evloop_tools.load.tally import Histogram, Tally
from evloop_tools.report.figures import parse_byte_rate, parse_count_rate, show_slope
from evloop_tools.report.verdict import LONG_ENOUGH, Finding, Limits, is_pass
from evloop_tools.soaking.report import page
from evloop_tools.soaking.result import Outcome, Point, Result, Timeline
from evloop_tools.soaking.verdict import judge
from evloop_tools.soaking.watch import Seen

KIB, MIB = 1024, 1024 * 1024


def test_a_histogram_is_right_to_one_percent() -> None:
    histogram = Histogram()
    for number in range(1, 10_001):
        histogram.note(number / 1000)
    for share, exact in ((0.5, 5.0), (0.9, 9.0), (0.99, 9.9), (1.0, 10.0)):
        assert histogram.percentile(share) == pytest.approx(exact, rel=0.0101)
    assert histogram.maximum == 10.0


def test_an_empty_histogram_has_no_percentiles() -> None:
    assert Histogram().percentile(0.5) is None


def test_histograms_add_up() -> None:
    one, other = Histogram(), Histogram()
    one.note(0.001)
    other.note(1.0)
    other.note(0.0)
    one.add(other)
    assert (one.count, one.maximum) == (3, 1.0)
    assert one.percentile(0.01) == pytest.approx(1e-6)


def test_the_timeline_stays_small_and_keeps_both_ends() -> None:
    timeline = Timeline()
    for number in range(50_000):
        timeline.add(Point(float(number), 0, 0, 0, 0))
    assert len(timeline.points) <= 2049
    assert timeline.points[0].at == 0.0
    assert timeline.points[-1].at > 49_900
    assert len({after.at - before.at for before, after in itertools.pairwise(timeline.points)}) == 1


@pytest.mark.parametrize(
    ("text", "rate"),
    [("64KiB/s", 65536.0), ("64K", 65536.0), ("1MiB/min", MIB / 60), ("0/h", 0.0)],
)
def test_byte_rates(text: str, rate: float) -> None:
    assert parse_byte_rate(text) == rate


@pytest.mark.parametrize("text", ["200/s", "12000/min", "200"])
def test_count_rates(text: str) -> None:
    assert parse_count_rate(text) == 200.0


@pytest.mark.parametrize("text", ["0/s", "x", "-1/s", "nan", "inf", "5/week", ""])
def test_bad_count_rates(text: str) -> None:
    with pytest.raises(ValueError, match=r"wanted|unit"):
        parse_count_rate(text)


def test_slopes_are_shown_per_minute() -> None:
    assert show_slope(1024.0) == "+60 KiB/min"
    assert show_slope(-1024.0) == "-60 KiB/min"


def memory(
    slope: Slope | None = None,
    descriptors: tuple[float, float, float] | None = (8, 500, 8),
    peak: float = 12 * MIB,
    judged: float = 60.0,
) -> Seen:
    return Seen(
        own_metric="anonymous",
        own=(10 * MIB, peak, 10 * MIB),
        total_metric="pss",
        total=(11 * MIB, 13 * MIB, 11 * MIB),
        rss_peak=20 * MIB,
        per_connection=(peak - 10 * MIB) / 1000,
        slope=slope,
        judged=judged,
        kernel=(1 * MIB, 100 * MIB, 900 * MIB),
        send_queues=50 * MIB,
        descriptors=descriptors,
        cpu_peak=50.0,
        looks=60,
    )


def result(
    seen: Seen | None,
    requests: int = 100,
    faults: tuple[FaultError, ...] = (),
    ended: str | None = None,
    wanted: float = inf,
) -> Result:
    tally = Tally(["full"])
    tally.groups["full"].requests = requests
    for fault in faults:
        tally.fault(fault, "/x", tally.groups["full"])
    load = Load((Group("full", "full", 1),), clients=1000, requests=wanted)
    return Result(
        title="t", server="s", url="u", checked="c", load=load, outcome=Outcome(60.0), tally=tally,
        memory=seen, history=None, unseen="it is far away", ended=ended,
    )  # fmt: skip


FLAT = Slope(0.0, -100.0, 100.0, 40)
CREEPING = Slope(64 * KIB / 60, 60 * KIB / 60, 68 * KIB / 60, 40)
STEEP = Slope(1e6, 0.9e6, 1.1e6, 40)
UNSURE = Slope(1e6, -1e6, 3e6, 40)
WRONG_BYTE = FaultError(Fault.WRONG_BYTES, "offset 5", 2)
RESET = FaultError(Fault.RESET, "x")

VERDICTS: dict[str, tuple[Result, Limits, set[str]]] = {
    "all is well": (result(memory(FLAT)), Limits(), set()),
    "nothing was answered": (result(memory(FLAT), requests=0), Limits(), {"answers"}),
    "too little was answered": (result(memory(FLAT), wanted=101), Limits(), {"answers"}),
    "a wrong byte": (
        result(memory(FLAT), faults=(WRONG_BYTE,)), Limits(), {"wrong bytes", "errors"},
    ),
    "a wrong byte, errors allowed": (
        result(memory(FLAT), faults=(WRONG_BYTE,)), Limits(errors=5), {"wrong bytes"},
    ),
    "an error": (result(memory(FLAT), faults=(RESET,)), Limits(), {"errors"}),
    "an error that is allowed": (
        result(memory(FLAT), faults=(RESET,)), Limits(errors=1), set(),
    ),
    "the server ended": (result(memory(FLAT), ended="by signal 9"), Limits(), {"server"}),
    "memory grows": (result(memory(STEEP)), Limits(), {"memory slope"}),
    "memory grows a little, and soon it can't be told": (
        result(memory(CREEPING)), Limits(), set(),
    ),
    "memory grows a little for long enough": (
        result(memory(CREEPING, judged=LONG_ENOUGH)), Limits(), {"memory slope"},
    ),
    "memory is constant for long enough": (
        result(memory(FLAT, judged=LONG_ENOUGH)), Limits(), set(),
    ),
    "nobody can tell after long enough": (
        result(memory(UNSURE, judged=LONG_ENOUGH)), Limits(), {"memory slope"},
    ),
    "memory may grow for long": (
        result(memory(CREEPING, judged=LONG_ENOUGH)), Limits(slope=MIB / 60), set(),
    ),
    "memory may grow": (result(memory(STEEP)), Limits(slope=2e6), set()),
    "nobody can tell whether memory grows": (result(memory(UNSURE)), Limits(), set()),
    "too few looks": (result(memory(None)), Limits(), set()),
    "descriptors leak": (result(memory(FLAT, (8, 500, 17))), Limits(), {"descriptors"}),
    "a few descriptors more": (result(memory(FLAT, (8, 500, 16))), Limits(), set()),
    "no descriptors are told": (result(memory(FLAT, None)), Limits(), set()),
    "connections are dear": (
        result(memory(FLAT)), Limits(growth_per_connection=2 * KIB), {"growth per connection"},
    ),
    "connections are cheap": (result(memory(FLAT)), Limits(growth_per_connection=3 * KIB), set()),
    "the peak is high": (result(memory(FLAT)), Limits(growth=MIB), {"growth at the peak"}),
    "RSS is high": (result(memory(FLAT)), Limits(rss=19 * MIB), {"RSS at the peak"}),
    "memory can't be seen": (result(None), Limits(rss=1), set()),
}  # fmt: skip


@pytest.mark.parametrize("name", VERDICTS)
def test_the_verdict_names_the_limits_that_decided(name: str) -> None:
    held, limits, broken = VERDICTS[name]
    checks = judge(held, limits)
    assert {check.name for check in checks if check.finding is Finding.BROKEN} == broken
    assert is_pass(checks) == (not broken)
    shown = page(held, checks)
    assert shown.verdict.startswith("FAIL" if broken else "PASS")
    assert all(name in shown.verdict for name in broken)


def test_what_could_not_be_judged_is_said() -> None:
    assert judge(result(None), Limits())[-1].seen == "it is far away"
    assert judge(result(memory(None)), Limits())[-1].finding is Finding.NOT_JUDGED


def test_the_first_example_of_each_kind_is_kept() -> None:
    held = result(None, faults=(WRONG_BYTE, FaultError(Fault.WRONG_BYTES, "offset 9", 1)))
    assert held.tally.examples == {Fault.WRONG_BYTES: "/x: offset 5"}
    assert held.tally.wrong_bytes == 3
    assert held.tally.groups["full"].errors == 2
