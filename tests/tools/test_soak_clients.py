"""The clients of the soak test over real sockets: against servers of a few lines, and evloop."""

import contextlib
import socket
import time
from collections.abc import Iterator
from math import inf

import pytest
from evloop_tools.lab.docroot import make
from evloop_tools.lab.terminal import Events
from evloop_tools.load.behaviours import BEHAVIOURS, Habits, Visitor
from evloop_tools.load.content import Coded, Sparse
from evloop_tools.load.crowd import Crowd, Group, Load
from evloop_tools.load.endpoint import PORTS_EACH, Connector, parse_url
from evloop_tools.load.faults import Fault
from evloop_tools.load.files import Catalogue, File, Kind
from evloop_tools.load.orders import CODED, SPARSE, Wanted
from evloop_tools.load.requests import whole
from evloop_tools.load.steps import QUANTUM, Ask, Close, Ending, Rest, Script
from evloop_tools.load.tally import Tally
from evloop_tools.soaking.soak import Soak, Timing

from evloop.net.reactor import Reactor
from evloop.net.timers import TICK, Timed, Timers
from evloop.process.server import Server
from evloop.settings.config import Config
from tests.support.deadline import eventually
from tests.tools.scripted import DEADLINE, Act, be_silent, reset, scripted

KIB, MIB = 1024, 1024 * 1024
FILE = File("/file.bin", Kind.ASSET, Coded("/file.bin", 100 * KIB))
BODY = FILE.content.expected(0, 100 * KIB)
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 102400\r\n"
WHOLE = HEAD + b"\r\n" + BODY
HABITS = Habits(rate=8 * MIB, pause=0.0, stall=0.1, trickle=0.2)


class Unseen:
    """A view for nobody."""

    interval = 60.0

    def show(self, soak: Soak) -> None:
        """Show nothing."""


def soak(
    port: int,
    files: list[File],
    behaviour: str = "full",
    requests: float = 1,
    clients: int = 1,
    arrivals: float | None = None,
    timeout: float = 10.0,
    duration: float = DEADLINE,
    habits: Habits = HABITS,
    tally: Tally | None = None,
) -> Tally:
    """Let clients of one behaviour ask the server on *port*; return what they counted."""
    groups = (Group(behaviour, behaviour, 1),)
    load = Load(groups, clients, arrivals, requests=requests, habits=habits, timeout=timeout)
    tally = tally or Tally([behaviour])
    endpoint = parse_url(f"http://127.0.0.1:{port}")
    run = Soak(endpoint, Catalogue(files), load, Timing(duration, 0.0, 0.05), tally, None)
    with Events() as events:
        run.run(Unseen(), events)
    assert tally.connected == 0
    return tally


# Against a server of a few lines

