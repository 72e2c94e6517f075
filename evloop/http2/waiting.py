"""Requests that wait for their files: they are woken, or told 503."""

from collections.abc import Callable
from functools import partial

from evloop.http.request import Request, RequestError
from evloop.http.responder import Pending
from evloop.http2.answering import answer_request, refuse
from evloop.http2.session import RETRY_AFTER, Session
from evloop.http2.streams import Progress, Stream, Wait
from evloop.http2.writer import Answer

_WAITING = Progress.WAITING


class Waiting:
    """Those of *session*."""

    __slots__ = ("_awake", "_session", "_wake")

    def __init__(self, session: Session) -> None:
        self._session = session
        self._awake: list[Stream] = []  # their files have come
        self._wake: Callable[[float], None] | None = None

    def add(
        self, stream: Stream, pending: Pending, request: Request, head: bytes, until: float
    ) -> None:
        """Let *stream* wait for its file, *until* at the latest."""
        stream.wait = Wait(pending, request, head, until)
        stream.enter(_WAITING)
        if self._wake is not None:
            stream.wait.subscribe(partial(self._awaken, stream))

    def on_wake(self, wake: Callable[[float], None]) -> None:
        """Call *wake* when a file has come that a stream waits for, now or later."""
        self._wake = wake
        for stream in self._session.streams.values():
            if stream.wait is not None:
                stream.wait.subscribe(partial(self._awaken, stream))

    def sleep(self) -> None:
        """Nothing can come that would have to be told of."""
        self._wake = None

    def _awaken(self, stream: Stream, now: float) -> None:
        is_first = not self._awake
        self._awake.append(stream)
        if is_first and self._wake is not None:
            self._wake(now)

    def resume(self, now: float) -> None:
        """Answer the requests whose files have come."""
        awake, self._awake = self._awake, []
        for stream in awake:
            wait = stream.wait
            if stream.progress is _WAITING and wait is not None:
                found = answer_request(wait.request, self._session.context, now)
                stream.wait = None
                if isinstance(found, Answer):
                    self._session.start(stream, found, wait.head, now)
                else:  # the file has changed meanwhile, and may do so again and again
                    self.add(stream, found, wait.request, wait.head, wait.until)

    def give_up(self, stream: Stream, now: float) -> None:
        """Answer 503: the file of *stream* did not come."""
        wait = stream.wait
        assert wait is not None, "waiting for nothing"
        wait.cancel()
        stream.wait = None
        error = RequestError(503, "the disk took too long", (RETRY_AFTER,))
        self._session.start(
            stream, refuse(error, wait.request, self._session.context, now), wait.head, now
        )
