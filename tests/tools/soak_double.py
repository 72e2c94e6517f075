"""A server that is wrong on purpose, for the tests of the soak test: soak_double.py FAULT ROOT.

Prints its port, then serves ROOT until it is ended.
"""

import os
import sys
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

CHUNK = 32 * 1024
FLIPPED = 20_000  # the offset of the byte that is wrong

kept: list[bytes] = []
opened: list[int] = []


class Honest(SimpleHTTPRequestHandler):
    """Serves files as they are."""

    protocol_version = "HTTP/1.1"

    def copyfile(self, source: Any, outputfile: Any) -> None:
        offset = 0
        while chunk := source.read(CHUNK):
            self.write_chunk(chunk, offset)
            offset += len(chunk)

    def write_chunk(self, chunk: bytes, offset: int) -> None:
        self.wfile.write(chunk)

    def log_message(self, format: str, *arguments: Any) -> None:
        """Say nothing."""


class Leaking(Honest):
    """Keeps each chunk."""

    def write_chunk(self, chunk: bytes, offset: int) -> None:
        kept.append(chunk)
        super().write_chunk(chunk, offset)


class LeakingDescriptors(Honest):
    """Keeps a descriptor for each answer."""

    def copyfile(self, source: Any, outputfile: Any) -> None:
        opened.append(os.dup(source.fileno()))
        super().copyfile(source, outputfile)


class Flipping(Honest):
    """Flips a bit of a byte in the second half of each longer file."""

    def write_chunk(self, chunk: bytes, offset: int) -> None:
        if offset <= FLIPPED < offset + len(chunk):
            wrong = bytearray(chunk)
            wrong[FLIPPED - offset] ^= 1
            chunk = bytes(wrong)
        super().write_chunk(chunk, offset)


class Dying(Honest):
    """Ends, with the whole process, after some hundred chunks."""

    def write_chunk(self, chunk: bytes, offset: int) -> None:
        kept.append(b"")
        if len(kept) > 500:
            os._exit(3)
        super().write_chunk(chunk, offset)


class Short(Honest):
    """Sends all but the last chunk, and closes."""

    def write_chunk(self, chunk: bytes, offset: int) -> None:
        if len(chunk) == CHUNK:
            super().write_chunk(chunk, offset)
        else:
            self.close_connection = True


class WithoutLength(Honest):
    """Leaves Content-Length out."""

    def send_header(self, keyword: str, value: str) -> None:
        if keyword.lower() != "content-length":
            super().send_header(keyword, value)

    def copyfile(self, source: Any, outputfile: Any) -> None:
        super().copyfile(source, outputfile)
        self.close_connection = True


class Garbage(Honest):
    """Answers with what is not HTTP."""

    def do_GET(self) -> None:
        self.wfile.write(b"\0\1\2 is this a response?\r\n\r\n")
        self.close_connection = True


HANDLERS: dict[str, type[Honest]] = {
    "none": Honest,
    "leak": Leaking,
    "leak-descriptors": LeakingDescriptors,
    "flip": Flipping,
    "die": Dying,
    "short": Short,
    "no-length": WithoutLength,
    "garbage": Garbage,
}


class Server(ThreadingHTTPServer):
    """A thread for each connection, and room for those that wait for one."""

    daemon_threads = True
    request_queue_size = 128


def main() -> None:
    fault, root = sys.argv[1:]
    handler = HANDLERS[fault]
    with Server(("127.0.0.1", 0), lambda *given: handler(*given, directory=root)) as server:
        print(server.server_address[1], flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
