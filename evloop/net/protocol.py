"""What a connection sees of a protocol, whatever the protocol is.

The connection owns the socket and carries bytes; the protocol decides. Stimuli go in as calls,
with the time as a number; after each of them the connection looks at `state`, which says what
the protocol waits for and how the connection is to end:

    in :  receive_data  receive_eof  sent  expire  resume  lost  source_lost
          refuse  finish  shut_down  fail
    out:  outgoing()    state   deadline   room   is_heavy

A protocol imports nothing of sockets, so its tests are made of literals.
"""

import typing
from collections.abc import Callable
from enum import Enum

READ = 0x001
"""Interest in bytes to read; epoll's EPOLLIN, the same number on every architecture."""
WRITE = 0x004
"""Interest in room to write; epoll's EPOLLOUT."""
NOTHING = 0


class Closing(Enum):
    """How a connection is to end."""

    OPEN = "open"
    """Not at all, for now."""
    NOW = "closed"
    """At once: nothing that was sent can be lost by it."""
    LINGER = "lingering"
    """After the peer has had time to read: a close with unread bytes makes the kernel send a
    reset, which may overtake the last response (RFC 9112 section 9.6)."""
    RESET = "aborted"
    """With a reset: the peer must not take what it has for the whole."""
    PASSED_ON = "passed-on"
    """Not at all: the protocol's `successor` goes on, with whatever was received."""


class Retention(Enum):
    """What a connection is worth when there is no room for another one."""

    IDLE = 0
    """Closed first, the oldest of them before the others."""
    PARTIAL = 1
    """Closed when none is idle: it has part of a request."""
    BUSY = 2
    """Kept."""


class ProtocolState(typing.Protocol):
    """What a protocol is doing, as far as the connection must know.

    Compared by identity: the same object means that interest and closing are as before and that
    the deadline is no sooner.
    """

    @property
    def value(self) -> str:
        """The state's name, for those who look on."""

    @property
    def interest(self) -> int:
        """READ, WRITE, both, or NOTHING."""

    @property
    def closing(self) -> Closing: ...

    @property
    def retention(self) -> Retention: ...

    @property
    def is_brief(self) -> bool:
        """Whether the deadline is some milliseconds away, too near for the timer wheel."""

    @property
    def wakes(self) -> bool:
        """Whether what no descriptor tells of may have to be waited for: on_wake() is called."""


class Window(typing.Protocol):
    """A piece of an open file that the kernel sends by itself, without a copy in the process."""

    size: int
    """Bytes."""

    def send_to(self, descriptor: int, /) -> int:
        """Send to the socket *descriptor*; return the count of bytes, or raise OSError."""


class Security(typing.NamedTuple):
    """What was agreed with the client of a TLS connection."""

    version: str
    """`TLSv1.3`, say."""
    cipher: str
    """OpenSSL's name of the cipher suite."""
    subject: str
    """Of the client's certificate (RFC 4514); empty where none was asked for."""


class Protocol(typing.Protocol):
    """The server's side of one connection. `peer` is the address of the other side."""

    peer: str

    @property
    def state(self) -> ProtocolState: ...

    @property
    def since(self) -> float:
        """When the state was entered, or when the peer last took something."""

    @property
    def deadline(self) -> float:
        """When expire() is due, on the reactor's clock."""

    @property
    def is_heavy(self) -> bool:
        """Whether more is kept than a light connection has: part of a request, say."""

    @property
    def room(self) -> int:
        """Bytes that may be read now, at least 1; asked for only with an interest in READ."""

    def receive_data(self, data: bytes, now: float) -> None:
        """Take bytes from the peer, at most `room`."""

    def receive_eof(self, now: float) -> None:
        """The peer sends no more. It may still be reading."""

    def outgoing(self, now: float) -> "tuple[bytes | memoryview, ...] | Window":
        """Return what the socket is to take next; empty when there is nothing, or not now."""

    def sent(self, count: int, now: float) -> None:
        """The socket has taken *count* bytes of what outgoing() showed; 0: it takes no more."""

    def expire(self, now: float) -> None:
        """The deadline has passed."""

    def resume(self, now: float) -> None:
        """What on_wake() was to tell of has come."""

    def on_wake(self, wake: Callable[[float], None]) -> None:
        """Call *wake*, once for each thing, when what is waited for in such a state has come."""

    def lost(self, error: OSError, now: float) -> None:
        """The socket has failed: the peer is gone."""

    def source_lost(self, error: OSError, now: float) -> None:
        """The file behind a window can't be read."""

    def refuse(self, now: float) -> None:
        """There is no room for this connection, or for one more of its peer: say so and end."""

    def finish(self, now: float) -> None:
        """What is under way is the last: the server stops."""

    def shut_down(self, now: float) -> None:
        """End at once, whatever is under way."""

    def fail(self, now: float) -> None:
        """End at once: this program has a defect."""


class PassingProtocol(Protocol, typing.Protocol):
    """A protocol that another one may take the connection over from (Closing.PASSED_ON)."""

    @property
    def successor(self) -> Protocol:
        """Who goes on. It has been told of all that has happened."""
