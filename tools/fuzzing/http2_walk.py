"""One Http2Protocol on its way through stimuli of any kind, and what must hold after each."""

from collections.abc import Callable

from evloop.http.limits import Limits
from evloop.http.request import Request, RequestError
from evloop.http.response import Buffer, Response, Window
from evloop.http2 import frames
from evloop.http2.context import Context
from evloop.http2.frames import END_HEADERS, END_STREAM, PREFACE, Setting, frame_header
from evloop.http2.memo import Memo
from evloop.http2.protocol import Http2Protocol
from evloop.http2.receiving import CONTROL_ROOM, RECEIVE_SIZE
from evloop.http2.states import FINAL, State
from evloop.net.protocol import READ, WRITE
from fuzzing.http2_client import StrictClient, expect, request_block
from fuzzing.stage import Stage, StagedPending, StagedWindow, pattern
from fuzzing.walk import PEER, Ends

_MAX_SENDS = 100_000
_LATE_ANSWERS = 2
# What one frame may be answered with, at most: two resets and GOAWAY with its words.
_MAX_ANSWER = 256


class ParallelStage(Stage):
    """A stage for many requests at once. Nothing is promised in an order."""

    def __init__(self) -> None:
        super().__init__()
        self._asked_for: dict[int, int] = {}

    def respond(self, request: Request, now: float) -> Response | StagedPending:
        """Return what the target asks for; `/late/N` and `/gone/N` take a while."""
        kind = request.target.split(b"/")[1]
        if kind in {b"late", b"gone"}:
            asked = self._asked_for.get(id(request), 0)
            self._asked_for[id(request)] = asked + 1
            if asked < _LATE_ANSWERS:
                return StagedPending()
            del self._asked_for[id(request)]
        self._asked = _LATE_ANSWERS
        self._pending = ()
        self._is_over = False
        while not isinstance(response := super().respond(request, now), Response):
            pass
        return response

    def refuse(self, error: RequestError, request: Request | None, now: float) -> Response:
        page = b"refused: %d\n" % error.status
        return Response(error.status, [], length=len(page), page=page)

    def _promise(self, response: Response, request: Request | None) -> Response:
        return response


