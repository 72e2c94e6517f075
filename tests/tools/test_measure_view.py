"""What people see: graphs out of characters, lines, and the picture that fills a window."""

import io
import itertools
import re
import signal
import time
from collections import Counter
from dataclasses import replace

import pytest
from evloop_tools.lab.cgroup import Cgroup
from evloop_tools.lab.descriptors import Downloads
from evloop_tools.lab.history import History
from evloop_tools.lab.kernel import KernelTcp
from evloop_tools.lab.memory import Memory
from evloop_tools.lab.sample import Sample
from evloop_tools.lab.sockets import Connections, Queues
from evloop_tools.lab.terminal import Events
from evloop_tools.monitoring.lines import lines as lines_to
from evloop_tools.monitoring.live import Screen, area
from evloop_tools.report.scale import LogScale, binary_unit, columns, nice_span, nice_top
from evloop_tools.report.words import KINDS
from rich.console import Console

KIB, MIB, GIB = 1024.0, 1024.0**2, 1024.0**3


def sample(at: float, connections: int = 0, own: float = 8 * MIB) -> Sample:
    return Sample(
        at=at,
        clock=at,
        processes=3,
        memory=Memory(int(own + 9 * MIB), int(own + 4 * MIB), int(own), int(own), int(4 * MIB), 0),
        cpu=12.5,
        threads=1,
        descriptors=10 + connections,
        connections=Connections(Counter(ESTABLISHED=connections), connections, Queues()),
        downloads=Downloads(connections, connections * 100 * 1024 * 1024),
        kernel=KernelTcp(int(3 * MIB), int(GIB)),
        cgroup=None,
        cost=0.01,
    )


def busy(seconds: int = 60) -> History:
    history = History(sample(0))
    for second in range(1, seconds):
        history.add(sample(second, min(50, second), 8 * MIB + second * KIB))
    return history


def elsewhere() -> History:
    """A run on a platform that tells of nothing but RSS."""
    return History(Sample(0, 0, 1, Memory(1), 0.0, 1, None, None, None, None, None, 0.01))


@pytest.mark.parametrize(
    ("points", "shown"),
    [
        ([], [None, None, None, None]),
        ([(0, 5)], [5, None, None, None]),
        ([(0, 1), (1, 9), (1.5, 3), (3, 4)], [1, 9, 9, 4]),  # highest of two; a gap is filled
        ([(0, 1), (4, 2)], [1, 1, 1, 2]),  # the end belongs to the last column
    ],
)
def test_points_are_spread_over_columns(
    points: list[tuple[float, float]], shown: list[float | None]
) -> None:
    assert columns(points, 4, 4) == shown


@pytest.mark.parametrize(("elapsed", "span"), [(0, 16), (16, 16), (16.1, 32), (100, 128)])
def test_the_time_axis_grows_by_doubling(elapsed: float, span: float) -> None:
    assert nice_span(elapsed, 16) == span


@pytest.mark.parametrize(
    ("value", "top"), [(0, 1), (0.4, 0.4), (1, 1), (1.1, 1.5), (13, 15), (61, 80), (990, 1000)]
)
def test_an_axis_ends_at_a_round_number(value: float, top: float) -> None:
    assert nice_top(value) == pytest.approx(top)
    assert nice_top(value * MIB, MIB) == pytest.approx(top * MIB)


@pytest.mark.parametrize(("size", "unit"), [(0, 1), (1023, 1), (1024, KIB), (5 * GIB, GIB)])
def test_the_unit_of_a_size(size: float, unit: float) -> None:
    assert binary_unit(size) == unit


def test_an_area_shows_eighths_and_shades_what_is_above() -> None:
    picture = area([16, 12, 1, 0, None], [16, 16, 16, 8, None], 16, 2, ("cyan", "blue"))
    assert [line.plain for line in picture] == ["█▄░  ", "██▁░ "]


def test_a_logarithmic_scale_has_ten_times_more_at_each_tick() -> None:
    scale = LogScale(13 * MIB, 5 * GIB, 60)
    assert [tick for _, tick in scale.ticks()] == [10 * MIB, 100 * MIB, GIB, 10 * GIB]
    places = [column for column, _ in scale.ticks()]
    steps = [after - before for before, after in itertools.pairwise(places)]
    assert max(steps) - min(steps) <= 1
    assert scale.length(0) == 0
    assert scale.length(1) == 1  # never so small that it is not seen
    assert scale.length(10 * GIB) == scale.length(99 * GIB) == 60


