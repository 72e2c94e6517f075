"""Files on their way into memory: the loop reads them, and who waits is woken once."""

import errno
import gc
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import evloop.files.preloads
from evloop.files.cache import Cache, CacheSettings, Found
from evloop.files.preload import Preload
from evloop.files.reader import FIRST_WAIT, MAX_WAIT, Reader, wait_after
from evloop.files.root import Root
from tests.support.bench import OLD, later_ns, write
from tests.support.descriptors import no_leaks
from tests.support.scheduler import Scheduler

SETTINGS = CacheSettings(memory_budget=1024 * 1024, revalidate=1.0)


class Disk(Reader):
    """A disk that has nothing in memory while it is cold, and fails when it is told to."""

    def __init__(self) -> None:
        super().__init__(4096)
        self.is_cold = True
        self.error = 0
        self.asked = 0

    def read_into(
        self, fd: int, view: memoryview, offset: int, limit: int, tries: int
    ) -> int | None:
        self.asked += 1
        if self.error:
            raise OSError(self.error, os.strerror(self.error))
        return None if self.is_cold else super().read_into(fd, view, offset, limit, tries)


class Cold:
    """A cache over a cold disk, and those who wait for it."""

    def __init__(self, path: Path, settings: CacheSettings = SETTINGS) -> None:
        self.root = Root(str(path))
        self.disk = Disk()
        self.scheduler = Scheduler()
        self.cache = Cache(
            self.root, self.disk, settings, wall_ns=later_ns, call_at=self.scheduler.call_at
        )
        self.answers: list[Found | OSError | Preload] = []

    def wait(self, path: bytes, now: float = 0.0) -> Callable[[float], None]:
        """Wait for *path*, and ask for it once more when it is there; return what wakes."""

        def wake(now: float) -> None:
            try:
                self.answers.append(self.cache.find(path, now))
            except OSError as error:
                self.answers.append(error)

        self.preload(path, now).subscribe(wake)
        return wake

    def preload(self, path: bytes, now: float = 0.0) -> Preload:
        found = self.cache.find(path, now)
        assert isinstance(found, Preload)
        return found

    def warm_up(self, seconds: float = 0.1) -> None:
        self.disk.is_cold = False
        self.scheduler.run_until(self.scheduler.now + seconds)

    def close(self) -> None:
        self.cache.close()
        self.root.close()
        assert self.cache.budget.used == self.cache.budget.idle == 0
        assert self.scheduler.pending == 0


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., Cold]]:
    made: list[Cold] = []

    def make(**changes: Any) -> Cold:
        made.append(Cold(tmp_path, SETTINGS._replace(**changes)))
        return made[-1]

    with no_leaks():
        yield make
        for cold in made:
            cold.close()


def sizes(cold: Cold) -> list[int]:
    return [found.entry.size for found in cold.answers if isinstance(found, Found)]


@pytest.mark.parametrize("revalidate", [0.0, 1.0])
@pytest.mark.parametrize("waiters", [1, 3, 200])
def test_all_who_wait_are_woken_once_and_get_the_file(
    make: Callable[..., Cold], tmp_path: Path, revalidate: float, waiters: int
) -> None:
    write(tmp_path / "file", b"data")
    cold = make(revalidate=revalidate)
    for _ in range(waiters):
        cold.wait(b"file")
    cold.scheduler.run_until(5.0)  # longer than a file that nobody waits for is kept
    assert cold.answers == []
    asked = cold.disk.asked
    cold.warm_up()
    assert sizes(cold) == [4] * waiters
    assert cold.disk.asked == asked + 1  # all get what was read for them
    cold.scheduler.run_until(10.0)
    assert len(cold.answers) == waiters


def test_no_more_than_some_are_woken_in_one_turn(
    make: Callable[..., Cold], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evloop.files.preloads, "_WAKES_PER_TURN", 3)
    write(tmp_path / "file", b"data")
    cold = make(revalidate=0.0)
    for _ in range(8):
        cold.wait(b"file")
    cold.disk.is_cold = False
    counts = []
    while cold.scheduler.step() and len(cold.answers) < 8:
        counts.append(len(cold.answers))
    assert counts == [3, 6]
    assert sizes(cold) == [4] * 8


def test_one_poll_for_a_file_however_many_wait_and_ever_later(
    make: Callable[..., Cold], tmp_path: Path
) -> None:
    write(tmp_path / "file", b"data")
    cold = make()
    for _ in range(200):
        cold.wait(b"file")
    times = []
    for _ in range(8):
        asked = cold.disk.asked
        cold.scheduler.step()
        assert cold.disk.asked == asked + 1
        times.append(cold.scheduler.now)
    waits = [round(then - before, 6) for before, then in zip([0.0, *times], times, strict=False)]
    assert waits == [0.002, 0.004, 0.008, 0.016, 0.032, 0.032, 0.032, 0.032]


def test_the_wait_grows_to_its_end() -> None:
    assert wait_after(1) == FIRST_WAIT
    assert wait_after(2) == 2 * FIRST_WAIT
    assert wait_after(1000) == MAX_WAIT


