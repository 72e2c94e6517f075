"""One line of `_redirects`: its parts, as each host reads them."""

import re
from typing import NamedTuple

from evloop.site.rules.dialect import Dialect

_URL = re.compile(r"(https?)://([^/?#]*)(.*)", re.IGNORECASE)
_STATUS = re.compile(r"[0-9]{1,3}(?=!|\Z)")
_HOST = re.compile(r"[A-Za-z0-9.-]+(?::\d{1,5})?")
# What the conditions of Netlify are about; a file server knows none of it.
_CONDITIONS = frozenset({"country", "language", "role", "cookie", "sign", "signed"})


class Line(NamedTuple):
    """The parts of a line that can be a rule."""

    path: str
    to: str
    status: int
    is_forced: bool = False
    query: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()
    """What in it has no effect."""


def read_line(text: str, dialect: Dialect) -> Line:
    """Return the parts of *text*, which is trimmed and no comment.

    Raises ValueError with the reason why it can't be a rule.
    """
    if dialect.max_line and len(text) > dialect.max_line:
        raise ValueError(f"longer than {dialect.max_line} characters")
    tokens = text.split()
    return (
        _read_netlify(tokens, dialect) if dialect.has_conditions else _read_plain(tokens, dialect)
    )


def split_host(path: str) -> tuple[str, str, str]:
    """Return scheme, host and path of `https://host/path`, in lower case but for the path.

    Both are empty for a path alone. Raises ValueError for what is neither.
    """
    if path.startswith("/"):
        return "", "", path
    found = _URL.fullmatch(path)
    if found is None:
        raise ValueError("the path must begin with /, http:// or https://")
    if not _HOST.fullmatch(found[2]):
        raise ValueError("no host that could be meant")
    host = found[2].lower()
    return found[1].lower(), host, found[3] or "/"


def _read_netlify(tokens: list[str], dialect: Dialect) -> Line:
    """netlify/build, packages/redirect-parser/src/line_parser.js."""
    comment = next((at for at, token in enumerate(tokens) if token.startswith("#")), len(tokens))
    path, parts = tokens[0], tokens[1:comment]
    if not parts:
        raise ValueError("no destination")
    query: tuple[tuple[str, str], ...] = ()
    if _STATUS.match(parts[0]):
        to, rest = "", parts
    else:
        place = next((at for at, part in enumerate(parts) if _is_destination(part)), -1)
        if place < 0:
            raise ValueError("the destination must begin with /, http:// or https://")
        query = tuple(_pair(part) for part in parts[:place])
        to, rest = parts[place], parts[place + 1 :]
    status, is_forced = _status(rest[0], dialect) if rest else (dialect.default_status, False)
    _, _, on_site = split_host(path)
    if on_site.startswith("/.netlify"):
        raise ValueError("/.netlify belongs to the host")
    if not to:
        if not path.endswith("/*") or status // 100 != 2:
            raise ValueError("no destination; only a rewrite of /* can do without")
        to = on_site.removesuffix("*") + ":splat"
    return Line(path, to, status, is_forced, query, _judge_conditions(rest[1:]))


def _is_destination(part: str) -> bool:
    return part.startswith(("/", "http://", "https://"))


def _pair(part: str) -> tuple[str, str]:
    name, _, value = part.partition("=")
    return name, value


def _judge_conditions(parts: list[str]) -> tuple[str, ...]:
    """Return notes about *parts*. Raises ValueError for conditions that can't be judged here."""
    notes = []
    for part in parts:
        name, equals, _ = part.partition("=")
        if equals and name.lower() in _CONDITIONS:
            raise ValueError(f"the condition {name} can't be judged by a file server")
        notes.append(f"{part} is no condition")
    return tuple(notes)


def _status(token: str, dialect: Dialect) -> tuple[int, bool]:
    found = _STATUS.match(token)
    if found is None:
        raise ValueError(f"invalid status {token}")
    status = int(found[0])
    if status not in dialect.statuses:
        known = ", ".join(map(str, sorted(dialect.statuses)))
        raise ValueError(f"status {status} is none of {known}")
    return status, token[found.end() :] == "!"


def _read_plain(tokens: list[str], dialect: Dialect) -> Line:
    """cloudflare/workers-sdk, packages/workers-shared/utils/configuration/parseRedirects.ts."""
    comment = next(
        (at for at, token in enumerate(tokens) if at >= 2 and token.startswith("#")), len(tokens)
    )
    tokens = tokens[:comment]
    if len(tokens) not in {2, 3}:
        raise ValueError(f"{len(tokens)} parts; two or three are wanted")
    path, to = tokens[0], tokens[1]
    if _URL.match(path):
        raise ValueError("only a path is possible here, without a host")
    path = path.partition("#")[0].partition("?")[0]
    path = path if path.startswith("/") else "/" + path
    if not to.startswith(("/", "https://")):
        raise ValueError("the destination must begin with / or https://")
    if len(tokens) == 2:
        return Line(path, to, dialect.default_status)
    status, is_forced = _status(tokens[2], dialect)
    if is_forced:
        raise ValueError(f"invalid status {tokens[2]}")
    return Line(path, to, status)
