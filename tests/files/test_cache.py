"""The cache: what is in memory, for how long, and at what price. Clocks are numbers."""

import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import evloop.files.cache
from evloop.files.bodies import FileBody
from evloop.files.cache import Cache, CacheSettings, Found
from evloop.files.content import BytesBody
from evloop.files.entry import Signature
from evloop.files.preload import Preload
from evloop.files.reader import Reader
from evloop.files.root import Root
from evloop.settings.choices import PreloadMode
from tests.support.bench import OLD, later_ns, read_body, write
from tests.support.descriptors import no_leaks
from tests.support.scheduler import Scheduler

SMALL, LARGE = 1000, 5000
"""Bytes of files that are preloaded and streamed under SETTINGS."""
SETTINGS = CacheSettings(max_in_memory_size=SMALL, memory_budget=1024 * 1024, revalidate=1.0)
_MAX_STEPS = 100


class CountingRoot(Root):
    """A root that counts what is opened."""

    def __init__(self, path: Path) -> None:
        super().__init__(str(path))
        self.opened: list[bytes] = []

    def open(self, path: bytes) -> int:
        fd = super().open(path)
        self.opened.append(path)
        return fd


class ColdReader(Reader):
    """A reader that says so many times that nothing is in memory."""

    def __init__(self, misses: int) -> None:
        super().__init__(512)
        self.misses = misses

    def read_into(
        self, fd: int, view: memoryview, offset: int, limit: int, tries: int
    ) -> int | None:
        if self.misses:
            self.misses -= 1
            return None
        return super().read_into(fd, view, offset, limit, tries)


class Tried:
    """A cache over a directory, with what it is made of."""

    def __init__(
        self,
        path: Path,
        settings: CacheSettings = SETTINGS,
        reader: Reader | None = None,
        wall_ns: Callable[[], int] = later_ns,
    ) -> None:
        self.path = path
        self.evictions = 0
        self.root = CountingRoot(path)
        self.reader = reader or Reader(512)
        self.scheduler = Scheduler()
        self.cache = Cache(
            self.root,
            self.reader,
            settings,
            self._on_evict,
            wall_ns,
            call_at=self.scheduler.call_at,
        )

    def _on_evict(self) -> None:
        self.evictions += 1

    def find(self, name: str, now: float) -> Found:
        for _ in range(_MAX_STEPS):
            found = self.cache.find(name.encode(), now)
            if isinstance(found, Found):
                return found
            self.scheduler.step()
        raise AssertionError("never whole")

    def read(self, name: str, now: float) -> bytes:
        """Return the bytes at *name*, and let go of them."""
        found = self.find(name, now)
        body = self.body(found)
        data = read_body(body)
        body.close()
        assert len(data) == found.entry.size
        return data

    def body(self, found: Found) -> FileBody | BytesBody:
        content = found.private or found.entry.content
        if content is None:
            return FileBody(found.fd, range(found.entry.size), self.reader)
        body = content.body(0, found.entry.size)
        if found.private is not None:
            found.private.release()
        return body

    def etag(self, name: str, now: float) -> bytes:
        found = self.find(name, now)
        self.body(found).close()
        return found.entry.etag

    def is_in_memory(self, name: str, now: float) -> bool:
        found = self.find(name, now)
        self.body(found).close()
        return found.fd < 0

    def close(self) -> None:
        self.cache.close()
        assert len(self.cache) == 0
        assert self.scheduler.pending == 0
        self.root.close()


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., Tried]]:
    made: list[Tried] = []

    def make(**arguments: Any) -> Tried:
        made.append(Tried(tmp_path, **arguments))
        return made[-1]

    with no_leaks():
        yield make
        for tried in made:
            tried.close()
            assert tried.cache.budget.used == 0


def settings(**changes: Any) -> CacheSettings:
    return SETTINGS._replace(**changes)


