"""A server beside an asyncio program."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import evloop
from evloop import Phase, Server, ServerError
from tests.support.bench import write
from tests.support.client import Client, request
from tests.support.deadline import PATIENCE
from tests.support.descriptors import no_leaks
from tests.support.serving import SHORT_LINGER

LARGE = os.urandom(8 * 1024 * 1024)
SMALL_BUFFER = 64 * 1024


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("root")
    write(root / "index.html", b"<h1>hello</h1>")
    write(root / "large.bin", LARGE)
    return root


@pytest.fixture(autouse=True)
def _no_leaks() -> Iterator[None]:
    with no_leaks():
        yield


async def _get(port: int) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request("/", "Connection: close"))
    response = await reader.read()
    writer.close()
    await writer.wait_closed()
    return response.partition(b"\r\n\r\n")[2]


def download(server: Server) -> Client:
    """Begin a download that is far from its end."""
    client = Client(server.addresses[0], receive_buffer=SMALL_BUFFER)
    client.send(request("/large.bin"))
    client.receive_head()
    return client


def test_it_serves_while_the_event_loop_goes_on(root: Path) -> None:
    async def program() -> None:
        async with evloop.serving(root=root, host="127.0.0.1", port=0) as server:
            assert await _get(server.port) == b"<h1>hello</h1>"
        assert server.phase is Phase.CLOSED

    asyncio.run(program())


def test_downloads_may_end_and_the_event_loop_goes_on_meanwhile(root: Path) -> None:
    async def program() -> None:
        async with evloop.serving(
            root=root, host="127.0.0.1", port=0, linger_timeout=SHORT_LINGER
        ) as server:
            client = download(server)
            rest = asyncio.create_task(finish(client, server))
        assert await rest == LARGE
        client.socket.close()

    async def finish(client: Client, server: Server) -> bytes:
        while server.phase is Phase.RUNNING:
            await asyncio.sleep(0.001)  # a step of the loop, which waits for the server's end
        return await asyncio.to_thread(client.receive_bytes, len(LARGE))

    asyncio.run(program())


@pytest.mark.parametrize("why", ["an exception", "a cancellation", "a cancellation of the end"])
def test_what_goes_wrong_ends_downloads_at_once(root: Path, why: str) -> None:
    servers: list[Server] = []
    clients: list[Client] = []

    async def program() -> None:
        async with evloop.serving(
            root=root, host="127.0.0.1", port=0, shutdown_timeout="1h", send_timeout="1h"
        ) as server:
            servers.append(server)
            clients.append(download(server))
            if why == "an exception":
                raise ZeroDivisionError
            if why == "a cancellation":
                await asyncio.Event().wait()

    async def go_wrong() -> None:
        task = asyncio.create_task(program())
        wanted = Phase.FINISHING if why == "a cancellation of the end" else Phase.RUNNING
        while why != "an exception" and not (servers and servers[0].phase is wanted):
            await asyncio.sleep(0.001)
        if why != "an exception":
            task.cancel()
        done, _ = await asyncio.wait({task}, timeout=PATIENCE)
        servers[0].stop()  # or the event loop would wait for its thread
        assert done
        with pytest.raises((ZeroDivisionError, asyncio.CancelledError)):
            await task
        assert servers[0].phase is Phase.CLOSED

    asyncio.run(go_wrong())
    _is_reset(clients[0])


def _is_reset(client: Client) -> None:
    with pytest.raises(ConnectionResetError):
        client.receive_bytes(len(LARGE))
    client.socket.close()


def test_what_ended_the_servers_loop_is_raised(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    async def program() -> None:
        async with evloop.serving(root=root, host="127.0.0.1", port=0) as server:
            while server.phase is not Phase.CLOSED:
                await asyncio.sleep(0.001)

    monkeypatch.setattr("evloop.process.worker.Worker.turn", fail)
    with pytest.raises(ZeroDivisionError):
        asyncio.run(program())


def test_what_does_not_start_is_told() -> None:
    async def program() -> None:
        async with evloop.serving(root="/no/such/place", port=0):
            pass

    with pytest.raises(ServerError, match="ROOT /no/such/place"):
        asyncio.run(program())


def test_asyncio_is_not_loaded_before_it_is_used() -> None:
    program = "import sys, evloop; evloop.serving(root='.'); print('asyncio' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
    )
    assert done.stdout == "False\n"
