"""Which paths beneath the root a request target may mean."""

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

from evloop.http.request import RequestError
from evloop.http.target import Target, parse_target

_WELL_KNOWN = b".well-known"  # RFC 8615
# Routes of longer targets are worked out each time, so that the memo of them stays small.
_MAX_TARGET_SIZE = 128
_MAX_PATHS = 2048
ROUTES_SIZE = _MAX_PATHS * 1024
"""Bytes that all remembered routes may come to take."""


class Route(NamedTuple):
    """What a request target leads to."""

    paths: tuple[bytes, ...]
    """Where the file may be, relative to the root; the first that exists is the one. Empty: it
    is nowhere."""
    target: Target


def router(index_names: tuple[bytes, ...], *, hidden: bool) -> Callable[[bytes], Route]:
    """Return the function from a request target to its route.

    A directory's file is one of *index_names*. Names that begin with a dot are no names
    unless *hidden*. The function raises RequestError as parse_target() does, and 404 for
    hidden names.
    """

    def route(target_bytes: bytes) -> Route:
        target = parse_target(target_bytes)
        paths = index_paths(target.path, index_names) if target.is_directory else (target.path,)
        if not hidden:
            paths = tuple(path for path in paths if not is_hidden(path))
        if not paths:
            raise RequestError(404, "a hidden name")
        return Route(paths, target)

    # A route has at most as many paths as there are names.
    remembered = lru_cache(_MAX_PATHS // max(1, len(index_names)))(route)
    return lambda target: (remembered if len(target) <= _MAX_TARGET_SIZE else route)(target)


class SingleFile(NamedTuple):
    """The one file of a site: its path relative to the root, and the name in its address."""

    path: bytes
    name: bytes


def single_file_router(only: SingleFile) -> Callable[[bytes], Route]:
    """Return the function from a request target to the route of the one file.

    It is at `/` and at its name; everything else leads nowhere. That is no error here, since who
    may not come in must not learn the name.
    """

    def route(target_bytes: bytes) -> Route:
        target = parse_target(target_bytes)
        is_it = not target.path or (target.path == only.name and not target.is_directory)
        return Route((only.path,) if is_it else (), target)

    return route


def index_paths(directory: bytes, index_names: tuple[bytes, ...]) -> tuple[bytes, ...]:
    """Return the paths of the files that may answer for *directory*."""
    prefix = directory + b"/" if directory else b""
    return tuple(prefix + name for name in index_names)


def is_hidden(path: bytes) -> bool:
    """Whether a name in *path* begins with a dot, but for the first being `.well-known`."""
    if b"/." in path:
        return True
    return path.startswith(b".") and path.partition(b"/")[0] != _WELL_KNOWN
