"""Which method evloop itself says that it chose for a file, by its own counters."""

import http.client
from pathlib import Path

from comparing.client.download import HOST
from evloop import Config, Server

_DEADLINE = 30.0  # seconds

IN_MEMORY = "in memory"
STREAMED = "streamed"


def method(root: Path, name: str) -> str:
    """Ask an evloop with its defaults for the file *name* beneath *root*; say what it did.

    Raises OSError when it can't listen or does not answer.
    """
    config = Config(root=str(root), host=(HOST,), port=0, access_log="off")
    with Server(config).in_thread() as server:
        connection = http.client.HTTPConnection(HOST, server.addresses[0][1], timeout=_DEADLINE)
        try:
            connection.request("GET", f"/{name}")
            response = connection.getresponse()
            response.read(1)
            is_preloaded = server.snapshot().files_preloaded > 0
        finally:
            connection.close()
    return IN_MEMORY if is_preloaded else STREAMED
