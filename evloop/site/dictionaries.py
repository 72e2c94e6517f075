"""Files as dictionaries for their later versions (RFC 9842)."""

from evloop.files.cache import Found
from evloop.files.deltas import Deltas, may_be_dictionary
from evloop.files.entry import Entry
from evloop.http.dictionaries import parse_available_dictionary, use_as_dictionary
from evloop.http.negotiation import DCZ, parse_accept_encoding
from evloop.http.request import Request
from evloop.http.responder import Pending
from evloop.http.response import Field

READ_FIELDS = (b"available-dictionary", b"sec-fetch-site")
"""The request fields that decide about a difference, beside Accept-Encoding and Range."""

# Who may read a response may use it (RFC 9842 section 9.3): pages of the site itself, what a
# person has typed, and programs, which send no such field.
_TRUSTED_SITES = frozenset({b"same-origin", b"none", b""})


class DictionaryFields:
    """Says of files that later versions may be sent as differences to them.

    *index_names* are those of files that are sent for their directory.
    """

    def __init__(self, index_names: tuple[bytes, ...]) -> None:
        self._index_names = frozenset(index_names)

    def fields(self, entry: Entry) -> list[Field]:
        """Return Use-As-Dictionary for *entry*, if it may be one."""
        if not may_be_dictionary(entry):
            return []
        directory, slash, name = entry.path.rpartition(b"/")
        path = directory + slash if name in self._index_names else entry.path
        value = use_as_dictionary(path)
        return [(b"Use-As-Dictionary", value)] if value is not None else []


def find_difference(
    deltas: Deltas, entry: Entry, request: Request, now: float
) -> Found | Pending | None:
    """Return the difference of *entry* to what the client says that it has; None: the whole is due.

    It is preferred to other codings of the same weight, since it is always smaller. A part of one
    is of no use to anybody, so a request for a range gets none.
    """
    fields = request.fields
    digest = parse_available_dictionary(fields.get(b"available-dictionary"))
    if digest is None or b"range" in fields:
        return None
    if fields.get(b"sec-fetch-site", b"") not in _TRUSTED_SITES:
        return None
    weights = parse_accept_encoding(fields.get(b"accept-encoding"))
    weight = weights.get(DCZ, 0)
    if not weight or weight < max(weights.values()):
        return None
    return deltas.find(entry, digest, now)
