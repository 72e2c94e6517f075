"""The entries of a directory: which, in what order, in what slices, and at what cost."""

import errno
import os
import sys
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import evloop.files.dirents
from evloop.files.content import Budget
from evloop.files.folder import Folder, Item
from evloop.files.listing import MAX_SORTED, SORT_SIZE, Key, Order, Scan, _Runs
from evloop.files.root import Root
from evloop.settings.choices import Symlinks
from tests.support.bench import write
from tests.support.descriptors import no_leaks

MIB = 1024**2
ALL = range(sys.maxsize)


@pytest.fixture(autouse=True)
def _no_leaks() -> Iterator[None]:
    with no_leaks():
        yield


@contextmanager
def scanning(
    path: Path,
    order: Order | None = None,
    window: range = ALL,
    *,
    within: bytes = b"",
    hidden: bool = False,
    symlinks: Symlinks = Symlinks.INSIDE,
    room: int = SORT_SIZE,
    counts: bool = True,
) -> Iterator[Scan]:
    root, budget = Root(str(path), symlinks), Budget(room)
    scan = Scan(
        Folder(root, within, hidden=hidden), order or Order(), budget, window, counts=counts
    )
    yield scan
    scan.close()
    scan.close()
    root.close()
    assert budget.used == 0


def items_of(scan: Scan) -> list[Item]:
    return [item for items in scan.slices() for item in items]


def names_of(scan: Scan) -> list[bytes]:
    return [item.name for item in items_of(scan)]


@pytest.fixture(params=["getdents", "scandir"])
def _way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "scandir":
        monkeypatch.setattr(evloop.files.dirents, "_getdents", None)


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("mixed")
    write(path / "b.txt", b"12", 300)
    write(path / "A.txt", b"123", 200)
    write(path / "c", b"1", -5)
    write(path / "sub/x", b"")
    write(path / "Zub/.x", b"")
    write(path / ".hidden", b"")
    write(path / ".well-known/security.txt", b"")
    os.utime(path / "sub", (50, 50))
    os.utime(path / "Zub", (60, 60))
    os.utime(path / ".well-known", (70, 70))
    os.mkfifo(path / "fifo")
    (path / "in").symlink_to("b.txt")
    (path / "into").symlink_to("sub")
    (path / "out").symlink_to("/etc/passwd")
    (path / "nowhere").symlink_to("nothing")
    return path


FOLDERS = [b".well-known", b"into", b"sub", b"Zub"]
ORDERS = {
    Order(): [*FOLDERS, b"A.txt", b"b.txt", b"c", b"in"],
    Order(Key.NAME, True): [*FOLDERS[::-1], b"in", b"c", b"b.txt", b"A.txt"],
    Order(Key.SIZE): [*FOLDERS, b"c", b"b.txt", b"in", b"A.txt"],
    Order(Key.SIZE, True): [*FOLDERS[::-1], b"A.txt", b"in", b"b.txt", b"c"],
    Order(Key.TIME): [b"into", b"sub", b"Zub", b".well-known", b"c", b"A.txt", b"b.txt", b"in"],
}


@pytest.mark.usefixtures("_way")
class TestEntries:
    @pytest.mark.parametrize("order", ORDERS)
    def test_directories_come_first_and_the_rest_in_order(self, mixed: Path, order: Order) -> None:
        with scanning(mixed, order) as scan:
            assert names_of(scan) == ORDERS[order]
            assert (scan.is_sorted, scan.count) == (True, 8)

    def test_an_item_tells_what_is_served(self, mixed: Path) -> None:
        with scanning(mixed) as scan:
            found = {item.name: item for item in items_of(scan)}
        assert found[b"b.txt"] == found[b"in"]._replace(name=b"b.txt")
        assert found[b"b.txt"] == Item(b"b.txt", False, 2, 300)
        assert found[b"c"] == Item(b"c", False, 1, -5)
        assert found[b"sub"] == Item(b"sub", True, 0, 50)

    def test_links_are_seen_as_far_as_they_are_followed(self, mixed: Path) -> None:
        links = {b"in", b"into", b"out", b"nowhere"}
        seen = {
            Symlinks.DENY: set(),
            Symlinks.INSIDE: {b"in", b"into"},
            Symlinks.FOLLOW: {b"in", b"into", b"out"},
        }
        for symlinks, names in seen.items():
            with scanning(mixed, symlinks=symlinks) as scan:
                assert links & set(names_of(scan)) == names
            with scanning(mixed, symlinks=symlinks, room=0) as scan:
                assert links & set(names_of(scan)) == names

    def test_hidden_names_are_seen_where_they_are_served(self, mixed: Path) -> None:
        with scanning(mixed, hidden=True) as scan:
            assert b".hidden" in names_of(scan)
        with scanning(mixed, within=b"Zub") as scan:
            assert names_of(scan) == []
            assert scan.count == 0
        with scanning(mixed, within=b"Zub", hidden=True) as scan:
            assert names_of(scan) == [b".x"]

    @pytest.mark.parametrize("window", [range(3), range(2, 5), range(7, 99), range(99, 100)])
    def test_a_window_is_of_places_in_the_whole(self, mixed: Path, window: range) -> None:
        with scanning(mixed, window=window) as scan:
            assert names_of(scan) == ORDERS[Order()][window.start : window.stop]
            assert scan.count == 8
        with scanning(mixed, room=0) as scan:
            everything = names_of(scan)
        with scanning(mixed, window=window, room=0) as scan:
            assert names_of(scan) == everything[window.start : window.stop]
            assert (scan.is_sorted, scan.count) == (False, 8)

    def test_who_does_not_count_stops_at_the_end_of_the_window(self, mixed: Path) -> None:
        with scanning(mixed, window=range(2), room=0, counts=False) as scan:
            assert len(names_of(scan)) == 2
            assert scan.count is None


