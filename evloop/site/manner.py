"""How a file is sent where that does not follow from the file alone."""

from typing import NamedTuple

from evloop.http.response import Field
from evloop.site.rules.changes import Changes, with_vary

_CACHE_CONTROL = frozenset({b"cache-control"})
_CONTENT_TYPE = frozenset({b"content-type"})


class Manner(NamedTuple):
    """What differs from a plain 200."""

    changes: Changes | None = None
    """What the site's rules say about its fields."""
    cache_control: bytes = b""
    """In place of what every file has; a rule may say something else, but not of an error."""
    vary: bytes = b""
    """The fields of the request that decided."""
    status: int = 200

    @property
    def is_shared(self) -> bool:
        """Whether it is the same for all plain requests for a file."""
        return self is PLAIN or (
            self.changes is not None and self.changes.is_shared and self[1:] == PLAIN[1:]
        )

    def dress(self, fields: list[Field], status: int) -> list[Field]:
        """Return *fields* as a response of *status* has them."""
        if self.changes is not None:
            without = _CACHE_CONTROL if status >= 400 else frozenset()
            if status == 304:
                without = _CONTENT_TYPE  # RFC 9110 section 15.4.5: the client has it
            fields = self.changes.apply(fields, without=without)
        return with_vary(fields, self.vary) if self.vary else fields


PLAIN = Manner()
