"""The address of the server's own figures: who is answered there, with what, and how often."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from evloop import __version__
from evloop.demo.figures import INTERVAL, Figures
from evloop.demo.responder import PATH, DemoResponder
from evloop.http.request import RequestError
from evloop.http.response import NEVER, Response
from evloop.http1.head import parse_head
from evloop.observe.snapshot import NO_FIGURES, Snapshot
from evloop.site.clock import Clock
from tests.support.bench import Bench, write
from tests.support.client import request
from tests.support.descriptors import no_leaks

STARTED = 1000.0
ADDRESS = "/.well-known/evloop"


class Server:
    """What the figures are taken of, and how often that was done."""

    def __init__(self) -> None:
        self.size = 14_000_000
        self.seen = NO_FIGURES
        self.snapshots = self.measurements = 0

    def snapshot(self) -> Snapshot:
        self.snapshots += 1
        return self.seen

    def measure(self) -> int:
        self.measurements += 1
        return self.size


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def figures(server: Server) -> Figures:
    return Figures(
        server.snapshot, server.measure, start=13_000_000, ceiling=92_000_000, started=STARTED
    )


class TestFigures:
    def test_each_is_under_its_name(self, server: Server, figures: Figures) -> None:
        values = {name: getattr(NO_FIGURES, name) for name in Snapshot.__dataclass_fields__}
        values |= {"connections": {"idle": 2, "sending": 3}, "downloads": 2}
        values |= {"download_sizes": (100, 5), "bytes_sent": 77, "responses": 9}
        server.seen = Snapshot(**values)
        assert json.loads(figures.document(STARTED + 61.5)) == {
            "version": __version__,
            "memory": {"now": 14_000_000, "start": 13_000_000, "ceiling": 92_000_000},
            "connections": 5,
            "downloads": 2,
            "load_all": 105,
            "bytes_sent": 77,
            "responses": 9,
            "uptime": 61.5,
        }

    def test_they_are_taken_once_in_an_interval(self, server: Server, figures: Figures) -> None:
        first = figures.document(STARTED)
        for step in range(1000):
            assert figures.document(STARTED + INTERVAL * step / 1001) is first
        assert (server.snapshots, server.measurements) == (1, 1)
        server.size = 15_000_000
        later = json.loads(figures.document(STARTED + INTERVAL))
        assert later["memory"]["now"] == 15_000_000
        assert (server.snapshots, server.measurements) == (2, 2)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    write(tmp_path / ".well-known/evloop", b"a file")
    write(tmp_path / ".well-known/evloop.txt", b"another file")
    write(tmp_path / "index.html", b"<h1>hello</h1>")
    with no_leaks(), Bench(tmp_path) as bench:
        yield bench


@pytest.fixture
def responder(bench: Bench, figures: Figures) -> DemoResponder:
    return DemoResponder(bench.site, figures, Clock())


def respond(
    responder: DemoResponder, target: str, method: str = "GET", fields: str = ""
) -> Response:
    found = responder.respond(parse_head(request(target, fields, method=method)), STARTED)
    assert isinstance(found, Response)
    return found


class TestResponder:
    @pytest.mark.parametrize(
        "target",
        [
            ADDRESS,
            f"{ADDRESS}?again=1",
            f"http://files.test{ADDRESS}",
            "/.well-known/./evloop",
            "/%2ewell-known/evl%6fop",
        ],
    )
    def test_each_spelling_of_the_address_means_it(
        self, responder: DemoResponder, figures: Figures, target: str
    ) -> None:
        response = respond(responder, target)
        assert response.page == figures.document(STARTED)
        assert response.length == len(response.page)

    def test_nobody_keeps_the_answer(self, responder: DemoResponder) -> None:
        response = respond(responder, ADDRESS)
        assert response.status == 200
        assert response.fresh_until == NEVER
        assert not response.is_shared
        fields = dict(response.fields)
        assert fields.pop(b"Server").startswith(b"evloop/")
        assert fields.pop(b"Date").endswith(b" GMT")
        # Nothing lets other origins read it.
        assert fields == {
            b"Content-Type": b"application/json",
            b"Cache-Control": b"no-store",
            b"X-Content-Type-Options": b"nosniff",
        }

    def test_head_is_the_same_without_the_body(self, responder: DemoResponder) -> None:
        whole, head = respond(responder, ADDRESS), respond(responder, ADDRESS, "HEAD")
        assert (head.status, head.length, head.page) == (200, whole.length, b"")
        assert dict(head.fields) == dict(whole.fields)

    @pytest.mark.parametrize(
        "fields", ["Range: bytes=0-3", "If-None-Match: *", "Origin: http://elsewhere.test"]
    )
    def test_what_a_request_adds_changes_nothing(
        self, responder: DemoResponder, fields: str
    ) -> None:
        plain, other = respond(responder, ADDRESS), respond(responder, ADDRESS, fields=fields)
        assert (other.status, other.page) == (200, plain.page)
        assert dict(other.fields) == dict(plain.fields)

    @pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
    def test_other_methods_are_not_allowed(self, responder: DemoResponder, method: str) -> None:
        with pytest.raises(RequestError) as refused:
            respond(responder, ADDRESS, method)
        assert refused.value.status == 405
        assert refused.value.fields == ((b"Allow", b"GET, HEAD, OPTIONS"),)

    def test_options_are_those_of_the_site(self, responder: DemoResponder) -> None:
        response = respond(responder, ADDRESS, "OPTIONS")
        assert response.status == 204
        assert (b"Allow", b"GET, HEAD, OPTIONS") in response.fields

    @pytest.mark.parametrize(
        ("target", "status"),
        [
            ("/.well-known/evloop.txt", 200),
            ("/", 200),
            (f"{ADDRESS}/", 404),
            ("/evloop", 404),
            ("/a/.well-known/evloop", 404),
            ("/evloop%", 400),
        ],
    )
    def test_all_else_is_the_sites(
        self, responder: DemoResponder, server: Server, bench: Bench, target: str, status: int
    ) -> None:
        head = parse_head(request(target))
        try:
            answer = responder.respond(head, STARTED)
            if not isinstance(answer, Response):  # on its way into memory
                bench.scheduler.run()
                answer = responder.respond(head, STARTED)
            assert isinstance(answer, Response)
            found = answer.status
        except RequestError as error:
            found = responder.refuse(error, head, STARTED).status
        assert found == status
        assert server.snapshots == 0

    def test_its_path_is_beneath_the_well_known_one(self) -> None:
        assert "/" + PATH.decode() == ADDRESS
