"""The names in a directory, by getdents64 and by scandir."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from evloop.files.dirents import (
    DIRECTORY,
    LINK,
    RECORD_SIZE,
    REGULAR,
    SLICE_SIZE,
    KernelNames,
    Names,
    ScannedNames,
    find_getdents,
    open_names,
)
from evloop.files.openat2 import NAME_ONLY
from tests.support.descriptors import no_leaks

NAMES = {os.fsencode(f"{number:03d}" * (1 + number % 60)) for number in range(300)} | {b"\xff\n"}
WAYS = ["getdents", "scandir"]


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("names")
    for name in NAMES:
        Path(os.fsdecode(os.fsencode(directory) + b"/" + name)).touch()
    return directory


@pytest.fixture(autouse=True)
def _no_leaks() -> Iterator[None]:
    with no_leaks():
        yield


def names_of(directory: Path, way: str) -> Names:
    fd = os.open(directory, os.O_RDONLY)
    if way == "scandir":
        return ScannedNames(fd)
    getdents = find_getdents()
    if getdents is None:
        os.close(fd)
        pytest.skip("this C library has no getdents64")
    return KernelNames(fd, getdents)


def read_all(names: Names, size: int) -> list[bytes]:
    found: list[bytes] = []
    while batch := names.read(size):
        assert len(batch) <= size // RECORD_SIZE
        found += [name for name, _ in batch]
    assert names.read(size) == []
    return found


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("size", [512, 1024, SLICE_SIZE])
def test_each_name_comes_once_and_again_after_a_rewind(
    directory: Path, way: str, size: int
) -> None:
    names = names_of(directory, way)
    first = read_all(names, size)
    assert sorted(first) == sorted(NAMES)
    names.rewind()
    names.read(size)
    names.rewind()
    assert read_all(names, size) == first
    names.close()
    names.close()


def test_several_directories_share_the_buffer_and_nothing_else(
    directory: Path, tmp_path: Path
) -> None:
    for number in range(300):
        (tmp_path / f"other-{number}").touch()
    one, other = names_of(directory, "getdents"), names_of(tmp_path, "getdents")
    found: tuple[set[bytes], set[bytes]] = (set(), set())
    while batches := (one.read(512), other.read(512)):
        if not any(batches):
            break
        for seen, batch in zip(found, batches, strict=True):
            seen.update(name for name, _ in batch)
    assert found[0] == NAMES
    assert found[1] == {b"other-%d" % number for number in range(300)}
    one.close()
    other.close()


def test_kinds_are_told_where_the_file_system_tells_them(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "directory").mkdir()
    (tmp_path / "link").symlink_to("file")
    names = names_of(tmp_path, "getdents")
    kinds = dict(names.read(SLICE_SIZE))
    assert kinds == {b"file": REGULAR, b"directory": DIRECTORY, b"link": LINK}
    names.close()


def test_a_directory_that_was_removed_has_no_names(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    names = names_of(gone, "getdents")
    gone.rmdir()
    assert names.read(SLICE_SIZE) == []
    names.close()


def test_what_can_not_be_read_is_an_error(tmp_path: Path) -> None:
    getdents = find_getdents()
    if getdents is None:
        pytest.skip("this C library has no getdents64")
    with pytest.raises(OSError, match="descriptor") as error:
        getdents(-1, SLICE_SIZE)
    assert error.value.errno == errno.EBADF


def test_only_a_directory_that_may_be_read_has_names(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError):
        open_names(os.open(tmp_path / "file", os.O_RDONLY))
    if NAME_ONLY & ~(os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC):
        with pytest.raises(PermissionError):
            open_names(os.open(tmp_path, NAME_ONLY))
    open_names(os.open(tmp_path, os.O_RDONLY)).close()
