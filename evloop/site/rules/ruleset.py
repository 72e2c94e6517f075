"""Both rule files of a site, compiled."""

from typing import NamedTuple

from evloop.site.rules.dialect import Dialect
from evloop.site.rules.headers import HeaderRules, parse_headers
from evloop.site.rules.model import Ignored
from evloop.site.rules.redirects import RedirectRules, parse_redirects


class RuleSet(NamedTuple):
    """What a site says about its responses."""

    redirects: RedirectRules
    headers: HeaderRules
    ignored: tuple[Ignored, ...]

    @property
    def needs_host(self) -> bool:
        """Whether a rule is for one host only."""
        return self.redirects.needs_host or self.headers.needs_host


def compile_rules(
    headers: bytes, redirects: bytes, dialect: Dialect, *, clean_urls: bool = False
) -> RuleSet:
    """Return the rules in the two files; an empty text is that of no file. Raises RuleError."""
    fields, ignored_fields = parse_headers(headers, dialect)
    lines, ignored_lines = parse_redirects(redirects, dialect, clean_urls=clean_urls)
    return RuleSet(lines, fields, (*ignored_lines, *ignored_fields))
