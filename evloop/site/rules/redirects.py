"""`_redirects`: which rule a request meets, and where it leads."""

from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from evloop.site.rules.alternatives import Alternatives, Condition
from evloop.site.rules.dialect import Dialect
from evloop.site.rules.index import PathIndex
from evloop.site.rules.lines import Line, read_line, split_host
from evloop.site.rules.model import (
    MAX_RULES,
    REDIRECTS_FILE,
    Ignored,
    RuleError,
    numbered_lines,
)
from evloop.site.rules.pattern import SPLAT, parse_patterns
from evloop.site.rules.template import Destination

MAX_QUERY_FIELDS = 64
"""Fields of a query that are compared with rules; those behind them count as not there."""

_REDIRECTS = frozenset({301, 302, 303, 307, 308})


class Redirect(NamedTuple):
    """One line: a redirect, a rewrite (200), or an error with a page."""

    line: int
    path: str
    status: int
    goes_first: bool
    """Whether it goes before a file that exists."""
    to: Destination
    host: bytes = b""
    """The host it is for, in lower case; empty for any."""
    query: tuple[tuple[bytes, str, bytes], ...] = ()
    """Fields the query must have: name, and either what its value is captured as, or is."""

    @property
    def is_redirect(self) -> bool:
        """Whether the client is sent elsewhere."""
        return self.status in _REDIRECTS

    @property
    def conditions(self) -> list[Condition]:
        """What a request has to have beside its path."""
        hosts: list[Condition] = [(None, self.host)] if self.host else []
        return hosts + [
            (name, None if captured else wanted) for name, captured, wanted in self.query
        ]


class Followed(NamedTuple):
    """The rule that a request meets, and what its names stand for."""

    rule: Redirect
    values: dict[str, bytes]


class RedirectRules:
    """The compiled rules of one file. Those of one path are found together."""

    def __init__(self, dialect: Dialect) -> None:
        self.rules: list[Redirect] = []
        self.needs_host = False
        self.index = PathIndex(slash_optional=dialect.slash_optional)
        # The number of the only rule of a path, which has no conditions, or what there is.
        self._groups: list[int | Alternatives] = []
        self._places: dict[str, int] = {}  # of groups, by the path as it is written

    def __bool__(self) -> bool:
        return bool(self.rules)

    def add(self, rule: Redirect, dialect: Dialect) -> None:
        """Append *rule*. Raises ValueError when its path is no pattern, or has a rule already."""
        number, place = len(self.rules), self._places.get(rule.path)
        if place is None:
            self.index.add(parse_patterns(rule.path, dialect), len(self._groups))
            self._places[rule.path] = len(self._groups)
            self._groups.append(number)
            if rule.conditions:
                self._groups[-1] = group = Alternatives(number)
                group.add(number, rule.conditions)
        elif dialect.drops_repeated:
            raise ValueError(f"{rule.path} has a rule already")
        else:
            self._alternatives(place).add(number, rule.conditions)
        self.rules.append(rule)
        self.needs_host = self.needs_host or bool(rule.host)

    def _alternatives(self, place: int) -> Alternatives:
        group = self._groups[place]
        if isinstance(group, Alternatives):
            return group
        self._groups[place] = made = Alternatives(group)
        made.add(group, ())
        return made

    def match(self, path: bytes, query: bytes = b"", host: bytes = b"") -> Followed | None:
        """Return the first rule for *path*, decoded and with its leading slash; None: no rule.

        *query* begins with its question mark; *host* is in lower case, without the port.
        """
        fields: dict[bytes, bytes] | None = None
        followed: Followed | None = None
        number = len(self.rules)
        for found in self.index.match(path):  # in the order of their first rules
            group = self._groups[found.number]
            if (group if isinstance(group, int) else group.first) >= number:
                break
            values = dict(zip(found.names, found.values, strict=True))
            if isinstance(group, int):
                return Followed(self.rules[group], values)
            fields = query_fields(query) if fields is None else fields
            for each in group.candidates(fields, host):
                if each >= number:
                    break
                rule, more = self.rules[each], dict(values)
                if _is_met(rule, fields, host, more):
                    followed, number = Followed(rule, more), each
        return followed

    def unconditional(self, path: bytes) -> Iterator[int]:
        """Yield the rules that are for each request for *path*, by their numbers."""
        for found in self.index.match(path):
            group = self._groups[found.number]
            always = group if isinstance(group, int) else group.always
            if always >= 0:
                yield always


