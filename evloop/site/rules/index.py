"""Which of many patterns match a path, without trying each of them.

Patterns without stars and placeholders are found by hash. The others are a tree of segments,
of which a path visits each node at most once. At a node the globs are found by the text they
end with. So the steps of a match are bounded by the size of the tree, whatever the path is.
"""

from collections.abc import Sequence
from operator import itemgetter
from typing import Generic, NamedTuple, TypeVar

from evloop.site.rules.model import MAX_ALIKE, MAX_SCANS
from evloop.site.rules.pattern import WHOLE, Pattern, Placeholders, Segment


class Match(NamedTuple):
    """A pattern that matches, by the number of its rule, and what its names stand for."""

    number: int
    names: tuple[str, ...]
    values: tuple[bytes, ...]


_number = itemgetter(0)
T = TypeVar("T")


class _Glob(NamedTuple):
    """The rest of a pattern from its first star on."""

    pattern: Pattern
    number: int

    def match(self, text: bytes, *, slash_optional: bool) -> tuple[bytes, ...] | None:
        """Return what is captured of *text*, the path from the star's segment on; None: no."""
        glob, after = self.pattern.glob, self.pattern.after
        if slash_optional and (glob[-1] or after):
            text = text.removesuffix(b"/")
        values: tuple[bytes, ...] = ()
        if after:
            split = _match_end(text, after)
            if split is None:
                return None
            text, values = split
        prefix, suffix = glob[0], glob[-1]
        end = len(text) - len(suffix)
        if end < len(prefix) or not text.startswith(prefix) or not text.endswith(suffix):
            return None
        place = len(prefix)
        for middle in glob[1:-1]:
            place = text.find(middle, place, end)
            if place < 0:
                return None
            place += len(middle)
        return (text[len(prefix) : end], *values)


def _match_end(
    text: bytes, segments: tuple[Segment, ...]
) -> tuple[bytes, tuple[bytes, ...]] | None:
    """Return what is before *segments*, with which *text* ends, and what they capture."""
    parts = text.rsplit(b"/", len(segments))
    if len(parts) <= len(segments):
        return None
    values: tuple[bytes, ...] = ()
    for segment, part in zip(segments, parts[1:], strict=True):
        if isinstance(segment, Placeholders):
            found = segment.match(part)
            if found is None:
                return None
            values += found
        elif segment != part:
            return None
    return parts[0], values


class _ByEnds(Generic[T]):
    """Things by the text that something has to begin with, and the text it has to end with."""

    __slots__ = ("_by_sizes",)

    def __init__(self) -> None:
        # By the lengths of both texts, which are few: an index has a look-up for each.
        self._by_sizes: dict[tuple[int, int], dict[tuple[bytes, bytes], list[T]]] = {}

    def of(self, first: bytes, last: bytes) -> list[T]:
        """Return what is kept for *first* and *last*, to be added to."""
        by_ends = self._by_sizes.setdefault((len(first), len(last)), {})
        return by_ends.setdefault((first, last), [])

    def known(self, first: bytes, last: bytes) -> Sequence[T]:
        """Return what is kept for *first* and *last*."""
        return self._by_sizes.get((len(first), len(last)), {}).get((first, last), ())

    def candidates(self, text: bytes, ending: bytes) -> tuple[list[T], int]:
        """Return what *text* may be, and the count of look-ups; *ending* is its last part."""
        found: list[T] = []
        for (first, last), by_ends in self._by_sizes.items():
            ends = text[:first], ending[len(ending) - last :] if last <= len(ending) else ending
            found += by_ends.get(ends, ())
        return found, len(self._by_sizes)


class _Node:
    """A place in the tree: what may follow the segments that lead to it."""

    __slots__ = ("ends", "globs", "literals", "placeholders", "rests", "whole")

    def __init__(self) -> None:
        self.literals: dict[bytes, _Node] = {}
        self.whole: _Node | None = None
        # None, or what there is: a file may have ten thousand places.
        self.placeholders: _ByEnds[tuple[Placeholders, _Node]] | None = None
        # Numbers, and names: of what ends here, and of what takes the rest, whatever it is.
        self.ends: tuple[tuple[int, tuple[str, ...]], ...] = ()
        self.rests: tuple[tuple[int, tuple[str, ...]], ...] = ()
        self.globs: _ByEnds[_Glob] | None = None

    def after(self, segment: Segment) -> "_Node | None":
        """Return where *segment* leads to, None where it was never added."""
        if isinstance(segment, bytes):
            return self.literals.get(segment)
        if segment == WHOLE:
            return self.whole
        if self.placeholders is None:
            return None
        kept = self.placeholders.known(segment.texts[0], segment.texts[-1])
        return next((after for known, after in kept if known == segment), None)


