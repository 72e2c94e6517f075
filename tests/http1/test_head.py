"""Request heads: what is understood, what is refused, and what is never taken for two."""

import httptools
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evloop.http.authority import MAX_HOST_ESCAPES
from evloop.http.head_fields import MAX_READ_FIELDS, field_pattern
from evloop.http.request import RequestError
from evloop.http1.head import (
    MAX_CONNECTION_SIZE,
    MAX_FIELDS,
    is_hopeless,
    parse_head,
)

HOST = b"Host: files.test\r\n"


def head(line: bytes = b"GET / HTTP/1.1", *fields: bytes, host: bytes = HOST) -> bytes:
    return line + b"\r\n" + host + b"".join(field + b"\r\n" for field in fields) + b"\r\n"


# The field lines after Host: which make a request with a body, which one without?
FRAMING = {
    (): False,
    (b"Content-Length: 0",): False,
    (b"Content-Length: 0  ",): False,
    (b"Content-Length:\t000",): False,
    (b"Content-Length: 1",): True,
    (b"Content-Length: 10",): True,
    (b"content-length: 5",): True,
    (b"Content-Length: 18446744073709551615",): True,
    (b"Transfer-Encoding: chunked",): True,
    (b"Transfer-Encoding: CHUNKED",): True,
    (b"Transfer-Encoding: gzip, chunked",): True,
    (b"Transfer-Encoding: chunked", b"Trailer: X"): True,
    (b"Expect: 100-continue",): False,
    (b"Expect: 100-continue", b"Content-Length: 3"): True,
}

