"""Giving up root: by name, in order, and for good."""

import os
import pwd
import subprocess
import sys

import pytest

from evloop.process.privileges import assume, find_identity, is_root
from evloop.settings.config import ConfigError

NOBODY = "nobody"
needs_root = pytest.mark.skipif(not is_root(), reason="only root has something to give up")


@pytest.mark.parametrize(("user", "group"), [("no-such-user", ""), ("", "no-such-group")])
def test_a_name_that_does_not_exist_is_refused(user: str, group: str) -> None:
    option = "--user" if user else "--group"
    with pytest.raises(ConfigError, match=f"{option} {user or group}: there is no such name"):
        find_identity(user, group)


def test_nobody_is_nobody() -> None:
    assert find_identity("", "") is None


def become(user: str, group: str) -> None:
    identity = find_identity(user, group)
    assert identity is not None
    assume(identity)


@pytest.mark.parametrize(("user", "group"), [(NOBODY, ""), ("", "root"), (NOBODY, "root")])
def test_only_root_may_become_somebody_else(
    user: str, group: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError

    for name in CALLS:
        monkeypatch.setattr(os, name, refuse)
    option = f"--user {NOBODY}" if user else "--group root"
    with pytest.raises(ConfigError, match=f"{option}: only root may become somebody else"):
        become(user, group)


ACCOUNT = pwd.getpwnam(NOBODY)
CALLS = ("setgroups", "initgroups", "setgid", "setuid")


@pytest.mark.parametrize(
    ("user", "group", "expected"),
    [
        (
            NOBODY,
            "",
            [
                ("initgroups", NOBODY, ACCOUNT.pw_gid),
                ("setgid", ACCOUNT.pw_gid),
                ("setuid", ACCOUNT.pw_uid),
            ],
        ),
        (NOBODY, "root", [("initgroups", NOBODY, 0), ("setgid", 0), ("setuid", ACCOUNT.pw_uid)]),
        ("", "root", [("setgroups", [0]), ("setgid", 0)]),
    ],
)
def test_groups_are_left_before_the_user_is(
    user: str, group: str, expected: list[tuple[object, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[tuple[object, ...]] = []
    for name in CALLS:
        monkeypatch.setattr(os, name, lambda *args, name=name: calls.append((name, *args)))
    become(user, group)
    assert calls == expected


@needs_root
def test_root_is_given_up_for_good() -> None:
    program = (
        "import os\n"
        "from evloop.process.privileges import assume, find_identity, harden, is_root\n"
        f"assume(find_identity({NOBODY!r}, ''))\n"
        "harden()\n"
        "assert not is_root()\n"
        "assert 0 not in os.getgroups() + list(os.getresuid()) + list(os.getresgid())\n"
        "try:\n"
        "    os.setuid(0)\n"
        "except PermissionError:\n"
        "    print('for good')\n"
    )
    assert run(program) == "for good\n"


@needs_root
def test_a_group_alone_leaves_the_groups_of_root() -> None:
    program = (
        "import grp, os\n"
        "from evloop.process.privileges import assume, find_identity\n"
        "os.setgroups([0, 1, 2])\n"
        "assume(find_identity('', 'nogroup'))\n"
        "gid = grp.getgrnam('nogroup').gr_gid\n"
        "print(os.getgroups() == [gid] and os.getresgid() == (gid,) * 3)\n"
    )
    assert run(program) == "True\n"


class TestLibrary:
    """`user` and `group` hold for a program that opens a Server as for the command line."""

    OPENING = (
        "import os, sys, pathlib, tempfile\n"
        "from evloop import Config, Server\n"
        "place = pathlib.Path(tempfile.mkdtemp())\n"
        "(place / 'root').mkdir()\n"
        "log = place / 'log'\n"
        "config = Config(root=place / 'root', host='127.0.0.1', port=0, user='nobody',\n"
        "                access_log=str(log))\n"
    )

    @needs_root
    def test_it_becomes_the_user_and_the_log_is_the_users(self) -> None:
        program = self.OPENING + (
            "place.chmod(0o711)\n"  # nobody can't create files there
            "server = Server(config)\n"
            "server.open()\n"
            "status = log.stat()\n"
            "print(os.getuid(), status.st_uid, status.st_gid, oct(status.st_mode & 0o777))\n"
            "server.worker.reopen_log()\n"
            "server.close()\n"
        )
        uid, gid = ACCOUNT.pw_uid, ACCOUNT.pw_gid
        assert run(program) == f"{uid} {uid} {gid} 0o640\n"

    @needs_root
    @pytest.mark.parametrize(
        ("plant", "link"),
        [("log.symlink_to(place / 'new')", "new"), ("os.link(place / 'secret', log)", "secret")],
    )
    def test_a_link_that_was_planted_leads_nowhere(self, plant: str, link: str) -> None:
        program = self.OPENING + (
            "place.chmod(0o711)\n"
            "secret = place / 'secret'\n"
            "secret.write_text('secret')\n"
            "secret.chmod(0o600)\n"
            f"{plant}\n"
            "try:\n"
            "    Server(config).open()\n"
            "except Exception as error:\n"
            "    print(type(error).__name__, str(error).rpartition(': ')[2])\n"
            "status = secret.stat()\n"
            "print(status.st_uid, oct(status.st_mode & 0o777), (place / 'new').exists())\n"
        )
        assert run(program) == "ServerError Permission denied\n0 0o600 False\n"

    @needs_root
    def test_a_user_who_is_nobody_is_told_before_the_process_changes(self) -> None:
        program = self.OPENING + (
            "import dataclasses\n"
            "try:\n"
            "    Server(dataclasses.replace(config, user='no-such-user')).open()\n"
            "except ValueError as error:\n"
            "    print(error)\n"
            "print(os.getuid(), log.exists())\n"
        )
        message = "--user no-such-user: there is no such name on this machine\n"
        assert run(program) == message + "0 False\n"


def run(program: str) -> str:
    """Run *program* in a process of its own and return what it prints."""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_a_core_file_holds_nothing_and_a_log_is_not_for_all() -> None:
    program = (
        "import os, resource\n"
        "from evloop.process.privileges import harden\n"
        "harden()\n"
        "assert resource.getrlimit(resource.RLIMIT_CORE) == (0, 0)\n"
        "print(oct(os.umask(0)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=False
    )
    assert (done.stdout, done.returncode) == ("0o27\n", 0), done.stderr
