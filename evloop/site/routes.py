"""Which paths beneath the root a request target may mean."""

from collections.abc import Callable
from functools import lru_cache

from evloop.http.request import RequestError
from evloop.http.target import parse_target

_WELL_KNOWN = b".well-known"  # RFC 8615
# Routes of longer targets are worked out each time, so that the memo of them stays small.
_MAX_TARGET_SIZE = 256
_MAX_ROUTES = 2048
ROUTES_SIZE = _MAX_ROUTES * 1024
"""Bytes that all remembered routes may come to take."""

Route = tuple[bytes, ...]
"""The paths at which a target's file may be, the first one first."""


def router(index_names: tuple[bytes, ...], *, hidden: bool) -> Callable[[bytes], Route]:
    """Return the function from a request target to its route.

    A directory's file is one of *index_names*. Names that begin with a dot are no names
    unless *hidden*. The function raises RequestError: 400, or 404 for hidden names.
    """

    def route(target_bytes: bytes) -> Route:
        target = parse_target(target_bytes)
        paths = index_paths(target.path, index_names) if target.is_directory else (target.path,)
        if not hidden:
            paths = tuple(path for path in paths if not is_hidden(path))
        if not paths:
            raise RequestError(404, "a hidden name")
        return paths

    remembered = lru_cache(_MAX_ROUTES)(route)
    return lambda target: (remembered if len(target) <= _MAX_TARGET_SIZE else route)(target)


def index_paths(directory: bytes, index_names: tuple[bytes, ...]) -> tuple[bytes, ...]:
    """Return the paths of the files that may answer for *directory*."""
    prefix = directory + b"/" if directory else b""
    return tuple(prefix + name for name in index_names)


def is_hidden(path: bytes) -> bool:
    """Whether a name in *path* begins with a dot, but for the first being `.well-known`."""
    first, *others = path.split(b"/")
    return (first.startswith(b".") and first != _WELL_KNOWN) or any(
        name.startswith(b".") for name in others
    )
