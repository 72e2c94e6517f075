"""Giving up what is only needed to bind a port."""

import grp
import os
import pwd
import resource
from collections.abc import Callable
from typing import TypeVar

from evloop.settings.config import ConfigError

_Record = TypeVar("_Record")


def drop_privileges(user: str, group: str) -> None:
    """Become *user* and *group* for good; the user's own groups when only a user is given.

    Raises ConfigError for a name that does not exist, or when this process may not.
    """
    account = _look_up("--user", user, pwd.getpwnam) if user else None
    gid = _look_up("--group", group, grp.getgrnam).gr_gid if group else None
    try:
        if account is not None:
            _leave_groups(account, gid)
        if gid is not None:
            os.setgid(gid)
        if account is not None:
            os.setuid(account.pw_uid)
    except PermissionError as error:
        option, name = ("--user", user) if user else ("--group", group)
        raise ConfigError(option, name, "only root may become somebody else") from error


def _leave_groups(account: pwd.struct_passwd, gid: int | None) -> None:
    os.initgroups(account.pw_name, account.pw_gid if gid is None else gid)
    if gid is None:
        os.setgid(account.pw_gid)


def _look_up(option: str, name: str, find: Callable[[str], _Record]) -> _Record:
    try:
        return find(name)
    except KeyError as error:
        raise ConfigError(option, name, "there is no such name on this machine") from error


def harden() -> None:
    """Leave no memory of clients behind in a core file, and no file for others to write."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.umask(0o027)


def is_root() -> bool:
    """Whether the process may still do everything."""
    return os.geteuid() == 0