def test_the_others_are_woken_when_one_fails(make: Callable[..., Cold], tmp_path: Path) -> None:
    write(tmp_path / "file", b"data")
    cold = make()

    def fail(now: float) -> None:
        raise ValueError("a defect")

    cold.preload(b"file").subscribe(fail)
    cold.wait(b"file")
    cold.disk.is_cold = False
    with pytest.raises(ValueError, match="a defect"):
        cold.scheduler.run_until(1.0)
    cold.scheduler.run_until(1.0)
    assert sizes(cold) == [4]


@pytest.mark.parametrize("number", [errno.EIO, errno.ESTALE])
def test_an_error_reaches_all_who_wait(
    make: Callable[..., Cold], tmp_path: Path, number: int
) -> None:
    write(tmp_path / "file", b"data")
    cold = make(revalidate=0.0)

    def recover(now: float) -> None:
        with pytest.raises(OSError, match=os.strerror(number)):
            cold.cache.find(b"file", now)
        cold.disk.error = 0  # the others are told what happened to their read all the same

    cold.preload(b"file").subscribe(recover)
    for _ in range(3):
        cold.wait(b"file")
    cold.disk.error = number
    cold.scheduler.run_until(0.5)
    assert [error.errno for error in cold.answers if isinstance(error, OSError)] == [number] * 3
    cold.disk.is_cold = False
    found = cold.cache.find(b"file", 0.6)  # whoever asks now gets what is there now
    assert isinstance(found, Found)


def test_an_error_keeps_nothing_of_the_read(make: Callable[..., Cold], tmp_path: Path) -> None:
    write(tmp_path / "file", b"data")
    cold = make()
    for _ in range(5):
        cold.wait(b"file")
    cold.preload(b"file").subscribe(lambda now: None)  # who does not fetch it: it is still held
    cold.disk.error = errno.EIO
    gc.collect()
    cold.scheduler.run_until(0.1)
    assert len(cold.answers) == len(set(map(id, cold.answers))) == 5  # each with its own traceback
    cold.answers.clear()
    assert not [each for each in gc.get_objects() if isinstance(each, Preload)]


def test_an_error_reaches_who_asks_without_waiting(
    make: Callable[..., Cold], tmp_path: Path
) -> None:
    write(tmp_path / "file", b"data")
    cold = make()
    cold.preload(b"file")
    cold.disk.error = errno.EIO
    cold.scheduler.run_until(0.1)
    with pytest.raises(OSError, match="Input/output"):
        cold.cache.find(b"file", 0.1)


def test_a_result_that_nobody_fetches_is_let_go(make: Callable[..., Cold], tmp_path: Path) -> None:
    write(tmp_path / "file", b"data")
    cold = make()
    cold.preload(b"file")
    cold.warm_up()
    assert cold.cache.budget.idle == 0  # it is held for who asked
    cold.scheduler.run_until(3.0)
    assert cold.cache.budget.idle == cold.cache.budget.used > 0


