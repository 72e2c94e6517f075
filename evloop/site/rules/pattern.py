"""Path patterns: `/blog/:year/*` as segments, and globs as the texts between their stars.

No pattern backtracks: a segment is compared once, from its end, and the texts of a glob are
searched one after the other.
"""

from collections.abc import Iterable
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from evloop.site.rules.dialect import Dialect

MAX_STARS = 3
"""Stars of one pattern. Where a star may stand for nothing each one doubles the patterns that
are indexed for it."""
SPLAT = "splat"
"""The name of what a star stands for."""


class Placeholders(NamedTuple):
    """A segment with placeholders: the texts around them, one more than there are placeholders."""

    texts: tuple[bytes, ...]

    def match(self, segment: bytes) -> tuple[bytes, ...] | None:
        """Return what the placeholders stand for, at least one byte each; earlier ones take more.

        From the end each text is taken at the last place where it fits, which leaves most to
        those before it. Backwards is how bytes.find() gets there in linear time.
        """
        texts = self.texts
        first, last = texts[0], texts[-1]
        if not segment or not segment.startswith(first) or not segment.endswith(last):
            return None
        reverse = segment[len(first) :][::-1]
        if len(reverse) <= len(last):
            return None
        values = []
        start = len(last)
        for text in texts[-2:0:-1]:
            place = reverse.find(text[::-1], start + 1)
            if place < 0:
                return None
            values.append(reverse[start:place][::-1])
            start = place + len(text)
        values.append(reverse[start:][::-1])
        return tuple(values[::-1]) if values[-1] else None


WHOLE = Placeholders((b"", b""))
"""A segment that is a placeholder."""

Segment = bytes | Placeholders


class Pattern(NamedTuple):
    """What a path is compared with, segment by segment."""

    before: tuple[Segment, ...]
    """The segments up to the first star; all where there is none."""
    glob: tuple[bytes, ...] = ()
    """The texts around the stars, from the beginning of the first star's segment."""
    after: tuple[Segment, ...] = ()
    """The segments behind the glob; only where one of them has placeholders."""
    names: tuple[str, ...] = ()
    """Of what is captured, in the order of the path."""

    @property
    def is_static(self) -> bool:
        """Whether it is one path and no other."""
        return not self.glob and not any(isinstance(each, Placeholders) for each in self.before)

    @property
    def takes_rest(self) -> bool:
        """Whether it ends with a star that stands for the rest of a path, whatever that is."""
        return self.glob == (b"", b"") and not self.after

    @property
    def is_scanned(self) -> bool:
        """Whether more than its ends have to be compared, behind its first star."""
        return len(self.glob) > 2 or bool(self.after)


def parse_patterns(text: str, dialect: Dialect, *, ignore_case: bool = False) -> list[Pattern]:
    """Return the patterns of which a path has to match one, to match *text*, a path pattern.

    Raises ValueError with a reason.
    """
    segments = [segment for segment in text.split("/") if segment]
    if text.endswith("/") and segments and not dialect.slash_optional:
        segments.append("")
    if not segments and not dialect.slash_optional:
        segments = [""]
    if not {".", ".."}.isdisjoint(segments):
        raise ValueError("a dot segment, which no path has")
    stars = sum(_stars(segment, dialect) for segment in segments)
    if stars > MAX_STARS:
        raise ValueError(f"more than {MAX_STARS} stars")
    alternatives = [segments]
    if dialect.slash_optional:
        alternatives = list(_without_some_stars(segments))
    parsed = [_parse(each, dialect, lower=ignore_case) for each in alternatives]
    return list(dict.fromkeys(parsed))


def _stars(segment: str, dialect: Dialect) -> int:
    return 0 if dialect.placeholders(segment) == [(0, len(segment))] else segment.count("*")


def _without_some_stars(segments: list[str]) -> Iterable[list[str]]:
    """Yield *segments* with each choice of its lone stars: there, or standing for nothing."""
    if "*" not in segments:
        yield segments
        return
    place = segments.index("*")
    for rest in _without_some_stars(segments[place + 1 :]):
        yield [*segments[: place + 1], *rest]
        yield [*segments[:place], *rest]


def _parse(segments: list[str], dialect: Dialect, *, lower: bool) -> Pattern:
    starred = [place for place, segment in enumerate(segments) if _stars(segment, dialect)]
    names: list[str] = []
    if not starred:
        before = _segments(segments, dialect, names, lower=lower)
        return Pattern(before, names=_unique(names))
    first, last = starred[0], starred[-1]
    before = _segments(segments[:first], dialect, names, lower=lower)
    names.append(SPLAT)
    middle, tail = segments[first : last + 1], segments[last + 1 :]
    if any(dialect.placeholders(segment) for segment in middle):
        raise ValueError("a placeholder in the segment of a star, or between two stars")
    after: tuple[Segment, ...] = ()
    if any(dialect.placeholders(segment) for segment in tail):
        after = _segments(tail, dialect, names, lower=lower)
    else:
        middle += tail
    texts = "/".join(middle).split("*")
    return Pattern(
        before, tuple(_literal(each, lower=lower) for each in texts), after, _unique(names)
    )


def _segments(
    segments: list[str], dialect: Dialect, names: list[str], *, lower: bool
) -> tuple[Segment, ...]:
    """Return *segments* parsed; the names of their placeholders are added to *names*."""
    parsed: list[Segment] = []
    for segment in segments:
        spans = dialect.placeholders(segment)
        names += [segment[start + 1 : end] for start, end in spans]
        bounds = [0, *(place for span in spans for place in span), len(segment)]
        pairs = zip(bounds[::2], bounds[1::2], strict=True)
        texts = tuple(_literal(segment[start:end], lower=lower) for start, end in pairs)
        if any(b"/" in each for each in texts):
            raise ValueError("an encoded slash, which no path has")
        parsed.append(Placeholders(texts) if spans else texts[0])
    return tuple(parsed)


def _literal(text: str, *, lower: bool) -> bytes:
    data = unquote_to_bytes(text)
    return data.lower() if lower else data


def _unique(names: list[str]) -> tuple[str, ...]:
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f":{name} comes twice")
    return tuple(names)