def _is_met(
    rule: Redirect, fields: dict[bytes, bytes], host: bytes, values: dict[str, bytes]
) -> bool:
    """Whether *host* and *fields* are what *rule* asks for.

    Adds to *values* what it captures of the fields.
    """
    if rule.host and rule.host != host:
        return False
    for name, captured_as, wanted in rule.query:
        value = fields.get(name)
        if value is None or (not captured_as and value != wanted):
            return False
        if captured_as:
            values[captured_as] = value
    return True


def query_fields(query: bytes) -> dict[bytes, bytes]:
    """Return the fields of a query, which begins with its question mark; the first of a name."""
    fields: dict[bytes, bytes] = {}
    for part in query[1:].split(b"&", MAX_QUERY_FIELDS)[:MAX_QUERY_FIELDS]:
        name, _, value = (unquote_to_bytes(each.replace(b"+", b" ")) for each in _pair(part))
        fields.setdefault(name, value)
    return fields


def _pair(part: bytes) -> tuple[bytes, bytes, bytes]:
    return part.partition(b"=")


def parse_redirects(
    data: bytes, dialect: Dialect, *, clean_urls: bool = False
) -> tuple[RedirectRules, list[Ignored]]:
    """Return the rules in *data*, and the lines that are none.

    *clean_urls*: whether `/index.html` leads back to `/`, so that a rule may make a circle.

    Raises RuleError for a file that is too large, has too many rules, or is not UTF-8.
    """
    rules = RedirectRules(dialect)
    ignored: list[Ignored] = []
    for number, text in numbered_lines(REDIRECTS_FILE, data):
        if len(rules.rules) == MAX_RULES:
            raise RuleError(REDIRECTS_FILE, number, f"more than {MAX_RULES:,} rules")
        try:
            line = read_line(text, dialect)
            rules.add(_compile(line, number, dialect, clean_urls=clean_urls), dialect)
        except ValueError as error:
            ignored.append(Ignored(REDIRECTS_FILE, number, str(error)))
        else:
            ignored += [Ignored(REDIRECTS_FILE, number, note) for note in line.notes]
    return rules, ignored


def _compile(line: Line, number: int, dialect: Dialect, *, clean_urls: bool) -> Redirect:
    """Return the rule of *line*. Raises ValueError with the reason why there is none."""
    scheme, host, path = split_host(line.path)
    names = _names(path, line, dialect)
    to = Destination(line.to, names)
    rule = Redirect(
        number,
        path,
        line.status,
        dialect.rules_first or line.is_forced,
        to,
        host.partition(":")[0].encode(),  # the server may be asked by another port
        tuple(_query_field(name, value) for name, value in line.query),
    )
    if to.is_external and not rule.is_redirect:
        raise ValueError("proxying: a file server asks no other host")
    if to.is_external and scheme and to.host.partition(b"://")[2].lower() == host.encode():
        raise ValueError("only the scheme differs, which a server behind a proxy can't see")
    if _is_circle(rule, dialect, clean_urls=clean_urls):
        raise ValueError("it leads to itself")
    return rule


def _names(path: str, line: Line, dialect: Dialect) -> set[str]:
    names = {name for pattern in parse_patterns(path, dialect) for name in pattern.names}
    captured = {value[1:] for _, value in line.query if value.startswith(":")}
    return names | captured | ({SPLAT} if "*" in path else set())


def _query_field(name: str, value: str) -> tuple[bytes, str, bytes]:
    is_captured = len(value) > 1 and value.startswith(":")
    key = unquote_to_bytes(name.replace("+", " "))
    return key, value[1:] if is_captured else "", unquote_to_bytes(value.replace("+", " "))


def _is_circle(rule: Redirect, dialect: Dialect, *, clean_urls: bool) -> bool:
    """Whether a client that follows *rule* meets it again, as far as the text tells."""
    if rule.to.is_external or not rule.is_redirect or rule.query or rule.host:
        return False
    to, path = rule.to.text.partition("?")[0].partition("#")[0], rule.path
    if dialect.slash_optional:
        to, path = to.rstrip("/"), path.rstrip("/")
    if path == to or path.replace("*", ":" + SPLAT) == to:
        return True
    is_index = to.endswith(("/index", "/index.html"))
    # The circle of parseRedirects.ts: /index.html leads to /, and that to /index.html again.
    return is_index and (path.endswith("/*") or (path.endswith("/") and clean_urls))
