"""Everything of one process: built whole or not at all, closed whole, and hard to kill."""

import errno
import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

import evloop.process.worker
from evloop import Config, Server, ServerError
from evloop.net.listener import Listener
from evloop.net.reactor import Reactor
from evloop.net.transport import listening_socket
from evloop.process.memory import plan_memory
from evloop.process.phases import Phase
from evloop.process.worker import MAX_MEMORY_ERRORS, Worker
from tests.support.bench import write
from tests.support.client import Client, request
from tests.support.deadline import PATIENCE
from tests.support.descriptors import no_leaks


@pytest.fixture(autouse=True)
def _no_leaks() -> Iterator[None]:
    with no_leaks():
        yield


@pytest.fixture
def config(tmp_path: Path) -> Config:
    write(tmp_path / "root/index.html", b"<h1>hello</h1>")
    log = str(tmp_path / "log")
    return Config(root=tmp_path / "root", host=("127.0.0.1",), port=0, access_log=log)


# What is opened, in this order: each may be the one for which there is no descriptor left.
PARTS = ("open_root", "open_log", "Reactor", "Waker", "Listener")


@pytest.mark.parametrize("part", PARTS)
def test_what_was_opened_before_a_failure_is_closed(
    config: Config, part: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr(evloop.process.worker, part, refuse)
    server = Server(config)
    with no_leaks(), pytest.raises(ServerError, match=r"^[^\n]*: Too many open files$"):
        server.open()
    assert server.phase is Phase.NEW
    monkeypatch.undo()
    with server.in_thread():  # it may be tried again
        pass


def test_the_second_listener_may_fail_as_well(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[object] = []
    listener = Listener

    def make(*arguments: Any) -> object:
        if made:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        made.append(listener(*arguments))
        return made[0]

    monkeypatch.setattr(evloop.process.worker, "Listener", make)
    sockets = [listening_socket("127.0.0.1", 0, 8, 4096) for _ in range(2)]
    with pytest.raises(OSError, match="No space"):
        Worker(config, plan_memory(config, 0, 8, None), sockets, lambda said, now: None)
    assert [sock.fileno() for sock in sockets] == [-1, -1]


def test_it_serves_on_sockets_that_exist_already(config: Config) -> None:
    sock = listening_socket("127.0.0.1", 0, 8, 4096)
    said: list[bytes] = []
    worker = Worker(
        config, plan_memory(config, 0, 8, None), [sock], lambda data, now: said.append(data)
    )
    assert worker.addresses == [sock.getsockname()]
    worker.waker.write(b"hello")
    worker.turn()
    assert said == [b"hello"]
    assert worker.is_idle
    worker.close()
    worker.close()


def test_many_idle_connections_are_not_all_closed_in_one_turn(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evloop.process.worker, "MAX_FINISHED", 3)
    sock = listening_socket("127.0.0.1", 0, 16, 4096)
    plan = plan_memory(config, 0, 16, None)
    worker = Worker(config, plan, [sock], lambda said, now: None)
    with ExitStack() as stack:
        stack.callback(worker.close)
        clients = [stack.enter_context(Client(worker.addresses[0])) for _ in range(10)]
        clients[9].send(request("/"))
        worker.drain(worker.reactor.now)
        open_after = [len(worker.connections())]
        while worker.connections():
            worker.turn(PATIENCE)
            open_after.append(len(worker.connections()))
        assert open_after[0] == 7
        closed = [before - after for before, after in pairwise(open_after)]
        assert max(closed) <= 3 + 1  # and the one that is answered
        assert clients[9].receive().status == 200
        assert [client.receive_end() for client in clients] == [b""] * 10


def test_one_part_that_can_not_be_closed_keeps_no_other_open(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    server = Server(config)
    monkeypatch.setattr(Listener, "close", _close_and(refuse))
    with pytest.raises(OSError, match="Input/output"):
        _serve_one(server)
    assert server.phase is Phase.CLOSED


def _serve_one(server: Server) -> None:
    with server.in_thread(), Client(server.addresses[0]) as client:
        assert client.get("/").status == 200


def _close_and(refuse: Any) -> Any:
    close = Listener.close

    def close_and_refuse(self: Any) -> None:
        close(self)
        refuse()

    return close_and_refuse


class TestMemoryErrors:
    @pytest.mark.parametrize("count", [1, MAX_MEMORY_ERRORS - 1])
    def test_some_do_not_end_the_loop(
        self, config: Config, count: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        left = [count]

        turn = Reactor.turn

        def turn_without_memory(reactor: Reactor, wait: float) -> None:
            turn(reactor, wait)
            if left[0]:
                left[0] -= 1
                raise MemoryError

        monkeypatch.setattr(Reactor, "turn", turn_without_memory)
        monkeypatch.setattr("evloop.process.worker.time.sleep", lambda _: None)
        with Server(config).in_thread() as server, Client(server.addresses[0]) as client:
            while left[0]:
                assert client.get("/").body == b"<h1>hello</h1>"
            assert client.get("/").body == b"<h1>hello</h1>"

    def test_without_end_they_end_it_and_nothing_is_left(
        self, config: Config, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def turn(reactor: Reactor, wait: float) -> None:
            raise MemoryError

        monkeypatch.setattr(Reactor, "turn", turn)
        monkeypatch.setattr("evloop.process.worker.time.sleep", lambda _: None)
        with pytest.raises(MemoryError, match=f"no memory in {MAX_MEMORY_ERRORS} turns"):
            Server(config).run()


def test_a_zone_is_kept_from_the_name_to_the_socket(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    bound: list[tuple[object, ...]] = []

    def listen(*arguments: object) -> socket.SocketType:
        bound.append(arguments)
        return listening_socket("127.0.0.1", 0, 8, 4096)

    found = (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("fe80::1", 0, 0, 7))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [found])
    monkeypatch.setattr("evloop.process.environment.listening_socket", listen)
    server = Server(Config(root=config.root, host=("fe80::1%eth0",), port=0, access_log="off"))
    server.open()
    server.close()
    assert bound[0][0] == "fe80::1"
    assert bound[0][-1] == 7


def _link_local() -> str | None:
    """Return a link-local address of this machine with its zone."""
    try:
        lines = Path("/proc/net/if_inet6").read_text().splitlines()
    except OSError:
        return None
    for line in lines:
        digits, *_, name = line.split()
        if digits.startswith("fe80"):
            return f"{socket.inet_ntop(socket.AF_INET6, bytes.fromhex(digits))}%{name}"
    return None


@pytest.mark.skipif(_link_local() is None, reason="no link-local address on this machine")
def test_a_link_local_address_can_be_listened_on(config: Config) -> None:
    host = _link_local()
    server = Server(Config(root=config.root, host=(str(host),), port=0, access_log="off"))
    with server.in_thread():
        ((told, port),) = server.addresses
        assert told == host
        assert server.urls == [f"http://[{host}]:{port}/"]
        with socket.create_connection((told, port), PATIENCE) as client:
            client.send(request("/", "Connection: close"))
            assert client.recv(4096).startswith(b"HTTP/1.1 200 OK")
