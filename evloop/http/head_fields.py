"""The fields of a request head that decide about a response."""

import re

from evloop.http.request import RequestError

MAX_READ_FIELDS = 32
"""Lines of those fields that are read; more are refused with 431. There are twelve such fields,
and a client sends each of them in one line."""

# The fields that decide about a response, in a head whose syntax was checked. The class in
# front keeps the search from trying each name at each line.
_FIELD = re.compile(
    rb"\n(?=[ACHIRT])"
    rb"(accept(?:-encoding)?|connection|content-length|host|range|transfer-encoding"
    rb"|if-(?:match|modified-since|none-match|range|unmodified-since)):[ \t]*+([^\r]*+)",
    re.IGNORECASE,
)


def read_fields(head: bytes) -> dict[bytes, bytes]:
    """Return the fields of *head* that decide about a response, lines of one name joined.

    *head* has lines as HTTP/1.1 writes them, and their syntax was checked. Raises RequestError 431
    for more than MAX_READ_FIELDS lines.
    """
    lines = _FIELD.findall(head)
    if len(lines) > MAX_READ_FIELDS:
        raise RequestError(431, "too many lines of the fields that are read")
    fields: dict[bytes, bytes] = {}
    for line_name, line_value in lines:
        name, value = line_name.lower(), line_value.rstrip()
        fields[name] = fields[name] + b", " + value if name in fields else value
    return fields
