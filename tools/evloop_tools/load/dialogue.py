"""Requests on one connection and the answers to them, one behind the other. No socket."""

from collections import deque
from collections.abc import Iterable

from evloop_tools.load.bodies import Body, body_of
from evloop_tools.load.faults import Fault, FaultError
from evloop_tools.load.heads import Head, find_end
from evloop_tools.load.requests import Request
from evloop_tools.load.steps import Answer
from evloop_tools.load.tally import Counts
from evloop_tools.load.text import shorten

_MAX_VALIDATOR = 1024  # bytes of a validator that is sent back; a longer one is not believed
_FINAL = 200  # a status under this is of an answer before the answer


class Dialogue:
    """What was asked and is not answered yet, and the answer that is being read.

    Adds the bytes of bodies that it has checked to *counts*.

    received: bytes of the body that is being read
    status: of the last head
    """

    __slots__ = ("_body", "_counts", "_head", "_start", "received", "status", "unanswered")

    def __init__(self, counts: Counts) -> None:
        self._counts = counts
        self.unanswered: deque[Request] = deque()
        self.status = 0
        self.forget()

    def forget(self) -> None:
        """Drop what has come of an answer that is not whole: its connection is gone."""
        self._start = b""  # of a head that is not whole
        self._head: Head | None = None
        self._body: Body | None = None
        self.received = 0

    def ask(self, requests: Iterable[Request]) -> None:
        """Expect the answers to *requests*, and to nothing else."""
        self.forget()
        self.unanswered = deque(requests)

    @property
    def is_open(self) -> bool:
        """Whether an answer is due or under way."""
        return bool(self.unanswered)

    @property
    def path(self) -> str:
        """The file whose answer is due; empty when none is."""
        return self.unanswered[0].file.path if self.unanswered else ""

    @property
    def has_head(self) -> bool:
        """Whether the answer that is being read is past its head."""
        return self._body is not None

    def take(self, data: memoryview) -> list[Answer]:
        """Check bytes that arrived; return the answers that they made whole.

        Raises FaultError when they are wrong.
        """
        answers: list[Answer] = []
        while data:
            if not self.unanswered or (answers and not answers[-1].keeps_alive):
                text = f"{len(data):,} bytes behind the last answer: {shorten(data)}"
                raise FaultError(Fault.GARBAGE, text)
            if self._body is None:
                data = self._take_head(data)
            if self._body is not None:
                data = self._take_body(self._body, data)
                if not self._body.remaining:
                    answers.append(self._finish())
        return answers

    def end(self) -> FaultError:
        """Say what it means that the connection ends here."""
        if self._body is not None:
            text = f"closed with {self._body.remaining:,} bytes still to come"
            return FaultError(Fault.SHORT_BODY, text)
        if self._start:
            return FaultError(Fault.GARBAGE, f"half a head: {shorten(self._start)}")
        return FaultError(Fault.NO_ANSWER, "closed without a byte")

    def answer(self) -> Answer:
        """Return what has come of the answer that is being read."""
        assert self._head is not None
        fields = self._head.fields
        return Answer(
            self._head.status,
            _validator(fields.get("etag")),
            _validator(fields.get("last-modified")),
            self.received,
            self._head.length,
            self._head.keeps_alive,
        )

    def _take_head(self, data: memoryview) -> memoryview:
        before = len(self._start)
        self._start += data
        end = find_end(self._start)
        if end < 0:
            return data[len(data) :]
        head = Head(self._start[:end])
        self._start = b""
        if head.status >= _FINAL:
            self.status = head.status
            self._head = head
            self._body = body_of(self.unanswered[0], head)
        return data[end - before :]

    def _take_body(self, body: Body, data: memoryview) -> memoryview:
        count = body.take(data)
        self.received += count
        self._counts.received += count
        return data[count:]

    def _finish(self) -> Answer:
        answer = self.answer()
        self.unanswered.popleft()
        self.forget()
        return answer


def _validator(value: str | None) -> str | None:
    return value if value is not None and len(value) <= _MAX_VALIDATOR else None
