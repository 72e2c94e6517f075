"""The clients of a scenario, against servers that are honest and servers that are not."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from bench.figures import VoidError
from comparing.measures import _client, _refuse_failures
from comparing.orders import Behaviour, Hold, Order, Timed, from_line, to_line
from lab.socket_memory import read_socket_memory

from evloop import Config, Server

KIB = 1024
WAIT = 20.0  # seconds until a test gives up


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "small.html").write_bytes(bytes(range(256)) * 4)
    (tmp_path / "large.bin").write_bytes(bytes(range(251)) * 20 * KIB)
    return tmp_path


@pytest.fixture
def port(root: Path) -> Iterator[int]:
    config = Config(root=str(root), host=("127.0.0.1",), port=0, access_log="off")
    with Server(config).in_thread() as server:
        yield server.addresses[0][1]


@contextmanager
def answering(answer: Callable[[int], bytes]) -> Iterator[int]:
    """A server that gives connection number N the bytes of answer(N) and no more; its port."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(WAIT)
    accepted: list[socket.socket] = []

    def serve() -> None:
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            sock.settimeout(WAIT)
            sock.recv(KIB)
            sock.sendall(answer(len(accepted)))
            sock.shutdown(socket.SHUT_WR)
            accepted.append(sock)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(WAIT)
        for sock in accepted:
            sock.close()


def hold(root: Path, port: int, *paths: str, **settings: Any) -> Hold:
    chosen: dict[str, Any] = {
        "behaviour": Behaviour.STALLED,
        "rate": 64 * KIB,
        "resume": None,
        **settings,
    }
    return Hold(port, "", str(root), paths, **chosen)


def carry_out(order: Order) -> tuple[dict[str, object], dict[str, object]]:
    """Carry out a Hold to its end; return what was said when all were held, and at the end."""
    with _client(order) as client:
        ready = client.expect("ready", WAIT)
        client.say()
        return dict(ready), dict(client.expect("done", WAIT))


def failures(order: Order) -> dict[str, int]:
    found = carry_out(order)[1]["failures"]
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("behaviour", Behaviour)
def test_every_byte_of_every_download_is_read_in_the_end(
    root: Path, port: int, behaviour: Behaviour
) -> None:
    paths = ["/large.bin"] * 5 + ["/small.html"] * 3
    ready, done = carry_out(hold(root, port, *paths, behaviour=behaviour))
    assert ready["held"] == len(paths)
    assert done["failures"] == {}
    whole = 5 * (root / "large.bin").stat().st_size + 3 * KIB
    assert done["received"] == whole * (2 if behaviour is Behaviour.IDLE else 1)


def test_stalled_clients_read_no_more_than_they_are_told_to(root: Path, port: int) -> None:
    order = hold(root, port, "/large.bin", "/large.bin", resume=100 * KIB)
    _, done = carry_out(order)
    assert done["received"] == 2 * 100 * KIB


def test_slow_clients_read_at_their_rate_while_they_are_held(root: Path, port: int) -> None:
    rate, resume = 100 * KIB, 10 * KIB
    began = time.monotonic()
    with _client(
        hold(root, port, "/large.bin", behaviour=Behaviour.SLOW, rate=rate, resume=resume)
    ) as client:
        client.expect("ready", WAIT)
        # It says nothing until it is told to go on: so much time it has to read.
        with pytest.raises(VoidError, match="said nothing"):
            client.expect("done", 1.5)
        client.say()
        received = client.expect("done", WAIT)["received"]
    most = rate * (time.monotonic() - began) + resume
    assert 2 * resume < received <= most


def test_a_flipped_byte_is_found(root: Path) -> None:
    body = bytearray((root / "small.html").read_bytes())
    body[1000] ^= 1
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 1024\r\n\r\n" + body
    with answering(lambda number: answer) as port:
        assert failures(hold(root, port, "/small.html")) == {"wrong bytes": 1}