class TestWhatIsFound:
    @pytest.mark.parametrize(
        ("size", "is_preloaded"), [(0, True), (1, True), (SMALL, True), (SMALL + 1, False)]
    )
    def test_files_up_to_the_limit_are_preloaded(
        self, make: Callable[..., Tried], tmp_path: Path, size: int, is_preloaded: bool
    ) -> None:
        data = os.urandom(size)
        write(tmp_path / "file", data)
        tried = make()
        assert tried.is_in_memory("file", 0.0) is is_preloaded
        assert tried.read("file", 0.0) == data

    def test_nothing_is_preloaded_under_a_limit_of_zero(
        self, make: Callable[..., Tried], tmp_path: Path
    ) -> None:
        write(tmp_path / "file", b"x")
        tried = make(settings=settings(max_in_memory_size=0))
        assert not tried.is_in_memory("file", 0.0)
        assert tried.cache.budget.used == 0

    def test_what_is_no_regular_file_is_refused(
        self, make: Callable[..., Tried], tmp_path: Path
    ) -> None:
        (tmp_path / "directory").mkdir()
        os.mkfifo(tmp_path / "fifo")
        tried = make()
        for name in ("directory", ""):
            with pytest.raises(IsADirectoryError):
                tried.find(name, 0.0)
        for name in ("fifo", "nothing"):
            with pytest.raises(FileNotFoundError):
                tried.find(name, 0.0)
        with pytest.raises(NotADirectoryError):
            tried.find("fifo/x", 0.0)

    def test_a_device_is_no_file(self, make: Callable[..., Tried], tmp_path: Path) -> None:
        try:
            os.mknod(tmp_path / "zero", 0o20666, os.makedev(1, 5))
        except PermissionError:
            pytest.skip("only root may make a device")
        with pytest.raises(FileNotFoundError):
            make().find("zero", 0.0)

    def test_is_file_tells_files_from_the_rest(
        self, make: Callable[..., Tried], tmp_path: Path
    ) -> None:
        write(tmp_path / "file", b"")
        os.mkfifo(tmp_path / "fifo")
        tried = make()
        assert tried.cache.is_file(b"file")
        for name in (b"fifo", b"nothing", b""):
            assert not tried.cache.is_file(name)

    def test_a_small_file_has_the_tag_of_its_bytes(
        self, make: Callable[..., Tried], tmp_path: Path
    ) -> None:
        write(tmp_path / "one", b"same", OLD)
        write(tmp_path / "two", b"same", OLD + 5)
        write(tmp_path / "three", b"else", OLD)
        tried = make()
        one, two, three = (tried.etag(name, 0.0) for name in ("one", "two", "three"))
        assert one == two != three
        assert one.startswith(b'"')
        assert one.endswith(b'"')

    def test_a_large_file_has_a_weak_tag_of_its_times_at_first(
        self, make: Callable[..., Tried], tmp_path: Path
    ) -> None:
        write(tmp_path / "one", b"1" * LARGE, OLD + 0.5)
        write(tmp_path / "replica", b"1" * LARGE, OLD + 0.5)
        write(tmp_path / "longer", b"1" * (LARGE + 1), OLD + 0.5)
        write(tmp_path / "later", b"1" * LARGE, OLD + 0.500_001)
        tried = make()
        one, replica, longer, later = (
            tried.etag(name, 0.0) for name in ("one", "replica", "longer", "later")
        )
        assert one == replica
        assert one.startswith(b'W/"')
        assert len({one, longer, later}) == 3


