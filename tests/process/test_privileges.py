"""Giving up root: by name, in order, and for good."""

import os
import pwd
import subprocess
import sys

import pytest

from evloop.process.privileges import drop_privileges, is_root
from evloop.settings.config import ConfigError

NOBODY = "nobody"


@pytest.mark.parametrize(("user", "group"), [("no-such-user", ""), ("", "no-such-group")])
def test_a_name_that_does_not_exist_is_refused(user: str, group: str) -> None:
    option = "--user" if user else "--group"
    with pytest.raises(ConfigError, match=f"{option} {user or group}: there is no such name"):
        drop_privileges(user, group)


@pytest.mark.parametrize(("user", "group"), [(NOBODY, ""), ("", "root"), (NOBODY, "root")])
def test_only_root_may_become_somebody_else(
    user: str, group: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError

    for name in ("initgroups", "setgid", "setuid"):
        monkeypatch.setattr(os, name, refuse)
    with pytest.raises(ConfigError, match="only root may become somebody else"):
        drop_privileges(user, group)


def test_a_group_may_be_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    left: list[int] = []
    monkeypatch.setattr(os, "setgid", left.append)
    drop_privileges("", "root")
    assert left == [0]


@pytest.mark.parametrize("group", ["", "root"])
def test_groups_are_left_before_the_user_is(group: str, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[object, ...]] = []
    for name in ("initgroups", "setgid", "setuid"):
        monkeypatch.setattr(os, name, lambda *args, name=name: calls.append((name, *args)))
    drop_privileges(NOBODY, group)
    account = pwd.getpwnam(NOBODY)
    gid = 0 if group else account.pw_gid
    assert calls == [
        ("initgroups", NOBODY, gid),
        ("setgid", gid),
        ("setuid", account.pw_uid),
    ]


def test_root_is_given_up_for_good() -> None:
    if not is_root():
        pytest.skip("only root has something to give up")
    program = (
        "import os\n"
        "from evloop.process.privileges import drop_privileges, harden, is_root\n"
        f"drop_privileges({NOBODY!r}, '')\n"
        "harden()\n"
        "assert not is_root()\n"
        "assert 0 not in os.getgroups() + list(os.getresuid()) + list(os.getresgid())\n"
        "try:\n"
        "    os.setuid(0)\n"
        "except PermissionError:\n"
        "    print('for good')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=False
    )
    assert (done.stdout, done.returncode) == ("for good\n", 0), done.stderr


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
