"""Passwords, other origins and rates, through real sockets and the real command."""

import hashlib
import json
import logging
import os
import shutil
import subprocess
import threading
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import bcrypt
import pytest

from evloop import ConfigError, Server
from evloop.cli.browser import open_browser
from evloop.http.pace import Pacing
from evloop.http1.context import Context, Limits
from evloop.http1.protocol import Http1Protocol
from evloop.net.protocol import Protocol
from evloop.site.fields import private_cache_control
from tests.support.bench import write
from tests.support.client import Client, Reply, request
from tests.support.deadline import PATIENCE, eventually
from tests.support.serving import Command, call, run_command, serving
from tests.support.wire import Wire

KIB = 1024
LARGE = os.urandom(3_000_000)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    write(root / "index.html", b"<h1>inside</h1>")
    write(root / "large.bin", LARGE)
    write(root / "data.own", b"own")
    return root


def users(tmp_path: Path, **passwords: str) -> str:
    path = tmp_path / "users"
    lines = [
        b"%b:%b\n" % (user.encode(), bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)))
        for user, password in passwords.items()
    ]
    new = tmp_path / "users.new"
    new.write_bytes(b"".join(lines))
    new.rename(path)
    return str(path)


def fields(user: str, password: str) -> str:
    return f"Authorization: Basic {b64encode(f'{user}:{password}'.encode()).decode()}"