FLIPPED = HEAD + b"\r\n" + BODY[:5000] + bytes([BODY[5000] ^ 4]) + BODY[5001:]
FAULTS: dict[str, tuple[list[Act], Fault, str]] = {
    "wrong bytes": ([FLIPPED], Fault.WRONG_BYTES, "/file.bin: offset 5,000 is 0x"),
    "a short body": ([WHOLE[:-9]], Fault.SHORT_BODY, "closed with 9 bytes still to come"),
    "no length": ([b"HTTP/1.1 200 OK\r\n\r\n" + BODY], Fault.NO_LENGTH, "a 200 that"),
    "garbage": ([b"\0\1\2\r\n\r\n"], Fault.GARBAGE, "no HTTP/1 response"),
    "half a head": ([HEAD], Fault.GARBAGE, "half a head"),
    "more than was asked for": ([WHOLE + b"!"], Fault.GARBAGE, "1 bytes behind the last answer"),
    "no answer": ([b""], Fault.NO_ANSWER, "closed without a byte"),
    "a reset": ([b"", reset], Fault.RESET, "Connection reset by peer"),
    "a reset within the body": ([WHOLE[:50_000], reset], Fault.RESET, "Connection reset"),
    "silence": ([be_silent], Fault.TIMEOUT, "waiting for 0.3 s"),
    "silence within the body": ([WHOLE[:500], be_silent], Fault.TIMEOUT, "reading for 0.3 s"),
    "an error page": (
        [b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"], Fault.WRONG_STATUS, "503 instead of",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_what_is_wrong_is_counted_by_kind_with_an_example(name: str) -> None:
    parts, fault, example = FAULTS[name]
    with scripted(parts) as port:
        tally = soak(port, [FILE], timeout=0.3 if fault is Fault.TIMEOUT else DEADLINE)
    assert tally.errors == {fault: 1}
    assert example in tally.examples[fault]
    assert tally.wrong_bytes == (fault is Fault.WRONG_BYTES)
    assert tally.all.requests == 0


def test_a_refused_connection_is_counted() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert soak(port, [FILE]).errors == {Fault.REFUSED: 1}


def three_in_a_row(visitor: Visitor) -> Script:
    """Ask three times without a pause."""
    for _ in range(3):
        yield Ask((whole(visitor.small()),))


def test_a_connection_that_was_closed_as_idle_is_opened_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(BEHAVIOURS, "three", three_in_a_row)
    with scripted([WHOLE], [WHOLE, WHOLE]) as port:
        tally = soak(port, [FILE], "three", requests=3)
    assert tally.error_count == 0
    assert tally.all.requests == 3
    assert tally.reconnects == 1


def test_what_is_unanswered_when_the_server_closes_is_asked_again() -> None:
    closing = HEAD + b"Connection: close\r\n\r\n" + BODY
    with scripted([WHOLE, closing], [closing]) as port:
        tally = soak(port, [FILE], "pipelined", requests=5)
    assert tally.error_count == 0
    assert tally.all.requests >= 5
    assert tally.reconnects == 0


def test_who_failed_is_followed_by_another() -> None:
    with scripted([b"garbage\r\n\r\n"], [WHOLE]) as port:
        tally = soak(port, [FILE], requests=2)
    assert tally.errors == {Fault.GARBAGE: 1}
    assert tally.all.requests == 1


def await_head(client: socket.socket) -> None:
    """Read until a request is whole."""
    received = b""
    while not received.endswith(b"\r\n\r\n"):
        received += client.recv(64 * KIB)


def send_408(client: socket.socket) -> None:
    """Say that the request came too slowly."""
    client.sendall(b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n")


@pytest.mark.parametrize("acts", [[b"", send_408], [await_head, send_408]])
def test_a_client_that_the_server_sends_away_is_no_error(acts: list[Act]) -> None:
    with scripted(acts) as port:
        tally = soak(port, [FILE], "slow-head")
    assert tally.error_count == 0
    assert tally.all.cut == 1


@pytest.mark.parametrize("ending", Ending)
def test_a_client_closes_as_it_is_told_to(ending: Ending, monkeypatch: pytest.MonkeyPatch) -> None:
    def leave(visitor: Visitor) -> Script:
        yield Ask((whole(FILE),), head_bytes=9)
        yield Close(ending)

    seen: list[bytes | None] = []

    def note_end(client: socket.socket) -> None:
        try:
            while data := client.recv(9):
                pass
            seen.append(data)
        except ConnectionResetError:
            seen.append(None)

    monkeypatch.setitem(BEHAVIOURS, "leave", leave)
    with scripted([note_end]) as port:
        soak(port, [FILE], "leave")
        eventually(lambda: bool(seen), "the end of the connection")
    assert seen == [b"" if ending is Ending.TIDY else None]


def test_a_stalled_client_that_is_cut_is_no_error() -> None:
    large = File("/large.bin", Kind.DOCUMENT, Coded("/large.bin", 1024**3))
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n"
    tally = Tally(["stalled"])

    def await_stall(_: socket.socket) -> None:
        eventually(lambda: tally.all.stopped >= 1, "the stall")

    with scripted([head, await_stall, reset]) as port:
        soak(port, [large], "stalled", 2, habits=Habits(stall=DEADLINE), tally=tally)
    assert tally.error_count == 0
    assert tally.all.cut == 1


def test_a_dripping_server_can_not_hold_up_the_end() -> None:
    with scripted([HEAD, be_silent]) as port:
        tally = soak(port, [FILE], duration=0.5)
    assert tally.error_count == 0
    assert tally.all.unfinished == 1


def test_arrivals_that_find_no_room_are_an_error() -> None:
    with scripted([be_silent]) as port:
        tally = soak(port, [FILE], requests=inf, clients=3, arrivals=100.0, duration=0.5)
    assert tally.errors[Fault.OVERRUN] > 5
    assert tally.all.clients == 3


def test_many_connections_come_from_several_addresses() -> None:
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=16))
        connector = Connector(parse_url(f"127.0.0.1:{listener.getsockname()[1]}"), 3 * PORTS_EACH)
        seen = set()
        for _ in range(8):
            stack.enter_context(connector.connect(None))
            peer, address = listener.accept()
            stack.enter_context(peer)
            seen.add(address[0])
    assert len(seen) == 4


# Against evloop

SPECS = (
    Wanted("/page.html", 20 * KIB, CODED),
    Wanted("/a.css", 100 * KIB, CODED),
    Wanted("/b.css", 1, CODED),
    Wanted("/c.js", MIB, CODED),
    Wanted("/d.bin", MIB + 1, CODED),
    Wanted("/e.bin", 5 * MIB, CODED),
    Wanted("/f.mp4", 50 * MIB, SPARSE),
)


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Yield the port of evloop over SPECS."""
    root = tmp_path_factory.mktemp("root")
    make(root, SPECS)
    with Server(Config(root=str(root), host=("127.0.0.1",), port=0)).in_thread() as server:
        yield server.addresses[0][1]


PAGE, LARGE = SPECS[0].file, SPECS[4].file
SHORT = 0.001  # seconds: far less than a tick of the timers' wheel
WAITS: dict[str, list[Ask | Rest]] = {
    "a rest": [Ask((whole(PAGE),)), Rest(SHORT)],
    "a rest beside an answer": [Ask((whole(LARGE),), body_bytes=0), Rest(SHORT)],
    "a piece of a head": [Ask((whole(PAGE),), trickle=8 * SHORT)],
    "a pause of a slow reader": [Ask((whole(LARGE),), rate=KIB / SHORT, quantum=SHORT)],
}


@pytest.mark.parametrize("name", WAITS)
def test_a_wait_shorter_than_a_tick_is_not_drawn_out(name: str, port: int) -> None:
    on_the_wheel, precise, done = [], [], []

    class Watched(Timers):
        """Notes who waits for less than a tick, and how."""

        def watch(self, timed: Timed, now: float) -> None:
            super().watch(timed, now)
            on_the_wheel.extend([timed] if timed.deadline - now < TICK else [])

        def watch_closely(self, timed: Timed) -> None:
            super().watch_closely(timed)
            precise.append(timed)

    def script(visitor: Visitor) -> Script:
        for step in WAITS[name]:
            _ = yield step  # the answers that come back are nothing to it
        done.append(True)

    reactor = Reactor()
    reactor.timers = Watched()
    load = Load((Group("one", "one", 1),), 1, is_replaced=False)
    endpoint, tally = parse_url(f"http://127.0.0.1:{port}"), Tally(["one"])
    crowd = Crowd(reactor, endpoint, Catalogue([PAGE]), load, tally, {"one": script})
    with contextlib.closing(reactor):
        crowd.open(reactor.now)
        crowd.admit(reactor.now)
        while not done and not tally.examples:
            reactor.turn(DEADLINE)
        crowd.stop()
    assert tally.examples == {}
    assert precise
    assert on_the_wheel == []


@pytest.mark.parametrize("behaviour", BEHAVIOURS)
def test_evloop_stands_every_behaviour(behaviour: str, port: int) -> None:
    files = [wanted.file for wanted in SPECS if wanted.like == CODED]
    requests = 10 if behaviour.startswith("slow") else 40
    tally = soak(port, files, behaviour, requests, clients=5)
    assert tally.examples == {}
    counts = tally.all
    assert counts.requests + counts.stopped + counts.cut >= requests
    assert counts.clients >= 5
    assert tally.peak_connected >= 5


def test_a_sparse_video_is_checked_too(port: int) -> None:
    tally = soak(port, [SPECS[-1].file], requests=2)
    assert tally.errors == {}
    assert tally.all.received == 2 * 50 * MIB


@pytest.mark.parametrize("wrong", [Coded("/e.bin", 5 * MIB + 1), Sparse("/e.bin", 5 * MIB)])
def test_other_bytes_than_expected_are_found(wrong: Coded | Sparse, port: int) -> None:
    tally = soak(port, [File("/e.bin", Kind.DOCUMENT, wrong)])
    assert tally.error_count == 1


def test_a_rate_is_not_exceeded(port: int) -> None:
    began = time.monotonic()
    tally = soak(port, [SPECS[-1].file], "slow", inf, clients=2, duration=1.5)
    seconds = time.monotonic() - began
    assert 0 < tally.all.received <= 2 * HABITS.rate * (seconds + QUANTUM)


def test_arrivals_come_at_their_rate_whatever_the_server_does() -> None:
    groups = (Group("full", "full", 1),)
    load = Load(groups, clients=1000, arrivals=200.0, ramp_up=1.0)
    tally = Tally(["full"])
    reactor = Reactor()
    with scripted([be_silent]) as port:
        endpoint = parse_url(f"http://127.0.0.1:{port}")
        crowd = Crowd(reactor, endpoint, Catalogue([FILE]), load, tally)
        crowd.open(now=0.0)
        came = []
        for now in (1.0, 3.0):
            while crowd.next_due <= now:
                crowd.admit(now)
            came.append(tally.all.clients)
        crowd.stop()
    reactor.close()
    assert came[0] == pytest.approx(100, rel=0.25)  # the rate rises in this second
    assert came[1] - came[0] == pytest.approx(400, rel=0.15)
