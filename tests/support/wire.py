"""A whole server in one thread, in single steps: real sockets, faults on demand, a set clock."""

import fcntl
import os
import socket
import sys
import termios
import time
from collections.abc import Callable
from pathlib import Path
from socket import SocketType
from typing import cast

from evloop.files.cache import Cache, CacheSettings
from evloop.files.content import Budget
from evloop.files.listing import SORT_SIZE
from evloop.files.reader import MAX_TRIES, Reader
from evloop.files.root import Root
from evloop.http1.context import Context, Limits
from evloop.http1.headcache import HeadCache
from evloop.http1.protocol import Http1Protocol
from evloop.net.connection import Connection
from evloop.net.listener import Listener
from evloop.net.poller import Poller, default_poller
from evloop.net.pool import ConnectionPool, PoolLimits
from evloop.net.protocol import Protocol
from evloop.net.reactor import Reactor
from evloop.net.transport import accept, listening_socket
from evloop.observe.metrics import ExchangeLog, Metrics
from evloop.site.directories import Directories
from evloop.site.listing import Listings
from evloop.site.prepared import PreparedResponses
from evloop.site.site import Site, SiteSettings
from tests.support.bench import WALL, later_ns, stopped_clock
from tests.support.deadline import PATIENCE, eventually

CHUNK = 1024
"""Bytes of a refill in these tests."""
SEND_QUEUE = 64 * 1024
"""Unsent bytes that the kernel holds for a connection."""
_RECEIVE_BUFFER = 64 * 1024
_PAUSE = 0.000_2
_TURN = 0.002


class FaultySocket:
    """A socket that fails when it is told to.

    `faults` has, by the name of a call, what the next calls do: raise an errno, or be
    carried out (None). `most` bytes are sent at once. One that is bottomless takes all and
    sends nothing.
    """

    def __init__(self, sock: SocketType) -> None:
        self._socket = sock
        self.faults: dict[str, list[int | None]] = {}
        self.most: int | None = None
        self.is_bottomless = False
        self.calls: list[str] = []

    def _call(self, name: str) -> None:
        self.calls.append(name)
        planned = self.faults.get(name)
        number = planned.pop(0) if planned else None
        if number is not None:
            raise OSError(number, os.strerror(number))

    def fileno(self) -> int:
        return self._socket.fileno()

    def recv(self, size: int) -> bytes:
        self._call("recv")
        return self._socket.recv(size)

    def send(self, data: bytes | memoryview) -> int:
        self._call("send")
        return self._send(data[: self.most])

    def sendmsg(self, buffers: list[bytes | memoryview]) -> int:
        self._call("sendmsg")
        if self.is_bottomless and self.most is None:
            return sum(map(len, buffers))
        return self._send(b"".join(buffers)[: self.most])

    def _send(self, data: bytes | memoryview) -> int:
        return len(data) if self.is_bottomless else self._socket.send(data)

    def shutdown(self, how: int) -> None:
        self._call("shutdown")
        self._socket.shutdown(how)

    def setsockopt(self, *arguments: int) -> None:
        self._call("setsockopt")
        self._socket.setsockopt(*arguments)

    def _accept(self) -> tuple[int, object]:
        self._call("accept")
        # As in evloop.net.transport.accept(), which calls this: the type stubs do not know it.
        fd, address = self._socket._accept()  # type: ignore[attr-defined]
        return fd, address

    @property
    def family(self) -> int:
        return self._socket.family

    @property
    def type(self) -> int:
        return self._socket.type

    @property
    def proto(self) -> int:
        return self._socket.proto

    def getsockname(self) -> object:
        return self._socket.getsockname()

    def setblocking(self, flag: bool) -> None:
        self._socket.setblocking(flag)

    def close(self) -> None:
        self._socket.close()  # an error of close() is one of a descriptor that is closed
        self._call("close")


