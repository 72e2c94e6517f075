"""A root that is rebuilt, swapped or moved away while it is served; and the names it goes by."""

import ctypes
import errno
import os
import shutil
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from evloop.files.cache import Cache, CacheSettings, Found
from evloop.files.openat2 import OPEN_FLAGS
from evloop.files.preload import Preload
from evloop.files.reader import Reader
from evloop.files.root import Root
from evloop.settings.choices import Symlinks
from tests.support.bench import later_ns, write
from tests.support.descriptors import no_leaks
from tests.support.scheduler import Scheduler

as_anybody = pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")


@pytest.fixture(params=[True, False], ids=["openat2", "walk"])
def openat2(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


class Served:
    """A cache over a root that changes."""

    def __init__(self, path: Path, revalidate: float, *, openat2: bool = True) -> None:
        self.root = Root(str(path), openat2=openat2)
        self.clears = 0
        self.scheduler = Scheduler()
        self.cache = Cache(
            self.root,
            Reader(),
            CacheSettings(max_in_memory_size=100, revalidate=revalidate),
            self._on_evict,
            later_ns,
            call_at=self.scheduler.call_at,
        )

    def _on_evict(self) -> None:
        self.clears += 1

    def read(self, now: float, name: bytes = b"file") -> bytes:
        """Return what is served; nothing for a 404."""
        try:
            found = self.cache.find(name, now)
        except FileNotFoundError:
            return b""
        assert isinstance(found, Found)
        if found.entry.content is not None:
            return bytes(found.entry.content.view)
        try:
            return os.pread(found.fd, 1000, 0)
        finally:
            os.close(found.fd)

    def close(self) -> None:
        self.cache.close()
        self.root.close()


@pytest.fixture
def serve(tmp_path: Path, openat2: bool) -> Iterator[Callable[..., Served]]:
    made: list[Served] = []

    def serve(name: str = "root", revalidate: float = 1.0) -> Served:
        made.append(Served(tmp_path / name, revalidate, openat2=openat2))
        return made[-1]

    with no_leaks():
        yield serve
        for served in made:
            served.close()


def rebuild(path: Path, data: bytes) -> None:
    """Make the directory anew, as `rm -rf dist && build` does."""
    shutil.rmtree(path, ignore_errors=True)
    write(path / "file", data)
    write(path / "large", data * 100)


class TestARootThatChanges:
    def test_a_rebuilt_root_is_served_when_it_is_time(
        self, serve: Callable[..., Served], tmp_path: Path
    ) -> None:
        rebuild(tmp_path / "root", b"one")
        served = serve()
        assert served.read(10.0) == b"one"
        keep = (tmp_path / "root").rename(tmp_path / "kept")  # so that no inode is used again
        rebuild(tmp_path / "root", b"two")
        assert served.read(10.999) == b"one"
        assert served.read(11.0) == b"two"
        assert served.read(11.0, b"large") == b"two" * 100
        assert served.root.path == str(tmp_path / "root")
        assert keep.is_dir()

    def test_a_swapped_link_is_followed_to_the_new_release(
        self, serve: Callable[..., Served], tmp_path: Path
    ) -> None:
        for number in "12":
            write(tmp_path / "releases" / number / "file", number.encode())
        (tmp_path / "current").symlink_to("releases/1")
        served = serve("current")
        assert served.read(1.0) == b"1"
        (tmp_path / "next").symlink_to("releases/2")
        (tmp_path / "next").rename(tmp_path / "current")
        before = served.clears
        assert served.read(2.0) == b"2"
        assert served.clears > before  # what was planned for the old one is forgotten
        assert served.root.path == str(tmp_path / "releases" / "2")

    def test_nothing_of_an_old_root_is_served_longer_than_revalidate(
        self, serve: Callable[..., Served], tmp_path: Path
    ) -> None:
        for number in "12":
            write(tmp_path / "releases" / number / "file", number.encode())
            write(tmp_path / "releases" / number / "late", number.encode())
        (tmp_path / "current").symlink_to("releases/1")
        served = serve("current")
        served.read(1.0)
        (tmp_path / "current").unlink()
        (tmp_path / "current").symlink_to("releases/2")
        assert served.read(1.9, b"late") == b"1"  # found first when the root was not looked at
        assert served.read(2.0, b"late") == b"2"

    @pytest.mark.parametrize("how", ["removed", "renamed", "a file", "a loop"])
    def test_a_root_that_is_gone_is_404_and_comes_back(
        self, serve: Callable[..., Served], tmp_path: Path, how: str
    ) -> None:
        rebuild(tmp_path / "root", b"one")
        served = serve()
        assert served.read(1.0) == b"one"
        (tmp_path / "root").rename(tmp_path / "moved")
        if how == "removed":
            shutil.rmtree(tmp_path / "moved")
        elif how == "a file":
            (tmp_path / "root").touch()
        elif how == "a loop":
            (tmp_path / "root").symlink_to("root")
        assert served.read(2.0) == b""
        assert not served.cache.is_file(b"file")
        clears = served.clears
        assert served.read(3.0) == b""
        assert served.clears == clears  # once is enough
        (tmp_path / "root").unlink(missing_ok=True)
        rebuild(tmp_path / "root", b"two")
        assert served.read(3.5) == b""
        assert served.read(4.0) == b"two"

    def test_downloads_keep_their_files(self, serve: Callable[..., Served], tmp_path: Path) -> None:
        rebuild(tmp_path / "root", b"one")
        served = serve()
        found = served.cache.find(b"large", 1.0)
        assert isinstance(found, Found)
        (tmp_path / "root").rename(tmp_path / "kept")
        rebuild(tmp_path / "root", b"two")
        assert served.read(2.0) == b"two"
        assert os.pread(found.fd, 1000, 0) == b"one" * 100
        os.close(found.fd)

    def test_who_waits_for_a_file_of_the_old_root_gets_that_of_the_new(
        self, serve: Callable[..., Served], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        rebuild(tmp_path / "root", b"one")
        served = serve()
        with monkeypatch.context() as patch:
            patch.setattr(Reader, "read_into", lambda *_: None)
            preload = served.cache.find(b"file", 1.0)
        assert isinstance(preload, Preload)
        got: list[bytes] = []
        preload.subscribe(lambda now: got.append(served.read(now)))
        (tmp_path / "root").rename(tmp_path / "kept")
        rebuild(tmp_path / "root", b"two")
        with pytest.raises(FileNotFoundError):
            served.cache.find(b"nothing", 2.0)
        served.scheduler.run_until(3.0)
        assert got == [b"two"]

    def test_what_says_nothing_about_the_root_changes_nothing(
        self, serve: Callable[..., Served], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        rebuild(tmp_path / "root", b"one")
        served = serve()
        served.read(1.0)
        real = os.stat

        def refuse(number: int) -> Callable[..., Any]:
            def refused(path: Any, **options: Any) -> os.stat_result:
                if path == str(tmp_path / "root"):
                    raise OSError(number, os.strerror(number))
                return real(path, **options)

            return refused

        for now, number in enumerate((errno.EACCES, errno.EIO, errno.ENOMEM), 2):
            with monkeypatch.context() as patch:
                patch.setattr(os, "stat", refuse(number))
                assert served.read(float(now)) == b"one"
        assert served.clears == 0

    @pytest.mark.parametrize(("revalidate", "looks"), [(1.0, 3), (0.0, 30), (100.0, 1)])
    def test_the_root_is_looked_at_no_more_than_needed(
        self,
        serve: Callable[..., Served],
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        revalidate: float,
        looks: int,
    ) -> None:
        rebuild(tmp_path / "root", b"one")
        served = serve(revalidate=revalidate)
        counted = 0
        real = Root.look

        def look(root: Root) -> bool:
            nonlocal counted
            counted += 1
            return real(root)

        monkeypatch.setattr(Root, "look", look)
        for turn in range(30):
            for name in (b"file", b"large", b"nothing"):  # in one turn one look is enough
                served.read(turn * 0.1, name)
        assert counted == looks

    def test_a_hit_looks_at_nothing(
        self, serve: Callable[..., Served], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        rebuild(tmp_path / "root", b"one")
        served = serve()
        served.read(1.0)

        def fail(*_: object, **__: object) -> None:
            raise AssertionError("a system call")

        with monkeypatch.context() as patch:
            for call in ("stat", "fstat", "open", "preadv"):
                patch.setattr(os, call, fail)
            data = served.read(1.9)
        assert data == b"one"


def test_a_relative_root_is_meant_from_where_the_server_was_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rebuild(tmp_path / "root", b"one")
    (tmp_path / "elsewhere" / "root").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    root = Root("root")
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert not root.look()
    (tmp_path / "root").rename(tmp_path / "kept")
    rebuild(tmp_path / "root", b"two")
    assert root.look()
    assert _read(root, "file") == b"two"
    root.close()


def _read(root: Root, path: str | bytes) -> bytes:
    try:
        fd = root.open(os.fsencode(path))
    except OSError:
        return b""
    try:
        return b"<directory>" if stat.S_ISDIR(os.fstat(fd).st_mode) else os.read(fd, 100)
    finally:
        os.close(fd)


class TestNames:
    """Absolute links may name the root as it was given, or as it is without links."""

    @pytest.fixture
    def alias(self, tmp_path: Path) -> Path:
        data = tmp_path / "data/www"
        write(data / "file", b"inside")
        write(data / "sub/file", b"inside")
        for name in ("www-other", "ww"):
            write(tmp_path / "data" / name / "file", b"outside")
            write(tmp_path / "srv" / name / "file", b"outside")
        alias = tmp_path / "srv/www"
        alias.symlink_to(data)
        return alias

    @pytest.mark.parametrize(
        ("target", "leads_to"),
        [
            ("srv/www/file", b"inside"),
            ("data/www/file", b"inside"),
            ("srv/www/sub/../file", b"inside"),
            ("srv//www/./file", b"inside"),
            ("srv/www", b"<directory>"),
            ("srv/www/", b"<directory>"),
            ("srv/www/sub", b"<directory>"),
            ("srv/www/file/", b""),
            ("srv/www-other/file", b""),
            ("data/www-other/file", b""),
            ("srv/ww/file", b""),
            ("srv/www/../www-other/file", b""),
            ("data/www/../www/file", b""),
            ("srv", b""),
            ("", b""),
            ("srv/../srv/www/file", b""),
        ],
    )
    @pytest.mark.parametrize("given", ["", "/", "//", "/."])
    def test_a_link_is_inside_by_either_name(
        self, alias: Path, tmp_path: Path, openat2: bool, target: str, leads_to: bytes, given: str
    ) -> None:
        (tmp_path / "data/www/link").symlink_to(f"{tmp_path}/{target}")
        with no_leaks():
            root = Root(f"{alias}{given}", openat2=openat2)
            assert _read(root, "link") == leads_to
            assert _read(root, "link/file") == (b"inside" if leads_to == b"<directory>" else b"")
            root.close()

    def test_no_absolute_link_is_followed_when_links_are_denied(
        self, alias: Path, openat2: bool
    ) -> None:
        (alias / "link").symlink_to(alias / "file")
        root = Root(str(alias), Symlinks.DENY, openat2=openat2)
        assert _read(root, "link") == b""
        assert _read(root, "file") == b"inside"
        root.close()

    def test_names_that_are_not_utf_8_are_served(self, tmp_path: Path, openat2: bool) -> None:
        top = os.fsencode(tmp_path) + b"/r\xff\xfet"
        os.mkdir(top)
        with open(top + b"/f\xe9\x80", "wb") as file:
            file.write(b"bytes")
        os.symlink(top + b"/f\xe9\x80", top + b"/l\xff")
        root = Root(os.fsdecode(top), openat2=openat2)
        assert _read(root, b"f\xe9\x80") == b"bytes"
        assert _read(root, b"l\xff") == b"bytes"
        assert os.fsencode(root.path) == top
        assert not root.look()
        root.close()


class TestPermissions:
    """Some of it is made up, since these tests may run as root, who may read everything."""

    @pytest.fixture
    def refused(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """A root in which `docs` may be searched but not read, and `secret` may not be read."""
        write(tmp_path / "docs/index.html", b"index")
        write(tmp_path / "secret", b"secret")
        os.chmod(tmp_path / "docs", 0o711)
        os.chmod(tmp_path / "secret", 0o000)
        real = os.open

        def refuse(path: Any, flags: int, *rest: Any, **options: Any) -> int:
            reads = not flags & os.O_PATH
            if reads and os.path.basename(os.fsencode(path)) in {b"docs", b"secret"}:
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
            return real(path, flags, *rest, **options)

        if os.geteuid() == 0:
            monkeypatch.setattr(os, "open", refuse)
        return tmp_path

    @pytest.mark.parametrize("symlinks", list(Symlinks))
    def test_a_directory_that_may_only_be_searched_is_a_directory(
        self, refused: Path, symlinks: Symlinks
    ) -> None:
        root = Root(str(refused), symlinks, openat2=False)
        with no_leaks():
            fd = root.open(b"docs")
            assert stat.S_ISDIR(os.fstat(fd).st_mode)
            os.close(fd)
            assert _read(root, "docs/index.html") == b"index"
            with pytest.raises(PermissionError):
                root.open(b"secret")
        root.close()

    @as_anybody
    def test_openat2_says_the_same(self, refused: Path) -> None:
        root = Root(str(refused))
        assert _read(root, "docs") == b"<directory>"
        with pytest.raises(PermissionError):
            root.open(b"secret")
        root.close()

    def test_openat2_looks_again_by_name(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "docs").mkdir()
        root = Root(str(tmp_path))
        real = root._openat2
        if real is None:
            pytest.skip("openat2 is not to be had")

        def refuse(path: bytes, flags: int) -> int:
            if flags == OPEN_FLAGS:
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
            return real(path, flags)

        monkeypatch.setattr(root, "_openat2", refuse)
        assert _read(root, "docs") == b"<directory>"
        root.close()


@pytest.mark.parametrize("openat2", [False, True])
def test_a_lease_of_another_process_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, openat2: bool
) -> None:
    write(tmp_path / "file", b"data")
    root = Root(str(tmp_path), openat2=openat2)
    cache = Cache(root, Reader(), CacheSettings(), call_at=Scheduler().call_at)
    real = os.open

    def lease(path: Any, flags: int, *rest: Any, **options: Any) -> int:
        if path == b"file" and not flags & os.O_PATH:
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        return real(path, flags, *rest, **options)

    monkeypatch.setattr(os, "open", lease)
    if openat2:
        monkeypatch.setattr(root, "_openat2", lease)
    with no_leaks(), pytest.raises(BlockingIOError):
        cache.find(b"file", 0.0)
    cache.close()
    root.close()


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.EPERM, errno.EACCES, errno.EOPNOTSUPP])
def test_a_sandbox_that_refuses_openat2_is_walked_around(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    write(tmp_path / "file", b"data")

    class Kernel:
        def __init__(self, *_: object, **__: object) -> None:
            def syscall(*_: object) -> int:
                ctypes.set_errno(number)
                return -1

            self.syscall = syscall

    monkeypatch.setattr("ctypes.CDLL", Kernel)
    root = Root(str(tmp_path))
    assert _read(root, "file") == b"data"
    root.close()
