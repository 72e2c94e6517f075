"""What is kept of passwords takes no more memory than the ceiling reckons with."""

import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import evloop.site.access.sizes as sizes
from evloop.site.access.checker import Check
from evloop.site.access.failures import Failures
from evloop.site.access.htpasswd import PasswordFile
from evloop.site.access.remembered import Remembered
from tests.support.bench import later_ns

SHORTEST = b"$apr1$$" + b"a" * 22


@pytest.fixture(autouse=True)
def _traced() -> Iterator[None]:
    tracemalloc.start()
    yield
    tracemalloc.stop()


def names() -> Iterator[bytes]:
    """Yield the shortest names there are, each once."""
    letters = [bytes([code]) for code in range(0x80, 0x100)]
    yield from letters
    yield from (a + b for a in letters for b in letters)


def largest_file() -> bytes:
    lines: list[bytes] = []
    size = 0
    for name in names():
        line = b"%b:%b\n" % (name, SHORTEST)
        size += len(line)
        if size > sizes.MAX_FILE_SIZE:
            break
        lines.append(line)
    return b"".join(lines)


def test_the_file_while_it_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "users"
    data = largest_file()
    path.write_bytes(data)
    del data
    tracemalloc.reset_peak()
    before = tracemalloc.get_traced_memory()[0]
    file = PasswordFile(str(path), 0.0, 0.0, wall_ns=later_ns)
    with path.open("ab") as stream:
        stream.write(b"#")
    file.look(1.0)
    assert tracemalloc.get_traced_memory()[1] - before <= sizes._FILE_SIZE


def remembered() -> object:
    table = Remembered()
    for number in range(3 * sizes.MAX_REMEMBERED):
        table.add(table.key(b"%d" % number, b"", b""), number / 3)
    return table


def failures() -> object:
    table = Failures()
    for number in range(3 * sizes.MAX_ADDRESSES):
        table.note(f"2001:db8:{number:04x}:ffff:ffff:ffff:ffff:ffff", number / 1000)
    return table


def checks() -> object:
    # Beside the check itself: its key, its password, who waits, and its place in the tables.
    made = {}
    for number in range(sizes.MAX_CHECKS):
        key = b"%032d" % number
        check = made[key] = Check(key, f"192.0.2.{number}", SHORTEST, b"%072d" % number)
        check.subscribe(lambda now: None)
    return made


TABLES: dict[str, tuple[Callable[[], object], int]] = {
    "remembered": (remembered, sizes._REMEMBERED_SIZE),
    "failures": (failures, sizes._FAILURES_SIZE),
    "checks": (checks, sizes._CHECKS_SIZE),
}


@pytest.mark.parametrize("name", TABLES)
def test_a_table_that_is_full(name: str) -> None:
    make, most = TABLES[name]
    tracemalloc.reset_peak()
    before = tracemalloc.get_traced_memory()[0]
    table = make()
    assert table
    assert tracemalloc.get_traced_memory()[1] - before <= most
