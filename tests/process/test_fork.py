"""A program that forks while it serves: the parent goes on, the child holds nothing of it."""

import json
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from evloop import Config, Server
from evloop.process.phases import Phase
from tests.support.bench import write
from tests.support.client import Client, request
from tests.support.descriptors import no_leaks, open_descriptors

LARGE = os.urandom(8 * 1024 * 1024)


@contextmanager
def forked(server: Server) -> Iterator[dict[str, object]]:
    """Fork; yield what the child tells of itself, which lives on until the context ends."""
    told, tell = os.pipe()
    waits, release = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # 3.12: a fork with threads
        pid = os.fork()
    if pid == 0:
        try:
            report = {"open": list(open_descriptors().values()), "phase": server.phase.value}
            os.write(tell, json.dumps(report).encode() + b"\n")
            os.close(release)
            os.read(waits, 1)
        finally:
            os._exit(0)
    os.close(tell)
    os.close(waits)
    try:
        with open(told, "rb") as stream:
            yield json.loads(stream.readline())
    finally:
        os.close(release)
        os.waitpid(pid, 0)


@pytest.fixture
def server(tmp_path: Path) -> Server:
    write(tmp_path / "root/index.html", b"<h1>hello</h1>")
    write(tmp_path / "root/large.bin", LARGE)
    config = Config(
        root=tmp_path / "root", host=("127.0.0.1",), port=0, access_log=str(tmp_path / "log")
    )
    return Server(config)


def test_the_child_holds_nothing_and_the_parent_goes_on(server: Server, tmp_path: Path) -> None:
    before = set(open_descriptors().values())
    with server.in_thread():
        address = server.addresses[0]
        with Client(address) as idle, Client(address, receive_buffer=64 * 1024) as busy:
            assert idle.get("/").status == 200
            busy.send(request("/large.bin"))
            assert b"200 OK" in busy.receive_head()
            ours = {"client": _link(idle), "download": _link(busy)}
            served = set(open_descriptors().values()) - before - set(ours.values())
            assert any("eventpoll" in link for link in served)
            assert any(link.endswith("large.bin") for link in served)
            assert any(link.endswith("/log") for link in served)
            with forked(server) as child:
                held = child["open"]
                assert isinstance(held, list)
                assert not served & {link for link in held if "eventpoll" not in link}
                assert not any("eventpoll" in link for link in held)
                assert child["phase"] == "closed"
                assert busy.receive_bytes(len(LARGE)) == LARGE
                assert idle.get("/").body == b"<h1>hello</h1>"
                server.stop()
                # No copy in the child keeps the connection open.
                assert idle.receive_end() == b""
                assert busy.receive_end() == b""
    assert len((tmp_path / "log").read_text().splitlines()) == 3


def _link(client: Client) -> str:
    return os.readlink(f"/proc/self/fd/{client.socket.fileno()}")


def test_a_server_that_never_opened_or_is_closed_is_no_matter(server: Server) -> None:
    new = Server(server.config)
    with server.in_thread():
        pass
    with no_leaks(), forked(server) as child:
        assert child["phase"] == "closed"
    assert new.phase is Phase.NEW
    new.open()
    new.close()


def test_the_child_of_a_server_with_passwords_holds_nothing_either(
    server: Server, tmp_path: Path
) -> None:
    users = write(tmp_path / "users", b"anna:$apr1$abc$" + b"a" * 22 + b"\n")
    config = Config(root=tmp_path / "root", host=("127.0.0.1",), port=0, htpasswd=str(users))
    before = set(open_descriptors().values())
    with Server(config).in_thread() as served, Client(served.addresses[0]) as client:
        credentials = "Authorization: Basic YW5uYTp4"
        assert client.get("/", credentials).status == 401
        ours = set(open_descriptors().values()) - before - {_link(client)}
        with forked(served) as child:
            held = child["open"]
            assert isinstance(held, list)
            assert not ours & {link for link in held if "eventpoll" not in link}
            assert client.get("/", credentials).status == 401
