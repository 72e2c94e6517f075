"""Behind passwords: what is sent in place of a file is only for those who may come in."""

from pathlib import Path

import pytest

from evloop.http.request import Request, RequestError
from evloop.http.responder import Pending
from evloop.site.rules.dialect import NETLIFY
from evloop.site.settings import SiteSettings
from tests.support.bench import Bench, write
from tests.support.descriptors import no_leaks

RIGHT, WRONG, NONE = "Authorization: right", "Authorization: wrong", ""
HTML = "Accept: text/html"
OPEN = "/.well-known/acme-challenge/"


class Check:
    """A password on its way, which nobody is told of."""

    def subscribe(self, wake: object) -> None:
        pass

    def unsubscribe(self, wake: object) -> None:
        pass


class StubGate:
    """Lets `right` pass, after a check, and refuses all others, `wrong` after a check too."""

    fresh_until = 1e9

    def __init__(self) -> None:
        self.checks = 0

    def authorise(self, request: Request, path: bytes, now: float) -> Pending | None:
        if path.startswith(OPEN[1:].encode()):
            return None
        given = request.fields.get(b"authorization")
        if given is None or (given == b"wrong" and request.waited_for):
            request.waited_for = None
            raise RequestError(401, "no password, or a wrong one")
        if request.waited_for:
            return None
        self.checks += 1
        request.waited_for = check = Check()
        return check


RULES = """\
/old /new 301!
/rewritten /secret.html 200!
/gone /secret.html 410!
/missing /secret.html 200
/moved /new 302
"""
ALL = "/* /secret.html 200\n"
# By what the site has, the target and the credentials: status and address, or the page.
ANSWERS: dict[tuple[str, str, str], str] = {
    ("rules", "/old", NONE): "301 /new",
    ("rules", "/moved", NONE): "401",
    ("rules", "/moved", RIGHT): "302 /new",
    ("rules", "/rewritten", NONE): "401",
    ("rules", "/rewritten", WRONG): "401",
    ("rules", "/rewritten", RIGHT): "200 secret",
    ("rules", "/gone", NONE): "401",
    ("rules", "/gone", RIGHT): "410 secret",
    ("rules", "/missing", NONE): "401",
    ("rules", "/missing", RIGHT): "200 secret",
    ("rules", "/x", NONE): "401",
    ("rules", "/x", WRONG): "401",
    ("rules", "/x", RIGHT): "404 our 404",
    ("rules", "/.env", NONE): "404",
    ("rules", "/.env", WRONG): "404",
    ("rules", "/.env", RIGHT): "404 our 404",
    ("rules", OPEN + "token", NONE): "200 token",
    ("rules", OPEN + "x", NONE): "404",
    ("rules", OPEN + "x", WRONG): "404",
    ("rules", OPEN + "x", RIGHT): "404 our 404",
    ("all", OPEN + "x", NONE): "404",
    ("all", OPEN + "x", WRONG): "404",
    ("all", OPEN + "x", RIGHT): "200 secret",
    ("all", "/x", NONE): "401",
    ("fallback", OPEN + "x", NONE): "404",
    ("fallback", OPEN + "x", WRONG): "404",
    ("fallback", OPEN + "x", RIGHT): "200 secret",
    ("fallback", "/x", NONE): "401",
    ("fallback", "/x", RIGHT): "200 secret",
}
PAGES = {"secret", "our 404", "token"}


@pytest.mark.parametrize(("has", "target", "credentials"), ANSWERS)
def test_what_stands_in_is_behind_the_password(
    tmp_path: Path, has: str, target: str, credentials: str
) -> None:
    files = {"secret.html": "secret", "404.html": "our 404", OPEN[1:] + "token": "token"}
    files |= {"_redirects": {"rules": RULES, "all": ALL}.get(has, ""), ".env": "hidden"}
    for name, text in files.items():
        write(tmp_path / name, text.encode())
    settings = SiteSettings(fallback=b"secret.html" if has == "fallback" else b"")
    gate = StubGate()
    with no_leaks(), Bench(tmp_path, None, settings, dialect=NETLIFY, gate=gate) as bench:
        answer = bench.get(target, f"{HTML}\n{credentials}".strip())
    shown = [str(answer.status), answer.fields.get("location", "")]
    page = answer.body.decode()
    shown.append(page if page in PAGES else "")
    assert " ".join(filter(None, shown)) == ANSWERS[has, target, credentials]
    assert gate.checks <= 1
