"""Header blocks that are whole: requests, which are answered, and trailers, which are not read."""

from typing import Final

from evloop.http.request import RequestError
from evloop.http2.answering import plan, priority_of, refuse
from evloop.http2.budget import FRAME_COST
from evloop.http2.context import MAX_FIELDS
from evloop.http2.frames import ConnectionFaultError, ErrorCode, StreamFaultError
from evloop.http2.heads import Field, Head, MalformedError, check_fields, read_head
from evloop.http2.hpack import STATELESS, CompressionError, ListTooLargeError
from evloop.http2.memo import Known
from evloop.http2.session import Session
from evloop.http2.streams import PLAIN, Event, Stream, StreamState
from evloop.http2.waiting import Waiting
from evloop.http2.writer import Answer

_PROTOCOL, _CLOSED = ErrorCode.PROTOCOL_ERROR, ErrorCode.STREAM_CLOSED
_UNREAD: Final = b" HTTP/2.0\r\n\r\n"
"""The head, in the log, of a request that was not understood."""


class Requests:
    """Opens the streams of *session*; those without an answer yet go to *waiting*."""

    __slots__ = ("_session", "_waiting")

    def __init__(self, session: Session, waiting: Waiting) -> None:
        self._session = session
        self._waiting = waiting

    def take(self, stream_id: int, end_stream: int, block: bytes, now: float) -> None:
        """Act on a header block; *end_stream*: whether the client's side is over then."""
        session = self._session
        if stream_id <= session.last_id or not stream_id % 2:
            self._take_trailers(stream_id, end_stream, block, now)
            return
        session.last_id = stream_id
        has_body = not end_stream
        if session.is_closing or not session.has_room:
            self._turn_away(stream_id, block, now)
        elif has_body or session.decoder is not STATELESS:
            self._open(stream_id, block, now, has_body=has_body)
        else:
            known = session.context.memo.recall(block, now)
            if known is None:
                self._open(stream_id, block, now, has_body=False)
            else:
                stream = session.open(stream_id, known.priority, has_body=False)
                session.start(stream, known.answer, known.head, now)

    def _open(self, stream_id: int, block: bytes, now: float, *, has_body: bool) -> None:
        session = self._session
        try:
            fields = self._decode(block)
            head = read_head(fields)
        except ListTooLargeError as error:
            stream = session.open(stream_id, PLAIN, has_body=has_body)
            answer = refuse(RequestError(431, str(error)), None, session.context, now)
            session.start(stream, answer, _UNREAD, now)
            return
        except MalformedError as error:
            raise StreamFaultError(stream_id, _PROTOCOL, str(error)) from error
        if head.length > 0 and not has_body:
            raise StreamFaultError(stream_id, _PROTOCOL, "a Content-Length without a body")
        priority = priority_of(fields)
        stream = session.open(stream_id, priority, has_body=has_body)
        stream.promised = head.length
        found = self._answer(stream, head, now)
        if found is not None and not has_body and session.decoder is STATELESS:
            kept = head.text if session.context.observer.logs else b""
            session.context.memo.remember(block, Known(found, kept, priority), now)

    def _answer(self, stream: Stream, head: Head, now: float) -> Answer | None:
        """Answer the request on *stream*, or let it wait; return the answer."""
        session = self._session
        has_body = stream.state is StreamState.OPEN
        planned = plan(head, session.context, session.peer, now, has_body=has_body)
        found = planned.found
        if isinstance(found, Answer):
            session.start(stream, found, head.text, now)
            return found
        assert planned.request is not None
        until = now + session.context.limits.file_timeout
        self._waiting.add(stream, found, planned.request, head.text, until)
        return None

    def _turn_away(self, stream_id: int, block: bytes, now: float) -> None:
        """Do not answer a request: there is no room, or the connection is about to end.

        The client may send it again (RFC 9113 section 8.7).
        """
        session = self._session
        if session.decoder is not STATELESS:
            self._decode_in_vain(block)
        if session.is_closing:  # it is behind the last stream of GOAWAY
            session.spend(FRAME_COST, now, "requests behind GOAWAY")
        else:
            reason = "more streams than allowed"
            session.reject(stream_id, ErrorCode.REFUSED_STREAM, now, reason)

    def _take_trailers(self, stream_id: int, end_stream: int, block: bytes, now: float) -> None:
        session = self._session
        stream = session.streams.get(stream_id)
        if stream is None:
            if not stream_id % 2:
                raise ConnectionFaultError(_PROTOCOL, "streams of clients have odd numbers")
            if not session.is_reset(stream_id):
                last = stream_id == session.last_id
                code = _CLOSED if last else _PROTOCOL
                raise ConnectionFaultError(code, "HEADERS on a stream that is over")
            self._decode_in_vain(block)
            session.spend(FRAME_COST, now, "trailers of streams that are over")
            return
        try:
            fields = self._decode(block)
            check_fields(fields)
        except ListTooLargeError as error:
            raise StreamFaultError(stream_id, ErrorCode.ENHANCE_YOUR_CALM, str(error)) from error
        except MalformedError as error:
            raise StreamFaultError(stream_id, _PROTOCOL, str(error)) from error
        if stream.state is not StreamState.OPEN:
            raise StreamFaultError(stream_id, _CLOSED, "HEADERS behind END_STREAM")
        if not end_stream or stream.promised not in {-1, stream.received}:
            raise StreamFaultError(stream_id, _PROTOCOL, "trailers that are not the end")
        stream.apply(Event.END_RECEIVED)

    def _decode(self, block: bytes) -> list[Field]:
        """Return the fields in *block*. Raises ListTooLargeError and ConnectionFaultError."""
        session = self._session
        try:
            return session.decoder.decode(block, session.context.limits.max_head_size, MAX_FIELDS)
        except CompressionError as error:
            raise ConnectionFaultError(ErrorCode.COMPRESSION_ERROR, str(error)) from error

    def _decode_in_vain(self, block: bytes) -> None:
        """Keep the dynamic table in line with the client's."""
        try:
            self._decode(block)
        except ListTooLargeError:
            pass  # the table is right
