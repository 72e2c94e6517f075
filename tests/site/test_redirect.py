"""Where plain requests are sent: for each Host that may come, on each pair of ports."""

from typing import NamedTuple

import pytest

from evloop.http.request import Request, RequestError
from evloop.http.response import Response
from evloop.site.clock import Clock
from evloop.site.redirect import RedirectSite

OURS = frozenset({"localhost", "localhost.", "a.test", "127.0.0.1", "::1"})


class Refusing:
    """A site that nobody should have come to."""

    def respond(self, request: Request, now: float) -> Response:
        raise AssertionError("the site was asked")

    def refuse(self, error: RequestError, request: Request | None, now: float) -> Response:
        raise AssertionError("the site was asked")


class Ports(NamedTuple):
    plain: int
    secure: int


USUAL, OTHERS, MAPPED = Ports(80, 443), Ports(8080, 8443), Ports(80, 8443)


def answer(host: bytes | None, target: bytes, ports: Ports, method: bytes = b"GET") -> Response:
    site = RedirectSite(
        Refusing(), Clock(), OURS.__contains__, port=ports.secure, plain_port=ports.plain
    )
    fields = {} if host is None else {b"host": host}
    found = site.respond(Request(method, target, fields, is_http_11=host is not None), 0.0)
    assert isinstance(found, Response)
    return found


@pytest.mark.parametrize(
    ("host", "ports", "authority"),
    [
        (b"localhost", USUAL, b"localhost"),
        (b"localhost:80", USUAL, b"localhost"),
        (b"localhost:", USUAL, b"localhost"),
        (b"LocalHost:80", USUAL, b"localhost"),
        (b"localhost.:80", USUAL, b"localhost."),
        (b"127.0.0.1", USUAL, b"127.0.0.1"),
        (b"[::1]", USUAL, b"[::1]"),
        (b"[::1]:80", USUAL, b"[::1]"),
        (b"localhost:8080", OTHERS, b"localhost:8443"),
        (b"localhost:9999", OTHERS, b"localhost:8443"),
        (b"127.0.0.1:8080", OTHERS, b"127.0.0.1:8443"),
        (b"[::1]:8080", OTHERS, b"[::1]:8443"),
        # Somebody leads 80 to this port, and 443 to the other one.
        (b"a.test", OTHERS, b"a.test"),
        (b"a.test:", OTHERS, b"a.test"),
        (b"a.test:80", OTHERS, b"a.test"),
        (b"[::1]", OTHERS, b"[::1]"),
        # 80 is this port itself, so the other one is where it says.
        (b"a.test", MAPPED, b"a.test:8443"),
        (b"a.test:80", MAPPED, b"a.test:8443"),
        (b"[::1]", MAPPED, b"[::1]:8443"),
    ],
)
def test_everybody_is_sent_to_the_same_host(host: bytes, ports: Ports, authority: bytes) -> None:
    response = answer(host, b"/a?b", ports)
    assert response.status == 308
    assert dict(response.fields)[b"Location"] == b"https://" + authority + b"/a?b"
    assert b"Strict-Transport-Security" not in dict(response.fields)


@pytest.mark.parametrize(
    ("host", "status"),
    [
        (None, 400),  # HTTP/1.0 may have none
        (b"", 400),
        (b":80", 400),
        (b"[]", 400),
        (b"evil.test", 421),
        (b"evil.test:80", 421),
        (b"localhost.evil.test", 421),
        (b"evil.test.localhost", 421),
        (b"a.test..", 421),
        (b"[::2]", 421),
        (b"::1", 421),
        (b"127.0.0.2", 421),
        (b"local%68ost", 421),
        (b"b\xfcro.test", 421),
    ],
)
@pytest.mark.parametrize("ports", [USUAL, OTHERS, MAPPED])
def test_nobody_is_sent_to_a_host_of_others(host: bytes | None, status: int, ports: Ports) -> None:
    with pytest.raises(RequestError) as refused:
        answer(host, b"/", ports)
    assert refused.value.status == status


@pytest.mark.parametrize(
    ("target", "path"),
    [
        (b"/", b"/"),
        (b"/a/", b"/a/"),
        (b"/a//b/./c/../d", b"/a/b/d"),
        (b"//evil.test/", b"/evil.test/"),
        (b"/a%20b%3fc", b"/a%20b%3Fc"),
        (b"/%0d%0aSet-Cookie:a", b"/%0D%0ASet-Cookie:a"),
        (b"/?q=1&r=https://evil.test/", b"/?q=1&r=https://evil.test/"),
        (b"http://evil.test/a", b"/a"),
        (b"/.well-known/acme-challenge/../../a", b"/a"),
        (b"/.well-known/acme-challenge", b"/.well-known/acme-challenge"),
    ],
)
def test_the_path_is_the_same_in_its_usual_spelling(target: bytes, path: bytes) -> None:
    response = answer(b"localhost", target, USUAL)
    assert dict(response.fields)[b"Location"] == b"https://localhost" + path


def test_what_climbs_above_the_root_leads_nowhere() -> None:
    with pytest.raises(RequestError, match="climbs") as refused:
        answer(b"localhost", b"/%2e%2e/%2E%2e/a", USUAL)
    assert refused.value.status == 400


def test_head_has_no_page() -> None:
    response = answer(b"localhost", b"/", USUAL, b"HEAD")
    assert response.page == b""
    assert response.length == len(answer(b"localhost", b"/", USUAL).page or b"")
