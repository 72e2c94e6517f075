"""What rules do to the fields of a response."""

from collections.abc import Iterable

from evloop.http.response import Field

MAX_SHARED_SIZE = 16 * 1024
"""Bytes of changes that are kept for other responses. A long Content-Security-Policy has four."""
VARY = b"vary"

_SEVERAL_LINES = b"set-cookie"  # RFC 9110 section 5.3: can't be joined
# As the server spells what it sends by itself, for those who look for it by name.
_SPELLING = {
    name.lower(): name for name in (b"Cache-Control", b"Content-Type", b"X-Content-Type-Options")
}
# Bytes of the object with its list and its set, and of each field with its tuple and the headers
# of its bytes objects; measured by tests/site/test_rules_memory.py.
_COST = 700
_FIELD_COST = 300


class Changes:
    """What is done to the fields of a response.

    `size` is what they take, in bytes. `is_shared`: the same object stands for the same changes
    as long as it is kept, so that a response with them can be kept too.
    """

    __slots__ = ("_added", "_dropped", "_vary", "is_shared", "size")

    def __init__(self, values: dict[bytes, tuple[bytes, list[bytes]]], dropped: set[bytes]) -> None:
        """*values*: by name in lower case, the name as it is written and its values."""
        self._dropped = frozenset((dropped | set(values)) - {VARY})
        self._added: list[Field] = []
        self._vary = b", ".join(values[VARY][1]) if VARY in values else b""
        self.is_shared = False
        for name, (written, each) in values.items():
            if name == _SEVERAL_LINES:
                self._added += [(written, value) for value in each]
            elif name != VARY:
                self._added.append((_SPELLING.get(name, written), b", ".join(each)))
        self.size = _COST + len(self._vary) + _FIELD_COST * (len(self._added) + len(self._dropped))
        self.size += sum(len(name) + len(value) for name, value in self._added)

    def apply(
        self, fields: Iterable[Field], *, without: frozenset[bytes] = frozenset()
    ) -> list[Field]:
        """Return *fields* as they are to be sent; names in *without* are neither set nor lost."""
        dropped = self._dropped - without
        changed = [field for field in fields if field[0].lower() not in dropped]
        changed += [field for field in self._added if field[0].lower() not in without]
        return with_vary(changed, self._vary) if self._vary else changed


def with_vary(fields: list[Field], names: bytes) -> list[Field]:
    """Return *fields* with *names* in Vary, beside those that are there, each once."""
    own = [value for name, value in fields if name == b"Vary"]
    rest = [field for field in fields if field[0] != b"Vary"]
    members: dict[bytes, bytes] = {}
    for member in b",".join([*own, names]).split(b","):
        if member := member.strip():
            members.setdefault(member.lower(), member)
    return [*rest, (b"Vary", b", ".join(members.values()))]
