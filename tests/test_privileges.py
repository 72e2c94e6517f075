"""Giving up root after binding."""

import os
import pwd
import subprocess
import sys

import pytest

from evloop.config import ConfigError
from evloop.privileges import drop_privileges

NOBODY = "nobody"

SHOW = """
import os, resource, sys
from evloop.privileges import drop_privileges, harden
harden()
drop_privileges(*sys.argv[1:])
core = resource.getrlimit(resource.RLIMIT_CORE)
print(os.getuid(), os.geteuid(), os.getgid(), *core)
"""


@pytest.mark.parametrize(
    ("option", "names"), [("--user", ("no-such", "")), ("--group", ("", "no-such"))]
)
def test_a_name_that_does_not_exist_is_named(option: str, names: tuple[str, str]) -> None:
    with pytest.raises(ConfigError, match=f"^{option} no-such: there is no such name"):
        drop_privileges(*names)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_root_becomes_the_user_for_good() -> None:
    account = pwd.getpwnam(NOBODY)
    shown = subprocess.run(
        [sys.executable, "-c", SHOW, NOBODY, ""],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    ).stdout.split()
    uid, effective, gid, *core = map(int, shown)
    assert (uid, effective, gid) == (account.pw_uid, account.pw_uid, account.pw_gid)
    assert core == [0, 0]
