"""Scripts of other origins: which fields each response has for them, and what they cost."""

import gc
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from evloop.http.head_fields import field_pattern
from evloop.http.request import Request, RequestError
from evloop.http.response import Response
from evloop.http1.answering import answer
from evloop.http1.context import Context, Limits
from evloop.http1.head import parse_head
from evloop.http1.headcache import HeadCache
from evloop.http1.writer import Answer
from evloop.observe.metrics import Metrics
from evloop.site.origins import (
    MAX_PREPARED,
    PREPARED_SIZE,
    ByOrigin,
    OriginFields,
    constant_fields,
    fields_by_origin,
)
from evloop.site.prepared import PreparedResponses
from evloop.site.site import Site, SiteSettings
from tests.support.bench import Bench, write
from tests.support.client import parse_head as parse_response_head
from tests.support.client import request

A, B, OTHER = "https://a.example", "http://localhost:3000", "https://c.example"
EXPOSED = "Accept-Ranges, Content-Encoding, Content-Length, Content-Range, Date, ETag, Link"
READ = field_pattern(b"origin")


class Origins:
    """A site that names some origins, asked as by a connection."""

    def __init__(self, bench: Bench, *origins: str) -> None:
        self.bench = bench
        self.head_cache = HeadCache()
        self.prepared: list[PreparedResponses] = []
        constant = constant_fields(origins)
        responder = self._site(constant) if constant else ByOrigin(origins, self._site)
        self.context = Context(responder, Metrics(), self.head_cache, Limits(), fields=READ)

    def _site(self, fields: OriginFields) -> Site:
        bench = self.bench
        self.prepared.append(PreparedResponses(self.head_cache.forget, MAX_PREPARED // 3))
        settings = SiteSettings(origin=fields)
        return Site(
            bench.cache,
            bench.reader,
            bench.clock,
            settings,
            self.prepared[-1],
            directories=bench.directories,
            negotiator=bench.negotiator,
        )

    def ask(self, target: str, fields: str = "", method: str = "GET") -> Answer:
        found = answer(request(target, fields, method=method), self.context, 0.0)
        assert isinstance(found, Answer)
        return found

    def get(self, target: str, fields: str = "", method: str = "GET") -> tuple[int, dict[str, str]]:
        found = self.ask(target, fields, method)
        if not found.buffers:
            found.new_body().close()
        return parse_response_head(found.head[: found.head_size])


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    write(tmp_path / "small.txt", b"small")
    write(tmp_path / "large.bin", bytes(20_000))
    write(tmp_path / "sub/index.html", b"sub")
    write(tmp_path / "coded.txt", b"plain")
    write(tmp_path / "coded.txt.br", b"br")
    write(tmp_path / "list/member", b"")
    with Bench(tmp_path, lists=True, archives=True) as bench:
        bench.know_all()
        yield bench


# Every kind of response that a script may want to look at, and on what else it depends.
RESPONSES = [
    (200, "/small.txt", "", []),
    (200, "/coded.txt", "", ["Accept-Encoding"]),
    (200, "/coded.txt", "Accept-Encoding: br", ["Accept-Encoding"]),
    (200, "/list/", "", ["Accept"]),
    (200, "/list/?format=json", "", ["Accept"]),
    (200, "/list/?archive=tar", "", []),
    (206, "/large.bin", "Range: bytes=0-9", []),
    (206, "/coded.txt", "Accept-Encoding: br\nRange: bytes=0-0", ["Accept-Encoding"]),
    (304, "/small.txt", "If-None-Match: *", []),
    (304, "/coded.txt", "If-None-Match: *\nAccept-Encoding: br", ["Accept-Encoding"]),
    (308, "/sub", "", ["Accept"]),
    (308, "/list", "", ["Accept"]),
    (400, "/../x", "", []),
    (400, "/list/?limit=-1", "", []),
    (400, "/list/?archive=rar", "", []),
    (404, "/missing", "", []),
    (412, "/small.txt", 'If-Match: "other"', []),
    (416, "/small.txt", "Range: bytes=9-", []),
]


@pytest.mark.parametrize(("status", "target", "field", "depends"), RESPONSES)
@pytest.mark.parametrize("origins", [("*",), (A,), (A, B), (A, "*")])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_every_response_tells_scripts_what_they_may_see(
    bench: Bench,
    status: int,
    target: str,
    field: str,
    depends: list[str],
    origins: tuple[str, ...],
    method: str,
) -> None:
    if method == "HEAD" and status in {206, 416}:
        status = 200  # RFC 9110 section 14.2: Range is for GET alone
    found = Origins(bench, *origins).ask(target, f"Origin: {A}\n{field}", method)
    lines = found.head[: found.head_size].lower().split(b"\r\n")
    assert sum(line.startswith(b"vary:") for line in lines) <= 1
    got, fields = parse_response_head(found.head[: found.head_size])
    if not found.buffers:
        found.new_body().close()
    assert got == status
    assert fields["access-control-allow-origin"] == ("*" if "*" in origins else A)
    assert fields["access-control-expose-headers"] == EXPOSED
    expected = [*depends, "Origin"] if origins == (A, B) else depends
    assert fields.get("vary", "") == ", ".join(expected)


@pytest.mark.parametrize(
    ("error", "fields"), [(RequestError(503, "busy"), ""), (RequestError(408, "slow"), "")]
)
def test_those_that_are_no_answer_to_a_request_too(
    bench: Bench, error: RequestError, fields: str
) -> None:
    responder = Origins(bench, "*").context.responder
    asked = parse_head(request("/small.txt"), READ)
    for each in (asked, None):
        made = dict(responder.refuse(error, each, 0.0).fields)
        assert made[b"Access-Control-Allow-Origin"] == b"*"


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        (A, A),
        (B, B),
        (OTHER, None),
        ("null", None),
        ("", None),
        (A.upper(), None),
        (A + "/", None),
        (A + ":443", None),
        (A + ".evil.example", None),
        ("https://a.example, http://localhost:3000", None),
    ],
)
def test_of_several_origins_the_one_that_asks_is_named(
    bench: Bench, origin: str, allowed: str | None
) -> None:
    origins = Origins(bench, A, B)
    for target in ("/small.txt", "/large.bin", "/missing"):
        for _ in range(2):  # planned, and recalled
            _, fields = origins.get(target, f"Origin: {origin}" if origin else "")
            assert fields.get("access-control-allow-origin") == allowed
            assert ("access-control-expose-headers" in fields) == (allowed is not None)
            assert fields["vary"] == "Origin"