def test_only_a_directory_is_listed(mixed: Path) -> None:
    root = Root(str(mixed))
    for path, error in ((b"c", NotADirectoryError), (b"nothing", FileNotFoundError)):
        with pytest.raises(error):
            Folder(root, path, hidden=False)
    root.close()


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("many")
    first = path / "file number 00000"
    first.touch()
    for number in range(1, MAX_SORTED + 1):  # a link is made in a tenth of the time of a file
        os.link(first, path / f"file number {number:05d}")
    return path


def test_too_few_descriptors_are_no_reason_to_leave_a_link_out(
    mixed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def exhausted(root: Root, path: bytes) -> os.stat_result:
        raise OSError(errno.EMFILE, "too many open files")

    monkeypatch.setattr(Root, "status", exhausted)
    with scanning(mixed) as scan, pytest.raises(OSError, match="too many"):
        names_of(scan)


class TestMany:
    def test_a_directory_of_so_many_is_sorted_in_small_slices(self, many: Path) -> None:
        odd = many / "file number 10000"
        odd.unlink()
        with scanning(many) as scan:
            slices = list(scan.slices())
        odd.touch()
        assert max(map(len, slices)) <= 42
        names = [item.name for items in slices for item in items]
        assert names == [b"file number %05d" % number for number in range(MAX_SORTED)]
        # Counting and collecting are done in slices of their own, which show nothing.
        assert sum(not items for items in slices) >= 2 * MAX_SORTED // 342 - 2

    def test_one_more_is_listed_in_directory_order_and_counted(self, many: Path) -> None:
        with scanning(many, Order(Key.SIZE)) as scan:
            slices = list(scan.slices())
            assert (scan.is_sorted, scan.count) == (False, MAX_SORTED + 1)
        assert max(map(len, slices)) <= 42
        names = [item.name for items in slices for item in items]
        assert names == [os.fsencode(name) for name in os.listdir(many)]

    def test_names_that_do_not_fit_are_listed_in_directory_order(self, many: Path) -> None:
        with scanning(many, room=100_000) as scan:
            assert len(names_of(scan)) == MAX_SORTED + 1
            assert scan.is_sorted is False

    def test_it_takes_no_more_memory_than_it_reserved(self, many: Path) -> None:
        (many / "file number 10000").unlink()
        with scanning(many) as scan:
            slices = scan.slices()
            tracemalloc.start()
            next(items for items in slices if items)
            taken, _ = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            assert taken < scan._reserved < MIB
        (many / "file number 10000").touch()

    def test_a_large_directory_takes_next_to_nothing(self, many: Path) -> None:
        with scanning(many) as scan:
            tracemalloc.start()
            for _ in scan.slices():
                pass
            _, peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            assert peak < 128 * 1024  # a batch of 341 names while they are counted

    def test_what_stays_is_listed_once_while_others_come_and_go(self, tmp_path: Path) -> None:
        stays = {b"stays %04d" % number for number in range(1500)}
        for name in stays:
            (tmp_path / os.fsdecode(name)).touch()
        for room in (0, SORT_SIZE):
            with scanning(tmp_path, room=room) as scan:
                found: list[bytes] = []
                for number, items in enumerate(scan.slices()):
                    found += [item.name for item in items]
                    (tmp_path / f"comes {room} {number}").touch()
                    if number % 2:
                        (tmp_path / f"comes {room} {number - 1}").unlink()
            listed = [name for name in found if name in stays]
            assert len(listed) == len(stays)
            assert set(listed) == stays

    def test_a_directory_that_grows_beyond_its_room_is_listed_all_the_same(
        self, tmp_path: Path
    ) -> None:
        (tmp_path / "0").touch()
        for number in range(1, 500):
            os.link(tmp_path / "0", tmp_path / f"{number}")
        with scanning(tmp_path) as scan:
            slices = scan.slices()
            assert next(slices) == ()
            for number in range(500, 5000):
                os.link(tmp_path / "0", tmp_path / f"{number} that came later")
            names = [item.name for items in slices for item in items]
        assert len(names) == len(set(names)) == 5000

    def test_what_has_gone_since_it_was_collected_is_not_listed(self, tmp_path: Path) -> None:
        for number in range(500):
            (tmp_path / f"{number:03d}").touch()
        with scanning(tmp_path) as scan:
            slices = scan.slices()
            first = next(items for items in slices if items)
            (tmp_path / "400").unlink()
            rest = [item.name for items in slices for item in items]
        assert len(first) + len(rest) == 499


NUMBERS = st.integers(-(2**70), 2**70)


@given(st.lists(st.binary(min_size=1, max_size=9).filter(lambda name: b"/" not in name)), NUMBERS)
def test_runs_come_out_as_one_sorted_list(names: list[bytes], value: int) -> None:
    for is_descending in (False, True):
        order = Order(Key.NAME, is_descending)
        runs = _Runs(order)
        prefix = b"0" * 9
        for start in range(0, len(names), 3):
            runs.add([prefix + name for name in names[start : start + 3]])
        assert runs.count == len(names)
        by_name = sorted(names, key=lambda name: (name.lower(), name), reverse=is_descending)
        assert list(runs.merged()) == by_name