# Ways to have two parsers disagree about where a request ends, or what it says. All are 400.
SMUGGLED: dict[str, bytes] = {
    "CL then TE": head(b"POST / HTTP/1.1", b"Content-Length: 6", b"Transfer-Encoding: chunked"),
    "TE then CL": head(b"POST / HTTP/1.1", b"Transfer-Encoding: chunked", b"Content-Length: 6"),
    "two CL": head(b"POST / HTTP/1.1", b"Content-Length: 6", b"Content-Length: 5"),
    "two equal CL": head(b"POST / HTTP/1.1", b"Content-Length: 6", b"Content-Length: 6"),
    "CL list": head(b"POST / HTTP/1.1", b"Content-Length: 6, 6"),
    "CL plus sign": head(b"POST / HTTP/1.1", b"Content-Length: +6"),
    "CL minus sign": head(b"POST / HTTP/1.1", b"Content-Length: -6"),
    "CL empty": head(b"POST / HTTP/1.1", b"Content-Length:"),
    "CL hexadecimal": head(b"POST / HTTP/1.1", b"Content-Length: 0x6"),
    "CL underscore": head(b"POST / HTTP/1.1", b"Content-Length: 1_0"),
    "CL fraction": head(b"POST / HTTP/1.1", b"Content-Length: 6.0"),
    "CL inner space": head(b"POST / HTTP/1.1", b"Content-Length: 6 6"),
    "CL quoted": head(b"POST / HTTP/1.1", b'Content-Length: "6"'),
    "CL beyond 64 bits": head(b"POST / HTTP/1.1", b"Content-Length: 18446744073709551616"),
    "CL vertical tab": head(b"POST / HTTP/1.1", b"Content-Length: \x0b6"),
    "CL space before the colon": head(b"POST / HTTP/1.1", b"Content-Length : 6"),
    "CL folded": head(b"POST / HTTP/1.1", b"Content-Length:\r\n 6"),
    "TE unknown": head(b"POST / HTTP/1.1", b"Transfer-Encoding: xchunked"),
    "TE identity": head(b"POST / HTTP/1.1", b"Transfer-Encoding: identity"),
    "TE not last": head(b"POST / HTTP/1.1", b"Transfer-Encoding: chunked, identity"),
    "TE twice": head(b"POST / HTTP/1.1", b"Transfer-Encoding: chunked, chunked"),
    "two TE": head(b"POST / HTTP/1.1", b"Transfer-Encoding: chunked", b"Transfer-Encoding: x"),
    "TE vertical tab": head(b"POST / HTTP/1.1", b"Transfer-Encoding:\x0bchunked"),
    "TE form feed": head(b"POST / HTTP/1.1", b"Transfer-Encoding: chunked\x0c"),
    "TE space before the colon": head(b"POST / HTTP/1.1", b"Transfer-Encoding : chunked"),
    "TE tab before the colon": head(b"POST / HTTP/1.1", b"Transfer-Encoding\t: chunked"),
    "TE folded": head(b"POST / HTTP/1.1", b"Transfer-Encoding:\r\n chunked"),
    "TE quoted": head(b"POST / HTTP/1.1", b'Transfer-Encoding: "chunked"'),
    "TE after a bare LF": head(b"POST / HTTP/1.1", b"X: y\nTransfer-Encoding: chunked"),
    "TE after a bare CR": head(b"POST / HTTP/1.1", b"X: y\rTransfer-Encoding: chunked"),
    "folded field": head(b"GET / HTTP/1.1", b"X: y", b" z"),
    "folded by a tab": head(b"GET / HTTP/1.1", b"X: y", b"\tz"),
    "folded into nothing": head(b"GET / HTTP/1.1", b"X: y", b" "),
    "folded first field": head(b"GET / HTTP/1.1", b"X: y", host=b" " + HOST),
    "bare LF after the request line": b"GET / HTTP/1.1\n" + HOST + b"\r\n",
    "bare LF after a field": b"GET / HTTP/1.1\r\nHost: files.test\nX: y\r\n\r\n",
    "two bare LF": b"GET / HTTP/1.1\r\nHost: a\n\nGET /b HTTP/1.1\r\nHost: b\r\n\r\n",
    "LF CR": b"GET / HTTP/1.1\r\nHost: a\n\rX: y\r\n\r\n",
    "bare CR in a value": head(b"GET / HTTP/1.1", b"X: y\rz"),
    "bare CR after the request line": b"GET / HTTP/1.1\r" + HOST + b"\r\n",
    "CR CR LF": b"GET / HTTP/1.1\r\r\n" + HOST + b"\r\n",
    "CR CR LF after a field": b"GET / HTTP/1.1\r\nHost: a\r\r\n\r\n",
    "leading CR": b"\r" + head(),
    "leading LF": b"\n" + head(),
    "leading space": b" " + head(),
    "NUL in a value": head(b"GET / HTTP/1.1", b"X: y\0z"),
    "NUL in a name": head(b"GET / HTTP/1.1", b"X\0: y"),
    "NUL in the target": head(b"GET /\0 HTTP/1.1"),
    "control byte in a value": head(b"GET / HTTP/1.1", b"X: y\x01z"),
    "escape in a value": head(b"GET / HTTP/1.1", b"X: \x1b[31m"),
    "DEL in a value": head(b"GET / HTTP/1.1", b"X: \x7f"),
    "control byte in a name": head(b"GET / HTTP/1.1", b"X\x01: y"),
    "space in a name": head(b"GET / HTTP/1.1", b"X y: z"),
    "space before the colon": head(b"GET / HTTP/1.1", b"X : y"),
    "name beyond ASCII": head(b"GET / HTTP/1.1", b"X\xe4: y"),
    "quoted name": head(b"GET / HTTP/1.1", b'"X": y'),
    "no name": head(b"GET / HTTP/1.1", b": y"),
    "no colon": head(b"GET / HTTP/1.1", b"X"),
    "chunk extension as a field": head(b"GET / HTTP/1.1", b"5;ext=1"),
    "LF for the version": b"GET /.\nX: HTTP/1.1\r\n" + HOST + b"\r\n",
    "tab in the request line": head(b"GET\t/ HTTP/1.1"),
    "two spaces before the target": head(b"GET  / HTTP/1.1"),
    "two spaces before the version": head(b"GET /  HTTP/1.1"),
    "space after the version": head(b"GET / HTTP/1.1 "),
    "space in the target": head(b"GET /a b HTTP/1.1"),
    "vertical tab in the request line": head(b"GET\x0b/ HTTP/1.1"),
    "no version": b"GET /\r\n\r\n",
    "no target": head(b"GET  HTTP/1.1"),
    "NUL in the target, no fields": b"GET /\0 HTTP/1.0\r\n\r\n",
    "bare LF behind the target": b"GET /\nX: HTTP/1.1\r\nHost: a\r\n\r\n",
    "bare LF behind the target, no fields": b"GET /\nX: HTTP/1.0\r\n\r\n",
    "target beyond ASCII": head(b"GET /\xc3\xa4 HTTP/1.1"),
    "target without a slash": head(b"GET a/b HTTP/1.1"),
    "version in lower case": head(b"GET / http/1.1"),
    "version with two digits": head(b"GET / HTTP/1.10"),
    "version with a plus sign": head(b"GET / HTTP/+1.1"),
    "another protocol": head(b"GET / FTP/1.1"),
    "RTSP": head(b"DESCRIBE / RTSP/1.0"),
    "a request line inside a head": head(b"GET / HTTP/1.1", b"GET /b HTTP/1.1"),
    "a status line": b"HTTP/1.1 200 OK\r\n\r\n",
    "nothing": b"\r\n\r\n",
    "garbage": b"\x16\x03\x01\x02\x00\x01\xfc\x03\x03\r\n\r\n",
}

