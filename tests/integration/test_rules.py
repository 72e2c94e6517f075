"""The rules of a site over real sockets: at the start, while it runs, and what they cost."""

from pathlib import Path
from typing import Any

import pytest

from tests.support.bench import write
from tests.support.client import Client
from tests.support.deadline import eventually
from tests.support.serving import Command, call, run_command, serving

TOO_MANY = "".join(f"/{number} /\n" for number in range(2001))


def test_a_site_moves_here_with_its_rules(tmp_path: Path) -> None:
    write(tmp_path / "index.html", b"home")
    write(tmp_path / "_redirects", b"/old/* /new/:splat 301\n/proxy https://h.test/ 200\n")
    write(tmp_path / "_headers", b"/*\n  X-Frame-Options: DENY\n")
    with Command(tmp_path, "--revalidate", "10ms") as command, Client(command.address) as client:
        reply = client.get("/old/a?b")
        assert (reply.status, reply.fields["location"]) == (301, "/new/a?b")
        assert client.get("/").fields["x-frame-options"] == "DENY"
        assert client.get("/_headers").status == 404
        write(tmp_path / "_headers", b"/*\n  X-Frame-Options: SAMEORIGIN\n")
        eventually(
            lambda: client.get("/").fields["x-frame-options"] == "SAMEORIGIN", "the new rules"
        )
        write(tmp_path / "_redirects", TOO_MANY.encode())
        # They are looked at when somebody asks.
        eventually(
            lambda: client.get("/old/a").status == 301 and b"last good rules stay" in command.said,
            "the complaint",
        )
    assert b"_redirects:2: proxying: a file server asks no other host; the line" in (command.said)
    assert b"_redirects:2001: more than 2,000 rules; its last good rules" in command.said


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("_redirects", TOO_MANY, "_redirects:2001: more than 2,000 rules"),
        ("_headers", "#" * 70_000, "_headers:1: the file is larger than 64 KiB"),
        ("_headers", "/a\n Basic-Auth: u:p\n", "_headers:2: Basic-Auth is not understood here"),
    ],
)
def test_rules_that_can_not_be_used_are_refused_at_the_start(
    tmp_path: Path, name: str, text: str, reason: str
) -> None:
    write(tmp_path / name, text.encode())
    code, _, err = run_command("serve", str(tmp_path), "--port", "0", "--host", "127.0.0.1")
    assert code == 2
    (line,) = [line for line in err.splitlines() if "running as root" not in line]
    assert line.startswith(f"evloop: --rules netlify: {reason}")


HEADERS = b"/*\n  Cache-Control: public, max-age=9, s-maxage=8\n  Vary: Origin\n"
# What of it is sent, by the settings of the server.
CACHE_CONTROL: dict[str, tuple[dict[str, Any], str]] = {
    "as it is": ({}, "public, max-age=9, s-maxage=8"),
    "behind passwords": ({"htpasswd": "users"}, "private, max-age=9"),
    "while it is edited": ({"dev": True}, "no-cache"),
    "both": ({"dev": True, "htpasswd": "users"}, "no-cache"),
}


@pytest.mark.parametrize("kind", CACHE_CONTROL)
def test_a_rule_does_not_undo_what_the_settings_promise_of_caches(
    tmp_path: Path, kind: str
) -> None:
    settings, expected = CACHE_CONTROL[kind]
    write(tmp_path / "root/index.html", b"home")
    write(tmp_path / "root/_headers", HEADERS)
    write(tmp_path / "users", b"anna:$apr1$sAlt12$3nVl5xZEQvGJ5gnuthmb5.\n")
    if "htpasswd" in settings:
        settings = {**settings, "htpasswd": str(tmp_path / "users")}
    with serving(tmp_path / "root", **settings) as server, call(server) as client:
        reply = client.get("/", "Authorization: Basic YW5uYTpzZXNhbWU=")
        assert (reply.status, reply.fields["cache-control"]) == (200, expected)


def test_rules_hold_for_each_origin(tmp_path: Path) -> None:
    write(tmp_path / "index.html", b"home")
    write(tmp_path / "_headers", HEADERS + b"  X-A: 1\n")
    write(tmp_path / "404.html", b"ours")
    origins = ("https://a.test", "https://b.test")
    with serving(tmp_path, cors=origins) as server, call(server) as client:
        for origin in (*origins, "https://c.test"):
            for _ in range(2):
                reply = client.get("/", f"Origin: {origin}")
                assert (reply.fields["x-a"], reply.fields["vary"]) == ("1", "Origin")
                allowed = reply.fields.get("access-control-allow-origin")
                assert allowed == (origin if origin in origins else None)
            assert client.get("/x", f"Origin: {origin}\nAccept: text/html").body == b"ours"


def test_one_file_that_is_served_alone_has_no_rules(tmp_path: Path) -> None:
    write(tmp_path / "page.html", b"page")
    write(tmp_path / "404.html", b"not ours")
    write(tmp_path / "_headers", b"/*\n X-A: 1\n")
    write(tmp_path / "_redirects", b"/* /404.html 200\n" + TOO_MANY.encode())
    settings = {"fallback": "404.html", "clean_urls": True}
    with serving(tmp_path / "page.html", **settings) as server, call(server) as client:
        reply = client.get("/page.html")
        assert (reply.status, reply.body, "x-a" in reply.fields) == (200, b"page", False)
        for target in ("/x", "/page", "/page/", "/404.html", "/page.html/index.html"):
            reply = client.get(target, "Accept: text/html\nSec-Fetch-Mode: navigate")
            assert (reply.status, b"not ours" in reply.body) == (404, False)
