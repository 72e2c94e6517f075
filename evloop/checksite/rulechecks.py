"""Rules that have no effect, and files that are in their way."""

from collections.abc import Iterator
from os import fsdecode
from typing import NamedTuple

from evloop.checksite.tree import Finding, Tree
from evloop.http.request import RequestError
from evloop.http.target import parse_target
from evloop.site.rules.dialect import Dialect
from evloop.site.rules.headers import parse_headers
from evloop.site.rules.model import (
    HEADERS_FILE,
    MAX_FILE_SIZE,
    REDIRECTS_FILE,
    Ignored,
    RuleError,
)
from evloop.site.rules.pattern import Pattern, Placeholders, parse_patterns
from evloop.site.rules.redirects import Redirect, RedirectRules, parse_redirects
from evloop.site.rules.template import TooLongError

# What stands for a placeholder or a star: only a pattern with one there matches it.
_SAMPLE = b"\x01check-site"


class CheckedRules(NamedTuple):
    """What was found, and the redirects of the site."""

    findings: list[Finding]
    redirects: RedirectRules | None


def check_rules(tree: Tree, dialect: Dialect | None) -> CheckedRules:
    """Check the rule files of *tree*; None: they are files like any."""
    if dialect is None:
        return CheckedRules([], None)
    findings: list[Finding] = []
    redirects: RedirectRules | None = None
    try:
        _, ignored = parse_headers(tree.read(HEADERS_FILE.encode(), MAX_FILE_SIZE + 1), dialect)
        findings += map(_ignored, ignored)
    except RuleError as error:
        findings.append(_refused(error))
    try:
        data = tree.read(REDIRECTS_FILE.encode(), MAX_FILE_SIZE + 1)
        redirects, ignored = parse_redirects(data, dialect, clean_urls=tree.clean_urls)
        findings += map(_ignored, ignored)
        for number in range(len(redirects.rules)):
            findings += _check(redirects, number, tree, dialect)
    except RuleError as error:
        findings.append(_refused(error))
    return CheckedRules(findings, redirects)


def _ignored(ignored: Ignored) -> Finding:
    return Finding(f"{ignored.file}:{ignored.line}", f"ignored: {ignored.reason}")


def _refused(error: RuleError) -> Finding:
    where, _, what = str(error).partition(": ")
    return Finding(where, f"the whole file is refused: {what}")


def _check(rules: RedirectRules, number: int, tree: Tree, dialect: Dialect) -> Iterator[Finding]:
    """Yield what is wrong with one rule."""
    rule = rules.rules[number]
    where = f"{REDIRECTS_FILE}:{rule.line}"
    patterns = parse_patterns(rule.path, dialect)
    earlier = [_earlier(rules, number, sample(pattern)) for pattern in patterns]
    first = earlier[0]
    if first is not None and all(earlier):
        yield Finding(where, f"never matches: line {first.line} does before it")
    elif not rule.host and not rule.query and all(pattern.is_static for pattern in patterns):
        yield from _check_static(rule, where, tree, dialect)
    if not rule.is_redirect and rule.to.is_constant and _destination(rule, tree) is None:
        yield Finding(where, f"there is no file for {rule.to.text}")


def _check_static(rule: Redirect, where: str, tree: Tree, dialect: Dialect) -> Iterator[Finding]:
    """Yield what a rule and the file at its path mean for each other; a `!` is meant so."""
    try:
        target = parse_target(rule.path.encode())
    except RequestError as error:
        yield Finding(where, f"never matches: {error}")
        return
    file = tree.resolve(target.path, is_directory=target.is_directory)
    if file is None:
        return
    if dialect.rules_first:
        yield Finding(where, f"it hides {fsdecode(file)}")
    elif not rule.goes_first:
        yield Finding(where, f"never matches: {fsdecode(file)} is there, and goes before it")


def _earlier(rules: RedirectRules, number: int, path: bytes) -> Redirect | None:
    """Return the rule before *number* that takes every request for *path*."""
    earlier = (each for each in rules.unconditional(path) if each < number)
    return next((rules.rules[each] for each in earlier), None)


def sample(pattern: Pattern) -> bytes:
    """Return a path that *pattern* matches, and else only those that match as much."""
    parts = [_sample_segment(segment) for segment in pattern.before]
    if pattern.glob:
        parts.append((_SAMPLE + b"/" + _SAMPLE).join(pattern.glob))
    parts += map(_sample_segment, pattern.after)
    return b"/" + b"/".join(parts)


def _sample_segment(segment: bytes | Placeholders) -> bytes:
    return segment if isinstance(segment, bytes) else _SAMPLE.join(segment.texts)


def _destination(rule: Redirect, tree: Tree) -> bytes | None:
    try:
        path, is_directory, _ = parse_target(rule.to.target({}))
    except (RequestError, TooLongError):
        return None
    return tree.resolve(path, is_directory=is_directory) or tree.resolve(
        path + b".html", is_directory=False
    )
