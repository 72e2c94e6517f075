"""The response to a range request (RFC 9110 section 14)."""

import os
from collections.abc import Sequence

from evloop.files.bodies import FileBody
from evloop.files.content import BytesBody
from evloop.files.entry import Entry
from evloop.files.parts import PartsBody
from evloop.http.ranges import content_range, multipart_preambles
from evloop.http.response import Field, Response


def partial_response(
    entry: Entry, source: FileBody | BytesBody, ranges: Sequence[range], fields: list[Field]
) -> Response:
    """Return the 206 that sends *ranges* of *source*, the whole body of *entry*.

    *fields* are those that a 200 would have, but for Content-Length.
    """
    if len(ranges) == 1:
        selected = ranges[0]
        source.seek(selected)
        fields.append((b"Content-Range", content_range(selected, entry.size)))
        return Response(206, fields, length=len(selected), body=source)
    boundary = os.urandom(12).hex().encode()
    media_type = next((f[1] for f in fields if f[0] == b"Content-Type"), entry.media_type)
    texts, ending = multipart_preambles(ranges, entry.size, media_type, boundary)
    body = PartsBody(source, list(zip(texts, ranges, strict=True)), ending)
    multipart = b"multipart/byteranges; boundary=" + boundary
    fields = [(b"Content-Type", multipart), *(f for f in fields if f[0] != b"Content-Type")]
    return Response(206, fields, length=body.remaining, body=body)
