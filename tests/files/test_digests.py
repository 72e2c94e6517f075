"""Tags of streamed files: weak at first, then a digest of the bytes, and never a wrong one."""

import gc
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import evloop.files.digests
from evloop.files.bodies import FileBody
from evloop.files.cache import Cache, CacheSettings, Found
from evloop.files.content import Preloaded
from evloop.files.digests import QUIET_NS, SLICE_INTERVAL, SLICE_SIZE, Digests
from evloop.files.entry import etag_of_content, new_digest, signature_of
from evloop.files.preload import Preload
from evloop.files.reader import FileChangedError, Reader
from evloop.files.root import Root
from tests.support.bench import OLD, later_ns, write
from tests.support.descriptors import no_leaks
from tests.support.scheduler import Scheduler

LARGE = 3 * SLICE_SIZE + 17
NPM = 499_162_500
"""1985-10-26T08:15:00Z: what npm makes of every time."""


class ColdReader(Reader):
    """Has nothing in memory while it is cold."""

    def __init__(self) -> None:
        super().__init__(SLICE_SIZE)
        self.is_cold = False
        self.tries: list[int] = []

    def read(self, fd: int, offset: int, limit: int, tries: int) -> memoryview | None:
        self.tries.append(tries)
        return None if self.is_cold else super().read(fd, offset, limit, tries)


