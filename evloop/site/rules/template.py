"""Texts with `:name` in them, filled with what was captured of a path."""

import re
from collections.abc import Iterable, Mapping
from urllib.parse import quote

MAX_FILLED_SIZE = 8 * 1024
"""Bytes of a filled text. RFC 9110 section 4.1 recommends that addresses of 8000 are read."""

# RFC 3986 sections 2.2 and 2.3: what stands in an address as it is. A percent sign only where
# it begins an escape.
_RESERVED = ":/?#[]@!$&'()*+,;="
_NO_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
# What a captured text may have as it is, in a path and behind a question mark or a number sign.
_PATH_SAFE = "/!$&'()*+,;=:@~"
_QUERY_SAFE = "/!$'()*,;:@~"

_HOST = re.compile(
    r"https?://(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])\.?(?::\d{1,5})?"
    r"(?=[/?#]|\Z)"
)
_SCHEME = re.compile(r"https?://", re.IGNORECASE)
_SLASHES = re.compile(rb"/{2,}")


class TooLongError(ValueError):
    """A text that is longer than MAX_FILLED_SIZE when it is filled."""


class Template:
    """A text whose names are filled with percent-encoded values."""

    __slots__ = ("_names", "_texts")

    def __init__(self, text: str, names: Iterable[str]) -> None:
        """Find *names* in *text*; others with a colon are texts like any."""
        longest_first = sorted(names, key=len, reverse=True)
        pattern = "|".join(re.escape(name) for name in longest_first)
        pieces = re.split(rf":({pattern})(?!\w)", text) if longest_first else [text]
        self._texts = [piece.encode() for piece in pieces[::2]]
        # Each with the characters that are safe where it stands.
        self._names: list[tuple[str, str]] = []
        before = ""
        for place, name in enumerate(pieces[1::2]):
            before += pieces[2 * place]
            is_path = "?" not in before and "#" not in before
            self._names.append((name, _PATH_SAFE if is_path else _QUERY_SAFE))

    @property
    def is_constant(self) -> bool:
        """Whether there is nothing to fill."""
        return not self._names

    def fill(self, values: Mapping[str, bytes]) -> bytes:
        """Return the text with *values*; a name without one stands for nothing.

        Raises TooLongError, before it is put together.
        """
        filled = [quote(values.get(name, b""), safe=safe).encode() for name, safe in self._names]
        if sum(map(len, filled)) + sum(map(len, self._texts)) > MAX_FILLED_SIZE:
            raise TooLongError
        pieces = [self._texts[0]]
        for value, text in zip(filled, self._texts[1:], strict=True):
            pieces += (value, text)
        return b"".join(pieces)


class Destination:
    """Where a rule leads: a path with its query and fragment, perhaps at another host.

    The host is as the rule has it: no name may stand in it, or be taken for a part of it.

    Raises ValueError with a reason.
    """

    __slots__ = ("_template", "host", "text")

    def __init__(self, text: str, names: Iterable[str]) -> None:
        self.text = text
        self.host = b""
        if _SCHEME.match(text):
            found = _HOST.match(text)
            if found is None:
                raise ValueError("no host that could be meant; names can't stand in it")
            self.host = found[0].encode()
            text = text[found.end() :] or "/"
            text = text if text.startswith("/") else "/" + text
        elif not text.startswith("/"):
            raise ValueError("the destination must begin with /, http:// or https://")
        self._template = Template(_encoded(text), names)

    @property
    def is_external(self) -> bool:
        """Whether it names a host."""
        return bool(self.host)

    @property
    def is_constant(self) -> bool:
        """Whether it is the same for every request."""
        return self._template.is_constant

    def location(self, values: Mapping[str, bytes], query: bytes) -> bytes:
        """Return the address, encoded; *query*, with its question mark, where it has none.

        Raises TooLongError.
        """
        reference, number_sign, fragment = self._template.fill(values).partition(b"#")
        path, question_mark, own_query = reference.partition(b"?")
        # Two slashes at its beginning would make the next name a host (RFC 3986 section 4.2).
        path = _SLASHES.sub(b"/", path)
        own = question_mark + own_query if question_mark else quote_query(query)
        return self.host + path + own + number_sign + fragment

    def target(self, values: Mapping[str, bytes]) -> bytes:
        """Return the path within the site, as a request would have it. Raises TooLongError."""
        return _SLASHES.sub(b"/", self._template.fill(values).partition(b"#")[0].partition(b"?")[0])


def quote_query(query: bytes) -> bytes:
    """Return the query of a request as a Location may have it."""
    return quote(query, safe=_RESERVED + "%~").encode()


def _encoded(text: str) -> str:
    """Return *text*, an address as somebody wrote it, with only what an address may have."""
    return quote(_NO_ESCAPE.sub("%25", text), safe=_RESERVED + "%~")