BAD = {
    b"HTTP/1.1 200 OK\r\nContent-Length: 1024\r\n\r\nshort": "wrong bytes",
    b"HTTP/1.1 200 OK\r\nContent-Length: 1024\r\n\r\n": "the connection ended within a body",
    b"HTTP/1.1 200 OK\r\n\r\n": "an answer without Content-Length",
    b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n": "answered HTTP/1.1 404 Not Found",
    b"HTTP/1.1 200 OK\r\nX: " + b"x" * 20 * KIB: "a head without an end",
    b"HTTP/1.1 200": "the connection ended within a head",
    b"": "the connection ended within a head",
}


@pytest.mark.parametrize("answer", BAD)
def test_a_bad_answer_is_told_by_its_kind(root: Path, answer: bytes) -> None:
    with answering(lambda number: answer) as port:
        assert failures(hold(root, port, "/small.html")) == {BAD[answer]: 1}


def test_one_bad_answer_among_good_ones_is_counted(root: Path) -> None:
    good = b"HTTP/1.1 200 OK\r\nContent-Length: 1024\r\n\r\n" + (root / "small.html").read_bytes()
    with answering(lambda number: b"" if number == 1 else good) as port:
        order = hold(root, port, *["/small.html"] * 3)
        ready, done = carry_out(order)
        assert ready["held"] == 2
        assert done["failures"] == {"the connection ended within a head": 1}


def test_a_port_where_nobody_listens_is_told(root: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        order = hold(root, taken.getsockname()[1], "/small.html")
        (reason,) = failures(order)
        assert "refused" in reason.lower()


def test_failures_make_a_round_void() -> None:
    with pytest.raises(VoidError, match="2 x wrong bytes"):
        _refuse_failures({"failures": {"wrong bytes": 2}})


def test_single_downloads_are_timed_from_the_request_on(port: int) -> None:
    with _client(Timed(port, "/large.bin", 3)) as client:
        done = client.expect("done", WAIT)
    assert len(done["totals"]) == len(done["first_bytes"]) == 3
    assert all(
        0 < first <= total for first, total in zip(done["first_bytes"], done["totals"], strict=True)
    )


def test_a_paced_download_takes_its_time(root: Path, port: int) -> None:
    size = (root / "large.bin").stat().st_size
    with _client(Timed(port, "/large.bin", 1, rate=4 * size)) as client:
        done = client.expect("done", WAIT)
    assert done["totals"][0] >= 0.2  # a quarter of a second, less what the pauses round off


def test_a_download_that_fails_is_not_timed(port: int) -> None:
    with _client(Timed(port, "/missing", 3)) as client:
        done = client.expect("done", WAIT)
    assert done["totals"] == []
    assert list(done["failures"]) == ["answered HTTP/1.1 404 Not Found"]


@pytest.mark.parametrize("order", [hold(Path("/"), 80, "/a", "/b"), Timed(80, "/a", 2)])
def test_orders_survive_their_line(order: Order) -> None:
    assert from_line(to_line(order)) == order


def test_what_stalled_downloads_leave_in_the_kernel_is_seen_by_socket(
    root: Path, port: int
) -> None:
    with socket.create_connection(("127.0.0.1", port)):
        before = read_socket_memory(port)
    if before is None:
        pytest.skip("this platform does not tell it")
    assert before.server + before.clients < 32 * KIB  # a connection without anything in it
    with _client(hold(root, port, *["/large.bin"] * 4)) as client:
        client.expect("ready", WAIT)
        after = read_socket_memory(port)
    assert after is not None
    assert after.server - before.server > 64 * KIB
    assert after.clients - before.clients > 64 * KIB
    assert read_socket_memory(1) is not None


def test_a_client_ends_when_its_input_does(root: Path, port: int) -> None:
    with _client(hold(root, port, "/large.bin")) as client:
        client.expect("ready", WAIT)
    assert client._process.returncode == 0
