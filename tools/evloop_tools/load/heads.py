"""What a response head says. The head is parsed by httptools (llhttp)."""

import httptools

from evloop_tools.load.faults import Fault, FaultError
from evloop_tools.load.text import shorten

HEAD_END = b"\r\n\r\n"
MAX_HEAD = 64 * 1024
_START = b"HTTP/1."


class Head:
    """A response head. *fields* maps lower-case names to values.

    *keeps_alive* tells whether the server will take another request on the connection.
    """

    __slots__ = ("_parser", "fields", "keeps_alive", "status")

    def __init__(self, head: bytes) -> None:
        self.fields: dict[str, str] = {}
        self.status = 0
        self.keeps_alive = False
        self._parser = httptools.HttpResponseParser(self)
        try:
            self._parser.feed_data(head)
        except httptools.HttpParserError as error:
            raise FaultError(Fault.GARBAGE, f"{error}: {shorten(head)}") from error
        finally:
            del self._parser  # it holds us, and we it

    # The two callbacks of httptools.

    def on_header(self, name: bytes, value: bytes) -> None:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        self.fields[key] = f"{self.fields[key]}, {text}" if key in self.fields else text

    def on_headers_complete(self) -> None:
        self.status = self._parser.get_status_code()
        self.keeps_alive = self._parser.should_keep_alive()

    @property
    def length(self) -> int | None:
        """Content-Length; None without one, or when another field overrules it."""
        text = self.fields.get("content-length")
        if text is None or "transfer-encoding" in self.fields:
            return None
        return int(text)


def find_end(received: bytes) -> int:
    """Return where the body begins; -1: the head in *received* is not whole yet.

    Raises FaultError when it can't become one.
    """
    if received[: len(_START)] != _START[: len(received)]:
        raise FaultError(Fault.GARBAGE, f"no HTTP/1 response: {shorten(received)}")
    end = received.find(HEAD_END)
    if end >= 0:
        return end + len(HEAD_END)
    if len(received) > MAX_HEAD:
        raise FaultError(Fault.GARBAGE, f"a head without an end: {shorten(received)}")
    return -1