class TestRevalidation:
    def test_the_disk_is_asked_exactly_when_it_is_time(
        self, make: Callable[..., Tried], tmp_path: Path
    ) -> None:
        write(tmp_path / "file", b"old")
        tried = make()
        assert tried.read("file", 10.0) == b"old"
        write(tmp_path / "file", b"new", OLD + 1)
        assert tried.read("file", 10.999) == b"old"
        assert len(tried.root.opened) == 1
        assert tried.read("file", 11.0) == b"new"
        assert len(tried.root.opened) == 2
        assert tried.read("file", 11.999) == b"new"
        assert len(tried.root.opened) == 2

    def test_a_file_that_has_not_changed_is_not_read_again(
        self, make: Callable[..., Tried], tmp_path: Path
    ) -> None:
        write(tmp_path / "file", b"data")
        tried = make()
        first = tried.find("file", 0.0).entry
        refills = tried.reader.refills
        for now in (1.0, 2.0, 100.0):
            assert tried.find("file", now).entry is first
            assert tried.cache.fresh_until(first) == now + 1.0
        assert tried.reader.refills == refills
        assert tried.evictions == 0

    def test_without_an_interval_every_request_asks(
        self, make: Callable[..., Tried], tmp_path: Path
    ) -> None:
        write(tmp_path / "file", b"old")
        tried = make(settings=settings(revalidate=0.0))
        assert tried.read("file", 5.0) == b"old"
        write(tmp_path / "file", b"new", OLD + 1)
        assert tried.read("file", 5.0) == b"new"

    @pytest.mark.parametrize("size", [100, 0, SMALL, SMALL + 1, LARGE])
    def test_a_file_may_change_its_size(
        self, make: Callable[..., Tried], tmp_path: Path, size: int
    ) -> None:
        write(tmp_path / "file", b"o" * 500)
        tried = make()
        before = tried.etag("file", 0.0)
        write(tmp_path / "file", b"n" * size, OLD + 1)
        assert tried.read("file", 1.0) == b"n" * size
        assert tried.etag("file", 1.0) != before
        assert tried.evictions == 1

    def test_a_file_replaced_by_its_twin_is_read_anew_and_keeps_its_tag(
        self, make: Callable[..., Tried], tmp_path: Path
    ) -> None:
        write(tmp_path / "file", b"data")
        write(tmp_path / "other", b"data")
        tried = make()
        before = tried.find("file", 0.0).entry
        (tmp_path / "other").rename(tmp_path / "file")
        after = tried.find("file", 1.0).entry
        assert after is not before
        assert after.etag == before.etag

    def test_a_file_that_is_gone_is_not_served(
        self, make: Callable[..., Tried], tmp_path: Path
    ) -> None:
        write(tmp_path / "file", b"data")
        tried = make()
        tried.read("file", 0.0)
        (tmp_path / "file").unlink()
        assert tried.read("file", 0.5) == b"data"
        with pytest.raises(FileNotFoundError):
            tried.find("file", 1.0)
        write(tmp_path / "file", b"again")
        assert tried.read("file", 1.1) == b"again"

    def test_a_name_that_has_become_a_directory_is_not_served(
        self, make: Callable[..., Tried], tmp_path: Path
    ) -> None:
        write(tmp_path / "file", b"data")
        tried = make()
        tried.read("file", 0.0)
        (tmp_path / "file").unlink()
        (tmp_path / "file").mkdir()
        with pytest.raises(IsADirectoryError):
            tried.find("file", 1.0)

    def test_a_file_that_may_change_within_its_time_stamp_is_read_again(
        self, make: Callable[..., Tried], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # A file system whose stamps stand still for two seconds, as FAT's.
        changed = 1_000_000_000_000
        wall = [changed + 1_999_999_999]
        stamp = Signature(1, 2, 4, changed, changed - 5)
        monkeypatch.setattr(evloop.files.cache, "signature_of", lambda status: stamp)
        write(tmp_path / "file", b"old.")
        tried = make(wall_ns=lambda: wall[0])
        assert tried.read("file", 0.0) == b"old."
        write(tmp_path / "file", b"new.")
        wall[0] = changed + 2_000_000_000
        assert tried.read("file", 1.0) == b"new."
        wall[0] = changed + 3_000_000_001
        assert tried.read("file", 2.0) == b"new."
        refills = tried.reader.refills
        assert tried.read("file", 3.0) == b"new."
        assert tried.reader.refills == refills  # it has settled

    def test_a_change_of_mode_counts_as_a_change(
        self, make: Callable[..., Tried], tmp_path: Path
    ) -> None:
        recent = OLD + 10
        write(tmp_path / "file", b"data", recent)
        ctime = os.stat(tmp_path / "file").st_ctime_ns
        tried = make(wall_ns=lambda: ctime + 2_000_000_000)
        assert not tried.find("file", 0.0).entry.settled  # the mtime is old, the ctime is not
        later = make(wall_ns=lambda: ctime + 2_000_000_001)
        assert later.find("file", 0.0).entry.settled


class TestSharing:
    def test_two_who_ask_at_once_cause_one_read(
        self, make: Callable[..., Tried], tmp_path: Path
    ) -> None:
        write(tmp_path / "file", b"data")
        tried = make(reader=ColdReader(3))
        assert not tried.cache.is_loading
        first, second = tried.cache.find(b"file", 0.0), tried.cache.find(b"file", 0.0)
        assert isinstance(first, Preload)
        assert first is second
        assert tried.cache.is_loading
        tried.scheduler.run_until(0.1)
        one, two = tried.find("file", 0.1), tried.find("file", 0.1)
        assert one.entry is two.entry
        assert tried.root.opened == [b"file"]
        assert tried.reader.refills == 1
        assert not tried.cache.is_loading
        tried.scheduler.run_until(2.0)

    def test_an_entry_is_as_old_as_its_first_read(
        self, make: Callable[..., Tried], tmp_path: Path
    ) -> None:
        write(tmp_path / "file", b"data")
        tried = make(reader=ColdReader(1))
        assert isinstance(tried.cache.find(b"file", 10.0), Preload)
        assert tried.find("file", 10.9).entry.checked == 10.0
        tried.scheduler.run_until(12.0)
        tried.find("file", 11.0)
        assert len(tried.root.opened) == 2

    def test_a_copy_for_each_when_nothing_is_shared(
        self, make: Callable[..., Tried], tmp_path: Path
    ) -> None:
        write(tmp_path / "file", b"d" * 400)
        tried = make(settings=settings(sharing=PreloadMode.PRIVATE))
        found = [tried.find("file", 0.0) for _ in range(3)]
        assert tried.cache.budget.used == 1200
        assert tried.reader.refills == 3
        views = [each.private.view.obj for each in found if each.private is not None]
        assert len({id(view) for view in views}) == 3
        for each in found:
            body = tried.body(each)
            assert read_body(body) == b"d" * 400
            body.close()
        assert tried.cache.budget.used == 0
        assert len(tried.cache) == 0

    def test_copies_keep_to_the_budget_too(
        self, make: Callable[..., Tried], tmp_path: Path
    ) -> None:
        write(tmp_path / "file", b"d" * 400)
        tried = make(settings=settings(sharing=PreloadMode.PRIVATE, memory_budget=1000))
        found = [tried.find("file", 0.0) for _ in range(3)]
        assert [each.fd >= 0 for each in found] == [False, False, True]
        assert [each.entry.is_strong for each in found] == [True, True, False]
        assert tried.cache.budget.used == 800
        for each in found:
            tried.body(each).close()

    def test_an_empty_copy_is_a_file_too(self, make: Callable[..., Tried], tmp_path: Path) -> None:
        write(tmp_path / "file", b"")
        tried = make(settings=settings(sharing=PreloadMode.PRIVATE))
        assert tried.read("file", 0.0) == b""


class TestBudget:
    COST = 400 + 2560 + 1 + 400  # of a file of 400 bytes with a name of one

    def three(self, tmp_path: Path, names: str = "abc") -> None:
        for name in names:
            write(tmp_path / name, name.encode() * 400)

    def test_what_was_checked_longest_ago_goes_first(
        self, make: Callable[..., Tried], tmp_path: Path
    ) -> None:
        self.three(tmp_path, "abcd")
        tried = make(settings=settings(memory_budget=3 * self.COST))
        for now, name in enumerate("abc"):
            tried.read(name, now * 0.1)
        assert tried.cache.budget.used == 3 * self.COST
        tried.read("a", 1.0)  # checked again, so b is the oldest now
        tried.read("d", 1.1)
        assert tried.evictions == 1
        assert len(tried.cache) == 3
        assert set(tried.cache._entries) == {b"a", b"c", b"d"}

    def test_the_price_is_that_of_a_file_and_what_comes_with_it(
        self, make: Callable[..., Tried], tmp_path: Path
    ) -> None:
        self.three(tmp_path)
        tried = make()
        tried.read("a", 0.0)
        assert tried.cache.budget.used == self.COST

    def test_bytes_in_flight_count_after_their_eviction(
        self, make: Callable[..., Tried], tmp_path: Path
    ) -> None:
        self.three(tmp_path)
        tried = make()
        body = tried.body(tried.find("a", 0.0))
        write(tmp_path / "a", b"new" * 100, OLD + 1)
        assert tried.read("a", 1.0) == b"new" * 100
        assert tried.evictions == 1
        both = tried.cache.budget.used
        assert read_body(body) == b"a" * 400
        body.close()
        assert tried.cache.budget.used == both - self.COST

    def test_what_is_in_flight_is_no_victim(
        self, make: Callable[..., Tried], tmp_path: Path
    ) -> None:
        self.three(tmp_path)
        tried = make(settings=settings(memory_budget=2 * self.COST))
        slow = tried.body(tried.find("a", 0.0))
        tried.read("b", 0.1)
        tried.read("c", 0.2)
        opened = len(tried.root.opened)
        assert tried.is_in_memory("a", 0.3)
        assert tried.is_in_memory("c", 0.3)
        assert len(tried.root.opened) == opened
        slow.close()

    def test_what_does_not_fit_is_streamed_and_has_the_same_tag_soon(
        self, make: Callable[..., Tried], tmp_path: Path
    ) -> None:
        self.three(tmp_path)
        expected = make().etag("c", 0.0)
        for budget in (0, 10, 2 * self.COST):
            tried = make(settings=settings(memory_budget=budget))
            bodies = [tried.body(tried.find(name, 0.0)) for name in "ab"]
            found = tried.find("c", 0.0)
            assert found.fd >= 0
            assert found.entry.content is None
            assert not found.entry.is_strong
            body = tried.body(found)
            assert read_body(body) == b"c" * 400
            for each in (body, *bodies):
                each.close()
            assert tried.cache.budget.used <= budget
            bodies = [tried.body(tried.find(name, 0.1)) for name in "ab"]
            tried.scheduler.run_until(1.0)
            assert tried.etag("c", 0.1) == expected
            for each in bodies:
                each.close()

    def test_a_streamed_small_file_is_digested_once(
        self, make: Callable[..., Tried], tmp_path: Path
    ) -> None:
        self.three(tmp_path)
        tried = make(settings=settings(memory_budget=10))
        weak = tried.etag("a", 0.0)
        tried.scheduler.run_until(1.0)
        before = tried.etag("a", 1.0)
        assert before != weak
        refills = tried.reader.refills
        for now in (5.0, 6.0):
            assert tried.etag("a", now) == before
            tried.scheduler.run_until(now + 1.0)
        assert tried.reader.refills == refills
        write(tmp_path / "a", b"n" * 400, OLD + 1)
        assert tried.etag("a", 7.0) not in {weak, before}

    def test_what_was_streamed_is_preloaded_when_there_is_room_again(
        self, make: Callable[..., Tried], tmp_path: Path
    ) -> None:
        self.three(tmp_path)
        tried = make(settings=settings(memory_budget=2 * self.COST))
        bodies = [tried.body(tried.find(name, 0.0)) for name in "ab"]
        assert not tried.is_in_memory("c", 0.0)
        for body in bodies:
            body.close()
        assert tried.is_in_memory("c", 0.1)
        assert tried.is_in_memory("c", 0.2)

    def test_a_file_longer_than_its_price_is_not_taken(
        self, make: Callable[..., Tried], tmp_path: Path
    ) -> None:
        self.three(tmp_path)
        tried = make(settings=settings(memory_budget=self.COST - 1))
        assert not tried.is_in_memory("a", 0.0)
        assert make(settings=settings(memory_budget=self.COST)).is_in_memory("a", 0.0)


class TestTrouble:
    def test_a_file_that_ends_early_is_taken_as_it_is(
        self, make: Callable[..., Tried], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        longer = Signature(1, 2, 900, OLD, OLD)
        monkeypatch.setattr(evloop.files.cache, "signature_of", lambda status: longer)
        write(tmp_path / "file", b"d" * 700)
        tried = make()
        found = tried.find("file", 0.0)
        assert found.entry.size == 700
        assert not found.entry.settled  # it is looked at again
        body = tried.body(found)
        assert read_body(body) == b"d" * 700
        body.close()

    @pytest.mark.parametrize("sharing", list(PreloadMode))
    def test_a_file_that_can_not_be_read_costs_nothing(
        self, make: Callable[..., Tried], tmp_path: Path, sharing: PreloadMode
    ) -> None:
        class Broken(Reader):
            def read_into(
                self, fd: int, view: memoryview, offset: int, limit: int, tries: int
            ) -> int | None:
                raise OSError(errno.EIO, os.strerror(errno.EIO))

        write(tmp_path / "file", b"data")
        tried = make(settings=settings(sharing=sharing), reader=Broken(512))
        for _ in range(2):
            with pytest.raises(OSError, match="Input/output"), no_leaks():
                tried.find("file", 0.0)
        assert tried.cache.budget.used == 0
        assert not tried.cache.is_loading

    def test_a_copy_waits_for_the_disk(self, make: Callable[..., Tried], tmp_path: Path) -> None:
        write(tmp_path / "file", b"data")
        tried = make(settings=settings(sharing=PreloadMode.PRIVATE), reader=ColdReader(3))
        found = tried.cache.find(b"file", 0.0)
        assert isinstance(found, Found)
        tried.body(found).close()

    def test_a_small_file_is_not_put_off_by_many_large_ones(
        self, make: Callable[..., Tried], tmp_path: Path
    ) -> None:
        large = [b"large-%d" % number for number in range(60)]
        for name in large:
            write(tmp_path / name.decode(), os.urandom(1024 * 1024))
        write(tmp_path / "small", b"small")
        roomy = {"max_in_memory_size": 1024 * 1024, "memory_budget": 8 * 1024 * 1024}
        tried = make(settings=settings(revalidate=1.0, **roomy))
        waits = 0
        for turn in range(200):
            for name in (large[turn % 60 :] + large)[:20]:
                found = tried.cache.find(name, float(turn))
                if isinstance(found, Found) and found.fd >= 0:
                    os.close(found.fd)
            waits += isinstance(tried.cache.find(b"small", float(turn)), Preload)
        assert waits == 0

    def test_what_is_on_its_way_is_let_go_at_the_end(
        self, make: Callable[..., Tried], tmp_path: Path
    ) -> None:
        write(tmp_path / "file", b"data")
        tried = make(reader=ColdReader(1000))
        assert isinstance(tried.cache.find(b"file", 0.0), Preload)
        assert tried.cache.budget.used > 0


_NAMES = "abcdef"
_steps = st.lists(
    st.one_of(
        st.tuples(st.just("find"), st.sampled_from(_NAMES)),
        st.tuples(st.just("change"), st.sampled_from(_NAMES)),
        st.tuples(st.just("finish"), st.integers(0, 5)),
        st.tuples(st.just("wait"), st.floats(0.0, 2.0)),
    ),
    max_size=40,
)


@given(steps=_steps, budget=st.integers(0, 15_000), sharing=st.sampled_from(PreloadMode))
def test_whatever_happens_the_budget_holds_and_the_bytes_are_right(
    tmp_path_factory: pytest.TempPathFactory,
    steps: list[tuple[str, object]],
    budget: int,
    sharing: PreloadMode,
) -> None:
    path = tmp_path_factory.mktemp("walk")
    history: dict[str, list[bytes]] = {}
    for name in _NAMES:
        history[name] = [name.encode() * 700]
        write(path / name, history[name][0])
    tried = Tried(path, settings(memory_budget=budget, sharing=sharing))
    under_way: list[tuple[str, FileBody | BytesBody]] = []
    now = 0.0
    for action, what in steps:
        if action == "find":
            under_way.append((str(what), tried.body(tried.find(str(what), now))))
        elif action == "change":
            data = os.urandom(len(history[str(what)][-1]) + 1)
            (path / "new").write_bytes(data)
            (path / "new").rename(path / str(what))
            history[str(what)].append(data)
        elif action == "finish" and under_way:
            name, body = under_way.pop(int(str(what)) % len(under_way))
            assert read_body(body) in history[name]
            body.close()
        elif action == "wait":
            now += float(str(what))
        assert 0 <= tried.cache.budget.used <= budget
    for name, body in under_way:
        assert read_body(body) in history[name]
        body.close()
    tried.close()
    assert tried.cache.budget.used == 0
