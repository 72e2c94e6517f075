"""A pytest plugin: the fixture `evloop_server` serves a directory for one test.

pytest finds it by itself where evloop is installed (the entry point `pytest11`).
"""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Protocol, Unpack

import pytest

if TYPE_CHECKING:
    from evloop.process.server import Server
    from evloop.settings.keywords import Settings
    from evloop.settings.site_config import RootPath


class ServeDirectory(Protocol):
    """What the fixture gives: a function that starts a server and returns it."""

    def __call__(self, root: "RootPath" = ".", /, **settings: "Unpack[Settings]") -> "Server":
        """Serve *root* in a thread; *settings* are those of a Config.

        On a free port of 127.0.0.1, unless they say otherwise.
        """


@pytest.fixture
def evloop_server() -> Iterator[ServeDirectory]:
    """Serve directories until the end of the test, which no download outlives."""
    from evloop.process.server import Server

    with ExitStack() as running:

        def serve(root: "RootPath" = ".", /, **settings: Any) -> Server:
            server = Server(**{"root": root, "host": "127.0.0.1", "port": 0, **settings})
            return running.enter_context(server.in_thread(timeout=0))

        yield serve
