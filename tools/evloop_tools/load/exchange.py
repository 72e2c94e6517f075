"""The state machine of a client: one step at a time over one connection at a time.

Every method that can end a step returns whether it has; `answer` then holds what came of
it. A connection that the server closed between two requests is opened anew, as browsers
do; anything else that goes wrong is raised as FaultError or OSError.
"""

import errno
from collections.abc import Callable
from dataclasses import replace

from evloop.net.reactor import Handler
from evloop_tools.load.connection import Connection, Shared
from evloop_tools.load.dialogue import Dialogue
from evloop_tools.load.faults import Fault, FaultError, fault_of
from evloop_tools.load.pace import read_limit, receive_buffer
from evloop_tools.load.states import WAKEABLE, State
from evloop_tools.load.steps import Answer, Ask, Ending, ReadOn, Rest
from evloop_tools.load.tally import Counts

_REQUEST_TIMEOUT = 408


class Exchange:
    """Asks, reads and rests. `deadline` is on the reactor's clock."""

    __slots__ = (
        "_ask",
        "_counts",
        "_piece",
        "_reading_since",
        "_received",
        "_shared",
        "_unsent",
        "_until_closed",
        "answer",
        "connection",
        "deadline",
        "dialogue",
        "started",
        "state",
    )

    def __init__(self, shared: Shared, owner: Handler, counts: Counts) -> None:
        self._shared = shared
        self._counts = counts
        self.connection = Connection(shared, owner)
        self.dialogue = Dialogue(counts)
        self._ask = Ask(())
        self._unsent = b""
        self._piece = 0  # bytes of a trickled head that are sent at once
        self._received = 0  # bytes since the requests were sent
        self._reading_since = 0.0
        self._until_closed = False
        self.started = 0.0
        self.deadline = 0.0
        self.state = State.RESTING
        self.answer: Answer | None = None

    # Steps

    def ask(self, ask: Ask, now: float) -> bool:
        """Begin to ask."""
        if self.dialogue.is_open:
            self.close(Ending.RESET)
        self._ask = ask
        self.dialogue.ask(ask.requests)
        self.started = now
        if not self.connection.is_open:
            return self._connect(now)
        return self._send_requests(now) if ask.requests else self._over()

    def read_on(self, step: ReadOn, now: float) -> bool:
        """Go on with an answer that is under way; without one there is nothing to read."""
        if not self.dialogue.is_open:
            return self._over()
        wanted = None if step.body_bytes is None else self.dialogue.received + step.body_bytes
        self._ask = replace(self._ask, rate=step.rate, quantum=step.quantum, body_bytes=wanted)
        # The first bytes at a rate are due after a quantum, not at once.
        self._reading_since, self._received = now + step.quantum, 0
        self._await(State.READING, now)
        return not self._limit(now) and self._pause(now)

    def rest(self, rest: Rest, now: float) -> None:
        """Do nothing for a while, with an answer under way or without."""
        self._until_closed = rest.until_closed
        self.state = State.STALLED if self.dialogue.is_open else State.RESTING
        self.deadline = now + rest.seconds

    def close(self, ending: Ending) -> None:
        """Close the connection, if there is one, and expect nothing more."""
        self.connection.close(ending)
        self.dialogue.ask(())

    def end(self, ending: Ending) -> None:
        """Close for good."""
        self.close(ending)
        self.state = State.CLOSED

    def wake(self) -> bool:
        """End a rest, or reading, before its time. Nothing else is interrupted."""
        if self.state not in WAKEABLE:
            return False
        return self._over(self.dialogue.answer() if self.dialogue.has_head else None)

    # Events

    def ready(self, now: float) -> bool:
        """Go on: the connection is made, has room or bytes, or is broken."""
        try:
            return _ACTIONS[self.state][0](self, now)
        except OSError as error:
            return self._repeat(error, now)

    def expire(self, now: float) -> bool:
        """Act on the deadline."""
        return _ACTIONS[self.state][1](self, now)

    # The connection

    def _connect(self, now: float) -> bool:
        """Ask on a new connection what has no answer yet."""
        self.connection.close(Ending.RESET)
        self._await(State.CONNECTING, now)
        self._received = 0
        self.dialogue.forget()
        self.connection.open(receive_buffer(self._ask))
        return False

    def _connected(self, now: float) -> bool:
        self.connection.finish_open()
        return self._send_requests(now)

    def _repeat(self, error: OSError, now: float) -> bool:
        """Reconnect if the server had merely closed an idle connection.

        Raises FaultError if not.
        """
        is_unanswered = not self._received and self.state in {State.SENDING, State.WAITING}
        if not is_unanswered or not self.connection.answered:
            raise fault_of(error, f"while {self.state.value}") from error
        self._shared.tally.reconnects += 1
        return self._connect(now)

    # Asking

    def _send_requests(self, now: float) -> bool:
        """Begin to send what has no answer yet, or the part of it that is wanted."""
        shared, unanswered = self._shared, self.dialogue.unanswered
        wire = b"".join(each.wire(shared.host, shared.prefix, shared.fields) for each in unanswered)
        self._unsent = wire[: self._ask.head_bytes]
        self._received = 0
        if self._ask.trickle:
            self._piece = -(-len(wire) // self._ask.pieces)
            return self._trickle(now)
        return self._send(now)

    def _send(self, now: float) -> bool:
        self._await(State.SENDING, now)
        try:
            sent = self.connection.send(self._unsent)
        except BlockingIOError:
            return False
        self._unsent = self._unsent[sent:]
        return not self._unsent and self._sent(now)

    def _trickle(self, now: float) -> bool:
        self.state, self.deadline = State.TRICKLING, now + self._ask.trickle / self._ask.pieces
        try:
            sent = self.connection.send(self._unsent[: self._piece])
        except BlockingIOError:
            return False
        except OSError:
            return self._sent_away(now)
        self._unsent = self._unsent[sent:]
        if self._unsent:
            return False
        self.started = now
        return self._sent(now)

    def _sent(self, now: float) -> bool:
        if self._ask.head_bytes is not None:
            self._counts.stopped += 1
            return self._over()
        if not self.dialogue.is_open:
            return self._over()  # it was merely to connect
        self._await(State.WAITING, now)
        return False

    def _sent_away(self, now: float) -> bool:
        """The server has lost patience with a stalled or trickling client, as it may."""
        self._counts.cut += 1
        self.close(Ending.RESET)
        return self._over()

    def _over(self, answer: Answer | None = None) -> bool:
        self.answer = answer
        return True

    def _await(self, state: State, now: float) -> None:
        """Enter a state in which the server has to give a sign in time."""
        self.state, self.deadline = state, now + self._shared.timeout

    # Reading

    def _read(self, now: float) -> bool:
        limit = self._limit(now)
        if not limit:
            return self._pause(now)
        try:
            count = self.connection.receive(limit)
        except BlockingIOError:
            if self.state is State.PACED:
                self._await(State.READING, now)
            return False
        if count:
            return self._take(count, now)
        if self._received or not self.connection.answered:
            raise self.dialogue.end()
        raise ConnectionResetError(errno.ECONNRESET, "closed as idle")  # see _repeat()

    def _limit(self, now: float) -> int:
        body = self.dialogue.received if self.dialogue.has_head else None
        return read_limit(self._ask, now - self._reading_since, self._received, body)

    def _pause(self, now: float) -> bool:
        self.state, self.deadline = State.PACED, now + self._ask.quantum
        return False

    def _take(self, count: int, now: float) -> bool:
        if self.state is State.WAITING:
            self._reading_since = now
            self._counts.first_byte.note(now - self.started)
        self._received += count
        self._await(State.READING, now)
        try:
            answers = self.dialogue.take(self._shared.buffer[:count])
        except FaultError:
            if self._ask.trickle and self.dialogue.status == _REQUEST_TIMEOUT:
                return self._sent_away(now)
            raise
        for _ in answers:
            self._counts.requests += 1
            self._counts.total.note(now - self.started)
        self.connection.answered += len(answers)
        return self._go_on(answers, now)

    def _go_on(self, answers: list[Answer], now: float) -> bool:
        """Do what follows from *answers*, which have just become whole."""
        dialogue, ask = self.dialogue, self._ask
        is_last = bool(answers) and not answers[-1].keeps_alive
        if not dialogue.is_open:
            if is_last:
                self.connection.close(Ending.TIDY)
            return self._over(answers[-1])
        if is_last:
            return self._connect(now)
        wanted = ask.body_bytes
        if wanted is not None and dialogue.has_head and dialogue.received >= wanted:
            self._counts.stopped += 1
            return self._over(dialogue.answer())
        return not self._limit(now) and self._pause(now)

    # What nobody waits for

    def _unexpected(self, now: float) -> bool:
        """Something came while nothing was due: the end of the connection, it is hoped."""
        try:
            count = self.connection.receive(1024)
        except OSError:
            count = 0
        self.dialogue.take(self._shared.buffer[:count])  # raises FaultError when there is any
        self.connection.close(Ending.TIDY)
        self._counts.closed += 1
        return self._until_closed and self._over()

    def _rested(self, now: float) -> bool:
        return self._over()

    def _timed_out(self, now: float) -> bool:
        raise FaultError(Fault.TIMEOUT, f"{self.state.value} for {self._shared.timeout:g} s")


_Action = Callable[[Exchange, float], bool]

_ACTIONS: dict[State, tuple[_Action, _Action]] = {
    State.RESTING: (Exchange._unexpected, Exchange._rested),
    State.CONNECTING: (Exchange._connected, Exchange._timed_out),
    State.SENDING: (Exchange._send, Exchange._timed_out),
    State.TRICKLING: (Exchange._sent_away, Exchange._trickle),
    State.WAITING: (Exchange._read, Exchange._timed_out),
    State.READING: (Exchange._read, Exchange._timed_out),
    State.PACED: (Exchange._read, Exchange._read),
    State.STALLED: (Exchange._sent_away, Exchange._rested),
}
"""What is done when the connection is ready, and at the deadline."""
