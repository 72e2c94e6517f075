"""Log lines: what they say, and that nobody can write one but the server."""

import json
import re
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evloop.observe.accesslog import AccessLog, escape
from evloop.observe.exchange import EndReason, Exchange
from evloop.observe.logwriter import LogWriter
from evloop.settings.choices import LogFormat

WALL = 1_700_000_000.25
END = 12.500_001  # seconds on the clock on which exchanges start at 10.0
KIB = 1024
HEAD = (
    b"GET /a?b=c HTTP/1.1\r\nHost: files.test\r\nUser-Agent: curl/8\r\n"
    b"referer:  http://files.test/\r\n\r\n"
)


def exchange(head: bytes = HEAD, status: int = 200, refusal: str = "") -> Exchange:
    made = Exchange(head, status, 300, 10.0, refusal)
    made.sent = 1300
    return made


def line_of(
    tmp_path: Path,
    log_format: LogFormat,
    finished: Exchange,
    end: EndReason = EndReason.COMPLETE,
    peer: str = "192.0.2.1",
) -> str:
    path = tmp_path / "log"
    path.unlink(missing_ok=True)
    sink = LogWriter(str(path))
    AccessLog(sink, log_format, clock=lambda: END).write(peer, finished, end, 10.0)
    sink.close()
    text = path.read_text("ascii")
    assert text.endswith("\n")
    return text[:-1]


@pytest.fixture(autouse=True)
def _wall(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: WALL)


def test_a_combined_line_has_the_duration_and_the_end_behind_it(tmp_path: Path) -> None:
    assert line_of(tmp_path, LogFormat.COMBINED, exchange()) == (
        '192.0.2.1 - - [14/Nov/2023:22:13:20 +0000] "GET /a?b=c HTTP/1.1" 200 1000'
        ' "http://files.test/" "curl/8" 2.500001 complete'
    )


def test_what_is_not_there_is_a_dash(tmp_path: Path) -> None:
    line = line_of(tmp_path, LogFormat.COMBINED, exchange(b"GET / HTTP/1.0\r\n\r\n"), peer="::1")
    assert line.startswith("::1 - - [")
    assert line.endswith('"GET / HTTP/1.0" 200 1000 "-" "-" 2.500001 complete')


@pytest.mark.parametrize("end", list(EndReason))
def test_every_end_has_its_word(tmp_path: Path, end: EndReason) -> None:
    assert line_of(tmp_path, LogFormat.COMBINED, exchange(), end).endswith(f" {end.value}")
    assert json.loads(line_of(tmp_path, LogFormat.JSON, exchange(), end))["end"] == end.value


def test_json_has_the_same(tmp_path: Path) -> None:
    assert json.loads(line_of(tmp_path, LogFormat.JSON, exchange())) == {
        "time": "2023-11-14T22:13:20Z",
        "address": "192.0.2.1",
        "request": "GET /a?b=c HTTP/1.1",
        "status": 200,
        "bytes": 1000,
        "seconds": 2.500001,
        "end": "complete",
        "referer": "http://files.test/",
        "user_agent": "curl/8",
    }


def test_json_tells_why_a_request_was_refused(tmp_path: Path) -> None:
    refused = exchange(status=404, refusal='no "such" file')
    assert json.loads(line_of(tmp_path, LogFormat.JSON, refused))["refusal"] == 'no "such" file'


def test_a_response_that_was_cut_in_its_head_has_sent_no_body(tmp_path: Path) -> None:
    cut = exchange()
    cut.sent = 299
    assert json.loads(line_of(tmp_path, LogFormat.JSON, cut))["bytes"] == 0


def test_nothing_was_asked_by_who_was_refused_at_the_door(tmp_path: Path) -> None:
    line = line_of(tmp_path, LogFormat.COMBINED, exchange(b"", 503), EndReason.REFUSED)
    assert '] "" 503 ' in line


FORGERIES = {
    b'GET /"x HTTP/1.1\r\n\r\n': r"GET /\x22x HTTP/1.1",
    b"GET /\\x HTTP/1.1\r\n\r\n": r"GET /\x5cx HTTP/1.1",
    b"GET /\x1b[31m HTTP/1.1\r\n\r\n": r"GET /\x1b[31m HTTP/1.1",
    b"GET /\x7f HTTP/1.1\r\n\r\n": r"GET /\x7f HTTP/1.1",
    b"GET /\n127.0.0.1 - - [forged] HTTP/1.1\r\n\r\n": r"GET /\x0a127.0.0.1 - - [forged] HTTP/1.1",
    b"GET /\r127.0.0.1 HTTP/1.1\r\n\r\n": r"GET /\x0d127.0.0.1 HTTP/1.1",
    b"GET /\xc3\xbc HTTP/1.1\r\n\r\n": r"GET /\xc3\xbc HTTP/1.1",
    b"GET /\x85\x9b HTTP/1.1\r\n\r\n": r"GET /\x85\x9b HTTP/1.1",
    b"\x16\x03\x01\x00\xa5": r"\x16\x03\x01\x00\xa5",
    b"\r\n\r\nGET / HTTP/1.1\r\n\r\n": "GET / HTTP/1.1",
}


@pytest.mark.parametrize("head", FORGERIES)
def test_what_a_client_sends_can_not_forge_a_line(tmp_path: Path, head: bytes) -> None:
    line = line_of(tmp_path, LogFormat.COMBINED, exchange(head))
    assert f'"{FORGERIES[head]}" 200 1000' in line
    assert (
        json.loads(line_of(tmp_path, LogFormat.JSON, exchange(head)))["request"] == FORGERIES[head]
    )


