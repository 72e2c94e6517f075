"""Opening the log as root for a user who may own its directory, and mean harm."""

import errno
import os
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from evloop.observe.logfile import open_log_file
from evloop.observe.logwriter import LogWriter
from evloop.process.privileges import is_root
from tests.support.descriptors import no_leaks

pytestmark = pytest.mark.skipif(not is_root(), reason="only root can act for somebody else")

USER = (65534, 65534)
SOMEBODY_ELSE = 12345


@pytest.fixture(autouse=True)
def _no_leaks() -> Iterator[None]:
    with no_leaks():
        yield


@pytest.fixture
def own() -> Iterator[Path]:
    """A directory that only root can write to, as are all above it: not in /tmp."""
    with tempfile.TemporaryDirectory(prefix="evloop-", dir="/run") as made:
        yield Path(made)


@pytest.fixture
def users(tmp_path: Path) -> Path:
    """A directory of the user's."""
    made = tmp_path / "users"
    made.mkdir()
    os.chown(made, *USER)
    return made


@contextmanager
def as_user() -> Iterator[None]:
    os.setegid(USER[1])
    os.seteuid(USER[0])
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)


def opened(path: Path) -> os.stat_result:
    """Return the status of the file that was opened for the user."""
    fd = open_log_file(str(path), USER)
    try:
        os.write(fd, b"line\n")
        return os.fstat(fd)
    finally:
        os.close(fd)


class TestWhoseFileItIs:
    @pytest.mark.parametrize("place", ["own", "users", "tmp_path"])
    def test_a_new_file_is_the_users(self, place: str, request: pytest.FixtureRequest) -> None:
        status = opened(request.getfixturevalue(place) / "log")
        assert (status.st_uid, status.st_gid) == USER
        assert stat.S_IMODE(status.st_mode) == 0o640

    def test_a_file_of_roots_is_given_where_only_root_can_have_put_it(self, own: Path) -> None:
        (own / "log").touch(0o640)
        assert opened(own / "log").st_uid == USER[0]

    @pytest.mark.parametrize("mode", [0o775, 0o1777])
    def test_a_file_of_roots_stays_roots_where_others_can_have_put_it(
        self, own: Path, mode: int
    ) -> None:
        (own / "shared").mkdir()
        (own / "shared").chmod(mode)
        (own / "shared" / "secret").touch(0o600)
        assert opened(own / "shared" / "secret").st_uid == 0

    def test_nor_is_it_given_in_a_directory_of_roots_beneath_one_of_the_users(
        self, own: Path
    ) -> None:
        (own / "home" / "backup").mkdir(parents=True)
        os.chown(own / "home", *USER)
        (own / "home" / "backup" / "log").touch(0o600)
        assert opened(own / "home" / "backup" / "log").st_uid == 0

    def test_a_file_of_the_users_stays_so(self, users: Path) -> None:
        (users / "log").touch()
        os.chown(users / "log", *USER)
        os.link(users / "log", users / "second name")
        assert opened(users / "log").st_uid == USER[0]

    def test_a_device_stays_roots(self, own: Path) -> None:
        os.mknod(own / "null", stat.S_IFCHR | 0o600, os.makedev(1, 3))
        assert opened(own / "null").st_uid == 0

    def test_without_an_owner_nothing_is_given_and_links_are_followed(self, own: Path) -> None:
        (own / "log").symlink_to(own / "real")
        os.close(open_log_file(str(own / "log")))
        assert (own / "real").stat().st_uid == 0


def link_to_victim(users: Path, victim: Path) -> Path:
    (users / "log").symlink_to(victim)
    return users / "log"


def link_to_nothing(users: Path, victim: Path) -> Path:
    (users / "log").symlink_to(victim.with_name("new"))
    return users / "log"


def link_to_directory(users: Path, victim: Path) -> Path:
    (users / "logs").symlink_to(victim.parent)
    return users / "logs" / "new"


def link_in_the_middle(users: Path, victim: Path) -> Path:
    (users / "logs").symlink_to(victim.parent.parent)
    return users / "logs" / victim.parent.name / "new"


def second_name(users: Path, victim: Path) -> Path:
    os.link(victim, users / "log")
    return users / "log"


def second_name_of_a_third(users: Path, victim: Path) -> Path:
    os.chown(victim, SOMEBODY_ELSE, SOMEBODY_ELSE)
    return second_name(users, victim)


TRAPS = [
    link_to_victim,
    link_to_nothing,
    link_to_directory,
    link_in_the_middle,
    second_name,
    second_name_of_a_third,
]


@pytest.mark.parametrize("trap", TRAPS)
def test_a_trap_is_refused_and_nothing_is_touched(
    trap: Callable[[Path, Path], Path], users: Path, tmp_path: Path
) -> None:
    (tmp_path / "roots").mkdir()
    victim = tmp_path / "roots" / "victim"
    victim.write_bytes(b"secret")
    path = trap(users, victim)
    before = victim.stat()
    with pytest.raises(OSError, match="Too many levels of symbolic links") as caught:
        opened(path)
    assert caught.value.errno == errno.ELOOP
    assert caught.value.filename == str(path)
    assert victim.read_bytes() == b"secret"
    assert victim.stat().st_uid == before.st_uid
    assert os.listdir(tmp_path / "roots") == ["victim"]


class TestTheWay:
    @pytest.mark.parametrize("target", ["real", "{}/real", "../{0.name}/real"])
    def test_a_link_that_only_root_can_have_made_is_followed(self, own: Path, target: str) -> None:
        (own / "real").mkdir()
        (own / "logs").symlink_to(target.format(own))
        opened(own / "logs" / "log")
        assert (own / "real" / "log").stat().st_uid == USER[0]

    def test_links_that_lead_to_each_other_have_an_end(self, own: Path) -> None:
        (own / "one").symlink_to("two")
        (own / "two").symlink_to("one")
        with pytest.raises(OSError, match="Too many levels"):
            opened(own / "one" / "log")

    @pytest.mark.parametrize(
        ("name", "error"),
        [
            ("no/log", FileNotFoundError),
            ("file/log", NotADirectoryError),
            ("", IsADirectoryError),
            (".", IsADirectoryError),
            ("directory/", IsADirectoryError),
        ],
    )
    def test_what_is_no_file_is_told(self, own: Path, name: str, error: type[OSError]) -> None:
        (own / "file").touch()
        (own / "directory").mkdir()
        with pytest.raises(error) as caught:
            open_log_file(f"{own}/{name}", USER)
        assert caught.value.filename == f"{own}/{name}"

    def test_the_root_directory_is_no_log(self) -> None:
        with pytest.raises(IsADirectoryError):
            open_log_file("/", USER)

    def test_a_relative_path_begins_here(self, own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(own)
        os.close(open_log_file("./log", USER))
        assert (own / "log").stat().st_uid == USER[0]


def test_the_user_can_reopen_what_root_has_opened(users: Path) -> None:
    users.parent.chmod(0o755)
    path = users / "log"
    before = [each.stat().st_mode for each in users.parents]
    for each in users.parents:
        each.chmod(each.stat().st_mode | 0o011)
    sink = LogWriter(str(path), owner=USER)
    sink.write(b"one\n", 0.0)
    with as_user():
        sink.reopen()  # the same file, which is the user's now
        path.rename(users / "log.1")
        sink.reopen()
    sink.write(b"two\n", 0.0)
    sink.close()
    for each, mode in zip(users.parents, before, strict=True):
        each.chmod(mode)
    assert (users / "log.1").read_bytes() == b"one\n"
    assert path.read_bytes() == b"two\n"
    assert path.stat().st_uid == USER[0]
