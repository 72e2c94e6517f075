"""`_headers`: which fields a response gets, or loses, by the path of what is served."""

import re
from collections.abc import Callable
from typing import NamedTuple

from evloop.site.rules.changes import MAX_SHARED_SIZE, VARY, Changes
from evloop.site.rules.dialect import Dialect
from evloop.site.rules.index import Match, PathIndex
from evloop.site.rules.lines import split_host
from evloop.site.rules.model import (
    HEADERS_FILE,
    MAX_RULES,
    Ignored,
    RuleError,
    numbered_lines,
)
from evloop.site.rules.pattern import SPLAT, parse_patterns
from evloop.site.rules.template import Template, TooLongError

# How long a message is and how the connection goes on (RFC 9112, and RFC 9110 section 7.6.1),
# what the server alone knows, and the validators, which have to be those of the bytes. The
# list is Netlify's of fields that can't be set, and these.
PROTECTED = frozenset(
    b"accept-ranges age allow alt-svc connection content-encoding content-length content-range"
    b" date etag keep-alive last-modified location proxy-connection server te trailer"
    b" transfer-encoding upgrade".split()
)
_CACHE_CONTROL = b"cache-control"
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\U0010ffff]+")
_BLOCK_URL = re.compile(r"\S+://")


COMBINED_SIZE = 128 * 1024
"""Bytes of the changes that are kept by the blocks they are made of. A site has some ten, of a
kilobyte each."""
_NUMBER_SIZE = 40  # bytes of a number in a tuple
_MAX_PATHS = 512
_MAX_PATHS_SIZE = 256  # bytes of an address and of the path of its file
BY_PATHS_SIZE = _MAX_PATHS * (_MAX_PATHS_SIZE + 256)
"""Bytes of the paths whose changes are remembered, with their places in the table."""


class Block(NamedTuple):
    """A path and what is said about it."""

    line: int
    path: str
    host: bytes
    sets: tuple[tuple[bytes, bytes, Template], ...]
    """Name in lower case, name as it is written, value."""
    unsets: frozenset[bytes]

    @property
    def is_constant(self) -> bool:
        """Whether it says the same for every path."""
        return all(template.is_constant for _, _, template in self.sets)


class HeaderRules:
    """The compiled blocks of one file; *cache_control* is applied to the values of that field."""

    def __init__(
        self, dialect: Dialect, cache_control: Callable[[bytes], bytes] = lambda value: value
    ) -> None:
        self._dialect = dialect
        self._cache_control = cache_control
        self.blocks: list[Block] = []
        self.needs_host = False
        self.index = PathIndex(
            slash_optional=dialect.slash_optional, ignore_case=dialect.headers_ignore_case
        )
        self._kept: dict[tuple[int, ...], Changes] = {}
        self._kept_size = 0  # bytes
        self._by_paths: dict[tuple[bytes, ...], Changes | None] = {}

    def __bool__(self) -> bool:
        return bool(self.blocks)

    def add(self, block: Block) -> None:
        """Append *block*. Raises ValueError when its path is no pattern."""
        ignore_case = self._dialect.headers_ignore_case
        patterns = parse_patterns(block.path, self._dialect, ignore_case=ignore_case)
        self.index.add(patterns, len(self.blocks))
        self.blocks.append(block)
        self.needs_host = self.needs_host or bool(block.host)

    def changes(self, paths: tuple[bytes, ...], host: bytes = b"") -> Changes | None:
        """Return what is said about any of *paths*, which begin with a slash; None: nothing.

        The same combination of blocks gives the same object, unless values are filled. *host*
        is only needed if `needs_host`.
        """
        if paths in self._by_paths and not self.needs_host:
            return self._by_paths[paths]
        found: dict[int, Match] = {}
        for path in paths:
            for match in self.index.match(path):
                block = self.blocks[match.number]
                if not block.host or block.host == host:
                    found.setdefault(match.number, match)
        changes = self._changes_of([found[number] for number in sorted(found)]) if found else None
        if changes is None or changes.is_shared:
            self._remember(paths, changes)
        return changes

    def _changes_of(self, matches: list[Match]) -> Changes:
        numbers = tuple(match.number for match in matches)
        kept = self._kept.get(numbers)
        if kept is not None:
            return kept
        changes = self._combine(matches)
        is_constant = all(self.blocks[number].is_constant for number in numbers)
        if is_constant and changes.size <= MAX_SHARED_SIZE:
            self._keep(numbers, changes)
        return changes

    def _keep(self, numbers: tuple[int, ...], changes: Changes) -> None:
        """Have the same changes for the same blocks, as long as there is room for them."""
        size = changes.size + len(numbers) * _NUMBER_SIZE
        if self._kept_size + size > COMBINED_SIZE:
            self._kept.clear()
            self._by_paths.clear()  # which may have them, too
            self._kept_size = 0
        self._kept[numbers] = changes
        self._kept_size += size
        changes.is_shared = True

    def _remember(self, paths: tuple[bytes, ...], changes: Changes | None) -> None:
        if self.needs_host or sum(map(len, paths)) > _MAX_PATHS_SIZE:
            return
        if len(self._by_paths) == _MAX_PATHS:
            self._by_paths.clear()
        self._by_paths[paths] = changes

    def _combine(self, matches: list[Match]) -> Changes:
        """Return what the blocks come to, one after the other.

        Cloudflare joins what several blocks say of a name (attachCustomHeaders in
        asset-worker/src/utils/headers.ts); for Netlify the last one counts (headersForPath).
        """
        values: dict[bytes, tuple[bytes, list[bytes]]] = {}
        dropped: set[bytes] = set()
        for match in matches:
            block = self.blocks[match.number]
            for name in block.unsets:
                values.pop(name, None)
            dropped |= block.unsets
            own: dict[bytes, tuple[bytes, list[bytes]]] = {}
            captured = dict(zip(match.names, match.values, strict=True))
            for name, written, template in block.sets:
                try:
                    own.setdefault(name, (written, []))[1].append(template.fill(captured))
                except TooLongError:
                    continue  # no client would take such a field
            for name, (written, filled) in own.items():
                before = values.get(name) if self._dialect.headers_append else None
                values[name] = (written, [*(before[1] if before else []), *filled])
        if _CACHE_CONTROL in values:
            written, said = values[_CACHE_CONTROL]
            values[_CACHE_CONTROL] = written, [self._cache_control(b", ".join(said))]
        return Changes({name: each for name, each in values.items() if each[1]}, dropped)