def rendered(history: History, width: int, height: int) -> list[str]:
    console = Console(width=width, height=height, file=io.StringIO(), color_system=None)
    with console.capture() as capture:
        console.print(Screen(history, "evloop", "pid 1, port 80"), end="")
    return capture.get().splitlines()


@pytest.mark.parametrize("history", [busy(), busy(5000), History(sample(0)), elsewhere()])
@pytest.mark.parametrize(("width", "height"), [(80, 24), (140, 45), (60, 30), (300, 80)])
def test_the_picture_fills_the_window_and_no_more(
    history: History, width: int, height: int
) -> None:
    lines = rendered(history, width, height)
    assert len(lines) == height
    assert max(map(len, lines)) <= width
    assert "evloop" in lines[0]
    assert "q ends" in lines[0]


@pytest.mark.parametrize(("width", "height"), [(1, 1), (10, 3), (40, 12)])
def test_a_window_that_is_too_small_is_no_error(width: int, height: int) -> None:
    assert max(map(len, rendered(busy(), width, height))) <= width


def test_the_picture_tells_the_story() -> None:
    text = "\n".join(rendered(busy(), 80, 24))
    assert "50 downloads of 4.9 GiB in flight: evloop 12.1 MiB (+59 KiB)" in text
    assert "load-all 4.9 GiB (9.8 GiB with the string copy)" in text
    assert "pid 1, port 80 and 2 more" in text
    assert "50 ESTABLISHED" in text
    bars = [line.count("━") for line in text.splitlines() if "━" in line]
    assert len(bars) == 2
    assert bars[0] < bars[1]
    assert "USS" not in text
    assert "USS" in "\n".join(rendered(busy(), 140, 45))


def in_a_group() -> History:
    """A server that does nothing, with a line about its control group."""
    return History(replace(sample(0), cgroup=Cgroup(1000 * 1024**2, 650 * 1024**2, None)))


@pytest.mark.parametrize(("width", "height"), [(80, 24), (119, 40), (120, 40), (200, 24)])
@pytest.mark.parametrize("history", [busy(), in_a_group()], ids=["busy", "quiet"])
def test_no_heading_and_no_unit_is_cut(history: History, width: int, height: int) -> None:
    text = "\n".join(rendered(history, width, height))
    for word in ("now", "start", "peak", "growth", "/connection"):
        assert re.search(rf"(?<!\S){word}(?!\S)", text)
    assert not re.search(r"\d [KMG]i?(?=\s|$)", text)


@pytest.mark.parametrize("name", KINDS)
def test_each_kind_of_memory_is_explained_in_a_line(name: str) -> None:
    lines = rendered(busy(), 80, 40)
    assert [line for line in lines if line.startswith(name) and KINDS[name] in line]


def test_a_run_that_has_an_end_says_how_much_is_left() -> None:
    console = Console(width=80, height=24, file=io.StringIO(), color_system=None)
    history = busy()
    with console.capture() as capture:
        console.print(Screen(history, "evloop", "pid 1", history.elapsed + 75), end="")
    assert "0:01:15 left  q ends" in capture.get().splitlines()[0]
    assert "left" not in rendered(history, 80, 24)[0]


def test_what_a_platform_does_not_tell_is_said() -> None:
    text = "\n".join(rendered(elsewhere(), 80, 24))
    assert "not told by this platform; growth is that of RSS" in text
    assert any(line.split()[:2] == ["PSS", "n/a"] for line in text.splitlines())
    assert "not told" not in "\n".join(rendered(busy(), 80, 24))


def test_what_is_not_known_is_said_in_a_line_for_a_pipe() -> None:
    stream = io.StringIO()
    lines = lines_to(stream)
    lines.show(elsewhere())
    lines.show(busy())
    header, unknown, known = stream.getvalue().splitlines()
    assert len(header) == len(unknown) == len(known)
    assert unknown.split().count("n/a") == 8
    assert "4.9 GiB" in known


def test_the_header_comes_again() -> None:
    stream = io.StringIO()
    lines = lines_to(stream)
    for _ in range(31):
        lines.show(elsewhere())
    headers = [line for line in stream.getvalue().splitlines() if "load-all" in line]
    assert len(headers) == 2


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_a_wait_and_raises_nothing(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with Events() as events:
        signal.raise_signal(number)
        assert not events.wait(time.monotonic() + 20)
        assert events.stopped
    assert signal.getsignal(number) is before


def test_a_new_size_of_the_window_ends_a_wait_and_not_the_run() -> None:
    with Events() as events:
        signal.raise_signal(signal.SIGWINCH)
        assert not events.wait(time.monotonic() + 20)
        assert not events.stopped
        assert events.wait(time.monotonic())