# What is wrong before the version is looked at, however it was cut.
HOPELESS_VERSIONS = (
    b"GET / HTTP/2.0\r\nX: y\nHost: a\r\n\r\n",
    b"GET / HTTP/2.0\nHost: a\r\n\r\n",
    b"\rGET / HTTP/2.0\r\nHost: a\r\n\r\n",
    b"\nGET / HTTP/2.0\r\nHost: a\r\n\r\n",
)

HOSTS = {
    b"files.test": True,
    b"files.test:8080": True,
    b"files.test:": True,
    b"192.0.2.1:80": True,
    b"[::1]": True,
    b"[::1]:8080": True,
    b"[fe80::1%25eth0]": True,
    b"xn--nxasmq6b.test": True,
    b"a_b.test": True,
    b"%41.test": True,
    b"%41" * MAX_HOST_ESCAPES: True,
    b"%41" * (MAX_HOST_ESCAPES + 1): False,
    b"%": False,
    b"%4": False,
    b"a%4g.test:80": False,
    b"%%41": False,
    b"[fe80::1%25]": False,
    b"[fe80::1%eth0]": False,
    b"a:%38": False,
    b"files.test \t": True,
    b"\t files.test": True,
    b"": True,  # RFC 9112 section 3.2: for a target without an authority
    b":80": True,
    b"a b": False,
    b"a, b": False,
    b"a/b": False,
    b"a?b": False,
    b"a#b": False,
    b"u@a": False,
    b"u:p@a": False,
    b"a:b": False,
    b"a:80:80": False,
    b"http://a": False,
    b"[::1": False,
    b"::1": False,
    b"[::1]x": False,
    b"[]": False,
    b"a%zz": False,
    b"a\\b": False,
    b'"a"': False,
    b"<a>": False,
    b"\xc3\xa4.test": False,
    b"a\tb": False,
}

REPEATED_HOSTS = (
    (b"a", b"b"),
    (b"a", b"a"),
    (b"a", b""),
    (b"", b"a"),
    (b"", b""),
    (b"a", b"", b""),
    (b"a", b" "),
)

VERSIONS = {
    b"HTTP/1.1": None,
    b"HTTP/1.0": None,
    b"HTTP/0.9": 505,
    b"HTTP/1.2": 505,
    b"HTTP/1.9": 505,
    b"HTTP/2.0": 505,
    b"HTTP/3.0": 505,
    b"HTTP/9.9": 505,
    b"HTTP/2": 400,
    b"HTTP/1": 400,
    b"HTTP/1.": 400,
    b"HTTP/.1": 400,
    b"HTTP/1.1.1": 400,
    b"HTTP/11": 400,
    b"HTTP 1.1": 400,
    b"": 400,
}

KNOWN_METHODS = (
    b"GET",
    b"HEAD",
    b"OPTIONS",
    b"POST",
    b"PUT",
    b"DELETE",
    b"PATCH",
    b"TRACE",
    b"CONNECT",
    b"PROPFIND",
)

