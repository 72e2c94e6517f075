"""The file of users and hashes: how it is read, and read again when it has changed."""

import logging
import os
import re
import stat
import time
from collections.abc import Callable, Mapping, Sequence

from evloop.site.access.hashes import check_hash
from evloop.site.access.sizes import MAX_FILE_SIZE

_MAX_USER_SIZE = 255  # bytes; htpasswd.c of Apache takes no longer names
_CONTROL = re.compile(rb"[\x00-\x1f\x7f]")

# A file that changed less than this before it was read may change again without a new time stamp
# (FAT keeps two seconds), so it is read again at the next look.
_SETTLED_NS = 2_000_000_000

_log = logging.getLogger("evloop")


class HtpasswdError(ValueError):
    """A line that can't be taken; the text is its number and why."""


def parse_htpasswd(data: bytes) -> dict[bytes, bytes]:
    """Return the hash of each user. Empty lines and those that begin with `#` are skipped.

    What follows a second colon is skipped as well, as Apache does.

    Raises HtpasswdError for the first line that is wrong, and for a file without users.
    """
    if len(data) > MAX_FILE_SIZE:
        raise HtpasswdError(f"more than {MAX_FILE_SIZE // 1024} KiB are not read")
    users: dict[bytes, bytes] = {}
    for number, line in enumerate(data.split(b"\n"), 1):
        line = line.rstrip()
        if line and not line.startswith(b"#"):
            try:
                user, stored = _parse_line(line, users)
            except ValueError as error:
                raise HtpasswdError(f"line {number}: {error}") from error
            users[user] = stored
    if not users:
        raise HtpasswdError("there is no user in it")
    return users


def _parse_line(line: bytes, known: Mapping[bytes, bytes]) -> tuple[bytes, bytes]:
    user, colon, rest = line.partition(b":")
    if not colon:
        raise ValueError("user:hash is wanted")
    if not user or len(user) > _MAX_USER_SIZE:
        raise ValueError(f"the name of a user has 1 to {_MAX_USER_SIZE} bytes")
    if _CONTROL.search(user):
        raise ValueError("the name of a user has no control characters")
    if user in known:
        raise ValueError("this user was there before")
    stored = rest.partition(b":")[0]
    check_hash(stored)
    return user, stored


class PasswordFile:
    """The users in the file at *path*, which is read again when it has changed.

    It is looked at once per *revalidate* seconds at most; `fresh_until`, on the reactor's clock,
    is until when `users` hold; `hashes` are those of all. A new file that can't be read or taken
    is said once, and the users of before stay. *on_change* is called when there are others.

    Raises OSError and HtpasswdError when it can't be read, or taken, now.
    """

    def __init__(
        self,
        path: str,
        revalidate: float,
        now: float,
        on_change: Callable[[], None] = lambda: None,
        wall_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._path = os.path.abspath(path)
        self._given = path
        self._revalidate = revalidate
        self._on_change = on_change
        self._wall_ns = wall_ns
        self._complaint = ""
        self._state: object = None
        self._data = b""
        self.users: Mapping[bytes, bytes] = {}
        self.hashes: Sequence[bytes] = ()
        self.fresh_until = now + revalidate
        self._read()

    def look(self, now: float) -> None:
        """Read the file again if it is time and it has changed."""
        if now < self.fresh_until:
            return
        self.fresh_until = now + self._revalidate
        try:
            self._read()
            self._complaint = ""
        except OSError as error:
            self._complain(error.strerror or "it can't be read")
        except HtpasswdError as error:
            self._complain(str(error))

    def _complain(self, why: str) -> None:
        if why != self._complaint:
            self._complaint = why
            _log.warning("--htpasswd %s: %s; the users of before stay", self._given, why)

    def _read(self) -> None:
        status = os.stat(self._path)
        state = _state_of(status)
        if state == self._state:
            return
        with open(_opened(self._path), "rb") as stream:
            status = os.fstat(stream.fileno())
            data = stream.read(MAX_FILE_SIZE + 1)
        if data != self._data or not self.users:
            users = parse_htpasswd(data)
            self._data, self.users, self.hashes = data, users, tuple(users.values())
            self._on_change()
        quiet_ns = self._wall_ns() - max(status.st_mtime_ns, status.st_ctime_ns)
        self._state = _state_of(status) if quiet_ns > _SETTLED_NS else None


def _opened(path: str) -> int:
    """Return a descriptor of the regular file at *path*; raises OSError for anything else."""
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if stat.S_ISREG(os.fstat(fd).st_mode):
        return fd
    os.close(fd)
    raise OSError(0, "this is no regular file")


def _state_of(status: os.stat_result) -> object:
    return (
        status.st_dev,
        status.st_ino,
        status.st_size,
        status.st_mtime_ns,
        status.st_ctime_ns,
    )
