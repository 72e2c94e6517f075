"""From a file that was found to a response: the stages negotiate, judge and render."""

from collections.abc import Callable, Sequence

from evloop.files.bodies import FileBody, SendfileBody
from evloop.files.cache import Found
from evloop.files.content import BytesBody
from evloop.files.entry import Entry
from evloop.files.reader import Reader
from evloop.http.conditional import CONDITIONAL_FIELDS, Validators, Verdict, evaluate, range_applies
from evloop.http.digest_fields import wants_sha256
from evloop.http.ranges import UnsatisfiableRangeError, parse_ranges, unsatisfied_range
from evloop.http.request import Request, RequestError
from evloop.http.responder import Pending
from evloop.http.response import Field, Response
from evloop.site.clock import Clock
from evloop.site.fields import ResponseFields
from evloop.site.manner import PLAIN, Manner
from evloop.site.negotiator import Negotiator
from evloop.site.partial import partial_response
from evloop.site.prepared import PreparedResponses
from evloop.site.representation import digest_field

_SPECIAL_FIELDS = frozenset((*CONDITIONAL_FIELDS, b"range", b"want-repr-digest"))


class Renderer:
    """Makes the responses that send files, in the coding that *negotiator* selects.

    *fresh_until* tells how long a response may be sent again, *has_place* whether one may take
    more than a light one does while it is sent.
    """

    def __init__(
        self,
        reader: Reader,
        clock: Clock,
        fields: ResponseFields,
        prepared: PreparedResponses,
        negotiator: Negotiator | None,
        *,
        fresh_until: Callable[[Entry], float],
        has_place: Callable[[], bool],
        sendfile: bool,
    ) -> None:
        self._reader = reader
        self._clock = clock
        self._fresh_until = fresh_until
        self._has_place = has_place
        self._fields = fields
        self._prepared = prepared
        self._negotiator = negotiator
        self._file_body = SendfileBody if sendfile else FileBody

    def send(
        self,
        found: Found,
        request: Request,
        now: float,
        manner: Manner = PLAIN,
        more: Sequence[Field] = (),
    ) -> Response | Pending:
        """Return the response of what was found, which is released unless it is sent.

        *more*: the fields of an error. Raises RequestError, and OSError when the process is short
        of descriptors or memory.
        """
        if self._negotiator is not None:
            selected = self._negotiator.select(found, request, now)
            if not isinstance(selected, Found):
                return selected
            found = selected
        entry = found.entry
        if (
            entry.content is not None
            and request.method == b"GET"
            and _SPECIAL_FIELDS.isdisjoint(request.fields)
            and manner.is_shared
        ):
            return self._prepared_response(entry, now, manner)
        source = self._source(found)
        is_used = False
        try:
            response = self._render(request, entry, source, manner)
            response.fields = (*response.fields, *more)
            is_used = response.body is not None
            return response
        finally:
            if not is_used:
                source.close()

    def _prepared_response(self, entry: Entry, now: float, manner: Manner) -> Response:
        """Return the response to every plain request for *entry*."""
        response = self._prepared.get(entry, now, manner.changes)
        if response is None:
            response = Response(
                200,
                self._fields.representation(entry, manner),
                length=entry.size,
                content=entry.content if entry.size else None,
                fresh_until=self._fresh_until(entry),
                is_shared=True,
            )
            self._prepared.keep(entry, response, manner.changes)
        return response

    def _judge(self, request: Request, entry: Entry) -> tuple[Verdict, Sequence[range] | None]:
        """Evaluate preconditions, then Range (RFC 9110 section 13.2.2)."""
        fields, seconds = request.fields, self._clock.seconds
        if _SPECIAL_FIELDS.isdisjoint(fields):
            return Verdict.PROCEED, None
        validators = Validators(entry.etag, self._fields.last_modified(entry))
        verdict = evaluate(fields, validators, seconds)
        if verdict is Verdict.FAILED:
            raise RequestError(412, "a precondition failed")
        value = fields.get(b"range")
        if (
            verdict is Verdict.NOT_MODIFIED
            or value is None
            or request.method != b"GET"
            or not range_applies(fields.get(b"if-range"), entry.etag)
        ):
            return verdict, None
        try:
            return verdict, parse_ranges(value, entry.size)
        except UnsatisfiableRangeError as error:
            unsatisfied = (b"Content-Range", unsatisfied_range(entry.size))
            raise RequestError(416, "the range selects nothing", (unsatisfied,)) from error

    def _render(
        self, request: Request, entry: Entry, source: FileBody | BytesBody, manner: Manner
    ) -> Response:
        """Return the response of *entry*; *source* is its whole body, to be used or not."""
        if manner.status != 200:
            fields = self._fields.error(entry, manner)
            body = source if entry.size and request.method != b"HEAD" else None
            return Response(manner.status, fields, length=entry.size, body=body)
        verdict, ranges = self._judge(request, entry)
        fresh_until = self._fresh_until(entry)
        if verdict is Verdict.NOT_MODIFIED:
            return Response(304, self._fields.caching(entry, manner), fresh_until=fresh_until)
        fields = self._fields.representation(entry, manner)
        if wants_sha256(request.fields.get(b"want-repr-digest")):
            digest = digest_field(entry)
            if digest is not None:
                fields.append(digest)
        # Several parts take memory for as long as the client likes. Range may be ignored (RFC 9110
        # section 14.2).
        if ranges is not None and (len(ranges) == 1 or self._has_place()):
            return partial_response(entry, source, ranges, fields)
        size = entry.size
        if request.method == b"HEAD" or not size:
            return Response(200, fields, length=size, fresh_until=fresh_until)
        if entry.content is not None:
            return Response(
                200, fields, length=size, content=entry.content, fresh_until=fresh_until
            )
        return Response(200, fields, length=size, body=source)

    def _source(self, found: Found) -> FileBody | BytesBody:
        """Return the whole body of what was found, which owns what *found* owned."""
        entry = found.entry
        content = found.private or entry.content
        if content is None:
            promised = entry.signature if entry.is_strong else None
            return self._file_body(found.fd, range(entry.size), self._reader, promised)
        body = content.body(0, entry.size)
        if found.private is not None:
            found.private.release()
        return body
