"""Giving up what is only needed to bind a port."""

import grp
import os
import pwd
import resource
from collections.abc import Callable
from typing import NamedTuple, TypeVar

from evloop.settings.config import ConfigError

_Record = TypeVar("_Record")


class Identity(NamedTuple):
    """Whom to become."""

    user: str
    """Empty to stay the same user."""
    uid: int | None
    """None to stay the same user."""
    gid: int
    option: str
    """The option that asks for it, and its value: what an error names."""
    name: str


def find_identity(user: str, group: str) -> Identity | None:
    """Return whom *user* and *group* mean, the user's own group when no other is given.

    None when both are empty. Raises ConfigError for a name that does not exist.
    """
    account = _look_up("--user", user, pwd.getpwnam) if user else None
    gid = _look_up("--group", group, grp.getgrnam).gr_gid if group else None
    if account is not None:
        own_gid = account.pw_gid if gid is None else gid
        return Identity(user, account.pw_uid, own_gid, "--user", user)
    return None if gid is None else Identity("", None, gid, "--group", group)


def assume(identity: Identity) -> None:
    """Become *identity* for good, in this order: supplementary groups, group, user.

    With a group alone the user stays what it is, and the supplementary groups go: root's would
    open what the group was chosen not to open.

    Raises ConfigError when this process may not.
    """
    try:
        if identity.uid is None:
            os.setgroups([identity.gid])
        else:
            os.initgroups(identity.user, identity.gid)
        os.setgid(identity.gid)
        if identity.uid is not None:
            os.setuid(identity.uid)
    except PermissionError as error:
        reason = "only root may become somebody else"
        raise ConfigError(identity.option, identity.name, reason) from error


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