# An unknown method, and what else is wrong: 501 only when nothing else is.
UNKNOWN_METHODS = {
    head(b"FOO / HTTP/1.1"): 501,
    head(b"get / HTTP/1.1"): 501,
    head(b"G / HTTP/1.1"): 501,
    head(b"FOO / HTTP/1.0", host=b""): 501,
    head(b"GETT / HTTP/1.1"): 501,
    head(b"!#$%&'*+-.^_`|~09az / HTTP/1.1"): 501,
    head(b"FOO / HTTP/1.1", host=b""): 400,
    head(b"FOO / HTTP/1.1", b"X : y"): 400,
    head(b"FOO / HTTP/2.0"): 505,
    head(b"FOO /  HTTP/1.1"): 400,
    head(b"FOO"): 400,
    head(b"DESCRIBE / HTTP/1.1"): 501,
    head(b"GET_PARAMETER / HTTP/1.1"): 501,
    head(b"PRI / HTTP/1.1"): 501,
    head(b"DESCRIBE / HTTP/1.1", host=b""): 400,
    head(b"CONNECT *| HTTP/1.1"): 400,
    head(b"CONNECT \x7f HTTP/1.1"): 400,
    head(b"DESCRIBE / HTTP/1.1", b"X : y"): 400,
    head(b"F(O / HTTP/1.1"): 400,
    head(b"F\xd6O / HTTP/1.1"): 400,
    b"PRI * HTTP/2.0\r\n\r\n": 505,
}

# The version and the Connection field: does the client want to go on?
KEEP_ALIVE = {
    (b"1.1", None): True,
    (b"1.1", b"close"): False,
    (b"1.1", b"Close"): False,
    (b"1.1", b"close "): False,
    (b"1.1", b"keep-alive"): True,
    (b"1.1", b"keep-alive, close"): False,
    (b"1.1", b"TE, close"): False,
    (b"1.1", b"Upgrade"): True,
    (b"1.1", b"closed"): True,
    (b"1.1", b""): True,
    (b"1.1", b"x" * MAX_CONNECTION_SIZE): True,
    (b"1.1", b"x" * (MAX_CONNECTION_SIZE + 1)): False,
    (b"1.1", b"x," * 8000): False,
    (b"1.0", b"keep-alive," * 1000): False,
    (b"1.0", None): False,
    (b"1.0", b"keep-alive"): True,
    (b"1.0", b"Keep-Alive"): True,
    (b"1.0", b"keep-alive, close"): False,
    (b"1.0", b"close"): False,
    (b"1.0", b"Upgrade"): False,
    (b"1.0", b""): False,
}

HOPELESS = {
    b"": True,
    b"G": False,
    b"GET": False,
    b"get": False,
    b"\r": False,  # the first half of an empty line
    b"\r\r": True,
    b"\rG": True,
    b"\n": True,
    b" ": True,
    b"\x16\x03\x01": True,
    b"\xff": True,
    b"{": True,
    b"GET / HTTP/1.1\r": False,
    b"GET / HTTP/1.1\r\n": False,
    b"GET / HTTP/1.1\r\nX": False,
    b"GET / HTTP/1.1\n": True,
    b"GET / HTTP/1.1\r\n\n": True,
    b"GET / HTTP/1.1\r\nX: y\n": True,
}


def status_of(data: bytes) -> int | None:
    """Return what parse_head() refuses *data* with."""
    try:
        parse_head(data)
    except RequestError as refusal:
        return refusal.status
    return None


def test_a_request_says_what_it_wants() -> None:
    request = parse_head(head(b"GET /a?b HTTP/1.1", b"Accept: x", b"Range:\tbytes=0-1 \t"))
    assert (request.method, request.target) == (b"GET", b"/a?b")
    assert request.fields == {b"host": b"files.test", b"accept": b"x", b"range": b"bytes=0-1"}
    assert (request.is_http_11, request.keep_alive, request.has_body) == (True, True, False)


def test_accept_encoding_is_not_accept() -> None:
    lines = (b"Accept-Language: x", b"accept-encoding: gzip ", b"Accept: y", b"Accept-Encodings: z")
    request = parse_head(head(b"GET / HTTP/1.1", *lines, b"ACCEPT-ENCODING:br"))
    assert request.fields[b"accept-encoding"] == b"gzip, br"
    assert request.fields[b"accept"] == b"y"
    assert len(request.fields) == 3


