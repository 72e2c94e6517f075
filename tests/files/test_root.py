"""Which paths lead to a file beneath the root: one table, both ways to open, each policy."""

import ctypes
import errno
import os
import socket
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from evloop.files.root import Root
from evloop.settings.choices import Symlinks
from tests.support.descriptors import no_leaks
from tests.support.linked_tree import (
    HIDDEN,
    INNER,
    MAX_LINKS,
    PLAIN,
    SECRET,
    make_linked_tree,
)

DIRECTORY = b"<directory>"
REFUSED = b"<refused>"
"""No file, whatever the reason: nothing in the answer may depend on what is outside."""


class Row(NamedTuple):
    inside: bytes
    """What the path leads to where links that stay inside are followed."""
    deny: bytes
    """The same where no links are."""


def linked(inside: bytes) -> Row:
    return Row(inside, REFUSED)


def same(content: bytes) -> Row:
    return Row(content, content)


REFUSE = same(REFUSED)

TABLE = {
    # no links
    "": same(DIRECTORY),
    "plain.txt": same(PLAIN),
    "sub": same(DIRECTORY),
    "sub/inner.txt": same(INNER),
    "sub/deep/er/inner.txt": same(INNER),
    "a b.txt": same(PLAIN),
    "\u00fc.txt": same(PLAIN),
    "back\\slash.txt": same(PLAIN),
    "...": same(HIDDEN),
    "..hidden/inner.txt": same(HIDDEN),
    "%2e%2e/plain.txt": same(PLAIN),
    "nothing.txt": REFUSE,
    "sub/nothing.txt": REFUSE,
    "nothing/inner.txt": REFUSE,
    "plain.txt/inner.txt": REFUSE,
    "x" * 255: REFUSE,
    "x" * 256: REFUSE,
    "x/" * 3000 + "y": REFUSE,
    # inside, relative
    "to_file": linked(PLAIN),
    "to_dir": linked(DIRECTORY),
    "to_dir/inner.txt": linked(INNER),
    "to_dir/deep/er/inner.txt": linked(INNER),
    "to_dir/nothing.txt": REFUSE,
    "to_dot": linked(DIRECTORY),
    "to_dot/to_dot/to_dot/plain.txt": linked(PLAIN),
    "to_inner": linked(INNER),
    "to_link": linked(PLAIN),
    "through_link": linked(INNER),
    "down_up": linked(PLAIN),
    "sub/up": linked(PLAIN),
    "to_dir/up": linked(PLAIN),
    "sub/up_dir": linked(DIRECTORY),
    "sub/up_dir/sub/up_dir/plain.txt": linked(PLAIN),
    "sub/deep/er/up3": linked(PLAIN),
    "doubled": linked(INNER),
    "missing": REFUSE,
    "to_hidden": linked(HIDDEN),
    "to_file/inner.txt": REFUSE,
    # inside, absolute
    "abs_file": linked(PLAIN),
    "abs_dir": linked(DIRECTORY),
    "abs_dir/inner.txt": linked(INNER),
    "abs_dir/up": linked(PLAIN),
    "abs_root": linked(DIRECTORY),
    "abs_root/plain.txt": linked(PLAIN),
    "abs_root/abs_root/abs_file": linked(PLAIN),
    "abs_root_slash/sub/inner.txt": linked(INNER),
    "abs_doubled": linked(PLAIN),
    "abs_missing": REFUSE,
    "abs_to_link": linked(PLAIN),
    "sub/abs_up": linked(PLAIN),
    "to_dir/abs_up": linked(PLAIN),
    "to_abs": linked(INNER),
    # a file taken for a directory
    "file_dot": REFUSE,
    "file_slash": REFUSE,
    "file_up": REFUSE,
    "file_down": REFUSE,
    # outside
    "out_file": REFUSE,
    "out_dir": REFUSE,
    "out_dir/secret.txt": REFUSE,
    "out_dir/dir": REFUSE,
    "out_dir/dir/deep.txt": REFUSE,
    "out_missing": REFUSE,
    "out_dir/nothing.txt": REFUSE,
    "out_up": REFUSE,
    "out_up/outside/secret.txt": REFUSE,
    "out_up/root/plain.txt": REFUSE,
    "out_up2": REFUSE,
    "out_up_many": REFUSE,
    "out_up_many/etc/passwd": REFUSE,
    "out_etc": REFUSE,
    "sub/out": REFUSE,
    "to_dir/out": REFUSE,
    "sub/deep/er/out": REFUSE,
    "sub/up_dir/out_file": REFUSE,
    "down_out": REFUSE,
    "link_out": REFUSE,
    "to_out": REFUSE,
    "through_out": REFUSE,
    "abs_out_file": REFUSE,
    "abs_out_dir": REFUSE,
    "abs_out_dir/secret.txt": REFUSE,
    "abs_out_dir/nothing.txt": REFUSE,
    "abs_out_missing": REFUSE,
    "abs_base/outside/secret.txt": REFUSE,
    "abs_base/root/plain.txt": REFUSE,
    "abs_slash": REFUSE,
    "abs_slash/etc/passwd": REFUSE,
    "abs_etc": REFUSE,
    "abs_etc_dir/passwd": REFUSE,
    "abs_etc_dir": REFUSE,
    "abs_proc": REFUSE,
    "abs_proc_cwd": REFUSE,
    "abs_null": REFUSE,
    "abs_evil": REFUSE,
    "abs_up_out": REFUSE,
    "abs_sub_up_out": REFUSE,
    "abs_dir/out": REFUSE,
    "abs_root/out_file": REFUSE,
    # out and back
    "out_and_back": REFUSE,
    "sub/out_and_back": REFUSE,
    "abs_out_and_back": REFUSE,
    "via_outside": REFUSE,
    # loops
    "loop": REFUSE,
    "loop/x": REFUSE,
    "loop_a": REFUSE,
    "sub/loop_up": REFUSE,
    "abs_loop": REFUSE,
    "loop_dir": REFUSE,
    "chain1": linked(PLAIN),
    f"chain{MAX_LINKS}": linked(PLAIN),
    f"chain{MAX_LINKS + 1}": REFUSE,
}


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_linked_tree(tmp_path_factory.mktemp("links"))


