"""What goes out: answers to frames first, then the streams whose turn it is.

What is offered is only a plan. The socket's word makes it true: frames that it has taken are paid
for, the one that it has taken in part is a Cut and goes first the next time, and the others are
forgotten and planned again. So nothing is kept for a stream but where it stands.
"""

import errno
from typing import Final, NamedTuple

from evloop.http.response import Buffer, Window
from evloop.http2.budget import BYTES_PER_UNIT
from evloop.http2.frames import (
    DATA,
    END_STREAM,
    HEADER_SIZE,
    MAX_FRAME_SIZE,
    ErrorCode,
    frame_header,
)
from evloop.http2.session import Session
from evloop.http2.streams import Cut, Progress, Stream
from evloop.http2.writer import NOT_WHOLE
from evloop.observe.exchange import EndReason

BATCH_SIZE: Final = 64 * 1024
"""Bytes of one send, at most but for the last frame: eight answers of the largest that leave in one
buffer."""

_IN_MEMORY = (memoryview, bytes)
_READY = Progress.READY


class _Piece(NamedTuple):
    """A frame, or a head with its data, that was offered: *text* and then *size* bytes of DATA."""

    stream: Stream
    text: bytes
    text_size: int
    """Bytes of *text* that are no DATA of the body; where all is in one buffer it has more."""
    size: int
    ends: bool


