"""Clean addresses: `/about` for about.html, and `/docs/` for docs/index.html."""

from typing import NamedTuple
from urllib.parse import quote

from evloop.http.target import NAME_MAX, Target

EXTENSION = b".html"

_SAFE = "!$&'()*+,;=:@~"


class Address(NamedTuple):
    """A path beneath the root and whether a slash follows it."""

    path: bytes
    is_directory: bool


def with_extension(path: bytes) -> tuple[bytes, ...]:
    """Return the file that *path* may be the clean address of, if its name can be one."""
    name = path.rpartition(b"/")[2]
    return (path + EXTENSION,) if name and len(name) + len(EXTENSION) <= NAME_MAX else ()


def clean_address(path: bytes, index_names: tuple[bytes, ...]) -> Address | None:
    """Return the clean address of the file at *path*; None where that is its path."""
    directory, _, name = path.rpartition(b"/")
    if not name.endswith(EXTENSION) or name == EXTENSION:
        return None
    if name in index_names:
        return Address(directory, True)
    return Address(path.removesuffix(EXTENSION), False)


def clean_location(address: Address, target: Target, wire: bytes) -> bytes:
    """Return the Location of *address* for a client that asked for *target*, as *wire*.

    The reference is relative, as that of a directory is, so that what a proxy has taken off the
    path stays on it; but where a client may resolve the dots in another way, it is the path.
    Neither can name another host: both begin with a dot or one slash and a name.
    """
    asked, _, _ = wire.partition(b"?")
    name = quote(address.path.rpartition(b"/")[2], safe=_SAFE).encode()
    if asked.startswith(b"/") and not asked.endswith(b"//") and not _ends_in_dots(asked):
        if address.is_directory:
            location = b"./"
        else:
            location = (b"../" if _is_within(target, address.path) else b"./") + name
    else:
        location = b"/" + quote(address.path, safe="/" + _SAFE).encode()
        location += b"/" if address.is_directory and address.path else b""
    return location + target.query


def _is_within(target: Target, path: bytes) -> bool:
    """Whether *target* is in, or is, a directory of the name that the file at *path* has."""
    return target.is_directory or target.path.rpartition(b"/")[0] == path


def _ends_in_dots(asked: bytes) -> bool:
    return asked.rpartition(b"/")[2].lower().replace(b"%2e", b".") in {b".", b".."}
