"""What the hosts that read `_headers` and `_redirects` differ in."""

import re
from typing import NamedTuple

_WORD_PLACEHOLDER = re.compile(r":[A-Za-z]\w*", re.ASCII)


class Dialect(NamedTuple):
    """How one host reads the two files."""

    name: str
    default_status: int
    statuses: frozenset[int]
    """Of redirects, rewrites and errors; a line with another one is ignored."""
    rules_first: bool
    """Whether a redirect goes before an existing file; otherwise only with `!`."""
    has_conditions: bool
    """Whether a line has query parameters, `!`, and conditions at its end."""
    drops_repeated: bool
    """Whether a second redirect of the same path is dropped when the file is read."""
    slash_optional: bool
    """Whether `/a` and `/a/` are the same to a pattern, and `/a/*` matches `/a`."""
    headers_ignore_case: bool
    headers_append: bool
    """Whether the values of several blocks are joined; otherwise the last one counts."""
    headers_have_hosts: bool
    """Whether a block may be for `https://host/path`, fill values from the path, and detach."""
    headers_on_redirects: bool
    """Whether a redirect has the fields of its address; otherwise only what has a body."""
    whole_placeholders: bool
    """Whether a placeholder is a whole segment; otherwise it may be a part of one."""
    max_line: int
    """Characters of a line; 0: any number."""

    def placeholders(self, segment: str) -> list[tuple[int, int]]:
        """Return where the placeholders of *segment* begin and end."""
        if self.whole_placeholders:
            return [(0, len(segment))] if len(segment) > 1 and segment.startswith(":") else []
        return [found.span() for found in _WORD_PLACEHOLDER.finditer(segment)]


# netlify/build, packages/redirect-parser and packages/headers-parser; the statuses with a body
# beyond 404 are those of the IPFS specification.
NETLIFY = Dialect(
    name="netlify",
    default_status=301,
    statuses=frozenset({200, 301, 302, 303, 307, 308, 404, 410, 451}),
    rules_first=False,
    has_conditions=True,
    drops_repeated=False,
    slash_optional=True,
    headers_ignore_case=True,
    headers_append=False,
    headers_have_hosts=False,
    headers_on_redirects=False,
    whole_placeholders=True,
    max_line=0,
)
# cloudflare/workers-sdk, packages/workers-shared/utils/configuration. "Static before dynamic"
# needs no rule of its own: a static redirect behind the first dynamic one counts as dynamic
# there, so the order of the file decides.
CLOUDFLARE = Dialect(
    name="cloudflare",
    default_status=302,
    statuses=frozenset({200, 301, 302, 303, 307, 308}),
    rules_first=True,
    has_conditions=False,
    drops_repeated=True,
    slash_optional=False,
    headers_ignore_case=False,
    headers_append=True,
    headers_have_hosts=True,
    headers_on_redirects=True,
    whole_placeholders=False,
    max_line=2000,
)
DIALECTS = {dialect.name: dialect for dialect in (NETLIFY, CLOUDFLARE)}