class Streamed:
    """Digests, and the files that they are of."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.reader = ColdReader()
        self.scheduler = Scheduler()
        self.digests = Digests(self.reader, self.scheduler.call_at)

    def tag(self, name: str, now: float | None = None, quiet_ns: int = QUIET_NS + 1) -> bytes:
        """Return the tag of the file as a request gets it."""
        fd = os.open(self.path / name, os.O_RDONLY)
        try:
            then = self.scheduler.now if now is None else now
            return self.digests.tag(fd, signature_of(os.fstat(fd)), then, quiet_ns=quiet_ns)
        finally:
            os.close(fd)

    def known_tag(self, name: str) -> bytes:
        """Return the tag after a while."""
        self.tag(name)
        self.scheduler.run()
        return self.tag(name)

    @property
    def read(self) -> int:
        return self.reader.refills


@pytest.fixture
def streamed(tmp_path: Path) -> Iterator[Streamed]:
    with no_leaks():
        streamed = Streamed(tmp_path)
        yield streamed
        streamed.digests.close()
        assert streamed.scheduler.pending == 0


@pytest.mark.parametrize("mtime", [NPM, 315_532_800, OLD, 0])
def test_two_releases_of_one_time_and_size_have_no_tag_in_common(
    streamed: Streamed, mtime: int
) -> None:
    write(streamed.path / "file", b"1" * LARGE, mtime)
    tags = [streamed.tag("file"), streamed.known_tag("file")]
    write(streamed.path / "new", b"2" * LARGE, mtime)
    (streamed.path / "new").rename(streamed.path / "file")
    tags += [streamed.tag("file"), streamed.known_tag("file")]
    opaque = {tag.removeprefix(b"W/") for tag in tags}
    assert len(opaque) == 4
    assert [tag.startswith(b"W/") for tag in tags] == [True, False, True, False]


def test_a_weak_tag_stays_while_the_file_does(streamed: Streamed) -> None:
    write(streamed.path / "file", b"1" * LARGE, NPM)
    assert streamed.tag("file", quiet_ns=0) == streamed.tag("file", quiet_ns=0)


def test_replicas_agree_on_the_tag_whatever_was_done_to_the_times(streamed: Streamed) -> None:
    data = os.urandom(LARGE)
    write(streamed.path / "one", data, OLD + 0.123)
    write(streamed.path / "cut", data, OLD)
    write(streamed.path / "frozen", data, NPM)
    assert len({streamed.known_tag(name) for name in ("one", "cut", "frozen")}) == 1


def test_neither_inode_nor_change_time_is_in_a_tag(streamed: Streamed) -> None:
    write(streamed.path / "file", b"1" * LARGE, OLD + 0.5)
    write(streamed.path / "twin", b"1" * LARGE, OLD + 0.5)
    weak = streamed.tag("file", quiet_ns=0)
    os.chmod(streamed.path / "file", 0o600)
    assert streamed.tag("file", quiet_ns=0) == weak == streamed.tag("twin", quiet_ns=0)
    for mtime in (0, NPM):
        status = os.stat(write(streamed.path / "frozen", b"1" * LARGE, mtime))
        tag = streamed.tag("frozen", quiet_ns=0).decode()
        for secret in (status.st_ino, status.st_ctime_ns, status.st_ctime_ns // 10**9):
            assert f"{secret:x}" not in re.split(r"[^0-9a-f]", tag)


def test_what_was_changed_lately_is_not_digested(streamed: Streamed) -> None:
    write(streamed.path / "file", b"1" * LARGE)
    streamed.tag("file", quiet_ns=QUIET_NS)
    assert not streamed.digests.is_reading
    streamed.tag("file", quiet_ns=QUIET_NS + 1)
    assert streamed.digests.is_reading


@pytest.mark.parametrize("place", [0, SLICE_SIZE, LARGE - 1])
def test_a_file_that_is_rewritten_meanwhile_stays_weak(streamed: Streamed, place: int) -> None:
    path = write(streamed.path / "file", b"1" * LARGE)
    streamed.tag("file")
    streamed.scheduler.run_until(1.5 * SLICE_INTERVAL)
    with path.open("r+b") as file:
        file.seek(place)
        file.write(b"2")
    streamed.scheduler.run()
    assert streamed.tag("file", quiet_ns=0).startswith(b"W/")
    assert not streamed.digests._known  # of no state: it is a mixture


def test_a_file_that_shrinks_or_is_lost_meanwhile_is_let_go(streamed: Streamed) -> None:
    path = write(streamed.path / "file", b"1" * LARGE)
    streamed.tag("file")
    os.truncate(path, 10)
    streamed.scheduler.run()
    assert not streamed.digests.is_reading


def test_a_turn_reads_a_slice_of_one_file(streamed: Streamed) -> None:
    for name in ("one", "two"):
        write(streamed.path / name, name.encode() * LARGE)
        streamed.tag(name)
    assert streamed.read == 0  # no request waits for it
    times = []
    while streamed.scheduler.step():
        times.append(round(streamed.scheduler.now / SLICE_INTERVAL))
        assert streamed.read == len(times)
    assert times == list(range(1, len(times) + 1))
    assert len(times) == 2 * -(-3 * LARGE // SLICE_SIZE)


def test_a_file_is_read_once(streamed: Streamed) -> None:
    write(streamed.path / "file", b"1" * LARGE)
    tag = streamed.known_tag("file")
    read = streamed.read
    for _ in range(3):
        assert streamed.known_tag("file") == tag
    assert streamed.read == read


def test_a_cold_disk_is_never_waited_for_and_asked_ever_later(streamed: Streamed) -> None:
    write(streamed.path / "file", b"1" * LARGE)
    streamed.reader.is_cold = True
    streamed.tag("file")
    for _ in range(30):
        streamed.scheduler.step()
    assert streamed.reader.tries == [0] * 30
    assert streamed.scheduler.now > 25 * 0.032
    streamed.reader.is_cold = False
    assert not streamed.known_tag("file").startswith(b"W/")


def test_it_pauses_when_nobody_asks_and_goes_on_where_it_was(
    streamed: Streamed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evloop.files.digests, "_UNWANTED", 2.5 * SLICE_INTERVAL)
    write(streamed.path / "file", b"1" * (9 * SLICE_SIZE))
    with no_leaks():
        streamed.tag("file")
        streamed.scheduler.run()
    assert streamed.read == 2
    for _ in range(20):
        if streamed.known_tag("file").startswith(b'"'):
            break
    assert streamed.read == 9


def test_what_is_read_and_remembered_is_bounded(
    streamed: Streamed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evloop.files.digests, "_MAX_RUNNING", 3)
    monkeypatch.setattr(evloop.files.digests, "_MAX_KNOWN", 5)
    monkeypatch.setattr(evloop.files.digests, "_MAX_SALTS", 4)
    monkeypatch.setattr(evloop.files.digests, "_MAX_PAUSED", 2)
    names = [f"{number}" for number in range(12)]
    for name in names:
        write(streamed.path / name, name.encode() * LARGE)
        streamed.tag(name)
    digests = streamed.digests
    assert len(digests._running) == 3
    assert len(digests._salts) == 4
    monkeypatch.setattr(evloop.files.digests, "_UNWANTED", -1.0)
    streamed.scheduler.run()
    assert len(digests._paused) == 2
    monkeypatch.setattr(evloop.files.digests, "_UNWANTED", 10.0)
    for name in names:
        streamed.known_tag(name)
    assert len(digests._known) == 5
    read = streamed.read
    for name in names[-5:]:
        streamed.tag(name)
    streamed.scheduler.run()
    assert streamed.read == read


def test_without_a_descriptor_left_the_tag_stays_weak(
    streamed: Streamed, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(streamed.path / "file", b"1" * LARGE)

    def no_descriptor(fd: int) -> int:
        raise OSError(24, "Too many open files")

    with monkeypatch.context() as patch:
        patch.setattr(os, "dup", no_descriptor)
        assert streamed.known_tag("file").startswith(b"W/")
    assert streamed.known_tag("file").startswith(b'"')


class TestMappedWriters:
    """A writer that has mapped the file leaves no time stamp: the bytes are compared."""

    @pytest.fixture
    def cache(self, tmp_path: Path) -> Iterator[Cache]:
        write(tmp_path / "file", b"old.")
        self.scheduler = Scheduler()
        self.evictions = 0
        self.age_ns = 100 * 10**9
        changed = os.stat(tmp_path / "file").st_ctime_ns
        root = Root(str(tmp_path))
        cache = Cache(
            root,
            Reader(),
            CacheSettings(),
            self._on_evict,
            lambda: changed + self.age_ns,
            call_at=self.scheduler.call_at,
        )
        with no_leaks():
            yield cache
            cache.close()
        root.close()

    def _on_evict(self) -> None:
        self.evictions += 1

    def read(self, cache: Cache, now: float) -> bytes:
        found = cache.find(b"file", now)
        assert isinstance(found, Found)
        assert found.entry.content is not None
        return bytes(found.entry.content.view)

    def change_silently(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        before = os.stat(tmp_path / "file")
        (tmp_path / "file").write_bytes(b"new.")
        real = os.fstat

        def fstat(fd: int) -> os.stat_result:
            status = real(fd)
            return before if status.st_ino == before.st_ino else status

        monkeypatch.setattr(os, "fstat", fstat)

    def test_they_are_found_after_as_long_as_the_file_was_left_alone(
        self, cache: Cache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert self.read(cache, 0.0) == b"old."
        self.change_silently(tmp_path, monkeypatch)
        assert self.read(cache, 99.0) == b"old."
        self.scheduler.run()
        assert self.read(cache, 100.0) == b"old."  # asked for, and nobody waits for it
        self.scheduler.run()
        assert self.evictions == 1
        assert self.read(cache, 101.0) == b"new."

    def test_what_waits_to_be_compared_keeps_no_bytes(self, cache: Cache, tmp_path: Path) -> None:
        gc.collect()
        assert self.read(cache, 0.0) == b"old."
        assert self.read(cache, 100.0) == b"old."
        assert self.scheduler.pending == 1  # the digest is asked for
        write(tmp_path / "file", b"newer")
        assert self.read(cache, 101.0) == b"newer"
        assert len([each for each in gc.get_objects() if isinstance(each, Preloaded)]) == 1
        self.scheduler.run()
        assert self.read(cache, 101.0) == b"newer"
        assert self.evictions == 1

    def test_what_is_the_same_is_compared_ever_more_seldom(self, cache: Cache) -> None:
        self.read(cache, 0.0)
        compared = []
        for now in range(1, 9000):
            self.age_ns = (100 + now) * 10**9
            self.read(cache, float(now))
            if self.scheduler.pending:
                compared.append(now)
                self.scheduler.run()
        assert compared == [100, 300, 700, 1500, 3100, 6300]
        assert self.evictions == 0

    def test_an_hour_is_the_longest(self, cache: Cache) -> None:
        self.age_ns = 10**9 * 10**6
        self.read(cache, 0.0)
        self.read(cache, 3599.0)
        assert not self.scheduler.pending
        self.read(cache, 3600.0)
        assert self.scheduler.pending


def test_a_streamed_file_is_checked_before_its_last_bytes_are_sent(tmp_path: Path) -> None:
    """A writer that rewrites in place never gets its bytes out under the tag of others."""
    path = write(tmp_path / "file", bytes(3000))
    root, scheduler = Root(str(tmp_path)), Scheduler()
    settings = CacheSettings(memory_budget=0, revalidate=0.0)
    cache = Cache(root, Reader(500), settings, wall_ns=later_ns, call_at=scheduler.call_at)
    outcomes: dict[str, int] = {"whole": 0, "cut": 0, "weak": 0}
    for number in range(300):
        now = float(number)
        found = cache.find(b"file", now)
        assert not isinstance(found, Preload)
        outcomes[_send(found, cache, path, number)] += 1
        scheduler.run_until(now + 0.5)
    cache.close()
    root.close()
    assert min(outcomes.values()) > 0


def _send(found: Found, cache: Cache, path: Path, number: int) -> str:
    """Send what was found while the file is rewritten now and then; check what a client has."""
    entry = found.entry
    promised = entry.signature if entry.is_strong else None
    body = FileBody(found.fd, range(entry.size), cache._reader, promised)
    data = b""
    try:
        while body.remaining:
            piece = body.peek()
            assert isinstance(piece, memoryview)
            data += piece
            body.advance(len(piece))
            if number % 3 == 1 and len(data) == 1000:
                path.write_bytes(bytes([number % 256]) * 3000)  # in place: the same inode
    except FileChangedError:
        return "cut"
    finally:
        body.close()
    if not entry.is_strong:
        return "weak"
    digest = new_digest()
    digest.update(data)
    assert entry.etag == etag_of_content(digest.hexdigest())
    return "whole"