def test_without_origins_nothing_is_said(bench: Bench) -> None:
    _, fields = Origins(bench).get("/small.txt", f"Origin: {A}")
    assert not [name for name in fields if name.startswith("access-control") or name == "vary"]


@pytest.mark.parametrize(
    ("origins", "origin", "allowed"),
    [
        (("*",), A, "*"),
        ((A,), A, A),
        ((A,), OTHER, A),  # which is not its own: the browser refuses
        ((A, B), B, B),
        ((A, B), OTHER, None),
        ((), A, None),
    ],
)
@pytest.mark.parametrize("target", ["/small.txt", "/missing", "*"])
def test_a_preflight_is_answered(
    bench: Bench, origins: tuple[str, ...], origin: str, allowed: str | None, target: str
) -> None:
    asked = f"Origin: {origin}\nAccess-Control-Request-Method: GET"
    asked += "\nAccess-Control-Request-Headers: range"
    status, fields = Origins(bench, *origins).get(target, asked, "OPTIONS")
    assert status == 204
    assert fields["allow"] == "GET, HEAD, OPTIONS"
    assert fields.get("access-control-allow-origin") == allowed
    if allowed is None:
        assert "access-control-allow-methods" not in fields
    else:
        assert fields["access-control-allow-methods"] == "GET, HEAD, OPTIONS"
        assert fields["access-control-allow-headers"].split(", ") == [
            "Range",
            "If-Range",
            "If-Match",
            "If-None-Match",
            "If-Modified-Since",
            "If-Unmodified-Since",
            "Authorization",
        ]
        assert fields["access-control-max-age"] == "86400"


def test_plain_requests_share_a_prepared_response(bench: Bench) -> None:
    for origins, asked in (((A, B), A), (("*",), A)):
        site = Origins(bench, *origins)
        first = site.ask("/small.txt", f"Origin: {asked}\nX: 1")
        assert site.ask("/small.txt", f"Origin: {asked}\nX: 2") is first
    # With a star they need not even be of one origin.
    assert site.ask("/small.txt", "Origin: https://another.example") is first


def test_origins_that_are_the_same_are_one() -> None:
    assert constant_fields((A, A)) == constant_fields((A,))
    assert constant_fields((A, B)) is None
    assert set(fields_by_origin((A, B))) == {A.encode(), B.encode()}


def test_what_is_prepared_for_named_origins_is_bounded(tmp_path: Path) -> None:
    size = 8 * 1024  # the largest that is joined to its head: the dearest to prepare
    count = MAX_PREPARED
    for number in range(count):
        write(tmp_path / f"{number}.bin", bytes(size))
    with Bench(tmp_path) as bench:
        site = Origins(bench, A, B)
        for number in range(count):
            bench.get(f"/{number}.bin")  # in memory, and prepared for others
        gc.collect()
        tracemalloc.start()
        for origin in (A, B, OTHER):
            for number in range(count):
                site.ask(f"/{number}.bin", f"Origin: {origin}")
        site.head_cache._forget_heads()
        gc.collect()
        taken = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
        assert sum(map(len, site.prepared)) <= MAX_PREPARED
        assert taken <= PREPARED_SIZE


class Plain:
    """A responder that tells which it is."""

    def __init__(self, fields: OriginFields) -> None:
        self.fields = fields

    def respond(self, request: Request, now: float) -> Response:
        return Response(204, self.fields.fields)

    def refuse(self, error: RequestError, request: Request | None, now: float) -> Response:
        return Response(error.status, self.fields.fields)


def test_a_request_that_was_not_understood_is_of_no_origin() -> None:
    refused = ByOrigin((A, B), Plain).refuse(RequestError(400, ""), None, 0.0)
    assert refused.fields == ()