@pytest.fixture(scope="module")
def tree_without_outside(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_linked_tree(tmp_path_factory.mktemp("alone"), with_outside=False)


@pytest.fixture(params=[True, False], ids=["openat2", "walk"])
def openat2(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


def look_up(root: Root, path: str) -> bytes:
    """Return what *path* leads to, as in the table."""
    try:
        fd = root.open(os.fsencode(path))
    except OSError:
        return REFUSED
    return _read_and_close(fd)


def _read_and_close(fd: int) -> bytes:
    try:
        return DIRECTORY if stat.S_ISDIR(os.fstat(fd).st_mode) else os.read(fd, 4096)
    finally:
        os.close(fd)


def refusal_number(root: Root, path: str) -> int | None:
    """Return the errno of a refusal."""
    try:
        os.close(root.open(os.fsencode(path)))
    except OSError as error:
        return error.errno
    return None


@pytest.fixture
def root(tree: Path, symlinks: Symlinks, openat2: bool) -> Iterator[Root]:
    root = Root(str(tree), symlinks, openat2=openat2)
    with no_leaks():
        yield root
    root.close()


@pytest.mark.parametrize("symlinks", [Symlinks.INSIDE])
@pytest.mark.parametrize("path", TABLE)
def test_links_are_followed_while_they_stay_inside(root: Root, path: str) -> None:
    assert look_up(root, path) == TABLE[path].inside


@pytest.mark.parametrize("symlinks", [Symlinks.DENY])
@pytest.mark.parametrize("path", TABLE)
def test_no_link_is_followed_when_they_are_denied(root: Root, path: str) -> None:
    assert look_up(root, path) == TABLE[path].deny


@pytest.mark.parametrize("symlinks", [Symlinks.FOLLOW])
def test_every_link_is_followed_when_all_are(root: Root, tree: Path) -> None:
    for path in TABLE:
        if "etc" in path or "proc" in path:
            continue  # the machine's own files, with who knows what in them
        try:
            expected = _read_and_close(os.open(tree / path, os.O_RDONLY))
        except OSError:
            expected = REFUSED
        assert look_up(root, path) == expected, path


@pytest.mark.parametrize("symlinks", [Symlinks.INSIDE, Symlinks.DENY])
def test_nothing_tells_what_exists_outside(
    tree: Path, tree_without_outside: Path, symlinks: Symlinks, openat2: bool
) -> None:
    root = Root(str(tree), symlinks, openat2=openat2)
    alone = Root(str(tree_without_outside), symlinks, openat2=openat2)
    for path in TABLE:
        assert look_up(root, path) != SECRET
        assert look_up(alone, path) == look_up(root, path), path
        assert refusal_number(alone, path) == refusal_number(root, path), path
    root.close()
    alone.close()


@pytest.mark.parametrize("symlinks", [Symlinks.INSIDE])
def test_the_root_may_itself_be_reached_through_a_link(
    tree: Path, tmp_path: Path, symlinks: Symlinks, openat2: bool
) -> None:
    (tmp_path / "link").symlink_to(tree)
    root = Root(str(tmp_path / "link"), symlinks, openat2=openat2)
    assert root.path == str(tree)
    assert look_up(root, "abs_file") == PLAIN
    assert look_up(root, "out_file") == REFUSED
    root.close()


def test_the_root_of_the_machine_may_be_served(tree: Path, openat2: bool) -> None:
    root = Root("/", openat2=openat2)
    assert look_up(root, str(tree / "abs_out_file").lstrip("/")) == SECRET  # inside, now
    assert look_up(root, str(tree / "out_up_many").lstrip("/")) == REFUSED
    root.close()


def test_magic_links_of_proc_lead_nowhere(openat2: bool) -> None:
    root = Root("/proc/self", openat2=openat2)
    for path in ("root", "root/etc/passwd", "cwd", "exe", "fd/0", "ns/net", "task/self"):
        assert look_up(root, path) == REFUSED, path
    root.close()


def test_a_root_that_is_renamed_is_still_served(tmp_path: Path, openat2: bool) -> None:
    make_linked_tree(tmp_path)
    root = Root(str(tmp_path / "root"), openat2=openat2)
    (tmp_path / "root").rename(tmp_path / "moved")
    assert look_up(root, "to_dir/inner.txt") == INNER
    assert look_up(root, "out_file") == REFUSED
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "plain.txt").write_bytes(SECRET)
    assert look_up(root, "plain.txt") == PLAIN
    root.close()


def test_a_root_that_is_removed_has_no_files(tmp_path: Path, openat2: bool) -> None:
    (tmp_path / "root").mkdir()
    root = Root(str(tmp_path / "root"), openat2=openat2)
    (tmp_path / "root").rmdir()
    assert look_up(root, "index.html") == REFUSED
    root.close()


@pytest.mark.parametrize("name", ["missing", "file.txt", "file.txt/", "loop", "no/where"])
def test_what_is_no_directory_can_not_be_a_root(tmp_path: Path, name: str) -> None:
    (tmp_path / "file.txt").touch()
    (tmp_path / "loop").symlink_to("loop")
    with no_leaks(), pytest.raises(OSError, match=r"No such|Not a directory|symbolic links"):
        Root(str(tmp_path / name))


def test_a_root_may_be_closed_twice(tree: Path) -> None:
    with no_leaks():
        root = Root(str(tree))
        root.close()
        root.close()


@pytest.mark.parametrize("symlinks", list(Symlinks))
def test_special_files_are_opened_without_waiting(
    tmp_path: Path, symlinks: Symlinks, openat2: bool
) -> None:
    os.mkfifo(tmp_path / "fifo")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "socket"))
    root = Root(str(tmp_path), symlinks, openat2=openat2)
    fd = root.open(b"fifo")
    assert stat.S_ISFIFO(os.fstat(fd).st_mode)
    os.close(fd)
    assert refusal_number(root, "socket") == errno.ENXIO
    root.close()
    listener.close()