class FaultyPoller:
    """A poller with `faults` and `calls` as above: register, modify, forget, poll."""

    def __init__(self, poller: Poller) -> None:
        self._poller = poller
        self.faults: dict[str, list[int | None]] = {}
        self.interests: dict[int, int] = {}
        self.calls: list[str] = []

    def _call(self, name: str) -> None:
        self.calls.append(name)
        planned = self.faults.get(name)
        number = planned.pop(0) if planned else None
        if number is not None:
            raise OSError(number, os.strerror(number))

    def register(self, fd: int, interest: int, /) -> None:
        self._call("register")
        self._poller.register(fd, interest)

    def modify(self, fd: int, interest: int, /) -> None:
        self._call("modify")
        self._poller.modify(fd, interest)
        self.interests[fd] = interest

    def forget(self, fd: int, /) -> None:
        self._call("forget")
        self._poller.forget(fd)

    def unregister(self, fd: int, /) -> None:
        self._call("unregister")
        self._poller.unregister(fd)

    def poll(self, timeout: float, max_events: int, /) -> list[tuple[int, int]]:
        self._call("poll")
        return self._poller.poll(timeout, max_events)

    def close(self) -> None:
        self._poller.close()


class ColdReader(Reader):
    """Has nothing in memory while `is_cold` is set."""

    __slots__ = ("is_cold",)

    def __init__(self) -> None:
        super().__init__(CHUNK)
        self.is_cold = False

    def read_into(
        self, fd: int, view: memoryview, offset: int, limit: int, tries: int
    ) -> int | None:
        if self.is_cold and tries < MAX_TRIES:
            return None
        return super().read_into(fd, view, offset, limit, tries)


class Peer:
    """The client's end of a connection, never waiting."""

    def __init__(self, sock: socket.socket) -> None:
        self.socket = sock
        self.other: SocketType | None = None  # the server's end
        self.received = bytearray()
        self.is_ended = False
        self.is_reset = False

    def send(self, data: bytes) -> None:
        """Send *data*, and return when it has arrived, as far as that can be seen."""
        other = self.other
        if other is None:
            self.socket.sendall(data)
            return
        unread = _unread(other) + len(data)
        self.socket.sendall(data)
        eventually(lambda: _unread(other) == unread, "the data to arrive")

    def take(self) -> None:
        """Receive all that is there."""
        try:
            while piece := self.socket.recv(1024 * 1024):
                self.received += piece
            self.is_ended = True
        except BlockingIOError:
            pass
        except ConnectionResetError:
            self.is_reset = True

    def close(self) -> None:
        self.socket.close()


def _unread(sock: SocketType) -> int:
    """Return the bytes that have arrived and are not read."""
    return int.from_bytes(fcntl.ioctl(sock, termios.FIONREAD, bytes(4)), sys.byteorder)


def _waiting(listener: SocketType) -> int:
    """Return the number of connections that wait to be accepted: tcpi_unacked of a listener."""
    info = listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 32)
    return int.from_bytes(info[24:28], sys.byteorder)


