"""Streams of requests: the answers are the same whole, byte by byte, and cut at every place."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from evloop.files.cache import CacheSettings
from evloop.http1.context import Context, Limits
from evloop.http1.headcache import HeadCache
from evloop.http1.states import State
from tests.http1.support import Forgetful, context_of, converse, cuts, single_bytes
from tests.support.bench import Bench, write

MAX_HEAD_SIZE = 200
HOST = b"Host: a\r\n"
GET = b"GET /a.txt HTTP/1.1\r\n" + HOST + b"\r\n"
GET_B = b"GET /b.txt HTTP/1.1\r\n" + HOST + b"\r\n"
MISSING = b"GET /no HTTP/1.1\r\n" + HOST + b"\r\n"
LARGE = b"GET /large.bin HTTP/1.1\r\n" + HOST + b"\r\n"
CLOSE = b"GET /a.txt HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n"
HTTP_10 = b"GET /a.txt HTTP/1.0\r\n\r\n"
HTTP_10_KEPT = b"GET /a.txt HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
HEAD = b"HEAD /a.txt HTTP/1.1\r\n" + HOST + b"\r\n"
OPTIONS = b"OPTIONS * HTTP/1.1\r\n" + HOST + b"\r\n"
POST = b"POST /a.txt HTTP/1.1\r\n" + HOST + b"Content-Length: %d\r\n\r\n%b"
CHUNKED = b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n"
ABSOLUTE = b"GET http://other.test/a.txt HTTP/1.1\r\n" + HOST + b"\r\n"


def get(*fields: bytes, target: bytes = b"/a.txt") -> bytes:
    lines = (field + b"\r\n" for field in fields)
    return b"GET " + target + b" HTTP/1.1\r\n" + HOST + b"".join(lines) + b"\r\n"


def get_of_size(size: int) -> bytes:
    return get(b"X: " + b"x" * (size - len(get(b"X: "))))


class Stream(NamedTuple):
    """What a client sends, and what it is answered: the statuses, and the state in the end."""

    sent: bytes
    statuses: tuple[int, ...]
    end: State


def kept(sent: bytes, *statuses: int) -> Stream:
    """A stream after which more may be asked."""
    return Stream(sent, statuses, State.IDLE)


HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"


def refused(sent: bytes, *statuses: int) -> Stream:
    """A stream after whose last answer the server wants to close."""
    return Stream(sent, statuses, State.LINGERING)


def closed(sent: bytes, *statuses: int) -> Stream:
    """A stream whose client asked for the end."""
    return Stream(sent, statuses, State.LINGERING)


def waiting(sent: bytes, *statuses: int) -> Stream:
    """A stream that ends in the middle of a head."""
    return Stream(sent, statuses, State.HEAD)


STREAMS = {
    "one": kept(GET, 200),
    "streamed": kept(LARGE, 200),
    "without a body": kept(HEAD, 200),
    "options": kept(OPTIONS, 204),
    "absolute-form": kept(ABSOLUTE, 200),
    "missing": kept(MISSING, 404),
    "not modified": kept(get(b"If-None-Match: *"), 304),
    "precondition": kept(get(b'If-Match: "x"'), 412),
    "range": kept(get(b"Range: bytes=1-2"), 206),
    "unsatisfiable": kept(get(b"Range: bytes=9999-"), 416),
    "redirect": kept(get(target=b"/sub"), 308),
    "method": kept(b"DELETE / HTTP/1.1\r\n" + HOST + b"\r\n", 405),
    "empty": kept(get(target=b"/empty"), 200),
    "no body after all": kept(POST % (0, b"") + GET, 405, 200),
    "expectation": kept(get(b"Expect: 100-continue") + GET, 200, 200),
    # pipelined
    "two": kept(GET + GET_B, 200, 200),
    "in order": kept(LARGE + GET + MISSING + HEAD + OPTIONS + LARGE, 200, 200, 404, 200, 204, 200),
    "equal ones": kept(GET * 5, 200, 200, 200, 200, 200),
    "many": kept((GET + GET_B) * 10, *[200] * 20),
    # empty lines before a request line
    "leading CRLF": kept(b"\r\n" + GET, 200),
    "leading CRLFs": kept(b"\r\n" * 9 + GET, 200),
    "CRLF between": kept(GET + b"\r\n" + GET_B, 200, 200),
    "only CRLFs": kept(b"\r\n\r\n\r\n"),
    "CRLF after": kept(GET + b"\r\n", 200),
    "half a CRLF": Stream(GET + b"\r", (200,), State.EMPTY_LINE),
    "half a CRLF, and none": refused(GET + b"\r" + GET, 200, 400),
    # the end of keep-alive
    "close": closed(CLOSE, 200),
    "close in the middle": closed(GET + CLOSE + GET_B, 200, 200),
    "HTTP/1.0": closed(HTTP_10, 200),
    "HTTP/1.0 and more": closed(HTTP_10 + GET, 200),
    "HTTP/1.0 kept": kept(HTTP_10_KEPT + GET, 200, 200),
    # unfinished
    "half a head": waiting(GET[:-2]),
    "half a second head": waiting(GET + GET_B[:10], 200),
    "half a version": waiting(b"GET /a.txt HTT"),
    # what looks like a request in a body is none
    "body": refused(POST % (3, b"abc"), 405),
    "request as a body": refused(POST % (len(GET), GET), 405),
    "request behind a body": refused(POST % (3, b"abc" + GET), 405),
    "body of a GET": refused(get(b"Content-Length: %d" % len(GET)) + GET, 200),
    "body of a HEAD": refused(HEAD[:-2] + b"Content-Length: 3\r\n\r\nabc" + GET, 200),
    "body of a missing file": refused(MISSING[:-2] + b"Content-Length: 3\r\n\r\nabc" + GET, 404),
    "shorter than it says": refused(POST % (999, b"abc"), 405),
    "chunked": refused(CHUNKED + b"3\r\nabc\r\n0\r\n\r\n" + GET, 405),
    "chunk extension": refused(CHUNKED + b"3;a=b\r\nabc\r\n0\r\n\r\n" + GET, 405),
    "empty chunked": refused(CHUNKED + b"0\r\n\r\n" + GET, 405),
    "body before close": refused(GET + POST % (3, b"abc") + CLOSE, 200, 405),
    "HTTP/1.0 with a coding": refused(
        b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + GET, 405
    ),
    "tunnel": refused(b"CONNECT b:80 HTTP/1.1\r\n" + HOST + b"\r\n" + GET, 405),
    # what is malformed ends the connection, wherever it stands
    "CL and TE": refused(CHUNKED[:-2] + b"Content-Length: 4\r\n\r\n0\r\n\r\n" + GET, 400),
    "two CL": refused(get(b"Content-Length: 0", b"Content-Length: 3") + b"abc" + GET, 400),
    "signed CL": refused(get(b"Content-Length: +3") + b"abc" + GET, 400),
    "TE unknown": refused(get(b"Transfer-Encoding: x") + b"0\r\n\r\n" + GET, 400),
    "TE hidden": refused(get(b"Transfer-Encoding : chunked") + b"0\r\n\r\n" + GET, 400),
    "folded": refused(get(b"X: y", b" z") + GET, 400),
    "bare LF": refused(b"GET / HTTP/1.1\n" + HOST + b"\r\n" + GET, 400),
    "bare LF in the query": refused(b"GET /sub?\nX: HTTP/1.1\r\n" + HOST + b"\r\n" + GET, 400),
    "bare LFs": refused(b"GET / HTTP/1.1\nHost: a\n\n" + GET, 400),
    "bare LF in a field": refused(get(b"X: y\nZ: z") + GET, 400),
    "bare CR": refused(get(b"X: y\rZ: z") + GET, 400),
    "leading LF": refused(b"\n" + GET, 400),
    "leading CR": refused(b"\r" + GET, 400),
    "CRLF and LF": refused(b"\r\n\n" + GET, 400),
    "NUL": refused(get(b"X: \0") + GET, 400),
    "control byte": refused(get(b"X\x01: y") + GET, 400),
    "no host": refused(b"GET / HTTP/1.1\r\n\r\n" + GET, 400),
    "two hosts": refused(get(HOST[:-2]) + GET, 400),
    "second of three": refused(GET + get(b"X : y") + GET_B, 200, 400),
    "above the root": refused(get(target=b"/../x") + GET, 400),
    "second above the root": refused(GET + get(target=b"/../x") + GET, 200, 400),
    "unknown method": refused(b"BREW / HTTP/1.1\r\n" + HOST + b"\r\n" + GET, 501),
    "version": refused(b"GET / HTTP/2.0\r\n" + HOST + b"\r\n" + GET, 505),
    "version and bare LF": refused(b"GET / HTTP/2.0\r\nX: y\nZ: z\r\n\r\n" + GET, 400),
    "HTTP/2 preface": refused(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0" * 9, 505),
    "HTTP/0.9": refused(b"GET /\r\n\r\n" + GET, 400),
    # A client that speaks TLS can't read an answer.
    "TLS": refused(HELLO + b"\x7e" * 60),
    "TLS and the end of a head": refused(HELLO + b"\r\n\r\n" + GET),
    "TLS after an empty line": Stream(b"\r\n" + HELLO, (), State.LINGERING),
    "TLS after a request": refused(GET + HELLO, 200),
    "garbage": refused(b"\0\xff\r\n\r\n" + GET, 400),
    "a stray body": refused(GET + b"{}" + GET, 200, 400),
    # too large
    "largest head": kept(get_of_size(MAX_HEAD_SIZE), 200),
    "large head": refused(get_of_size(MAX_HEAD_SIZE + 1) + GET, 431),
    "endless field": refused(get()[:-2] + b"X: " + b"x" * 5 * MAX_HEAD_SIZE, 431),
    "endless target": refused(b"GET /" + b"x" * 5 * MAX_HEAD_SIZE, 414),
    "large target": refused(get(target=b"/" + b"x" * 5 * MAX_HEAD_SIZE) + GET, 414),
    "endless method": refused(b"G" * 5 * MAX_HEAD_SIZE, 414),
    "large and foul": refused(get(b"X: \n" + b"x" * 5 * MAX_HEAD_SIZE) + GET, 400),
    "foul behind the limit": refused(get(b"X: " + b"x" * MAX_HEAD_SIZE + b"\n") + GET, 431),
    "large and no request": refused(b" " + b"x" * 5 * MAX_HEAD_SIZE + b"\r\n\r\n", 400),
    "second too large": refused(GET + get(b"X: " + b"x" * MAX_HEAD_SIZE) + GET, 200, 431),
}

_STATUS_LINES = re.compile(rb"HTTP/1\.1 (\d{3}) ")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    root: Path = tmp_path_factory.mktemp("root")
    write(root / "a.txt", b"content of a\r\n\r\n")
    write(root / "b.txt", b"content of b")
    write(root / "empty", b"")
    write(root / "large.bin", b"0123456789abcdef" * 1000)
    write(root / "sub" / "index.html", b"<p>sub")
    with Bench(root, CacheSettings(max_in_memory_size=1000)) as bench:
        yield bench


@pytest.fixture(params=[Forgetful, HeadCache])
def context(request: pytest.FixtureRequest, site: Bench) -> Context:
    return context_of(site.site, request.param(), Limits(max_head_size=MAX_HEAD_SIZE))


@pytest.mark.parametrize("stream", STREAMS.values(), ids=STREAMS.keys())
def test_a_stream_is_answered(stream: Stream, context: Context) -> None:
    outcome = converse(context, [stream.sent])
    assert tuple(int(status) for status in _STATUS_LINES.findall(outcome.got)) == stream.statuses
    assert outcome.state is stream.end


@pytest.mark.parametrize("stream", STREAMS.values(), ids=STREAMS.keys())
def test_it_does_not_matter_how_it_was_cut(stream: Stream, context: Context) -> None:
    whole = converse(context, [stream.sent])
    assert converse(context, single_bytes(stream.sent)) == whole
    for pieces in cuts(stream.sent):
        assert converse(context, pieces) == whole, pieces


def test_a_large_response_arrives_whole(context: Context) -> None:
    assert converse(context, [LARGE]).got.endswith(b"0123456789abcdef" * 1000)


def test_what_follows_the_last_answer_is_not_answered(context: Context) -> None:
    stream = refused(POST % (3, b"abc"), 405)
    once = converse(context, [stream.sent])
    assert converse(context, [stream.sent, GET, GET, CLOSE]) == once