def test_results_that_wait_are_bounded(
    make: Callable[..., Cold], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in "abc":
        write(tmp_path / name, b"data")
    cold = make()
    for each in (b"a", b"b", b"c"):
        cold.preload(each)
    monkeypatch.setattr(evloop.files.preloads, "MAX_PRELOADS", 2)
    cold.warm_up()
    assert cold.cache.budget.idle * 3 == cold.cache.budget.used  # the first is held no more


def test_who_leaves_leaves_nothing(make: Callable[..., Cold], tmp_path: Path) -> None:
    write(tmp_path / "file", b"data")
    cold = make()
    wakes = [cold.wait(b"file") for _ in range(3)]
    preload = cold.preload(b"file")
    for wake in wakes:
        preload.unsubscribe(wake)
    assert preload.waiting == 0
    cold.scheduler.run_until(5.0)
    assert cold.cache.is_loading  # it may be asked for again
    cold.scheduler.run_until(5.1)
    assert not cold.cache.is_loading
    assert cold.cache.budget.used == 0
    assert cold.answers == []


def test_what_is_waited_for_is_never_given_up(make: Callable[..., Cold], tmp_path: Path) -> None:
    write(tmp_path / "file", b"data")
    cold = make()
    cold.wait(b"file")
    cold.scheduler.run_until(1000.0)
    assert cold.cache.is_loading
    cold.warm_up()
    assert sizes(cold) == [4]


class TestAge:
    """Whoever asks gets nothing older than `revalidate`."""

    def test_what_was_abandoned_is_looked_at_again(
        self, make: Callable[..., Cold], tmp_path: Path
    ) -> None:
        write(tmp_path / "file", b"old.")
        cold = make()
        first = cold.preload(b"file", 10.0)
        assert cold.preload(b"file", 10.5) is first
        (tmp_path / "new").write_bytes(b"new data")
        (tmp_path / "new").rename(tmp_path / "file")
        second = cold.preload(b"file", 11.0)
        assert second is not first
        cold.warm_up(12.0)
        found = cold.cache.find(b"file", 11.9)
        assert isinstance(found, Found)
        assert found.entry.size == 8

    def test_what_has_not_changed_goes_on(self, make: Callable[..., Cold], tmp_path: Path) -> None:
        write(tmp_path / "file", b"data")
        cold = make()
        first = cold.preload(b"file", 10.0)
        assert cold.preload(b"file", 13.0) is first
        assert first.checked == 13.0

    def test_who_waited_for_what_has_changed_is_woken(
        self, make: Callable[..., Cold], tmp_path: Path
    ) -> None:
        write(tmp_path / "file", b"old.")
        cold = make()
        cold.wait(b"file", 10.0)
        write(tmp_path / "file", b"new data", OLD + 1)
        second = cold.preload(b"file", 11.0)
        assert cold.answers == []  # never while another one asks
        cold.scheduler.run_until(11.1)
        assert cold.answers == [second]


class TestPlaces:
    """Each file on its way has a descriptor."""

    @pytest.fixture(autouse=True)
    def _two(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setattr(evloop.files.preloads, "MAX_PRELOADS", 2)
        for name in "abc":
            write(tmp_path / name, b"data")

    def test_what_is_wanted_keeps_its_place(self, make: Callable[..., Cold]) -> None:
        cold = make()
        cold.wait(b"a", 1.0)
        cold.preload(b"b", 1.0)
        used = cold.cache.budget.used
        found = cold.cache.find(b"c", 1.1)
        assert isinstance(found, Found)  # it is streamed meanwhile
        os.close(found.fd)
        assert not found.entry.is_strong
        assert cold.cache.budget.used == used

    def test_what_nobody_wants_makes_place(self, make: Callable[..., Cold]) -> None:
        cold = make()
        cold.wait(b"a", 1.0)
        cold.preload(b"b", 1.0)
        two = cold.cache.budget.used
        cold.preload(b"c", 2.0)
        assert cold.cache.budget.used == two
        cold.warm_up(5.0)
        assert sizes(cold) == [4]
        assert set(cold.cache._entries) == {b"a", b"c"}


def test_what_is_read_in_one_turn_is_bounded(
    make: Callable[..., Cold], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evloop.files.preload, "TURN_SIZE", 1000)
    monkeypatch.setattr(evloop.files.preload, "RESERVE_SIZE", 200)
    monkeypatch.setattr(evloop.files.preload, "PIECE_SIZE", 100)
    for name, size in {"a": 600, "b": 600, "c": 600, "d": 50, "e": 50}.items():
        write(tmp_path / name, name.encode() * size)
    cold = make()
    cold.disk.is_cold = False

    def whole(now: float) -> str:
        return "".join(
            name for name in "abcde" if isinstance(cold.cache.find(name.encode(), now), Found)
        )

    # b and c are begun, the second out of the reserve, which is enough for d as a whole.
    assert whole(1.0) == "ad"
    cold.scheduler.run_until(1.0015)  # another turn
    assert whole(1.002) == "abcde"


def test_no_memory_is_an_error_of_one_request(
    make: Callable[..., Cold], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "file", b"data")
    cold = make()
    cold.disk.is_cold = False

    def no_memory(*_: object) -> None:
        raise MemoryError

    for place in ("evloop.files.preload.new_digest", "evloop.files.cache.Preloaded"):
        with monkeypatch.context() as patch:
            patch.setattr(place, no_memory)
            with no_leaks(), pytest.raises(OSError, match="Cannot allocate") as caught:
                cold.cache.find(b"file", 0.0)
        assert caught.value.errno == errno.ENOMEM
        assert cold.cache.budget.used == 0
    assert isinstance(cold.cache.find(b"file", 0.0), Found)


def test_no_memory_later_reaches_who_waits(
    make: Callable[..., Cold], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "file", b"data")
    cold = make()
    cold.wait(b"file")

    def no_memory(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr("evloop.files.cache.Preloaded", no_memory)
    cold.warm_up()
    assert [each.errno for each in cold.answers if isinstance(each, OSError)] == [errno.ENOMEM]
    assert cold.cache.budget.used == 0


def test_a_defect_keeps_nobody_waiting(
    make: Callable[..., Cold], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: Preload, reader: Reader, room: int) -> bool:
        raise RuntimeError("a defect")

    write(tmp_path / "file", b"data")
    cold = make()
    cold.wait(b"file")
    with monkeypatch.context() as patch:
        patch.setattr(Preload, "step", broken)
        with pytest.raises(RuntimeError, match="a defect"):
            cold.warm_up()
    assert [type(answer) for answer in cold.answers] == [OSError]
    assert cold.cache.budget.used == 0
    found = cold.cache.find(b"file", cold.scheduler.now)
    assert isinstance(found, Found)
    found.close()


def test_a_file_that_is_rewritten_while_it_is_read_is_read_again(
    make: Callable[..., Cold], tmp_path: Path
) -> None:
    write(tmp_path / "file", b"old.")
    cold = make()
    cold.wait(b"file")
    write(tmp_path / "file", b"new.", OLD + 1)
    cold.warm_up()
    (found,) = cold.answers
    assert isinstance(found, Found)
    assert not found.entry.settled
