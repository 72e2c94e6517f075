"""A process of clients: what it is ordered, what it counts, and what it says is wrong."""

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from evloop_tools.lab.docroot import make, place
from evloop_tools.lab.driver import LoadReport, OwnLoad, await_held, clients, refuse_errors
from evloop_tools.lab.errors import VoidError
from evloop_tools.lab.socket_memory import read_socket_memory
from evloop_tools.load.endpoint import local_endpoint
from evloop_tools.load.orders import (
    CODED,
    SPARSE,
    Behaviour,
    Hold,
    Order,
    Run,
    Wanted,
    from_line,
    to_line,
)

from evloop import Config, Server
from tests.support.deadline import eventually
from tests.tools.scripted import be_silent, scripted

KIB = 1024
MIB = 1024 * KIB
WAIT = 20.0  # seconds until a test gives up

SMALL = Wanted("/small.html", 1 * KIB, CODED)
LARGE = Wanted("/large.bin", 5 * MIB, CODED)
HOLES = Wanted("/holes.bin", 64 * MIB, SPARSE)
BODY = SMALL.file.content.expected(0, KIB)
GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 1024\r\n\r\n" + BODY


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an evloop over the files above."""
    root = tmp_path_factory.mktemp("root")
    make(root, (SMALL, LARGE, HOLES))
    config = Config(root=str(root), host=("127.0.0.1",), port=0, access_log="off")
    with Server(config).in_thread() as server:
        yield local_endpoint(server.addresses[0][1]).url


def drive(order: Run) -> LoadReport:
    return OwnLoad().drive(order, lambda: 0.0)


def held(order: Hold) -> tuple[dict[str, object], dict[str, object]]:
    """Carry out a Hold to its end; return what was said when all were held, and at the end."""
    with clients(order) as crowd:
        ready = crowd.expect("ready", WAIT)
        crowd.say()
        return dict(ready), dict(crowd.expect("done", WAIT))


@pytest.mark.parametrize(
    "order",
    [
        Run("u", (("repeat", 2),), (SMALL, Wanted("/x", part=(1, 9))), 0.5, requests=3, rate=9.0),
        Run("u", (("idle-guest", 2), ("heads", 1)), (), gathers=1.0),
        Hold("u", (LARGE,), Behaviour.SLOW, 64.0, None),
    ],
)
def test_an_order_survives_its_line(order: Order) -> None:
    assert from_line(to_line(order)) == order


# Again and again


def test_downloads_are_repeated_until_the_time_is_over_and_then_finished(url: str) -> None:
    report = drive(Run(url, (("repeat", 3),), (LARGE,), 0.3, finishes=True))
    assert report.errors == {}
    assert report.requests >= 3
    assert report.received == report.requests * 5 * MIB


def test_so_many_requests_are_sent_and_no_more(url: str) -> None:
    report = drive(Run(url, (("fresh", 1),), (SMALL, LARGE), WAIT, requests=5))
    assert (report.requests, report.seconds < WAIT) == (5, True)
    assert report.received == 3 * KIB + 2 * 5 * MIB
    assert 0 < report.latency[50] <= report.latency[99] <= report.latency[100]


def test_a_paced_download_takes_its_time(url: str) -> None:
    report = drive(Run(url, (("fresh", 1),), (LARGE,), WAIT, requests=1, rate=20 * MIB))
    assert report.latency[50] >= 0.2e6  # a quarter of a second, less a quantum


def test_parts_of_a_file_are_checked_too(url: str) -> None:
    parts = (Wanted("/large.bin", 5 * MIB, CODED, part=(7, 4 * MIB)),)
    assert drive(Run(url, (("arrive", 2),), parts, WAIT, requests=2)).received == 2 * (4 * MIB - 7)


@pytest.mark.parametrize("name", ["pipeline", "heads", "full-speed", "leave", "cancel", "stay"])
def test_evloop_stands_every_drill(name: str, url: str) -> None:
    report = drive(Run(url, ((name, 2),), (SMALL, HOLES), 0.3, requests=400))
    assert report.errors == {}


def test_guests_that_the_server_ends_are_counted_and_replaced() -> None:
    with scripted([be_silent]) as port:
        order = Run(local_endpoint(port).url, (("idle-guest", 3), ("slow-head-guest", 2)), (SMALL,),
                    gathers=WAIT)  # fmt: skip
        with clients(order) as crowd:
            assert crowd.expect("ready", WAIT)["connected"] == 5
            crowd.say()
            crowd.say()
            groups = crowd.expect("done", WAIT)["groups"]
    assert {name: each["ended"] for name, each in groups.items()} == {
        "idle-guest": 0,
        "slow-head-guest": 0,
    }
    seen: list[bytes] = []
    with scripted([lambda client: seen.append(client.recv(64 * KIB))]) as port:
        order = Run(local_endpoint(port).url, (("slow-head-guest", 2),), (SMALL,), gathers=WAIT)
        with clients(order) as crowd:
            crowd.expect("ready", WAIT)
            crowd.say()
            eventually(lambda: len(seen) > 4, "those who come again")
            crowd.say()
            assert crowd.expect("done", WAIT)["groups"]["slow-head-guest"]["ended"] > 2


# Held


@pytest.mark.parametrize("behaviour", Behaviour)
def test_every_byte_of_every_download_is_read_in_the_end(url: str, behaviour: Behaviour) -> None:
    files = (Wanted("/large.bin", 5 * MIB, CODED, 5), Wanted("/small.html", KIB, CODED, 3))
    ready, done = held(Hold(url, files, behaviour, 64 * KIB, None))
    assert (ready["held"], ready["errors"]) == (8, {})
    assert (done["lost"], done["errors"]) == (0, {})
    whole = 5 * 5 * MIB + 3 * KIB
    assert done["received"] == whole * (2 if behaviour is Behaviour.IDLE else 1)


def test_stalled_clients_read_little_more_than_they_are_told_to(url: str) -> None:
    _, done = held(Hold(url, (LARGE, LARGE), Behaviour.STALLED, resume=100 * KIB))
    assert done["resumed"] == 2 * 100 * KIB
    _, done = held(Hold(url, (LARGE,), Behaviour.STALLED))
    assert done["resumed"] == 0


def test_slow_clients_read_at_their_rate_while_they_are_held(url: str) -> None:
    rate, resume = 100 * KIB, 10 * KIB
    began = time.monotonic()
    with clients(Hold(url, (LARGE,), Behaviour.SLOW, rate, resume)) as crowd:
        crowd.expect("ready", WAIT)
        # It says nothing until it is told to go on: so much time it has to read.
        with pytest.raises(VoidError, match="said nothing"):
            crowd.expect("done", 1.5)
        crowd.say()
        received = crowd.expect("done", WAIT)["received"]
    assert 2 * resume < received <= rate * (time.monotonic() - began) + resume + KIB


def test_connections_that_the_server_gave_up_are_lost() -> None:
    ended: list[None] = []

    def end(client: socket.socket) -> None:
        client.shutdown(socket.SHUT_WR)
        ended.append(None)

    with scripted([GOOD, end]) as port:
        files = (Wanted("/small.html", KIB, CODED, 5),)
        with clients(Hold(local_endpoint(port).url, files, Behaviour.IDLE)) as crowd:
            await_held(crowd, 5, WAIT)
            eventually(lambda: len(ended) == 5, "the ends of all connections")
            crowd.say()
            done = crowd.expect("done", WAIT)
    assert done["lost"] == 5
    with pytest.raises(VoidError, match="it closed 5 connections that it should have kept"):
        refuse_errors(done)


BAD = {
    b"HTTP/1.1 200 OK\r\nContent-Length: 1024\r\n\r\nshort": "wrong bytes (/small.html: offset 0",
    b"HTTP/1.1 200 OK\r\nContent-Length: 1024\r\n\r\n" + BODY[:9]: "short body",
    b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nab": "wrong length",
    b"HTTP/1.1 200 OK\r\n\r\n": "no Content-Length",
    b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n": "404 instead of 200",
    b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70 * KIB: "a head without an end",
    b"HTTP/1.1 200": "half a head",
}


@pytest.mark.parametrize("answer", BAD, ids=BAD.values())
def test_a_bad_answer_is_told_by_its_kind(answer: bytes) -> None:
    with scripted([answer]) as port:
        order = Hold(local_endpoint(port).url, (SMALL,), Behaviour.IDLE, patience=WAIT)
        ready, _ = held(order)
    assert ready["held"] == 0
    assert isinstance(ready["errors"], dict)
    ((kind, count),) = ready["errors"].items()
    assert BAD[answer] in kind
    assert count == 1
    with pytest.raises(VoidError, match="1 x "):
        refuse_errors(ready)


def test_an_answer_that_ends_the_connection_can_not_be_held() -> None:
    closing = GOOD.replace(b"\r\n", b"\r\nConnection: close\r\n", 1)
    with (
        scripted([closing]) as port,
        clients(Hold(local_endpoint(port).url, (SMALL,), Behaviour.IDLE)) as crowd,
        pytest.raises(VoidError, match="only 0 of 1 were answered and kept"),
    ):
        await_held(crowd, 1, WAIT)


def test_a_port_where_nobody_listens_makes_it_void() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = local_endpoint(taken.getsockname()[1]).url
        report = drive(Run(url, (("repeat", 1),), (SMALL,), 0.3))
    with pytest.raises(VoidError, match=r"x refused \(/small.html: while connecting: Connection r"):
        report.check(KIB, 1)


# Its end


def test_clients_end_when_their_input_does(url: str) -> None:
    with clients(Hold(url, (LARGE,), Behaviour.STALLED)) as crowd:
        crowd.expect("ready", WAIT)
    assert crowd._process.returncode == 1


def test_what_stalled_downloads_leave_in_the_kernel_is_seen_by_socket(url: str) -> None:
    port = int(url.rpartition(":")[2].strip("/"))
    with socket.create_connection(("127.0.0.1", port)):
        before = read_socket_memory(port)
    if before is None:
        pytest.skip("this platform does not tell it")
    with clients(Hold(url, (LARGE,) * 4, Behaviour.STALLED)) as crowd:
        crowd.expect("ready", WAIT)
        after = read_socket_memory(port)
    assert after is not None
    assert after.server - before.server > 64 * KIB
    assert after.clients - before.clients > 64 * KIB
    assert read_socket_memory(1) is not None


def test_a_made_file_is_old_and_where_it_should_be(tmp_path: Path) -> None:
    make(tmp_path, (SMALL, HOLES, SMALL))
    assert place(tmp_path, SMALL).read_bytes() == BODY
    status = place(tmp_path, HOLES).stat()
    assert status.st_blocks * 512 < MIB
    assert status.st_mtime < time.time() - 60
    assert status.st_size == 64 * MIB