class PathIndex:
    """Patterns by number.

    `size` counts what there is to compare with; `steps`, of the last match, is at most three
    times that: to come to a place, to look up its ends, and to compare.
    """

    def __init__(self, *, slash_optional: bool, ignore_case: bool = False) -> None:
        self._slash_optional = slash_optional
        self._ignore_case = ignore_case
        self._static: dict[bytes, list[int]] = {}
        self._root = _Node()
        self.size = 2  # the look-up by hash, and the root
        self.steps = 0
        self._scans = 0

    def add(self, patterns: Sequence[Pattern], number: int) -> None:
        """Let each of *patterns* be found as *number*.

        Raises ValueError for more patterns than are compared one by one. Then none is added.
        """
        scans = self._scans + sum(pattern.is_scanned for pattern in patterns)
        if scans > MAX_SCANS:
            raise ValueError(f"more than {MAX_SCANS} patterns have something behind a star")
        if any(self._count_alike(pattern) >= MAX_ALIKE for pattern in patterns):
            raise ValueError(f"more than {MAX_ALIKE} patterns match the same paths")
        self._scans = scans
        for pattern in patterns:
            self._add(pattern, number)

    def _add(self, pattern: Pattern, number: int) -> None:
        if pattern.is_static:
            self._static.setdefault(_static_path(pattern), []).append(number)
            return
        node = self._root
        for segment in pattern.before:
            node = self._next(node, segment)
        self.size += 1
        if not pattern.glob:
            node.ends += ((number, pattern.names),)
        elif pattern.takes_rest:
            node.rests += ((number, pattern.names),)
        else:
            node.globs = node.globs or _ByEnds()
            node.globs.of(*_ends(pattern)).append(_Glob(pattern, number))

    def _count_alike(self, pattern: Pattern) -> int:
        """Return how many patterns match all paths that *pattern* matches, or most of them."""
        if pattern.is_static:
            return len(self._static.get(_static_path(pattern), ()))
        node: _Node | None = self._root
        for segment in pattern.before:
            node = node and node.after(segment)
        if node is None:
            return 0
        if not pattern.glob:
            return len(node.ends)
        if pattern.takes_rest:
            return len(node.rests)
        return len(node.globs.known(*_ends(pattern))) if node.globs is not None else 0

    def _next(self, node: _Node, segment: Segment) -> _Node:
        """Return where *segment* leads to from *node*; a new place, if need be."""
        following = node.after(segment)
        if following is not None:
            return following
        self.size += 1
        following = _Node()
        if isinstance(segment, bytes):
            node.literals[segment] = following
        elif segment == WHOLE:
            node.whole = following
        else:
            node.placeholders = node.placeholders or _ByEnds()
            kept = node.placeholders.of(segment.texts[0], segment.texts[-1])
            kept.append((segment, following))
        return following

    def match(self, path: bytes) -> list[Match]:
        """Return what matches *path*, which begins with a slash, in the order of the numbers."""
        if self._ignore_case:
            path = path.lower()
        body = path[1:]
        key = body.removesuffix(b"/") if self._slash_optional else body
        found = [Match(number, (), ()) for number in self._static.get(key, ())]
        self.steps = 1
        if self.size > 2:
            self._walk(body, found)
            found.sort(key=_number)
        return found

    def _walk(self, body: bytes, found: list[Match]) -> None:
        """Add what matches *body*, a path without its first slash, of the tree."""
        places: list[tuple[_Node, tuple[bytes, ...]]] = [(self._root, ())]
        segments = body.split(b"/")
        offset = 0
        for number, segment in enumerate(segments):
            self.steps += len(places)
            is_slash = self._slash_optional and not segment and number == len(segments) - 1
            following: list[tuple[_Node, tuple[bytes, ...]]] = []
            for node, values in places:
                for each, names in node.rests:
                    found.append(Match(each, names, (*values, body[offset:])))
                if node.globs is not None:
                    self._try_globs(node.globs, body[offset:], values, found)
                if is_slash:
                    following.append((node, values))
                    continue
                self._follow(node, segment, values, following)
            if not following:
                return
            places = following
            offset += len(segment) + 1
        self.steps += len(places)
        for node, values in places:
            found += [Match(number, names, values) for number, names in node.ends]

    def _follow(
        self,
        node: _Node,
        segment: bytes,
        values: tuple[bytes, ...],
        following: list[tuple[_Node, tuple[bytes, ...]]],
    ) -> None:
        """Add to *following* the nodes that *segment* leads to from *node*."""
        literal = node.literals.get(segment)
        if literal is not None:
            following.append((literal, values))
        if node.whole is not None and segment:
            following.append((node.whole, (*values, segment)))
        if node.placeholders is not None:
            candidates, steps = node.placeholders.candidates(segment, segment)
            self.steps += steps + len(candidates)
            for placeholders, after in candidates:
                captured = placeholders.match(segment)
                if captured is not None:
                    following.append((after, values + captured))

    def _try_globs(
        self,
        globs: _ByEnds[_Glob],
        text: bytes,
        values: tuple[bytes, ...],
        found: list[Match],
    ) -> None:
        ending = text.removesuffix(b"/") if self._slash_optional else text
        candidates, steps = globs.candidates(text, ending)
        self.steps += steps + len(candidates)
        for glob in candidates:
            captured = glob.match(text, slash_optional=self._slash_optional)
            if captured is not None:
                found.append(Match(glob.number, glob.pattern.names, values + captured))


def _static_path(pattern: Pattern) -> bytes:
    return b"/".join(each for each in pattern.before if isinstance(each, bytes))


def _ends(pattern: Pattern) -> tuple[bytes, bytes]:
    """Return what the path from the first star's segment on begins and ends with."""
    return pattern.glob[0], b"" if pattern.after else pattern.glob[-1]
