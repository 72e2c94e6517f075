"""Our own client: held connections and whole downloads, against a server of a few lines."""

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from bench.client import orders
from bench.client.console import percentiles
from bench.client.exchange import BadResponseError, Exchange
from bench.own import own_client

from tests.support.deadline import eventually

WAIT = 20.0
POLL = 0.01  # seconds until a server notices that it shall end
SIZE = 3 * 1024 * 1024
WHOLE = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % SIZE + bytes(SIZE)
CHUNKED = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"5\r\nab\r\n0\r\n" + b"300000\r\n" + bytes(SIZE) + b"\r\n0\r\n\r\n"
)


class _Script(socketserver.BaseRequestHandler):
    """Sends what the server has to say; b"" in it means: close."""

    server: "_Server"

    def handle(self) -> None:
        while self.request.recv(64 * 1024):
            for part in self.server.parts:
                if not part:
                    return
                self.request.sendall(part)


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    parts: list[bytes]
    ended = 0

    def shutdown_request(self, request: Any) -> None:
        super().shutdown_request(request)
        self.ended += 1

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes in the middle is part of the tests."""


@contextmanager
def serving(*parts: bytes) -> Iterator[int]:
    with running_server(*parts) as server:
        yield server.server_address[1]


@contextmanager
def running_server(*parts: bytes) -> Iterator[_Server]:
    with _Server(("127.0.0.1", 0), _Script) as server:
        server.parts = list(parts)
        thread = threading.Thread(target=server.serve_forever, args=[POLL])
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def test_every_download_is_read_to_its_end() -> None:
    with serving(WHOLE) as port, own_client(orders.Download(port, "/", 3, 0.0)) as client:
        client.expect("ready", WAIT)
        client.say()
        done = client.expect("done", WAIT)
    assert (done["files"], done["bytes"], done["errors"]) == (3, 3 * len(WHOLE), {})


def test_downloads_are_repeated_until_the_time_is_over() -> None:
    with serving(WHOLE) as port, own_client(orders.Download(port, "/", 1, 0.3)) as client:
        client.expect("ready", WAIT)
        client.say()
        done = client.expect("done", WAIT)
    assert done["files"] > 1
    assert done["bytes"] == done["files"] * len(WHOLE)


def test_a_download_cut_short_is_an_error() -> None:
    with serving(WHOLE[:-1], b"") as port, own_client(orders.Download(port, "/", 1, 0.0)) as client:
        client.expect("ready", WAIT)
        client.say()
        done = client.expect("done", WAIT)
    assert done["errors"] == {"the connection ended within a body": 1}


HELD = {"idle": None, "stalled": 0, "slow": 64 * 1024}


@pytest.mark.parametrize("rate", HELD.values(), ids=HELD.keys())
def test_connections_are_held(rate: int | None) -> None:
    with serving(WHOLE) as port, own_client(orders.Hold(port, "/", 20, rate)) as client:
        assert client.expect("ready", WAIT) == {"event": "ready", "held": 20, "errors": {}}
        client.say()
        held = client.expect("held", WAIT)
    assert (held["lost"], held["errors"]) == (0, {})


def test_a_slow_client_reads_at_its_rate() -> None:
    rate = 256 * 1024
    with serving(WHOLE) as port, own_client(orders.Hold(port, "/", 4, rate)) as client:
        client.expect("ready", WAIT)
        with pytest.raises(Exception, match="said nothing"):
            client.expect("never", 1.0)
        client.say()
        held = client.expect("held", WAIT)
    most = 4 * rate * held["seconds"]
    assert most / 4 < held["bytes"] <= most


def test_connections_that_the_server_gave_up_are_lost() -> None:
    small = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    with (
        running_server(small, b"") as server,
        own_client(orders.Hold(server.server_address[1], "/", 5)) as client,
    ):
        client.expect("ready", WAIT)
        eventually(lambda: server.ended == 5, "the server to close all connections")
        client.say()
        assert client.expect("held", WAIT)["lost"] == 5


REFUSED = {
    "not found": (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "a 404 that keeps"),
    "closing": (
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        "a 200 that ends",
    ),
    "no length": (b"HTTP/1.1 200 OK\r\n\r\n", "does not tell its length"),
    "too long": (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nab", "more bytes than"),
}


@pytest.mark.parametrize(("answer", "reason"), REFUSED.values(), ids=REFUSED.keys())
def test_what_can_not_be_held_is_counted_by_reason(answer: bytes, reason: str) -> None:
    with serving(answer) as port, own_client(orders.Hold(port, "/", 2)) as client:
        event = client.expect("ready", WAIT)
    assert event["held"] == 0
    ((found, count),) = event["errors"].items()
    assert reason in found
    assert count == 2


@pytest.mark.parametrize("answer", [WHOLE, CHUNKED], ids=["with a length", "chunked"])
def test_a_response_is_complete_with_its_last_byte(answer: bytes) -> None:
    with serving(answer[:-1]) as port:
        exchange = Exchange(port)
        _read_until(exchange, b"GET / HTTP/1.1\r\n\r\n", len(answer) - 1)
        assert exchange.remaining != 0
        exchange.sock.close()
    with serving(answer) as port:
        exchange = Exchange(port)
        _read_until(exchange, b"GET / HTTP/1.1\r\n\r\n", len(answer))
        assert exchange.remaining == 0
        exchange.sock.close()


def _read_until(exchange: Exchange, head: bytes, size: int) -> None:
    exchange.sock.settimeout(WAIT)
    exchange.send(head)
    while exchange.received < size:
        exchange.read()


def test_a_connection_that_ends_within_the_head_is_an_error() -> None:
    with serving(b"HTTP/1.1 200", b"") as port:
        exchange = Exchange(port)
        with pytest.raises(BadResponseError, match="within the head"):
            _read_until(exchange, b"GET / HTTP/1.1\r\n\r\n", 1000)
        exchange.sock.close()


def test_percentiles_are_in_microseconds() -> None:
    assert percentiles([]) == {50: 0.0, 90: 0.0, 99: 0.0}
    assert percentiles([0.003, 0.001, 0.002]) == {50: 2000.0, 90: 3000.0, 99: 3000.0}


@pytest.mark.parametrize(
    "order",
    [
        orders.Load(1, ("GET",), "a", "b", True, 2, 0.5, 0.0),
        orders.Download(1, "/", 2, 0.5),
        orders.Hold(1, "/", 2, None, 4096),
    ],
)
def test_an_order_survives_its_line(order: orders.Order) -> None:
    back = orders.from_line(orders.to_line(order))
    assert orders.to_line(back) == orders.to_line(order)
    assert type(back) is type(order)
