"""The rules of one path, which hosts and query fields tell apart.

A site that comes from another system may have hundreds: `/index.php id=7 /news`. Each rule is
kept under one of its conditions, so that a request is compared only with those to which its own
host and fields lead.
"""

from collections.abc import Iterable, Mapping

from evloop.site.rules.model import MAX_ALIKE

Condition = tuple[bytes | None, bytes | None]
"""A query field and its value, which is None if any will do; or None and a host."""


class Alternatives:
    """Rules of one path by their numbers, which come in ascending order.

    `always` is the first rule that has no condition, -1 where none is. One with the conditions of
    an earlier rule is never met, and not kept.
    """

    __slots__ = ("_by_condition", "_known", "always", "first")

    def __init__(self, first: int) -> None:
        """*first*: the number of the first rule."""
        self.first = first
        self.always = -1
        self._by_condition: dict[Condition, list[int]] = {}
        self._known: set[frozenset[Condition]] = set()

    def add(self, number: int, conditions: Iterable[Condition]) -> None:
        """Add the rule *number*. Raises ValueError when a request might meet too many."""
        kept = list(conditions)
        if not kept:
            self.always = number if self.always < 0 else self.always
            return
        if frozenset(kept) in self._known:
            return
        rarest = min(kept, key=lambda each: len(self._by_condition.get(each, ())))
        numbers = self._by_condition.get(rarest, [])
        if len(numbers) == MAX_ALIKE:
            raise ValueError(f"more than {MAX_ALIKE} rules for this path and the same query field")
        self._by_condition[rarest] = [*numbers, number]
        self._known.add(frozenset(kept))

    def candidates(self, fields: Mapping[bytes, bytes], host: bytes) -> list[int]:
        """Return which rules a request of *host* may meet, in order; *fields* are its query's."""
        numbers = list(self._by_condition.get((None, host), ()))
        for name, value in fields.items():
            numbers += self._by_condition.get((name, value), ())
            numbers += self._by_condition.get((name, None), ())
        if self.always >= 0:
            numbers.append(self.always)
        return sorted(numbers)