def test_more_fields_are_read_where_they_are_asked_for() -> None:
    lines = (b"Origin: a", b"AUTHORIZATION: b", b"X-Origin: c", b"Originx: d", b"Zz: e")
    whole = head(b"GET / HTTP/1.1", *lines)
    host = {b"host": b"files.test"}
    assert parse_head(whole).fields == host
    both = field_pattern(b"origin", b"authorization")
    assert parse_head(whole, both).fields == {**host, b"origin": b"a", b"authorization": b"b"}
    assert parse_head(whole, field_pattern(b"zz")).fields == {**host, b"zz": b"e"}


def test_lines_of_one_name_are_one_list() -> None:
    request = parse_head(
        head(b"GET / HTTP/1.1", b"Accept: a ", b"accept: b", b"ACCEPT:", b"accepT: c")
    )
    assert request.fields[b"accept"] == b"a, b, , c"


def test_a_value_has_no_space_around_it() -> None:
    request = parse_head(head(b"GET / HTTP/1.1", b"If-None-Match: \t* \t"))
    assert request.fields[b"if-none-match"] == b"*"


def test_bytes_beyond_ascii_stay_as_they_are_in_values() -> None:
    assert parse_head(head(b"GET / HTTP/1.1", b"Range: \xff\xc3")).fields[b"range"] == b"\xff\xc3"


@pytest.mark.parametrize(("fields", "has_body"), FRAMING.items())
def test_a_body_is_announced(fields: tuple[bytes, ...], has_body: bool) -> None:
    assert parse_head(head(b"POST / HTTP/1.1", *fields)).has_body is has_body


def test_what_follows_a_tunnel_is_taken_for_a_body() -> None:
    assert parse_head(head(b"CONNECT a:80 HTTP/1.1")).has_body


def test_a_body_with_a_coding_in_http_10_is_one_all_the_same() -> None:
    assert parse_head(head(b"POST / HTTP/1.0", b"Transfer-Encoding: chunked")).has_body


@pytest.mark.parametrize("data", SMUGGLED.values(), ids=SMUGGLED.keys())
def test_what_two_parsers_could_read_in_two_ways_is_refused(data: bytes) -> None:
    assert status_of(data) == 400


@pytest.mark.parametrize("data", HOPELESS_VERSIONS)
def test_a_foul_head_is_foul_whatever_its_version(data: bytes) -> None:
    assert status_of(data) == 400


@pytest.mark.parametrize(("host", "is_right"), HOSTS.items())
def test_a_host_is_a_name_or_an_address_and_a_port(host: bytes, is_right: bool) -> None:
    assert status_of(head(host=b"Host: " + host + b"\r\n")) == (None if is_right else 400)


@pytest.mark.parametrize("hosts", REPEATED_HOSTS)
@pytest.mark.parametrize("version", [b"HTTP/1.0", b"HTTP/1.1"])
def test_two_hosts_are_refused(hosts: tuple[bytes, ...], version: bytes) -> None:
    lines = b"".join(b"Host: " + host + b"\r\n" for host in hosts)
    assert status_of(head(b"GET / " + version, host=lines)) == 400


def test_only_http_10_may_do_without_a_host() -> None:
    assert status_of(head(b"GET / HTTP/1.0", host=b"")) is None
    assert status_of(head(b"GET / HTTP/1.1", host=b"")) == 400


@pytest.mark.parametrize(("version", "status"), VERSIONS.items())
def test_two_versions_are_spoken(version: bytes, status: int | None) -> None:
    assert status_of(head(b"GET / " + version)) == status


@pytest.mark.parametrize("method", KNOWN_METHODS)
def test_methods_are_not_judged_here(method: bytes) -> None:
    target = b"a:80" if method == b"CONNECT" else b"/"
    assert parse_head(head(method + b" " + target + b" HTTP/1.1")).method == method


@pytest.mark.parametrize(("data", "status"), UNKNOWN_METHODS.items())
def test_an_unknown_method_is_told_from_nonsense(data: bytes, status: int) -> None:
    assert status_of(data) == status