class TestPasswords:
    def test_the_site_is_behind_them(self, root: Path, tmp_path: Path) -> None:
        file = users(tmp_path, anna="secret", jürgen="pässwört")
        with serving(root, htpasswd=file) as server, call(server) as client:
            refused = client.get("/")
            assert refused.status == 401
            assert refused.fields["www-authenticate"].startswith("Basic realm=")
            assert client.get("/", fields("anna", "wrong")).status == 401
            answer = client.get("/large.bin", fields("anna", "secret"))
            assert (answer.status, answer.body) == (200, LARGE)
            assert answer.fields["cache-control"] == "private, max-age=3600"
            assert client.get("/", fields("jürgen", "pässwört")).status == 200

    def test_directories_are_behind_them_as_files_are(self, root: Path, tmp_path: Path) -> None:
        write(root / "dir/member", b"member")
        write(root / "dir/member.br", b"br")
        write(root / ".well-known/acme-challenge/token", b"token")
        settings = {"htpasswd": users(tmp_path, anna="x"), "listing": "on", "archives": True}
        targets = ["/dir", "/dir/", "/dir/?format=json", "/dir/?archive=zip", "/?archive=tar"]
        targets += ["/dir/member", "/missing", "/missing/", "/.well-known/acme-challenge"]
        targets += ["/.well-known/acme-challenge/", "/.well-known/acme-challenge/..%2f..%2fdir/"]
        with serving(root, **settings) as server, call(server) as client:
            for target in targets:
                refused = client.get(target, "Accept-Encoding: br").status
                assert refused == (404 if "%2f" in target else 401), target
            assert client.get("/.well-known/acme-challenge/token").body == b"token"
            for target in ("/dir/", "/?archive=tar"):
                client.send(request(target, fields("anna", "x"), method="HEAD"))
                assert client.receive("HEAD").status == 200

    def test_the_servers_own_figures_are_for_those_who_may_come_in(
        self, root: Path, tmp_path: Path
    ) -> None:
        file, address = users(tmp_path, anna="secret"), "/.well-known/evloop"
        with serving(root, htpasswd=file, demo="on") as server, call(server) as client:
            assert client.get(address).status == 401
            assert client.get(address, method="HEAD").status == 401
            assert client.get(address, fields("anna", "wrong")).status == 401
            answer = client.get(address, fields("anna", "secret"))
            assert answer.status == 200
            assert b'"load_all": 0' in answer.body
            assert client.get(address).status == 401

    def test_a_changed_file_counts_within_revalidate(self, root: Path, tmp_path: Path) -> None:
        file = users(tmp_path, anna="secret")
        with serving(root, htpasswd=file, revalidate=0.05) as server, call(server) as client:
            assert client.get("/", fields("anna", "secret")).status == 200
            users(tmp_path, anna="another")
            eventually(
                lambda: client.get("/", fields("anna", "secret")).status == 401, "the new password"
            )
            eventually(
                lambda: client.get("/", fields("anna", "another")).status == 200, "its own turn"
            )

    def test_while_one_is_checked_everybody_else_is_answered(
        self, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        begun, may_go_on = threading.Event(), threading.Event()

        def slow(stored: bytes, password: bytes) -> bool:
            begun.set()
            return may_go_on.wait(PATIENCE)

        monkeypatch.setattr("evloop.site.access.checker.verify", slow)
        write(root / ".well-known/acme-challenge/token", b"token")
        file = users(tmp_path, anna="x")
        with serving(root, htpasswd=file) as server, call(server) as waits, call(server) as client:
            waits.send(request("/", fields("anna", "x")))
            assert begun.wait(PATIENCE)
            assert client.get("/").status == 401
            assert client.get("/.well-known/acme-challenge/token").body == b"token"
            assert server.snapshot().connections["waiting-file"] == 1
            may_go_on.set()
            assert waits.receive().status == 200

    def test_a_client_that_goes_away_meanwhile_leaves_nothing(
        self, root: Path, tmp_path: Path
    ) -> None:
        with serving(root, htpasswd=users(tmp_path, anna="x")) as server:
            for _ in range(20):
                with call(server) as client:
                    client.send(request("/", fields("anna", "x")))
            eventually(lambda: not server.snapshot().connections, "the end of all")

    def test_the_end_of_the_server_comes_while_one_waits(self, root: Path, tmp_path: Path) -> None:
        with serving(root, htpasswd=users(tmp_path, anna="x")) as server, call(server) as client:
            for _ in range(2):
                assert client.get("/", fields("anna", "wrong")).status == 401
            client.send(request("/", fields("anna", "wrong")))
            server.stop()

    @pytest.mark.parametrize(
        ("line", "reason"),
        [
            (b"anna:{SHA}x", "line 1: {SHA} has no salt"),
            (b"", "there is no user in it"),
        ],
    )
    def test_a_bad_file_is_refused_at_the_start(
        self, root: Path, tmp_path: Path, line: bytes, reason: str
    ) -> None:
        (tmp_path / "bad").write_bytes(line)
        path = str(tmp_path / "bad")
        with pytest.raises(ConfigError, match=r"^--htpasswd "), serving(root, htpasswd=path):
            pass
        code, out, err = run_command("serve", str(root), "--port", "0", "--htpasswd", path)
        assert (code, out) == (2, "")
        assert err.startswith(f"evloop: --htpasswd {path}: {reason}")
        assert err.count("\n") == 1

    def test_a_missing_file_as_well(self, root: Path, tmp_path: Path) -> None:
        path = str(tmp_path / "missing")
        code, _, err = run_command("serve", str(root), "--port", "0", "--htpasswd", path)
        assert (code, err) == (2, f"evloop: --htpasswd {path}: No such file or directory\n")

    @pytest.mark.parametrize(("host", "warns"), [("127.0.0.1", False), ("0.0.0.0", True)])
    def test_it_warns_where_others_can_listen_in(
        self, root: Path, tmp_path: Path, host: str, warns: bool, caplog: pytest.LogCaptureFixture
    ) -> None:
        file = users(tmp_path, anna="x")
        with caplog.at_level(logging.WARNING, "evloop"), serving(root, htpasswd=file, host=host):
            pass
        assert ("unencrypted" in caplog.text) is warns

    def test_without_them_there_is_no_thread_nor_descriptor_more(self, root: Path) -> None:
        with serving(root) as server:
            assert server.worker.service.inbox is None

    @pytest.mark.parametrize("log_format", ["combined", "json"])
    def test_the_log_has_the_name(self, root: Path, tmp_path: Path, log_format: str) -> None:
        log = tmp_path / "log"
        file = users(tmp_path, anna="x")
        settings = {"htpasswd": file, "access_log": str(log), "log_format": log_format}
        padding = "X: " + "y" * 8000  # the name is found wherever in the head it is
        with serving(root, **settings) as server, call(server) as client:
            assert client.get("/").status == 401
            assert client.get("/", fields("anna", "x")).status == 200
            assert client.get("/", fields("anna", "x")).status == 200  # recalled
            assert client.get("/", padding + "\n" + fields("anna", "x")).status == 200
            assert client.get("/", fields('a" 1\\', "sesame")).status == 401
            assert client.get("/", fields("-", "sesame")).status == 401
        lines = log.read_text().splitlines()
        if log_format == "json":
            names = [json.loads(line).get("user") for line in lines]
            assert names == [None, "anna", "anna", "anna", "a\\x22 1\\x5c", "-"]
        else:
            names = [line.split(" ")[2] for line in lines]
            assert names == ["-", "anna", "anna", "anna", "a\\x22\\x201\\x5c", "\\x2d"]
        assert "sesame" not in log.read_text()

    @pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
    def test_curl_comes_in(self, root: Path, tmp_path: Path) -> None:
        with serving(root, htpasswd=users(tmp_path, anna="a:b")) as server:
            url = server.urls[0] + "large.bin"
            command = ["curl", "-sf", "--anyauth", "-u", "anna:a:b", "-r", "0-99", url]
            done = subprocess.run(command, capture_output=True, timeout=PATIENCE, check=True)
        assert done.stdout == LARGE[:100]


CACHE_CONTROL = {
    b"public, max-age=3600": b"private, max-age=3600",
    b"max-age=60": b"private, max-age=60",
    b"no-store": b"no-store",
    b"private, max-age=1": b"private, max-age=1",
    b"Public, S-MaxAge=5, must-revalidate": b"private, must-revalidate",
    b"public": b"private",
}


@pytest.mark.parametrize("value", CACHE_CONTROL)
def test_no_shared_cache_keeps_what_is_behind_a_password(value: bytes) -> None:
    assert private_cache_control(value) == CACHE_CONTROL[value]


class TestOrigins:
    def test_a_preflight_needs_no_password(self, root: Path, tmp_path: Path) -> None:
        file = users(tmp_path, anna="x")
        with serving(root, htpasswd=file, cors="*") as server, call(server) as client:
            asked = "Origin: https://a.example\nAccess-Control-Request-Method: GET"
            client.send(request("/index.html", asked, method="OPTIONS"))
            answer = client.receive("HEAD")
            assert answer.status == 204
            assert "Authorization" in answer.fields["access-control-allow-headers"]
            refused = client.get("/")
            assert refused.status == 401
            assert refused.fields["access-control-allow-origin"] == "*"

    def test_named_origins_through_the_whole_server(self, root: Path) -> None:
        origins = ("https://a.example", "https://b.example")
        with serving(root, cors=origins) as server, call(server) as client:
            for target in ("/", "/large.bin", "/missing"):
                for origin in (*origins, "https://c.example"):
                    fields = client.get(target, f"Origin: {origin}").fields
                    allowed = origin if origin in origins else None
                    assert fields.get("access-control-allow-origin") == allowed
                    assert fields["vary"] == "Origin"

    def test_isolation(self, root: Path) -> None:
        with serving(root, isolate=True) as server, call(server) as client:
            for target in ("/", "/missing"):
                fields = client.get(target).fields
                assert fields["cross-origin-opener-policy"] == "same-origin"
                assert fields["cross-origin-embedder-policy"] == "require-corp"
                assert fields["cross-origin-resource-policy"] == "same-origin"

    def test_an_origin_that_is_none_ends_with_2(self, root: Path) -> None:
        code, _, err = run_command("serve", str(root), "--cors", "https://a.example/")
        assert code == 2
        assert err.startswith("evloop: --cors https://a.example/: an origin has no path")


class TestSmallThings:
    def test_types(self, root: Path) -> None:
        given = (".own=application/x-own", ".html=text/x-page")
        with serving(root, type=given) as server, call(server) as client:
            assert client.get("/data.own").fields["content-type"] == "application/x-own"
            assert client.get("/").fields["content-type"] == "text/x-page; charset=utf-8"
        with serving(root, type=given, max_in_memory_size=0) as server, call(server) as client:
            assert client.get("/data.own").fields["content-type"] == "application/x-own"

    @pytest.mark.parametrize("given", ["data.own", "link", "dir/../data.own"])
    def test_a_single_file(self, root: Path, given: str) -> None:
        (root / "link").symlink_to("data.own")
        (root / "dir").mkdir()
        name = Path(given).name
        with serving(root / given) as server, call(server) as client:
            assert client.get("/").body == b"own"
            assert client.get(f"/{name}").body == b"own"
            assert client.get("/index.html").status == 404
            assert client.get("/", "Range: bytes=1-").body == b"wn"

    def test_what_lies_beside_it_is_neither_listed_nor_sent(self, root: Path) -> None:
        everything = {"listing": "on", "archives": True}
        with serving(root / "data.own", **everything) as server, call(server) as client:
            for target in ("/", "/data.own"):
                assert client.get(f"{target}?archive=tar").body == b"own"
            assert client.get("/data.own/?archive=tar").status == 404
            assert client.get("/dir/").status == 404
            (root / "data.own").rename(root / "moved")
            eventually(lambda: client.get("/").status != 200, "the file to be missed")
            assert client.get("/").status == 404

    def test_its_name_is_behind_a_password_too(self, root: Path, tmp_path: Path) -> None:
        file = users(tmp_path, anna="x")
        with serving(root / "data.own", htpasswd=file) as server, call(server) as client:
            for target in ("/", "/data.own", "/other", "/other/", "/index.html"):
                assert client.get(target).status == 401
            assert client.get("/other", fields("anna", "x")).status == 404
            assert client.get("/other/", fields("anna", "x")).status == 404
            assert client.get("/data.own", fields("anna", "x")).body == b"own"

    def test_its_greeting_misses_no_index(self, root: Path) -> None:
        alone = write(root / "dir/alone.bin", b"alone")
        with Command(alone) as command:
            assert b"index" not in command.said
            assert b"listing" not in command.said

    def test_a_coding_has_the_type_that_is_given_for_its_file(self, root: Path) -> None:
        write(root / "data.own.br", b"br")
        write(root / "text.log", b"a line of a log\n" * 100)
        given = {"type": (".own=text/x-own", ".log=text/x-log"), "compress": True}
        with serving(root, **given) as server, call(server) as client:
            fields = client.get("/data.own", "Accept-Encoding: br").fields
            assert fields["content-encoding"] == "br"
            assert fields["content-type"] == "text/x-own; charset=utf-8"
            eventually(lambda: "content-encoding" in _coded(client).fields, "the compressor")
            assert _coded(client).fields["content-type"] == "text/x-log; charset=utf-8"

    def test_a_type_that_shrinks_is_looked_for_codings(self, root: Path) -> None:
        write(root / "drawing.jpg", b"not a picture")
        write(root / "drawing.jpg.br", b"br")
        wanted = "Accept-Encoding: br"
        with serving(root) as server, call(server) as client:
            assert "content-encoding" not in client.get("/drawing.jpg", wanted).fields
        with serving(root, type=".jpg=text/plain") as server, call(server) as client:
            assert client.get("/drawing.jpg", wanted).fields["content-encoding"] == "br"

    def test_a_link_out_of_its_directory_is_followed_when_it_is_named(
        self, root: Path, tmp_path: Path
    ) -> None:
        (tmp_path / "elsewhere").mkdir()
        (tmp_path / "elsewhere/.latest.iso").symlink_to(root / "data.own")
        with serving(tmp_path / "elsewhere/.latest.iso") as server, call(server) as client:
            assert client.get("/").body == b"own"
            assert client.get("/.latest.iso").body == b"own"

    def test_a_digest_is_sent_when_it_is_wanted(self, root: Path) -> None:
        digest = b64encode(hashlib.sha256(b"own").digest()).decode()
        with serving(root) as server, call(server) as client:
            assert "repr-digest" not in client.get("/data.own").fields
            wanted = "Want-Repr-Digest: sha-256=5"
            for more in ("", "\nRange: bytes=0-0"):
                for _ in range(2):
                    fields = client.get("/data.own", wanted + more).fields
                    assert fields["repr-digest"] == f"sha-256=:{digest}:"
            client.send(request("/data.own", wanted, method="HEAD"))
            assert client.receive("HEAD").fields["repr-digest"] == f"sha-256=:{digest}:"
            assert "repr-digest" not in client.get("/large.bin", wanted).fields
            (root / "data.own").write_bytes(b"another")
            other = b64encode(hashlib.sha256(b"another").digest()).decode()
            eventually(
                lambda: other in client.get("/data.own", wanted).fields["repr-digest"],
                "the digest of the new bytes",
            )

    def test_the_digest_is_that_of_the_coding_that_is_sent(self, root: Path) -> None:
        write(root / "data.own.br", b"br")
        with serving(root) as server, call(server) as client:
            for coding, data in (("br", b"br"), ("identity", b"own")):
                digest = b64encode(hashlib.sha256(data).digest()).decode()
                answer = client.get(
                    "/data.own", f"Accept-Encoding: {coding}\nWant-Repr-Digest: sha-256=1"
                )
                assert answer.body == data
                assert answer.fields["repr-digest"] == f"sha-256=:{digest}:"

    def test_the_browser_is_opened(self, root: Path, tmp_path: Path) -> None:
        seen, browser = tmp_path / "seen", tmp_path / "browser"
        browser.write_text(f'#!/bin/sh\necho "$1" > {seen}.new && mv {seen}.new {seen}\n')
        browser.chmod(0o755)
        environment = {"BROWSER": str(browser)}
        with Command(root, "--open", "on", environment=environment) as command:
            eventually(seen.exists, "the browser to be opened")
            host, port = command.address
            assert seen.read_text() == f"http://{host}:{port}/\n"

    def test_where_there_is_no_screen_nothing_takes_the_terminal(
        self, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        opened: list[str] = []

        def show(url: str) -> bool:
            opened.append(url)
            return True

        monkeypatch.setattr("webbrowser.open", show)
        monkeypatch.setattr("sys.platform", "linux")
        open_browser("http://a.test/", {"TERM": "xterm"}).join(PATIENCE)
        assert opened == []
        assert caplog.messages == ["no browser could be opened"]
        open_browser("http://a.test/", {"WAYLAND_DISPLAY": "wayland-0"}).join(PATIENCE)
        assert opened == ["http://a.test/"]


class PacedWire(Wire):
    """A server in one thread whose connections are limited, on a clock that is a number."""

    rate = 100 * KIB
    after = 0

    def new_protocol(self, peer: str, now: float) -> Protocol:
        pacing = Pacing(self.rate, self.after, lambda: self.now)
        context = Context(
            self.site, self.observer, self.head_cache, Limits(send_timeout=1e9), pacing=pacing
        )
        return Http1Protocol(context, peer, now)


@pytest.fixture(params=[False, True], ids=["copy", "sendfile"])
def paced(root: Path, request: pytest.FixtureRequest) -> Iterator[PacedWire]:
    wire = PacedWire(root, sendfile=request.param)
    with wire:
        yield wire


def taken_in(wire: PacedWire, seconds: float, head: bytes) -> int:
    """Send *head* and return the bytes of what comes within *seconds* of the wire's clock."""
    peer, _ = wire.connect()
    peer.send(head)
    end = wire.now + seconds
    while wire.now < end:
        wire.wait(0.01)
        peer.take()
    return len(peer.received)


class TestRates:
    @pytest.mark.parametrize("target", ["/large.bin", "/in-memory.bin"])
    def test_it_is_exact_to_a_twentieth_over_ten_seconds(
        self, paced: PacedWire, root: Path, target: str
    ) -> None:
        paced.rate = 20 * KIB if target == "/in-memory.bin" else 100 * KIB
        write(root / "in-memory.bin", LARGE[: 300 * KIB])
        taken = taken_in(paced, 10.0, request(target))
        assert taken == pytest.approx(10 * paced.rate, rel=0.05)

    def test_pipelined_responses_are_limited_together(self, paced: PacedWire, root: Path) -> None:
        write(root / "small.bin", LARGE[: 5 * KIB])
        paced.rate = 10 * KIB
        taken = taken_in(paced, 10.0, request("/small.bin") * 60)
        heads = taken / (5 * KIB + 300) * 300
        assert taken - heads == pytest.approx(10 * paced.rate, rel=0.1)

    def test_the_first_bytes_are_not(self, paced: PacedWire) -> None:
        paced.after = 300 * KIB
        taken = taken_in(paced, 10.0, request("/large.bin"))
        assert taken == pytest.approx(paced.after + 10 * paced.rate, rel=0.05)

    def test_all_of_it_comes_in_the_end(self, root: Path) -> None:
        settings = {"limit_rate": 20_000_000, "limit_rate_after": KIB}
        with serving(root, **settings) as server, call(server) as client:
            assert client.get("/large.bin").body == LARGE
            assert client.get("/").body == b"<h1>inside</h1>"
            assert server.snapshot().downloads == 0

    @pytest.mark.parametrize("target", ["?archive=tar", "?archive=zip"])
    def test_what_is_made_while_it_is_sent_is_limited_too(self, root: Path, target: str) -> None:
        settings = {"limit_rate": 20_000_000, "limit_rate_after": KIB, "archives": True}
        with serving(root, **settings) as server:
            limited = urlopen(server.url + target).read()
        with serving(root, archives=True) as server:
            assert urlopen(server.url + target).read() == limited
        assert LARGE in limited

    def test_a_limited_download_is_seen_as_one(self, root: Path) -> None:
        with serving(root, limit_rate=1000) as server, Client(server.addresses[0]) as client:
            client.send(request("/large.bin"))
            client.receive_head()
            eventually(lambda: _waits(server), "the rate to be reached")
            assert server.snapshot().download_sizes == (len(LARGE),)


def _coded(client: Client) -> Reply:
    return client.get("/text.log", "Accept-Encoding: gzip")


def _waits(server: Server) -> bool:
    return server.snapshot().connections.get("waiting-disk") == 1