class Sender:
    """Sends for *session*."""

    __slots__ = ("_control_size", "_pieces", "_session")

    def __init__(self, session: Session) -> None:
        self._session = session
        self._pieces: list[_Piece] = []  # between outgoing() and sent()
        self._control_size = 0  # bytes of answers to frames, in front of the pieces

    @property
    def has_output(self) -> bool:
        """Whether there is, or may be, something to send."""
        session = self._session
        if session.cut is not None:
            return not session.is_cut_resting
        return bool(session.control or session.schedule.ready)

    def outgoing(self, now: float) -> tuple[Buffer, ...] | Window:
        """Return what the socket is to take next.

        Raises OSError when the rest of a frame of which a part was sent can't be had any more.
        """
        session = self._session
        self._pieces = []
        self._control_size = 0
        if session.cut is not None:
            return self._offer_cut(session.cut, now)
        buffers: list[Buffer] = []
        if session.control:
            self._control_size = len(session.control)
            buffers.append(session.control)
        if session.schedule.ready:
            self._offer_streams(buffers, now)
        return tuple(buffers)

    def _offer_cut(self, cut: Cut, now: float) -> tuple[Buffer, ...] | Window:
        if cut.body is None:
            return (cut.text,)
        piece = cut.body.peek()
        if isinstance(piece, _IN_MEMORY):
            piece = piece[: cut.left]
            return (cut.text, piece) if cut.text else (piece,)
        if cut.text:
            return (cut.text,)
        if isinstance(piece, float):
            session = self._session
            session.is_cut_resting = True
            session.rests_until = min(session.rests_until, now + piece)
            return ()
        piece.size = min(piece.size, cut.left)
        return piece

    # Plans

    def _offer_streams(self, buffers: list[Buffer], now: float) -> None:
        window = self._session.windows.connection
        room = BATCH_SIZE
        for stream in self._session.schedule.ready[:]:
            answer = stream.answer
            if answer is not None:
                size = answer.whole_size
                if (
                    size == NOT_WHOLE
                    or stream.body is not None
                    or size > min(window, stream.window)
                ):
                    text = answer.head(stream.id)
                    ends = not answer.has_payload
                    buffers.append(text)
                    self._pieces.append(_Piece(stream, text, len(text), 0, ends))
                    size = 0
                else:
                    text = answer.whole(stream.id)
                    ends = True
                    buffers.append(text)
                    self._pieces.append(_Piece(stream, text, len(text) - size, size, ends))
                window -= size
                room -= len(text)
                if room <= 0:
                    return
                if ends:
                    continue
            if self._offer_data(stream, min(window, room), buffers, now):
                return  # the refill buffer is in use, or the turn is over

    def _offer_data(self, stream: Stream, room: int, buffers: list[Buffer], now: float) -> bool:
        """Offer DATA of *stream*, *room* bytes at most; return whether there was any."""
        session = self._session
        if stream.body is None:
            assert stream.answer is not None
            stream.body = stream.answer.new_body()
        body = stream.body
        if body.done:
            self._offer_frame(stream, b"", 0, buffers, ends=True)
            return True
        room = min(room, stream.window)
        if room <= 0:
            session.block(stream, now)
            return False
        try:
            piece = body.peek()
        except OSError as error:
            lose_source(session, stream, error, now)
            return False
        if isinstance(piece, float):
            session.rest(stream, now + piece)
            return False
        remaining = body.remaining
        if not isinstance(piece, _IN_MEMORY):
            size = min(piece.size, room, MAX_FRAME_SIZE)
            self._offer_frame(stream, None, size, buffers, ends=size == remaining)
            return True
        piece = piece[:room]
        for start in range(0, len(piece), MAX_FRAME_SIZE):
            data = piece[start : start + MAX_FRAME_SIZE]
            ends = start + len(data) == remaining
            self._offer_frame(stream, data, len(data), buffers, ends=ends)
        return True

    def _offer_frame(
        self,
        stream: Stream,
        data: Buffer | None,
        size: int,
        buffers: list[Buffer],
        *,
        ends: bool,
    ) -> None:
        """Offer a frame with *data*; None: its *size* bytes follow by themselves, as a cut."""
        text = frame_header(size, DATA, END_STREAM if ends else 0, stream.id)
        buffers.append(text)
        if data:
            buffers.append(data)
        self._pieces.append(_Piece(stream, text, HEADER_SIZE, size, ends))

    # Payment

    def sent(self, count: int, now: float) -> bool:
        """The socket has taken *count* bytes of what was offered; return whether that was all."""
        session = self._session
        session.context.observer.bytes_sent += count
        if session.cut is not None:
            self._pay_cut(session.cut, count, now)
            return session.cut is None
        if self._control_size:
            of_control = min(count, self._control_size)
            session.control = session.control[of_control:]
            count -= of_control
        pieces, self._pieces = self._pieces, []
        is_all = True
        for piece in pieces:
            size = piece.text_size + piece.size
            if count >= size:
                self._pay(piece, now)
                count -= size
                continue
            is_all = False
            if count:
                self._cut(piece, count)
                count = 0
        if not is_all:
            session.plan_again()
        return is_all

    def _pay(self, piece: _Piece, now: float) -> None:
        """*piece* was taken as a whole."""
        stream, size = piece.stream, piece.size
        self._account(stream, size, size)
        if stream.body is not None and size:
            stream.body.advance(size)
        if piece.ends:
            self._session.complete(stream, now)
        elif stream.progress is _READY:
            self._session.schedule.served(stream)

    def _cut(self, piece: _Piece, count: int) -> None:
        """Of *piece*, *count* bytes were taken."""
        stream = piece.stream
        taken = max(0, count - piece.text_size)
        text = piece.text[count : piece.text_size]
        if piece.size and stream.body is None:
            assert stream.answer is not None
            stream.body = stream.answer.new_body()
        self._account(stream, piece.size, taken)
        body = stream.body if piece.size else None
        if body is not None and taken:
            body.advance(taken)
        self._session.cut = Cut(stream, text, body, piece.size - taken, ends=piece.ends)

    def _account(self, stream: Stream, size: int, taken: int) -> None:
        """Take *size* bytes off the windows, and note the *taken* ones, and the head."""
        session = self._session
        head_size = 0
        if stream.answer is not None:
            head_size = stream.answer.head_size
            stream.answer = None
        if size:
            stream.window -= size
            session.windows.connection -= size
            session.budget.earn(size / BYTES_PER_UNIT)
        if stream.exchange is not None:
            stream.exchange.sent += head_size + taken

    def _pay_cut(self, cut: Cut, count: int, now: float) -> None:
        session = self._session
        of_text = min(count, len(cut.text))
        cut.text = cut.text[of_text:]
        count -= of_text
        if count:
            assert cut.body is not None
            cut.body.advance(count)
            cut.left -= count
            if cut.stream is not None and cut.stream.exchange is not None:
                cut.stream.exchange.sent += count
        if cut.text or cut.left:
            return
        session.cut = None
        if cut.stream is None:
            if cut.body is not None:
                cut.body.close()
        elif cut.ends:
            session.complete(cut.stream, now)
        elif cut.stream.progress is _READY:
            session.schedule.served(cut.stream)


def lose_source(session: Session, stream: Stream, error: OSError, now: float) -> None:
    """End *stream*, whose file has changed, or can't be read any more."""
    changed = error.errno == errno.ESTALE
    end = EndReason.FILE_CHANGED if changed else EndReason.READ_ERROR
    session.reset(stream, ErrorCode.INTERNAL_ERROR, end, now, str(error))
