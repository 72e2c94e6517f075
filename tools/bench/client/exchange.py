"""One connection and the response it is reading."""

import errno
import socket

HOST = "127.0.0.1"
HEAD_END = b"\r\n\r\n"

# Where all connections read a body into; nobody looks at it.
_SPARE = memoryview(bytearray(256 * 1024))

# As much as is read while the head is looked for, in bytes.
_HEAD_READ = 16 * 1024

# A chunked body is over when it ends like this: we don't ask for the next one before that,
# and in files of noise the bytes turn up at the end of a read once in 2**56 times.
_LAST_CHUNK = b"\r\n0\r\n\r\n"
_UNKNOWN = 1 << 62


class BadResponseError(Exception):
    """The server ended the connection early or sent what we can't read; says which."""


class Exchange:
    """A connection to the server on which one response after the other is read.

    *remaining* is what is left of the body, None until the head has come. *received*
    counts bytes since begin(), heads included. *closes* tells that the server
    will close the connection after the response.
    """

    __slots__ = ("_head", "_tail", "closes", "received", "remaining", "sock", "started", "status")

    def __init__(self, port: int, receive_buffer: int | None = None) -> None:
        self.sock = socket.socket()
        self.sock.setblocking(False)
        if receive_buffer is not None:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.started = 0.0
        self.begin()
        code = self.sock.connect_ex((HOST, port))
        if code not in (0, errno.EINPROGRESS):
            self.sock.close()
            raise BadResponseError(f"connect: {errno.errorcode[code]}")

    def begin(self) -> None:
        """Expect a new response."""
        self._head = b""
        self.status = 0
        self.received = 0
        self.remaining: int | None = None
        self._tail: bytes | None = None
        self.closes = False

    def send(self, head: bytes) -> None:
        """Send a request head, which fits into the socket's empty buffer."""
        try:
            if self.sock.send(head) != len(head):
                raise BadResponseError("the request did not fit into the send buffer")
        except OSError as error:
            kind = "connect" if isinstance(error, ConnectionRefusedError) else "send"
            raise BadResponseError(f"{kind}: {error.strerror}") from error

    def read(self) -> bool:
        """Read what is there, once; return whether the response is complete."""
        try:
            if self.remaining is None:
                self._take_head(self.sock.recv(_HEAD_READ))
            else:
                self._take_body(self.sock.recv_into(_SPARE))
        except BlockingIOError:
            return False
        except OSError as error:
            raise BadResponseError(f"read: {error.strerror}") from error
        return self.remaining == 0

    def read_head_only(self) -> bool:
        """Read the head, when it is all there, and leave the body; return whether it was."""
        try:
            seen = self.sock.recv(_HEAD_READ, socket.MSG_PEEK)
            end = seen.find(HEAD_END) + len(HEAD_END)
            if not seen:
                raise BadResponseError("the connection ended within the head")
            if end < len(HEAD_END):
                return False
            self._take_head(self.sock.recv(end))
        except BlockingIOError:
            return False
        except OSError as error:
            raise BadResponseError(f"read: {error.strerror}") from error
        return True

    def read_some(self, limit: int) -> bool:
        """Read at most *limit* bytes of the body; return whether it is complete."""
        try:
            self._take_body(self.sock.recv_into(_SPARE, min(limit, len(_SPARE))))
        except BlockingIOError:
            return False
        except OSError as error:
            raise BadResponseError(f"read: {error.strerror}") from error
        return self.remaining == 0

    def refuse_unless_kept(self) -> None:
        """Raise BadResponseError unless the response is a 200 after which we may ask again."""
        if self.status != 200 or self.closes:
            ending = "that ends the connection" if self.closes else "that keeps the connection"
            raise BadResponseError(f"a {self.status} {ending}")

    def _take_head(self, data: bytes) -> None:
        if not data:
            raise BadResponseError("the connection ended within the head")
        self.received += len(data)
        self._head += data
        head, end, body = self._head.partition(HEAD_END)
        if end:
            self._understand(head)
            self._head = b""
            self._count_body(memoryview(body))

    def _understand(self, head: bytes) -> None:
        status, *lines = head.split(b"\r\n")
        self.status = int(status.split(b" ", 2)[1])
        parted = (line.partition(b":") for line in lines)
        fields = {name.lower(): value.strip() for name, _, value in parted}
        self.closes = fields.get(b"connection", b"").lower() == b"close"
        if self.status == 304:
            self.remaining = 0
        elif b"content-length" in fields:
            self.remaining = int(fields[b"content-length"])
        elif fields.get(b"transfer-encoding", b"").lower() == b"chunked":
            self.remaining, self._tail = _UNKNOWN, b""
        else:
            raise BadResponseError("a response that does not tell its length")

    def _take_body(self, count: int) -> None:
        if not count:
            raise BadResponseError("the connection ended within a body")
        self.received += count
        self._count_body(_SPARE[:count])

    def _count_body(self, data: memoryview) -> None:
        assert self.remaining is not None
        if self._tail is not None:
            self._tail = (self._tail + data[-len(_LAST_CHUNK) :])[-len(_LAST_CHUNK) :]
            if self._tail == _LAST_CHUNK:
                self.remaining = 0
            return
        self.remaining -= len(data)
        if self.remaining < 0:
            raise BadResponseError("more bytes than Content-Length says")
