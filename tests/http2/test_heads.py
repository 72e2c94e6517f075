"""Header lists: what becomes a request, and that it is the one that HTTP/1.1 would make of it."""

import httptools
import pytest

from evloop.http.request import RequestError
from evloop.http1.head import parse_head
from evloop.http2.heads import METHODS, Field, MalformedError, read_head, read_request

GET: list[Field] = [
    (b":method", b"GET"),
    (b":scheme", b"http"),
    (b":authority", b"files.test"),
    (b":path", b"/a?b"),
]

# The conformance table has the malformed ones; these are what it can't see.
FIELDS: dict[str, list[Field]] = {
    "plain": [],
    "conditions": [(b"if-none-match", b'"a"'), (b"if-modified-since", b"x"), (b"if-range", b'"b"')],
    "a field of several lines": [(b"accept", b"a"), (b"accept", b"b")],
    "ranges": [(b"range", b"bytes=0-1")],
    "codings": [(b"accept-encoding", b"gzip, br")],
    "what decides about nothing": [(b"user-agent", b"x"), (b"cookie", b"a=b"), (b"priority", b"i")],
    "a value of nothing": [(b"accept", b"")],
    "bytes beyond ASCII": [(b"accept", b"\xe4")],
}


@pytest.mark.parametrize("name", FIELDS)
def test_the_same_fields_decide_as_in_http1(name: str) -> None:
    head = read_head([*GET, *FIELDS[name]])
    request = read_request(head, has_body=False)
    lines = b"".join(b"%b: %b\r\n" % field for field in FIELDS[name])
    same = parse_head(b"GET /a?b HTTP/1.1\r\nHost: files.test\r\n" + lines + b"\r\n")
    assert (request.method, request.target) == (same.method, same.target)
    assert request.fields == same.fields
    assert (request.keep_alive, request.has_body, request.is_http_11) == (True, False, True)


def test_methods_are_those_that_http1_knows() -> None:
    others = {b"BREW", b"get", b"DESCRIBE", b"PRI", b"FLUSH", b"ANNOUNCE"}
    for method in METHODS | others:
        target = b"a:1" if method == b"CONNECT" else b"/"
        head = b"%b %b HTTP/1.1\r\nHost: a\r\n\r\n" % (method, target)
        try:
            parse_head(head)
            is_known = True
        except RequestError as error:
            is_known = error.status != 501
        assert is_known == (method in METHODS), method
    assert httptools.__version__


def test_the_head_is_written_as_http1_would() -> None:
    head = read_head([*GET, (b"referer", b"r"), (b"user-agent", b"u")])
    assert head.text == (
        b"GET /a?b HTTP/2.0\r\nhost: files.test\r\nreferer: r\r\nuser-agent: u\r\n\r\n"
    )
    assert head.length == -1


def test_a_host_that_agrees_is_written_once() -> None:
    head = read_head([*GET, (b"host", b"files.test")])
    assert head.text.count(b"files.test") == 1
    assert read_request(head, has_body=True).has_body


@pytest.mark.parametrize("length", [b"0", b"5", b"000", b"9" * 18])
def test_a_length_is_a_number(length: bytes) -> None:
    assert read_head([*GET, (b"content-length", length)] * 1).length == int(length)


@pytest.mark.parametrize("length", [b"", b"-1", b"1,1", b"1 1", b"9" * 19, b"\xb2"])
def test_what_is_no_length_is_malformed(length: bytes) -> None:
    with pytest.raises(MalformedError):
        read_head([*GET, (b"content-length", length)])


def test_the_same_length_twice_is_one() -> None:
    assert read_head([*GET, (b"content-length", b"5"), (b"content-length", b"5")]).length == 5


STATUSES: dict[int, list[Field]] = {
    400: [*GET[:2], GET[3]],
    501: [(b":method", b"BREW"), *GET[1:]],
    431: [*GET, *[(b"accept", b"x")] * 40],
}


@pytest.mark.parametrize("status", STATUSES)
def test_what_is_understood_may_be_refused(status: int) -> None:
    with pytest.raises(RequestError) as refused:
        read_request(read_head(STATUSES[status]), has_body=False)
    assert refused.value.status == status
