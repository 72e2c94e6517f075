"""What is beneath a directory, in order."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from evloop.files.content import Budget
from evloop.files.listing import SORT_SIZE
from evloop.files.root import Root
from evloop.files.tree import MAX_DEPTH, Tree
from evloop.settings.choices import Symlinks
from tests.support.bench import write
from tests.support.descriptors import no_leaks


@pytest.fixture(autouse=True)
def _no_leaks() -> Iterator[None]:
    with no_leaks():
        yield


def names_of(path: Path, symlinks: Symlinks = Symlinks.INSIDE) -> list[str]:
    root = Root(str(path), symlinks)
    names = []
    for member in Tree(root, b"", b"top", Budget(SORT_SIZE), hidden=False).members():
        if member is not None:
            names.append(member.name.decode())
            if not member.is_directory:
                os.close(member.fd)
    root.close()
    return names


def test_a_directory_comes_before_what_is_in_it(tmp_path: Path) -> None:
    for name in ("b", "a", "sub/z", "sub/inner/x", "other/.hidden"):
        write(tmp_path / name, b"")
    assert names_of(tmp_path) == [
        "top/",
        "top/other/",
        "top/sub/",
        "top/sub/inner/",
        "top/sub/inner/x",
        "top/sub/z",
        "top/a",
        "top/b",
    ]


@pytest.mark.parametrize("symlinks", [Symlinks.INSIDE, Symlinks.FOLLOW])
def test_links_to_files_are_followed_and_those_to_directories_left_out(
    tmp_path: Path, symlinks: Symlinks
) -> None:
    write(tmp_path / "sub/file", b"")
    (tmp_path / "link").symlink_to("sub/file")
    (tmp_path / "sub/round").symlink_to("..")
    assert names_of(tmp_path, symlinks) == ["top/", "top/sub/", "top/sub/file", "top/link"]
    assert names_of(tmp_path, Symlinks.DENY) == ["top/", "top/sub/", "top/sub/file"]


def test_what_may_not_be_opened_is_left_out_and_trouble_is_raised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "private/file", b"")
    write(tmp_path / "public", b"")
    opened, number = Root.open, errno.EACCES

    def refusing(root: Root, path: bytes) -> int:
        if path == b"private":
            raise OSError(number, os.strerror(number))
        return opened(root, path)

    monkeypatch.setattr(Root, "open", refusing)
    assert names_of(tmp_path) == ["top/", "top/private/", "top/public"]
    number = errno.EIO
    root = Root(str(tmp_path))
    with pytest.raises(OSError, match="Input/output"):
        list(Tree(root, b"", b"top", Budget(SORT_SIZE), hidden=False).members())
    root.close()


def test_only_so_many_directories_within_each_other_are_gone_through(tmp_path: Path) -> None:
    write(tmp_path.joinpath(*["d"] * (MAX_DEPTH + 5)) / "file", b"")
    assert names_of(tmp_path)[-1] == "top/" + "d/" * (MAX_DEPTH - 1)
