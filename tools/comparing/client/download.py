"""One connection, and the response that is read on it."""

import errno
import mmap
import socket
import time
from pathlib import Path

HOST = "127.0.0.1"

# As much as one read takes from a socket, and as a head may be long, in bytes.
MOST = 256 * 1024
_MOST_HEAD = 16 * 1024

_HEAD_END = b"\r\n\r\n"


class BadAnswerError(Exception):
    """The answer is not what it should be, or did not come; says how, in a few words."""


class Source:
    """What is asked for: its path, and the file that the answer must equal (None: unchecked).

    Raises OSError when the file can't be read.
    """

    def __init__(self, path: str, file: Path | None = None) -> None:
        self.head = (
            f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\nUser-Agent: comparing\r\nAccept: */*\r\n\r\n"
        ).encode("ascii")
        self.content: mmap.mmap | None = None
        if file is not None:
            with file.open("rb") as opened:
                self.content = mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ)


class Download:
    """A connection that asks for one file.

    size: of the body, known once the head is there
    offset: the bytes of it that were read
    asked: seconds on the monotonic clock
    first_byte: seconds from the request to the first byte of the answer
    """

    __slots__ = ("_head", "_source", "asked", "first_byte", "offset", "size", "sock")

    def __init__(self, port: int, source: Source) -> None:
        self._source = source
        self._head = b""
        self.sock = socket.socket()
        self.sock.setblocking(False)
        self.first_byte = self.asked = 0.0
        self.offset = self.size = 0
        code = self.sock.connect_ex((HOST, port))
        if code not in (0, errno.EINPROGRESS):
            self.sock.close()
            raise BadAnswerError(f"connect: {errno.errorcode[code]}")

    def ask(self) -> None:
        """Send the request, which fits into the socket's empty buffer."""
        self.offset = self.size = 0
        self.first_byte = 0.0
        self._head = b""
        self.asked = time.monotonic()
        try:
            self.sock.send(self._source.head)
        except OSError as error:
            raise BadAnswerError(f"send: {error.strerror}") from error

    def read_head(self) -> bool:
        """Read the head if all of it is there, and nothing of the body; return whether it was."""
        try:
            seen = self.sock.recv(_MOST_HEAD, socket.MSG_PEEK)
            if not seen:
                raise BadAnswerError("the connection ended within a head")
            self.first_byte = self.first_byte or time.monotonic() - self.asked
            end = (self._head + seen).find(_HEAD_END)
            is_whole = end >= 0
            # What is there of a head that is not whole is taken too: beneath it, the end of
            # the connection could not be seen.
            wanted = end + len(_HEAD_END) - len(self._head) if is_whole else len(seen)
            self._head += self.sock.recv(wanted)
        except BlockingIOError:
            return False
        except OSError as error:
            raise BadAnswerError(f"read: {error.strerror}") from error
        if is_whole:
            self.size = _content_length(self._head)
        elif len(self._head) >= _MOST_HEAD:
            raise BadAnswerError("a head without an end")
        return is_whole

    def read(self, limit: int = MOST) -> int:
        """Read up to *limit* bytes of the body, once, and return how many were there."""
        limit = min(limit, MOST, self.size - self.offset)
        if not limit:
            return 0
        try:
            data = self.sock.recv(limit)
        except BlockingIOError:
            return 0
        except OSError as error:
            raise BadAnswerError(f"read: {error.strerror}") from error
        if not data:
            raise BadAnswerError("the connection ended within a body")
        content = self._source.content
        if content is not None and data != content[self.offset : self.offset + len(data)]:
            raise BadAnswerError("wrong bytes")
        self.offset += len(data)
        return len(data)

    @property
    def is_complete(self) -> bool:
        """Whether the whole body was read."""
        return 0 < self.size == self.offset


def _content_length(head: bytes) -> int:
    status, *lines = head.split(b"\r\n")
    if status.split(b" ")[1:2] != [b"200"]:
        raise BadAnswerError(f"answered {status.decode('latin-1')}")
    for line in lines:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    raise BadAnswerError("an answer without Content-Length")