class Wire:
    """All that a server is made of but its thread. Use it as a context."""

    def __init__(
        self,
        root: Path,
        *,
        limits: Limits | None = None,
        cache_settings: CacheSettings | None = None,
        log: ExchangeLog | None = None,
        max_connections: int = 100,
        per_address: int = 0,
        pool_limits: PoolLimits | None = None,
        sendfile: bool = False,
        openat2: bool = True,
        poller: Poller | None = None,
        reader: Reader | None = None,
        lists: bool = False,
    ) -> None:
        self.now = 1000.0
        self.poller = FaultyPoller(poller or default_poller())
        self.reactor = Reactor(self.poller, lambda: self.now)
        self.root = Root(str(root), openat2=openat2)
        self.reader = reader or Reader(CHUNK)
        self.head_cache = HeadCache()
        self.prepared = PreparedResponses(self.head_cache.forget)
        self.cache = Cache(
            self.root,
            self.reader,
            cache_settings or CacheSettings(),
            self._forget,
            later_ns,
            call_at=self.reactor.call_at,
        )
        site_settings = SiteSettings(sendfile=sendfile)
        clock = stopped_clock(WALL)
        listings = Listings(self.root, Budget(SORT_SIZE), hidden=False) if lists else None
        directories = Directories(listings)
        self.site = Site(
            self.cache, self.reader, clock, site_settings, self.prepared, directories=directories,
            has_place=lambda: self.pool.spares_place,
        )  # fmt: skip
        self.observer = Metrics(log)
        self.context = Context(self.site, self.observer, self.head_cache, limits or Limits())
        self.pool = ConnectionPool(
            self.reactor,
            pool_limits or PoolLimits(connections=max_connections, per_address=per_address),
        )
        self._listener = listening_socket("127.0.0.1", 0, 100, SEND_QUEUE)
        self._address = self._listener.getsockname()
        self._peers: list[Peer] = []

    def __enter__(self) -> "Wire":
        return self

    def __exit__(self, *ignored: object) -> None:
        for handler in self.reactor.handlers():
            if isinstance(handler, Connection):
                handler.shut_down(self.now)
        self.pool.lingering.close()
        for peer in self._peers:
            peer.close()
        self._listener.close()
        self.cache.close()
        self.root.close()
        self.reactor.close()

    def listen(self) -> tuple[Listener, FaultySocket]:
        """Let the reactor accept connections by itself; return who does, and its socket."""
        faulty = FaultySocket(self._listener)
        sock = cast(SocketType, faulty)
        listener = Listener(sock, self.new_protocol, self.pool, SEND_QUEUE)
        self.pool.on_room = listener.resume
        return listener, faulty

    def call(self) -> Peer:
        """Return the client's end of a connection that nobody has accepted yet."""
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
        peer = Peer(client)
        self._peers.append(peer)
        before = _waiting(self._listener)
        client.connect(self._address)
        client.setblocking(False)
        eventually(lambda: _waiting(self._listener) == before + 1, "the connection to arrive")
        return peer

    def connect(self) -> tuple[Peer, FaultySocket]:
        """Return both ends of a new connection, which the reactor knows."""
        peer = self.call()
        accepted, address = accept(self._listener, SEND_QUEUE)
        peer.other = accepted
        faulty = FaultySocket(accepted)
        protocol = self.new_protocol(address, self.now)
        self.pool.admit(address)
        Connection(cast(SocketType, faulty), protocol, self.pool)
        return peer, faulty

    def new_protocol(self, peer: str, now: float) -> Protocol:
        return Http1Protocol(self.context, peer, now)

    def _forget(self) -> None:
        self.head_cache.clear()
        self.prepared.clear()

    @property
    def connections(self) -> list[Connection]:
        return [each for each in self.reactor.handlers() if isinstance(each, Connection)]

    def wait(self, seconds: float) -> None:
        """Let time pass, and what is due happen."""
        self.now += seconds
        self.turn()

    def turn(self, times: int = 1) -> None:
        for _ in range(times):
            self.reactor.turn(0.0)

    def until(self, condition: Callable[[], bool], *peers: Peer) -> None:
        """Turn, and receive, until *condition* holds; a turn takes some milliseconds."""
        give_up_at = time.monotonic() + PATIENCE
        while time.monotonic() < give_up_at:
            before = self.observer.bytes_sent
            self.wait(_TURN)
            for peer in peers:
                peer.take()
            if condition():
                return
            if self.observer.bytes_sent == before:
                time.sleep(_PAUSE)  # the kernel has something to do
        raise AssertionError("it never comes to hold")

    def exchange(self, peer: Peer, request: bytes) -> bytes:
        """Send *request* and return what comes until the connection is at rest or at its end."""
        peer.send(request)
        self.until(lambda: self._is_answered(peer), peer)
        answer = bytes(peer.received)
        peer.received.clear()
        return answer

    def _is_answered(self, peer: Peer) -> bool:
        if peer.is_ended or peer.is_reset:
            return True
        head, end, body = bytes(peer.received).partition(b"\r\n\r\n")
        if not end:
            return False
        _, _, rest = head.lower().partition(b"content-length: ")
        return len(body) >= int(rest.split(b"\r\n")[0] or 0)