class Http2Walk:
    """Drives a protocol as a connection does. `client` is strict; `wire` is on its way."""

    def __init__(
        self, limits: Limits | None = None, *, logs: bool = True, greets: bool = True
    ) -> None:
        self.stage = ParallelStage()
        self.limits = limits or Limits()
        self.observer = Ends(logs=logs)
        self.context = Context(self.stage, self.observer, Memo(), self.limits)
        self.now = 1000.0
        self.protocol = Http2Protocol(self.context, PEER, self.now)
        self.client = StrictClient()
        self.wire = b""
        self.next_id = 1
        self.states: set[tuple[State, State]] = set()
        self._wakes: list[Callable[[float], None]] = []
        if greets:
            self.write(PREFACE + frames.settings_frame({}) + frames.SETTINGS_ACK)
            self.receive()
            self.drain()

    @property
    def state(self) -> State:
        return self.protocol.state

    # Stimuli of the client

    def write(self, data: bytes) -> None:
        """Put *data* on the wire; receive() takes it off."""
        self.wire += data

    def ask(self, kind: str, size: int, *more: tuple[bytes, bytes], flags: int = END_STREAM) -> int:
        """Ask for what the stage has; return the stream."""
        stream_id = self.next_id
        self.next_id += 2
        block = request_block(b"/%b/%d" % (kind.encode(), size), *more)
        header = frame_header(len(block), frames.HEADERS, flags | END_HEADERS, stream_id)
        self.client.ask(stream_id, pattern(size))
        self.write(header + block)
        return stream_id

    def reset(self, stream_id: int) -> None:
        self.client.reset(stream_id)
        self.write(frames.rst_stream(stream_id, frames.ErrorCode.CANCEL))

    def widen(self, stream_id: int, increment: int) -> None:
        self.client.widen(stream_id, increment)
        self.write(frames.window_update(stream_id, increment))

    def change_initial(self, size: int) -> None:
        if self.client.has_greeted:
            self.client.change_initial(size)
            self.write(frames.settings_frame({Setting.INITIAL_WINDOW_SIZE: size}))

    def ping(self) -> None:
        self.write(frame_header(8, frames.PING, 0, 0) + b"question")

    # Stimuli of the connection

    def receive(self, limit: int | None = None) -> bool:
        """Let the protocol have up to *limit* bytes of the wire, if it reads; return whether."""
        before = self.state
        if not before.interest & READ or not self.wire:
            return False
        room = self.protocol.room
        expect(room > 0, "a state that reads, and no room")
        count = min(room if limit is None else limit, room)
        data, self.wire = self.wire[:count], self.wire[count:]
        self.protocol.receive_data(data, self.now)
        self._check(before)
        return True

    def receive_all(self) -> None:
        """Let the protocol have all of the wire, as far as it reads."""
        while self.receive():
            self.drain()

    def receive_eof(self) -> None:
        before = self.state
        if before.interest & READ:
            self.protocol.receive_eof(self.now)
        self._check(before)

    def send(self, limit: int | None = None) -> bool:
        """Let the client have up to *limit* bytes; return whether anything was offered."""
        protocol, before = self.protocol, self.state
        if not before.interest & WRITE:
            return False
        offered = protocol.outgoing(self.now)
        if offered == ():
            still = protocol.state in {State.SENDING, State.FLUSHING}
            expect(not still, "sending, and nothing to send")
            self._check(before)
            return False
        data = _bytes_of(offered)
        expect(bool(data), "an empty piece was offered: the loop would spin")
        taken = data if limit is None else data[:limit]
        protocol.sent(len(taken), self.now)
        self.client.receive(taken)
        self._check(before)
        return True

    def expire(self) -> None:
        """Let the clock reach the present deadline."""
        before = self.state
        if before not in FINAL:
            self.now = max(self.now, self.protocol.deadline)
            self.protocol.expire(self.now)
            if before is self.state and not before.is_brief:
                expect(self.protocol.deadline > self.now, "a deadline that stands still")
        self._check(before)

    def resume(self) -> None:
        """Tell that the files have come that requests wait for."""
        before = self.state
        session = self.protocol._session
        for stream in session.streams.values():
            if stream.wait is not None:
                self.protocol._waiting._awaken(stream, self.now)
        self.protocol.resume(self.now)
        self._check(before)

    def finish(self) -> None:
        before = self.state
        self.context.drain()
        self.protocol.finish(self.now)
        self._check(before)

    def refuse(self) -> None:
        before = self.state
        self.protocol.refuse(self.now)
        self._check(before)

    def lose(self) -> None:
        before = self.state
        self.protocol.lost(ConnectionResetError(), self.now)
        self._check(before)

    def shut_down(self) -> None:
        before = self.state
        self.protocol.shut_down(self.now)
        self._check(before)

    # Longer ways

    def drain(self, limit: int | None = None) -> None:
        """Send, and rest, until the client has all that is to be had for now."""
        for _ in range(_MAX_SENDS):
            if self.send(limit):
                continue
            if self.state.is_brief:
                self.expire()
            elif any(stream.wait for stream in self.protocol._session.streams.values()):
                self.resume()
            elif not self.state.interest & WRITE:
                return
        expect(False, "it never ends")

    def end(self) -> None:
        """Bring the connection to its end, and see that nothing is left of it."""
        self.receive_eof()
        self.lose()
        expect(self.state in FINAL, "there is no end")
        expect(not self.stage.open_bodies, f"{self.stage.open_bodies} bodies were never closed")
        expect(not self.protocol.buffered, f"{self.protocol.buffered} bytes are kept after the end")
        expect(not self.protocol.streams, "streams after the end")
        expect(self.context.places == 100, f"{self.context.places} places of 100 are left")

    # What must hold

    def _check(self, before: State) -> None:
        protocol = self.protocol
        if protocol.state is not before:
            self.states.add((before, protocol.state))
        room = RECEIVE_SIZE + self.context.header_limit + CONTROL_ROOM + 2 * _MAX_ANSWER
        expect(protocol.buffered <= room, f"{protocol.buffered} bytes are buffered")
        if protocol.state in FINAL:
            expect(protocol.outgoing(self.now) == (), "something to send after the end")


def _bytes_of(offered: tuple[Buffer, ...] | Window) -> bytes:
    if isinstance(offered, tuple):
        return b"".join(offered)
    assert isinstance(offered, StagedWindow)
    return offered.data[: offered.size]