@pytest.mark.parametrize("name", [b"User-Agent", b"Referer"])
def test_fields_are_escaped_as_well(tmp_path: Path, name: bytes) -> None:
    head = b'GET / HTTP/1.1\r\n%b: a"b\\c\x1b\xff\r\n\r\n' % name
    line = line_of(tmp_path, LogFormat.COMBINED, exchange(head))
    assert r'"a\x22b\x5cc\x1b\xff"' in line


def test_a_field_is_looked_for_where_fields_are(tmp_path: Path) -> None:
    head = b"GET /referer:x HTTP/1.1\r\nX-Referer: y\r\nRefererX: z\r\n\r\n"
    assert json.loads(line_of(tmp_path, LogFormat.JSON, exchange(head)))["referer"] == ""


def test_the_duration_is_measured_at_the_end(tmp_path: Path) -> None:
    readings = iter([10.000_250, 10.0])
    sink = LogWriter(str(tmp_path / "log"))
    log = AccessLog(sink, LogFormat.JSON, clock=lambda: next(readings))
    # The turn began when the request did, at 10.0: the loop was held up by the request itself.
    log.write("192.0.2.1", exchange(), EndReason.COMPLETE, 10.0)
    late = exchange()
    late.started = 10.1  # a clock is no reason to log less than nothing
    log.write("192.0.2.1", late, EndReason.COMPLETE, 10.1)
    sink.close()
    lines = (tmp_path / "log").read_text().splitlines()
    assert [json.loads(line)["seconds"] for line in lines] == [0.000_25, 0.0]


def test_the_duration_is_on_the_clock_of_the_reactor(tmp_path: Path) -> None:
    sink = LogWriter(str(tmp_path / "log"))
    finished = exchange()
    finished.started = time.monotonic() - 3600.0
    AccessLog(sink, LogFormat.JSON).write("192.0.2.1", finished, EndReason.COMPLETE, 0.0)
    sink.close()
    assert 3600 <= json.loads((tmp_path / "log").read_text())["seconds"] < 3600 + 60


@pytest.mark.parametrize("log_format", list(LogFormat))
@pytest.mark.parametrize(
    ("head", "logged"),
    [
        (b"GET /" + b"x" * 64 * KIB, "GET /" + "x" * (2 * KIB - 5)),
        (b"\xff" * 64 * KIB, r"\xff" * 2 * KIB),
        (b"GET /" + b"x" * 64 * KIB + b" HTTP/1.1\r\n\r\n", "GET /" + "x" * (2 * KIB - 5)),
    ],
)
def test_2_kib_of_a_long_request_line_are_logged(
    tmp_path: Path, log_format: LogFormat, head: bytes, logged: str
) -> None:
    line = line_of(tmp_path, log_format, exchange(head))
    assert len(line) < 12 * KIB
    if log_format is LogFormat.JSON:
        assert json.loads(line)["request"] == logged
    else:
        assert f'] "{logged}" 200 1000 "-" "-" ' in line


def test_fields_are_looked_for_in_the_first_4_kib_of_a_head(tmp_path: Path) -> None:
    def user_agent(filler: int) -> object:
        head = b"GET / HTTP/1.1\r\nX: " + b"x" * filler + b"\r\nUser-Agent: here\r\n\r\n"
        return json.loads(line_of(tmp_path, LogFormat.JSON, exchange(head)))["user_agent"]

    assert user_agent(4 * KIB - 100) == "here"
    assert user_agent(4 * KIB) == ""


def test_a_line_has_a_bound_whatever_a_head_holds(tmp_path: Path) -> None:
    head = (
        b"GET / HTTP/1.1\r\nReferer: " + b"\xff" * 2000 + b"\r\nUser-Agent: " + b"\xff" * 64 * KIB
    )
    for log_format in LogFormat:
        # Each of the 4 KiB that are kept is escaped as \xff, and as \\xff in JSON.
        assert len(line_of(tmp_path, log_format, exchange(head))) < 5 * 4 * KIB + 500


@pytest.mark.parametrize(
    ("log_format", "told"),
    [
        (LogFormat.COMBINED, b"evloop: 3 log lines lost\n"),
        (LogFormat.JSON, b'{"time": "2023-11-14T22:13:20Z", "lost": 3}\n'),
    ],
)
def test_lost_lines_are_told_in_the_format_of_the_log(
    tmp_path: Path, log_format: LogFormat, told: bytes
) -> None:
    path = tmp_path / "log"
    sink = LogWriter(str(path))
    AccessLog(sink, log_format)
    sink.lost = 3
    sink.close()
    assert path.read_bytes() == told


@given(st.binary(max_size=300), st.sampled_from(LogFormat))
def test_whatever_comes_is_one_line_of_printable_text(
    tmp_path_factory: pytest.TempPathFactory, head: bytes, log_format: LogFormat
) -> None:
    line = line_of(tmp_path_factory.getbasetemp(), log_format, exchange(head))
    assert line.isprintable()
    assert line.isascii()
    if log_format is LogFormat.COMBINED:
        assert re.fullmatch(
            r'\S+ - - \[[^]]+\] "[^"]*" 200 1000 "[^"]*" "[^"]*" 2\.500001 complete', line
        )
    else:
        assert json.loads(line)["status"] == 200


@given(st.binary())
def test_what_is_escaped_can_be_read_back(value: bytes) -> None:
    text = escape(value)
    read = re.sub(r"\\x(..)", lambda found: chr(int(found[1], 16)), text)
    assert read.encode("latin-1") == value
