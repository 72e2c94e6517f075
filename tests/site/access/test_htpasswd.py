"""The file of users: its lines, and what becomes of it when it changes."""

import logging
import os
import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from evloop.site.access.htpasswd import HtpasswdError, PasswordFile, parse_htpasswd
from evloop.site.access.sizes import MAX_FILE_SIZE

SHA = b"$5$abc$" + b"a" * 43
OTHER = b"$5$abc$" + b"b" * 43
LATER = 3600 * 1_000_000_000

TAKEN: dict[bytes, dict[bytes, bytes]] = {
    b"anna:%b" % SHA: {b"anna": SHA},
    b"anna:%b\nbob:%b\n" % (SHA, OTHER): {b"anna": SHA, b"bob": OTHER},
    b"# users\n\n  \nanna:%b\r\n" % SHA: {b"anna": SHA},
    b"anna:%b  \n" % SHA: {b"anna": SHA},
    b"anna:%b:a comment: of Apache\n" % SHA: {b"anna": SHA},
    b"an na:%b" % SHA: {b"an na": SHA},
    "jürgen:".encode() + SHA: {"jürgen".encode(): SHA},
    b"a" * 255 + b":" + SHA: {b"a" * 255: SHA},
}

REFUSED = {
    b"": "there is no user in it",
    b"# nobody\n": "there is no user in it",
    b"anna": "line 1: user:hash is wanted",
    b"#\n\nanna %b" % SHA: "line 3: user:hash is wanted",
    b":%b" % SHA: "line 1: the name of a user has 1 to 255 bytes",
    b"a" * 256 + b":" + SHA: "line 1: the name of a user has 1 to 255 bytes",
    b"an\tna:%b" % SHA: "line 1: the name of a user has no control characters",
    b"an\0na:%b" % SHA: "line 1: the name of a user has no control characters",
    b"anna:%b\nanna:%b" % (SHA, OTHER): "line 2: this user was there before",
    b"anna:": "line 1: this is no hash",
    b"anna:%b\nbob:secret" % SHA: "line 2: this is no hash that is known, or plain text",
    b"bob:{SHA}x": "line 1: {SHA} has no salt",
    b"bob:rqXexS6ZhobKA": "line 1: DES crypt",
    b"bob:$argon2id$v=19$m=65536,t=3,p=4$c2FsdA$aGFzaA": "line 1: a check of argon2",
    b"anna:%b\n" % SHA + b"#" * MAX_FILE_SIZE: "more than 256 KiB are not read",
}


@pytest.mark.parametrize("data", TAKEN)
def test_lines_are_read(data: bytes) -> None:
    assert parse_htpasswd(data) == TAKEN[data]


@pytest.mark.parametrize("data", REFUSED, ids=lambda data: repr(data[:40]))
def test_the_first_wrong_line_is_told(data: bytes) -> None:
    with pytest.raises(HtpasswdError, match="^" + re.escape(REFUSED[data])):
        parse_htpasswd(data)


def settled() -> int:
    """Return a time of day at which a file of this test has been left alone long enough."""
    return time.time_ns() + LATER


class Watched:
    """A password file, and how often it has changed."""

    def __init__(self, path: Path, wall_ns: Callable[[], int] = settled) -> None:
        self.changes = 0
        self.file = PasswordFile(str(path), 1.0, 0.0, self._count, wall_ns)

    def _count(self) -> None:
        self.changes += 1


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "users"
    path.write_bytes(b"anna:%b\n" % SHA)
    return path


def replace(path: Path, data: bytes) -> None:
    (path.parent / "new").write_bytes(data)
    (path.parent / "new").rename(path)


def test_a_change_is_seen_when_it_is_time(path: Path) -> None:
    watched = Watched(path)
    assert (watched.file.users, watched.file.hashes) == ({b"anna": SHA}, (SHA,))
    replace(path, b"bob:%b\n" % OTHER)
    watched.file.look(0.999)
    assert watched.file.users == {b"anna": SHA}
    assert watched.file.fresh_until == 1.0
    watched.file.look(1.0)
    assert (watched.file.users, watched.file.hashes) == ({b"bob": OTHER}, (OTHER,))
    assert (watched.file.fresh_until, watched.changes) == (2.0, 2)


def test_what_has_not_changed_is_not_read(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    watched = Watched(path)
    monkeypatch.setattr("evloop.site.access.htpasswd._opened", lambda path: 1 / 0)
    watched.file.look(1.0)
    assert watched.changes == 1


def test_a_write_within_one_tick_of_the_clock_is_seen(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("evloop.site.access.htpasswd._state_of", lambda status: "the same")
    watched = Watched(path, wall_ns=time.time_ns)
    path.write_bytes(b"anna:%b\n" % OTHER)
    watched.file.look(1.0)
    assert watched.file.users == {b"anna": OTHER}


def test_the_same_bytes_anew_are_no_change(path: Path) -> None:
    watched = Watched(path)
    replace(path, b"anna:%b\n" % SHA)
    watched.file.look(1.0)
    assert watched.changes == 1


def make_directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


def make_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


BROKEN: dict[str, tuple[Callable[[Path], object], str]] = {
    "gone": (Path.unlink, "No such file"),
    "empty": (lambda path: path.write_bytes(b""), "there is no user in it"),
    "half": (lambda path: path.write_bytes(b"anna:$5$abc$aaa"), "line 1: the hash is cut"),
    "a directory": (make_directory, "this is no regular file"),
    "a pipe": (make_pipe, "this is no regular file"),
}


@pytest.mark.parametrize("how", BROKEN)
def test_a_bad_file_leaves_the_users_of_before_and_is_said_once(
    path: Path, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    watched = Watched(path)
    spoil, reason = BROKEN[how]
    spoil(path)
    with caplog.at_level(logging.WARNING, "evloop"):
        for now in (1.0, 2.0, 3.0):
            watched.file.look(now)
    (record,) = caplog.records
    assert reason in record.getMessage()
    assert str(path) in record.getMessage()
    assert watched.file.users == {b"anna": SHA}
    if path.is_dir():
        path.rmdir()
    replace(path, b"bob:%b\n" % OTHER)
    watched.file.look(4.0)
    assert watched.file.users == {b"bob": OTHER}


@pytest.mark.parametrize("how", BROKEN)
def test_at_the_start_it_is_an_error(path: Path, how: str) -> None:
    BROKEN[how][0](path)
    with pytest.raises((OSError, HtpasswdError)):
        Watched(path)


def test_a_relative_path_is_meant_from_where_the_server_began(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(path.parent)
    watched = Watched(Path("users"))
    monkeypatch.chdir("/")
    replace(path, b"bob:%b\n" % OTHER)
    watched.file.look(1.0)
    assert watched.file.users == {b"bob": OTHER}