def parse_headers(
    data: bytes, dialect: Dialect, cache_control: Callable[[bytes], bytes] = lambda value: value
) -> tuple[HeaderRules, list[Ignored]]:
    """Return the blocks in *data*, and the lines that have no effect.

    *cache_control* makes what is sent of the Cache-Control that a block asks for.

    Raises RuleError for a file that is too large, has too many blocks, is not UTF-8, or asks
    for passwords, without which its files would be open to all.
    """
    rules = HeaderRules(dialect, cache_control)
    ignored: list[Ignored] = []
    names: set[str] = set()
    line, path, host = 0, "", ""
    sets: list[tuple[bytes, bytes, Template]] = []
    unsets: set[bytes] = set()

    def finish() -> None:
        if not line:
            return
        if not sets and not unsets:
            ignored.append(Ignored(HEADERS_FILE, line, f"nothing is said about {path}"))
        elif len(rules.blocks) == MAX_RULES:
            raise RuleError(HEADERS_FILE, line, f"more than {MAX_RULES:,} rules")
        else:
            block = Block(line, path, host.encode(), tuple(sets), frozenset(unsets))
            try:
                rules.add(block)
            except ValueError as error:
                ignored.append(Ignored(HEADERS_FILE, line, str(error)))
        sets.clear()
        unsets.clear()

    for number, text in numbered_lines(HEADERS_FILE, data):
        try:
            _check_length(text, dialect)
            if _is_path(text, dialect):
                finish()
                line = 0
                host, path = _read_path(text, dialect)
                names = _names(path, dialect)
                line = number
            elif dialect.headers_have_hosts and ":" not in text and text.startswith("!"):
                unsets.add(_read_detached(text, is_in_block=bool(line)))
            else:
                sets.append(_read_field(text, number, names if line else None))
        except RuleError:
            raise
        except ValueError as error:
            ignored.append(Ignored(HEADERS_FILE, number, str(error)))
    finish()
    return rules, ignored


def _check_length(text: str, dialect: Dialect) -> None:
    if dialect.max_line and len(text) > dialect.max_line:
        raise ValueError(f"longer than {dialect.max_line} characters")


def _is_path(text: str, dialect: Dialect) -> bool:
    return text.startswith("/") or (
        dialect.headers_have_hosts and _BLOCK_URL.match(text) is not None
    )


def _read_path(text: str, dialect: Dialect) -> tuple[str, str]:
    """Return host and path of the line that begins a block."""
    _, host, path = split_host(text)
    if host and (":" in host or not text.startswith("https://")):
        raise ValueError("a host must be https:// and without a port")
    if dialect.headers_have_hosts and path.count("*") + (":splat" in path) > 1:
        raise ValueError("more than one * or :splat")
    parse_patterns(path, dialect)
    return host, path


def _names(path: str, dialect: Dialect) -> set[str]:
    if not dialect.headers_have_hosts:
        return set()  # values are not filled
    names = {name for pattern in parse_patterns(path, dialect) for name in pattern.names}
    return names | ({SPLAT} if "*" in path else set())


def _read_detached(text: str, *, is_in_block: bool) -> bytes:
    name = text.removeprefix("!").strip().lower()
    if not is_in_block:
        raise ValueError("no path before it")
    if not _NAME.fullmatch(name):
        raise ValueError("no name of a field")
    if name.encode() in PROTECTED or name.encode() == VARY:
        raise ValueError(f"{name} can't be taken away")
    return name.encode()


def _read_field(text: str, number: int, names: set[str] | None) -> tuple[bytes, bytes, Template]:
    """Return a field; *names* may be filled in its value. None: there is no path before it."""
    name, colon, value = text.partition(":")
    name, value = name.strip(), value.strip()
    if not colon:
        raise ValueError("a field without a colon")
    if not name or not value:
        raise ValueError("a field without a " + ("value" if name else "name"))
    if names is None:
        raise ValueError("no path before it")
    if not _NAME.fullmatch(name):
        raise ValueError("no name of a field")
    if not _VALUE.fullmatch(value):
        raise ValueError("a control character in the value")
    lower = name.lower().encode()
    if lower == b"basic-auth":
        reason = "Basic-Auth is not understood here, so these files would be open to all"
        raise RuleError(HEADERS_FILE, number, reason)
    if lower in PROTECTED:
        raise ValueError(f"{name} is the server's own")
    return lower, name.encode(), Template(value, names)
