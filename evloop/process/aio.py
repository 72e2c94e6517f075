"""A server beside an asyncio program: it has a thread of its own, and no part in the event loop."""

from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack, asynccontextmanager
from socket import socket
from typing import Unpack

from evloop.process.server import Server
from evloop.settings.config import Config
from evloop.settings.keywords import Settings


@asynccontextmanager
async def serving(
    config: Config | None = None,
    *,
    timeout: float | None = None,
    sock: socket | Sequence[socket] = (),
    **settings: Unpack[Settings],
) -> AsyncIterator[Server]:
    """Serve in a thread while the context lasts; a Server takes the same settings and *sock*.

    At its end downloads may finish, for *timeout* seconds at most (None: `shutdown_timeout`),
    and the event loop goes on meanwhile; an exception or a cancellation ends them at once. What
    ended the server's own loop is raised. A host that is a name is looked up in the caller's
    thread.

    Raises what Server and Server.open() raise.
    """
    import asyncio  # not before it is used: serving does without

    server = Server(config, sock=sock, **settings)
    thread = ExitStack()
    thread.enter_context(server.in_thread(timeout))
    try:
        yield server
    except BaseException:
        server.stop()
        raise
    finally:
        ending = asyncio.ensure_future(asyncio.to_thread(thread.close))
        try:
            await asyncio.shield(ending)
        except asyncio.CancelledError:
            server.stop()  # so that the thread ends within one turn
            await ending
            raise