def test_openat2_is_left_alone_where_a_sandbox_forbids_it(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in (errno.ENOSYS, errno.EPERM, errno.EOPNOTSUPP):
        monkeypatch.setattr("ctypes.CDLL", lambda *_, n=number, **__: _Kernel(n))
        root = Root(str(tree))
        assert look_up(root, "abs_dir/inner.txt") == INNER
        assert look_up(root, "out_file") == REFUSED
        root.close()


def test_trouble_that_is_not_the_kernels_age_is_told(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ctypes.CDLL", lambda *_, **__: _Kernel(errno.EMFILE))
    with no_leaks(), pytest.raises(OSError, match="Too many open files"):
        Root(str(tree))


def test_other_platforms_walk(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "darwin")
    root = Root(str(tree))
    monkeypatch.undo()
    assert look_up(root, "to_dir/inner.txt") == INNER
    assert look_up(root, "out_file") == REFUSED
    root.close()


@pytest.mark.parametrize("number", [errno.EAGAIN, errno.EXDEV, errno.EINTR])
def test_the_walk_decides_what_openat2_can_not(
    tree: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    monkeypatch.setattr("ctypes.CDLL", lambda *_, **__: _Kernel(number, after=1))
    root = Root(str(tree))
    monkeypatch.undo()
    for path, row in TABLE.items():
        assert look_up(root, path) == row.inside, path
    root.close()


class _Kernel:
    """Has a syscall() that fails with *number* after some calls that do not."""

    def __init__(self, number: int, after: int = 0) -> None:
        self._number = number
        self._calls_left = after
        self.syscall = _Call(self._fail)

    def _fail(self, *_: object) -> int:
        if self._calls_left:
            self._calls_left -= 1
            return os.open("/", os.O_RDONLY)
        ctypes.set_errno(self._number)
        return -1


class _Call:
    """A function that takes the attributes of a foreign one."""

    restype: object
    argtypes: object

    def __init__(self, function: Callable[..., int]) -> None:
        self._function = function

    def __call__(self, *arguments: object) -> int:
        return self._function(*arguments)
