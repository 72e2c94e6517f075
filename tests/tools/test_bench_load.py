"""Heads on the wire, what the load drivers count, and what makes a measurement void."""

import contextlib
import json
import socketserver
import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from evloop_tools.bench.heads import BROWSER_FIELDS, fields
from evloop_tools.bench.wrk import Wrk, script
from evloop_tools.lab.driver import LoadDriver, LoadReport, OwnLoad
from evloop_tools.lab.errors import VoidError
from evloop_tools.load.orders import Run, Wanted

POLL = 0.01  # seconds until a server notices that it shall end
BODY = b"x" * 1000
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + BODY
CLOSING = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1000\r\n\r\n" + BODY

DONE: dict[str, Any] = {
    "event": "done",
    "requests": 1000,
    "bytes": 1_050_000,
    "seconds": 2.0,
    "sent": 1010,
    "settled": 0,
    "latency": {"50": 100.0, "90": 200.0, "99": 300.5},
    "errors": {"connect errors": 0, "timeouts": 0},
}


class Recorder(socketserver.ThreadingTCPServer):
    """Answers everything alike, and keeps the heads."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, answer: bytes) -> None:
        super().__init__(("127.0.0.1", 0), _Recording)
        self.answer = answer
        self.heads: list[bytes] = []
        self.connections = 0

    @property
    def authority(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"


class _Recording(socketserver.StreamRequestHandler):
    server: Recorder

    def handle(self) -> None:
        self.server.connections += 1
        with contextlib.suppress(ConnectionError):
            while head := self._head():
                self.server.heads.append(head)
                self.wfile.write(self.server.answer)
                if b"Connection: close" in self.server.answer:
                    return

    def _head(self) -> bytes:
        """Return the next head less its last line; b"" when there is none."""
        head = b""
        while (line := self.rfile.readline()) != b"\r\n":
            if not line:
                return b""
            head += line
        return head


@pytest.fixture(params=[ANSWER], ids=["keep-alive"])
def recorder(request: pytest.FixtureRequest) -> Iterator[Recorder]:
    with Recorder(request.param) as server:
        thread = threading.Thread(target=server.serve_forever, args=[POLL])
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def order(authority: str, *paths: str, clients: int = 2, seconds: float = 0.5) -> Run:
    url = f"http://{authority}/static/"
    files = tuple(Wanted(path, 1000) for path in paths)
    return Run(url, (("repeat", clients),), files, seconds)


def _drivers() -> list[Any]:
    wrk = Wrk.find()
    mark = pytest.mark.skipif(wrk is None, reason="wrk is not installed")
    return [pytest.param(OwnLoad(), id="own"), pytest.param(wrk, id="wrk", marks=mark)]


@pytest.mark.parametrize("driver", _drivers())
def test_the_heads_are_those_of_the_request(driver: LoadDriver, recorder: Recorder) -> None:
    wanted = order(recorder.authority, "/a.html", clients=3)
    line = 'Accept: text/html;q="1"\r\n'
    report = driver.drive(replace(wanted, fields=line), lambda: 0.0)
    report.check(len(BODY), 3)
    host = recorder.authority.encode()
    head = b'GET /static/a.html HTTP/1.1\r\nHost: %s\r\nAccept: text/html;q="1"\r\n' % host
    assert set(recorder.heads) == {head}
    assert recorder.connections - 3 in (0, 1)  # wrk tries whether anybody is there at all
    assert 0 < report.requests <= len(recorder.heads)


@pytest.mark.parametrize("driver", _drivers())
def test_no_two_heads_are_alike_with_a_serial(driver: LoadDriver, recorder: Recorder) -> None:
    wanted = replace(order(recorder.authority, "/a", "/b", "/c"), serial="f00")
    driver.drive(wanted, lambda: 0.0).check(len(BODY), 2)
    assert len(set(recorder.heads)) == len(recorder.heads) > 3
    paths = {head.split(b" ")[1] for head in recorder.heads}
    assert paths == {b"/static/a", b"/static/b", b"/static/c"}


@pytest.mark.parametrize("recorder", [CLOSING], indirect=True, ids=["close"])
@pytest.mark.parametrize("driver", _drivers())
def test_a_connection_that_is_closed_is_made_anew(driver: LoadDriver, recorder: Recorder) -> None:
    report = driver.drive(order(recorder.authority, "/a"), lambda: 0.0)
    report.check(len(BODY), 2)
    assert recorder.connections >= report.requests > 2


@pytest.mark.parametrize("driver", _drivers())
def test_only_what_comes_after_settling_counts(driver: LoadDriver, recorder: Recorder) -> None:
    readings = iter([0.0, 10.0, 10.5])
    # wrk's script has a clock of whole seconds: of two it waits for one at least.
    wanted = replace(order(recorder.authority, "/a"), settle=2.0)
    report = driver.drive(wanted, lambda: next(readings))
    assert report.cpu_seconds == 0.5
    assert 0 < report.requests < report.all_requests


def test_a_report_counts_the_whole_run_when_there_is_no_settling() -> None:
    report = LoadReport.of(DONE, 0.5, 0.25)
    assert (report.requests, report.cpu_seconds, report.driver_seconds) == (1000, 0.5, 0.25)
    assert report.latency == {50: 100.0, 90: 200.0, 99: 300.5}


def test_a_report_counts_from_when_the_load_has_settled() -> None:
    report = LoadReport.of({**DONE, "settled": 200}, 0.5, 0.25)
    assert (report.requests, report.all_requests) == (810, 1000)


VOID = {
    "socket errors": (
        {"errors": {"read errors": 3, "timeouts": 0}},
        "3 x read errors in 1000 requests",
    ),
    "statuses": ({"errors": {"statuses": 7}}, "7 x statuses"),
    "nothing": ({"requests": 0, "bytes": 0}, "not one request"),
    "bodies too short": ({"bytes": 999_999}, "1000 bytes per answer, expected 1000 and a head"),
    "bodies too long": ({"bytes": 10_000_000}, "10000 bytes per answer"),
}


@pytest.mark.parametrize(("change", "reason"), VOID.values(), ids=VOID.keys())
def test_a_void_measurement_is_refused(change: dict[str, Any], reason: str) -> None:
    with pytest.raises(VoidError, match=reason):
        LoadReport.of({**DONE, **change}, 0.5, 0.0).check(1000, 4)


def test_a_whole_measurement_is_accepted() -> None:
    LoadReport.of(DONE, 0.5, 0.0).check(1000, 4)


def test_fields_are_replaced_not_repeated() -> None:
    lines = fields({"Connection": "close", "If-None-Match": '"1"'}).splitlines()
    names = [line.partition(":")[0] for line in lines]
    assert sorted(names) == sorted({*dict(BROWSER_FIELDS), "If-None-Match"})
    assert "Connection: close" in lines


def test_the_lua_script_quotes_what_is_quoted() -> None:
    line = 'Accept: a "b" \\c\r\n'
    assert json.dumps(line) in script(replace(order("127.0.0.1:80", "/"), fields=line))


def test_a_fixed_head_is_not_built_again_for_each_request() -> None:
    fixed = order("127.0.0.1:80", "/")
    assert "function request()" not in script(fixed)
    for varied in (
        order("127.0.0.1:80", "/", "/b"),
        replace(fixed, serial="1"),
        replace(fixed, settle=1.0),
    ):
        assert "function request()" in script(varied)