@pytest.mark.parametrize(("wish", "keep_alive"), KEEP_ALIVE.items())
def test_the_client_says_whether_it_goes_on(
    wish: tuple[bytes, bytes | None], keep_alive: bool
) -> None:
    version, connection = wish
    fields = () if connection is None else (b"Connection: " + connection,)
    assert parse_head(head(b"GET / HTTP/" + version, *fields)).keep_alive is keep_alive


def test_an_upgrade_is_declined_by_being_ignored() -> None:
    request = parse_head(
        head(b"GET / HTTP/1.1", b"Connection: Upgrade", b"Upgrade: websocket", b"Range: y")
    )
    assert request.fields[b"range"] == b"y"


def test_the_target_of_an_absolute_form_is_kept_beside_the_host() -> None:
    request = parse_head(head(b"GET http://other.test/a HTTP/1.1"))
    assert (request.target, request.fields[b"host"]) == (b"http://other.test/a", b"files.test")


@pytest.mark.parametrize("line", [b"X: y", b"X:", b"Host: a"])
def test_the_field_lines_are_counted(line: bytes) -> None:
    assert (
        status_of(head(b"GET / HTTP/1.1", *[b"X%d: y" % n for n in range(MAX_FIELDS - 1)])) is None
    )
    assert status_of(head(b"GET / HTTP/1.1", *[line] * MAX_FIELDS)) == 431


def test_the_lines_that_are_read_are_counted_apart() -> None:
    lines = [b"Accept: y"] * (MAX_READ_FIELDS - 1)  # and Host
    assert status_of(head(b"GET / HTTP/1.1", *lines)) is None
    assert status_of(head(b"GET / HTTP/1.1", *lines, b"range: z")) == 431


def test_too_many_lines_that_are_no_http_are_no_http() -> None:
    # As they would be refused if they came one by one.
    assert status_of(head(b"GET / HTTP/1.1", *[b"X\n: y"] * MAX_FIELDS)) == 400


def test_an_error_says_what_to_answer_and_why() -> None:
    error = RequestError(405, "not allowed", ((b"Allow", b"GET"),))
    assert (error.status, str(error), error.fields) == (405, "not allowed", ((b"Allow", b"GET"),))


@pytest.mark.parametrize(("received", "expected"), HOPELESS.items())
def test_what_can_become_a_request_is_waited_for(received: bytes, expected: bool) -> None:
    assert is_hopeless(received) is expected


def test_what_was_searched_is_not_searched_again() -> None:
    assert not is_hopeless(b"GET /\r\n", searched=6)
    assert is_hopeless(b"GET /\r\n\n", searched=7)
    assert not is_hopeless(b"GET /\nX", searched=6)
    assert not is_hopeless(b"GET /\r\n\r\n", searched=8)
    assert is_hopeless(b"GET /\r\n\n\r\n", searched=7)


_NAMES = st.sampled_from(
    [b"Accept", b"Accept-Encoding", b"accept-language", b"RANGE", b"X-Range", b"If-Match", b"Host"]
)
_VALUES = st.text('a :,\t\\"é/range', max_size=12).map(lambda text: text.encode("latin-1"))


@given(st.lists(st.tuples(_NAMES, st.sampled_from([b":", b": ", b":\t"]), _VALUES), max_size=8))
def test_the_fields_are_those_that_the_parser_sees(lines: list[tuple[bytes, bytes, bytes]]) -> None:
    whole = head(b"GET /range:0 HTTP/1.1", *(b"".join(line) for line in lines))
    seen: dict[bytes, list[bytes]] = {}

    class Listener:
        def on_header(self, name: bytes, value: bytes) -> None:
            seen.setdefault(name.lower(), []).append(value.rstrip())

    httptools.HttpRequestParser(Listener()).feed_data(whole)
    if len(seen[b"host"]) > 1:
        with pytest.raises(RequestError):
            parse_head(whole)
        return
    wanted = (b"accept", b"accept-encoding", b"range", b"if-match", b"host")
    assert parse_head(whole).fields == {
        name: b", ".join(seen[name]) for name in wanted if name in seen
    }
