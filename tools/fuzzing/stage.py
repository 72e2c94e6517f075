"""A responder that needs no disk: the target says what kind of response comes, and its size.

`/content/300` is answered with 300 bytes of shared memory, `/slow/300` with a body that is
not at hand half of the time, and so on. What a request is answered with depends on nothing
else, so the whole conversation can be predicted, and every body that is opened is counted.
"""

import errno
import re
from collections.abc import Callable

from evloop.http.request import Request, RequestError
from evloop.http.response import NEVER, Buffer, Content, Response, Window
from evloop.http1.states import State
from evloop.http1.writer import write

KINDS = ("page", "content", "body", "slow", "late", "gone", "window", "broken")
"""What a target may begin with; anything else is answered with 404."""
MAX_SIZE = 100_000
"""Bytes of a body, at most."""

_TARGET = re.compile(rb"/(%b)/([0-9]{1,6})" % b"|".join(kind.encode() for kind in KINDS))
_PIECE_SIZE = 1000
_LATE_ANSWERS = 2
REST = 0.002
"""Seconds that a slow body asks to wait."""


class ProtocolViolationError(AssertionError):
    """A promise of the protocol was broken."""


def pattern(size: int) -> bytes:
    """Return *size* bytes in which a piece that is lost, moved or sent twice shows."""
    return b"".join(b"%07d " % number for number in range(size // 8 + 1))[:size]


def expect(condition: bool, what: str) -> None:
    """Raise ProtocolViolationError, which says *what*, unless *condition* holds."""
    if not condition:
        raise ProtocolViolationError(what)


class NoCall:
    """A call that never comes."""

    def cancel(self) -> None:
        """It would not come anyway."""


def call_never(when: float, callback: Callable[[float], None]) -> NoCall:
    """Stand in for a loop where nothing has to be done later."""
    return NoCall()


class Stage:
    """Answers by the target alone, and keeps account of bodies and of what was promised.

    `promised` is every byte that the client is to get, in order; those of a `broken` body
    up to where it breaks. `open_bodies` must be 0 in the end.
    """

    def __init__(self, fresh_until: float = NEVER) -> None:
        self.promised = bytearray()
        self.open_bodies = 0
        self.fresh_until = fresh_until
        self.draining = False
        self.request_count = 0
        self._pending: tuple[object, ...] = ()
        self._asked = 0
        self._is_over = False

    def respond(self, request: Request, now: float) -> "Response | StagedPending":
        """Return what the target asks for; a few times nothing yet, for `/late/N`, `/gone/N`."""
        if _key(request) != self._pending:
            self._expect_no_more_than_one_answer()
            self.request_count += 1
            self._pending, self._asked = _key(request), 0
        self._asked += 1
        found = _TARGET.fullmatch(request.target)
        if found is None or int(found[2]) > MAX_SIZE:
            raise RequestError(404, "no such kind")
        kind, size = found[1].decode(), int(found[2])
        if kind in {"late", "gone"} and self._asked <= _LATE_ANSWERS:
            return StagedPending()
        if kind == "gone":
            raise RequestError(404, "gone when the disk had come to it")
        return self._promise(self._response(kind, size, request), request)

    def refuse(self, error: RequestError, request: Request | None, now: float) -> Response:
        """Return a page that names the status."""
        if request is None or _key(request) != self._pending:
            self._expect_no_more_than_one_answer()
        page = b"refused: %d\n" % error.status
        response = Response(error.status, [], length=len(page), page=page)
        return self._promise(response, request)

    def _expect_no_more_than_one_answer(self) -> None:
        if self._is_over:
            raise ProtocolViolationError("an answer after the last one")

    def _promise(self, response: Response, request: Request | None) -> Response:
        written = write(response, request, draining=self.draining)
        self.promised += written.head
        if response.content is not None:
            self.promised += response.content.view
        if isinstance(response.body, StagedBody):
            self.promised += response.body.sendable
        self._is_over = written.after is not State.IDLE
        self._pending = ()
        return response

    def _response(self, kind: str, size: int, request: Request) -> Response:
        data = pattern(size)
        if kind == "page" or not size or request.method == b"HEAD":
            page = b"" if request.method == b"HEAD" else data
            return Response(200, [], length=size, page=page, fresh_until=self.fresh_until)
        if kind in {"content", "late"}:
            content = StagedContent(data, self)
            return Response(
                200,
                [],
                length=size,
                content=content,
                fresh_until=self.fresh_until,
                is_shared=True,
            )
        return Response(200, [], length=size, body=StagedBody(data, kind, self))


def _key(request: Request) -> tuple[object, ...]:
    """What tells a request that is asked again from the next one."""
    return request.method, request.target, tuple(request.fields.items())


class StagedPending:
    """A file on its way into memory, which nobody tells of: a walk resumes by itself."""

    def subscribe(self, wake: Callable[[float], None]) -> None:
        """Nothing comes by itself."""

    def unsubscribe(self, wake: Callable[[float], None]) -> None:
        """Nor was anybody remembered."""


class StagedWindow:
    """A piece that "the kernel" sends by itself."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.size = len(data)

    def send_to(self, descriptor: int) -> int:
        raise NotImplementedError("a walk takes the data instead")


class StagedBody:
    """A body in memory that behaves like one on a disk: the *kind* says how badly."""

    def __init__(self, data: bytes, kind: str, stage: Stage) -> None:
        self._data = data
        self._kind = kind
        self._stage = stage
        self._peeks = 0
        self._offset = 0
        self._is_open = True
        self.remaining = len(data)
        stage.open_bodies += 1

    @property
    def sendable(self) -> bytes:
        """The bytes that can be had of it."""
        return self._data[: len(self._data) // 2] if self._kind == "broken" else self._data

    def peek(self) -> Buffer | Window | float:
        if not self._is_open:
            raise ProtocolViolationError("a look into a closed body")
        self._peeks += 1
        piece = self.sendable[self._offset : self._offset + _PIECE_SIZE]
        if not piece:
            raise OSError(errno.ESTALE, "the file has become shorter")
        if self._kind == "slow" and self._peeks % 2:
            return REST
        return StagedWindow(piece) if self._kind == "window" else memoryview(piece)

    @property
    def done(self) -> bool:
        return not self.remaining

    @property
    def is_heavy(self) -> bool:
        return False

    def advance(self, count: int) -> None:
        if not self._is_open or count > self.remaining:
            raise ProtocolViolationError("more was paid than was there")
        self._offset += count
        self.remaining -= count

    def close(self) -> None:
        self._stage.open_bodies -= self._is_open
        self._is_open = False


class StagedContent(Content):
    """Bytes in memory that many responses share."""

    def __init__(self, data: bytes, stage: Stage) -> None:
        self.view = memoryview(data)
        self._stage = stage

    def body(self, start: int, stop: int) -> StagedBody:
        return StagedBody(bytes(self.view[start:stop]), "body", self._stage)
