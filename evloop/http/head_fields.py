"""The fields of a request head that decide about a response."""

import re

from evloop.http.request import RequestError

MAX_READ_FIELDS = 32
"""Lines of those fields that are read; more are refused with 431. There are thirteen such fields,
and two more that some sites ask for; a client sends each of them in one line."""


def field_pattern(*more: bytes) -> re.Pattern[bytes]:
    """Return what picks the fields that decide about a response, and *more*, of a checked head.

    *more* are names in lower case. The class in front keeps the search from trying each name at
    each line.
    """
    initials = bytes(sorted({*b"achirtw", *(name[0] for name in more)}))
    names = b"".join(b"|" + re.escape(name) for name in more)
    return re.compile(
        rb"\n(?=[%b])"
        rb"(accept(?:-encoding)?|connection|content-length|host|range|transfer-encoding"
        rb"|want-repr-digest|if-(?:match|modified-since|none-match|range|unmodified-since)%b)"
        rb":[ \t]*+([^\r]*+)" % (initials, names),
        re.IGNORECASE,
    )


FIELDS = field_pattern()
"""The fields that every site reads."""


def read_fields(head: bytes, read: re.Pattern[bytes] = FIELDS) -> dict[bytes, bytes]:
    """Return the fields of *head* that decide about a response, lines of one name joined.

    *head* has lines as HTTP/1.1 writes them, and their syntax was checked; *read* is a
    field_pattern(). Raises RequestError 431 for more than MAX_READ_FIELDS lines.
    """
    lines = read.findall(head)
    if len(lines) > MAX_READ_FIELDS:
        raise RequestError(431, "too many lines of the fields that are read")
    fields: dict[bytes, bytes] = {}
    for line_name, line_value in lines:
        name, value = line_name.lower(), line_value.rstrip()
        fields[name] = fields[name] + b", " + value if name in fields else value
    return fields
