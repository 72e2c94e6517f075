"""The life of a server: what it opens, what it tells, and that it closes all of it."""

import errno
import logging
import os
import resource
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from evloop import Config, ConfigError, Server
from evloop.net.transport import listening_socket
from evloop.process.environment import ServerError, connection_limit
from evloop.process.memory import process_size
from evloop.process.server import Phase
from tests.support.bench import write
from tests.support.client import Client, request
from tests.support.deadline import PATIENCE, eventually
from tests.support.descriptors import no_leaks
from tests.support.serving import SHORT_LINGER, call, serving

LARGE = os.urandom(8 * 1024 * 1024)
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGHUP)


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


def config(directory: Path, /, **settings: Any) -> Config:
    values: dict[str, Any] = {
        "root": str(directory),
        "port": 0,
        "host": ("127.0.0.1",),
        "access_log": "off",
        "linger_timeout": SHORT_LINGER,
        **settings,
    }
    return Config(**values)


class TestOpening:
    def test_a_free_port_is_free_on_every_host(
        self, root: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked: list[int] = []

        def clash(host: str, port: int, *rest: int) -> socket.SocketType:
            asked.append(port)
            if asked[1:] == [port]:
                raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
            return listening_socket(host, port, *rest)

        monkeypatch.setattr("evloop.process.environment.listening_socket", clash)
        with serving(root, host=("127.0.0.1", "127.0.0.2")) as server:
            ports = {port for _, port in server.addresses}
        assert len(ports) == 1
        assert asked[0] == asked[2] == 0

    def test_a_server_runs_only_once(self, tmp_path: Path) -> None:
        with Server(Config(root=str(tmp_path), port=0)).in_thread() as server:
            pass
        with pytest.raises(RuntimeError, match="only once"):
            server.run()

    def test_the_real_port_is_told(self, root: Path) -> None:
        with serving(root) as server:
            ((host, port),) = server.addresses
            assert host == "127.0.0.1"
            assert port > 0
            assert server.urls == [f"http://127.0.0.1:{port}/"]
            with Client((host, port)) as client:
                assert client.get("/").body == b"<h1>hello</h1>"

    def test_all_addresses_have_one_port(self, root: Path) -> None:
        try:
            with serving(root, host=("127.0.0.1", "::1")) as server:
                (_, first), (_, second) = server.addresses
                assert first == second
                assert server.urls[1] == f"http://[::1]:{first}/"
                for address in server.addresses:
                    with Client(address) as client:
                        assert client.get("/").status == 200
        except ServerError as error:
            pytest.skip(f"no IPv6 on this machine: {error}")

    @pytest.mark.parametrize("host", ["0.0.0.0", "localhost"])
    def test_an_address_may_be_a_name_or_any(self, root: Path, host: str) -> None:
        with serving(root, host=(host,)) as server:
            shown = "localhost" if host == "0.0.0.0" else server.addresses[0][0]
            assert server.urls[0].startswith(f"http://{shown.replace('::1', '[::1]')}:")

    @pytest.mark.parametrize(
        ("host", "reached"),
        [
            (("::",), {"127.0.0.1", "127.0.0.2", "::1"}),
            (("::", "127.0.0.2"), {"127.0.0.2", "::1"}),
            (("0.0.0.0", "::"), {"127.0.0.1", "127.0.0.2", "::1"}),
            (("::1",), {"::1"}),
        ],
    )
    def test_any_address_of_version_6_is_version_4_too_where_none_stands_beside_it(
        self, root: Path, host: tuple[str, ...], reached: set[str]
    ) -> None:
        try:
            socket.create_server(("::1", 0), family=socket.AF_INET6).close()
        except OSError as error:
            pytest.skip(f"no IPv6 on this machine: {error}")
        with serving(root, host=host) as server:
            tried = ("127.0.0.1", "127.0.0.2", "::1")
            found = {each for each in tried if self._is_there(each, server.port)}
        assert found == reached

    def _is_there(self, host: str, port: int) -> bool:
        try:
            with Client((host, port)) as client:
                return client.get("/").status == 200
        except ConnectionRefusedError:
            return False

    def test_the_same_address_twice_is_one(self, root: Path) -> None:
        with serving(root, host=("127.0.0.1", "127.0.0.1")) as server:
            assert server.addresses == [("127.0.0.1", server.port)]

    @pytest.mark.parametrize(
        ("settings", "message"),
        [
            ({"root": "/no/such/place"}, "ROOT /no/such/place: No such file or directory"),
            ({"root": "/dev/null"}, "ROOT /dev/null: Not a directory"),
            ({"access_log": "/no/such/place/log"}, "--access-log /no/such/place/log: No such file"),
            ({"access_log": "/"}, "--access-log /: Is a directory"),
            ({"host": ("192.0.2.1",)}, "--host 192.0.2.1: can't listen on port 0"),
            ({"host": ("a" * 70,)}, f"--host {'a' * 70}: this is no name of a host"),
            ({"host": ("a..b",)}, "--host a..b: this is no name of a host"),
            ({"host": ("no-such-host.invalid",)}, "--host no-such-host.invalid: "),
            ({"host": ("127.0.0.1", "192.0.2.1")}, "--host 192.0.2.1: can't listen on port"),
        ],
    )
    def test_what_the_environment_refuses_is_told(
        self, root: Path, settings: dict[str, object], message: str
    ) -> None:
        server = Server(config(root, **settings))
        with pytest.raises(ServerError) as refused:
            server.open()
        assert str(refused.value).startswith(message)
        assert server.phase is Phase.NEW

    def test_a_port_in_use_is_told_and_costs_nothing(self, root: Path, tmp_path: Path) -> None:
        with serving(root) as server:
            ((_, port),) = server.addresses
            second = Server(config(root, port=port, access_log=str(tmp_path / "log")))
            with no_leaks(), pytest.raises(ServerError, match=f"--port {port}: in use on 127"):
                second.open()

    def test_a_port_that_is_not_allowed_is_told(
        self, root: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(*_: object) -> None:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr("evloop.process.environment.listening_socket", refuse)
        with pytest.raises(ServerError, match="--port 80: no permission to listen there"):
            Server(config(root, port=80)).open()

    def test_a_machine_without_ipv6_still_has_a_loopback(
        self, root: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def listen(host: str, *arguments: int) -> socket.SocketType:
            if ":" in host:
                raise OSError(97, "Address family not supported by protocol")
            return listening_socket(host, *arguments)

        monkeypatch.setattr("evloop.process.environment.listening_socket", listen)
        with serving(root, host=Config().host) as server:
            assert len(server.addresses) == 1
        with pytest.raises(ServerError, match="--host ::1: can't listen"):
            Server(config(root, host=("::1",))).open()

    def test_a_limit_that_leaves_no_room_is_refused(self, root: Path) -> None:
        with pytest.raises(ConfigError, match="--memory-limit"):
            Server(config(root, memory_limit=1024)).open()

    def test_the_plan_follows_from_the_limit(self, root: Path) -> None:
        # The process that runs the tests is larger than a server's, and grows with them.
        limit = process_size() + 128 * 1024 * 1024
        with serving(root, memory_limit=limit) as server:
            assert server.memory.start < server.memory.ceiling <= limit


class TestSettings:
    def test_they_may_be_keywords(self, root: Path) -> None:
        server = Server(root=root, port=0, host="127.0.0.1", chunk_size="1KiB")
        assert server.config == Config(root=str(root), port=0, host=("127.0.0.1",), chunk_size=1024)
        with server.in_thread(), call(server) as client:
            assert client.get("/").status == 200

    def test_a_wrong_one_is_told_at_once(self) -> None:
        with pytest.raises(ConfigError, match="--port 70000: at most 65535"):
            Server(port=70000)
        unknown: dict[str, Any] = {"prot": 1}
        with pytest.raises(TypeError, match="prot"):
            Server(**unknown)

    def test_they_go_not_beside_a_config(self) -> None:
        with pytest.raises(TypeError, match=r"both were given \(port\)"):
            Server(Config(), port=1)

    def test_url_and_port_are_known_when_it_is_open(self, root: Path) -> None:
        server = Server(config(root))
        for get in (lambda: server.url, lambda: server.port):
            with pytest.raises(RuntimeError, match="not open yet"):
                get()
        server.open()
        assert server.url == server.urls[0] == f"http://127.0.0.1:{server.port}/"
        server.close()

    def test_a_library_has_no_log_unless_it_asks_for_one(
        self,
        root: Path,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        capfd: pytest.CaptureFixture[str],
    ) -> None:
        monkeypatch.chdir(tmp_path)
        for asked, lines in {"auto": 0, "off": 0, "-": 1}.items():
            with serving(root, access_log=asked) as server, call(server) as client:
                client.get("/")
            assert capfd.readouterr().out.count("\n") == lines, asked
        assert list(tmp_path.iterdir()) == []


class TestGivenSockets:
    def test_they_are_served_on_and_closed(self, root: Path) -> None:
        given = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
        names = [each.getsockname() for each in given]
        with Server(root=root, port=1, sock=given).in_thread() as server:
            assert server.addresses == names
            assert [each.fileno() for each in given] == [-1, -1]
            for name in names:
                with Client(name) as client:
                    assert client.get("/").status == 200
        with pytest.raises(ConnectionRefusedError):
            Client(names[0])

    def test_one_may_be_alone(self, root: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as given:
            port = given.getsockname()[1]
            with Server(root=root, sock=given).in_thread() as server, call(server) as client:
                assert server.port == port
                assert client.get("/").status == 200

    def test_what_can_not_be_served_on_is_told(self, root: Path) -> None:
        good, bad = socket.create_server(("127.0.0.1", 0)), socket.socket()
        server = Server(root=root, sock=[good, bad])
        with no_leaks(), pytest.raises(ServerError, match=r"^sock <.*>: it does not listen"):
            server.open()
        assert server.phase is Phase.NEW
        bad.close()
        good.close()


class TestDevelopment:
    def test_an_edited_file_is_new_on_reload(self, tmp_path: Path) -> None:
        style = tmp_path / "style.css"
        style.write_text("0000")
        with serving(tmp_path, dev=True) as server, call(server) as client:
            for number in range(200):
                style.write_text(f"{number:04}")  # as long as before, in the same moment
                assert client.get("/style.css").body == b"%04d" % number

    def test_browsers_ask_every_time(self, root: Path) -> None:
        with serving(root, dev="on", cache_control="immutable") as server, call(server) as client:
            response = client.get("/")
            assert response.fields["cache-control"] == "no-cache"
            again = client.get("/", f"If-None-Match: {response.fields['etag']}")
            assert (again.status, again.fields["cache-control"]) == (304, "no-cache")


class TestConnectionLimit:
    @pytest.mark.parametrize(
        ("soft", "limit"),
        [(1024, 496), (256, 112), (40, 4), (33, 1), (10, 1), (resource.RLIM_INFINITY, 524272)],
    )
    def test_it_follows_from_the_descriptors(
        self, soft: int, limit: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(resource, "getrlimit", lambda _: (soft, soft))
        assert connection_limit() == limit

    def test_streams_have_files_too(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(resource, "getrlimit", lambda _: (1024, 1024))
        assert connection_limit(has_streams=True) == 330

    @pytest.mark.parametrize(
        ("soft", "wanted", "limit"), [(1024, 900, 900), (1024, 5000, 992), (33, 9, 1), (10, 9, 1)]
    )
    def test_who_asks_for_more_gets_all_that_there_are(
        self, soft: int, wanted: int, limit: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(resource, "getrlimit", lambda _: (soft, soft))
        assert connection_limit(wanted) == limit

    def test_the_next_one_takes_the_place_of_one_that_is_idle(self, root: Path) -> None:
        with serving(root, max_connections=2) as server:
            first, second = (call(server) for _ in range(2))
            assert first.get("/").status == 200
            assert second.get("/").status == 200
            third = call(server)
            assert third.get("/").status == 200
            assert first.receive_end() == b""
            assert sum(server.snapshot().connections.values()) == 2
            for client in (first, second, third):
                client.socket.close()

    def test_room_that_comes_with_the_end_is_of_no_use(self, root: Path) -> None:
        with serving(root, max_connections=1) as server, call(server) as client:
            assert client.get("/").status == 200
            server.finish()
            eventually(lambda: server.phase is Phase.CLOSED, "the end")
            assert client.receive_end() == b""

    def test_an_address_has_its_own_limit(self, root: Path) -> None:
        with serving(root, max_connections_per_ip=1) as server, call(server) as first:
            assert first.get("/").status == 200
            with call(server) as second:
                refused = second.receive()
                assert refused.status == 503
                assert refused.fields["retry-after"] == "1"
                assert second.receive_end() == b""
            assert first.get("/").status == 200
            assert server.snapshot().refused_connections == 1
            assert server.snapshot().refusals == 1


class TestEnding:
    def test_run_opens_by_itself(self, root: Path) -> None:
        server = Server(config(root))
        thread = threading.Thread(target=server.run)
        thread.start()
        eventually(lambda: server.phase is Phase.RUNNING, "the server to run")
        server.finish()
        thread.join(20)
        assert server.phase is Phase.CLOSED

    def test_a_server_may_be_stopped_before_it_runs(self, root: Path) -> None:
        server = Server(config(root))
        server.stop()  # not open: nothing happens
        server.open()
        server.stop()
        server.run()
        assert server.phase is Phase.CLOSED
        server.stop()
        server.finish()

    def test_finishing_lets_downloads_end(self, root: Path) -> None:
        server = Server(config(root))
        server.open()
        thread = threading.Thread(target=server.run)
        thread.start()
        address = server.addresses[0]
        idle, busy, asking = (Client(address, receive_buffer=64 * 1024) for _ in range(3))
        assert idle.get("/").status == 200
        asking.send(b"GET / HTTP/1.1\r\n")
        busy.send(request("/large.bin"))
        head = busy.receive_head()
        assert b"Connection: close" not in head  # nobody knew
        server.finish()
        server.finish()
        eventually(lambda: server.phase is Phase.FINISHING, "the end to begin")
        assert idle.receive_end() == b""
        with pytest.raises(ConnectionRefusedError):
            Client(address)
        asking.send(b"Host: files.test\r\n\r\n")
        last = asking.receive()
        assert last.body == b"<h1>hello</h1>"
        assert last.fields["connection"] == "close"
        assert asking.receive_end() == b""
        assert busy.receive_bytes(len(LARGE)) == LARGE
        assert busy.receive_end() == b""
        for client in (idle, busy, asking):
            client.socket.close()
        thread.join(20)
        assert not thread.is_alive()
        assert server.phase is Phase.CLOSED

    def test_patience_has_an_end(self, root: Path) -> None:
        with serving(root, shutdown_timeout=0.0) as server:
            client = call(server, receive_buffer=64 * 1024)
            client.send(request("/large.bin"))
            client.receive_head()
            server.finish()
            eventually(lambda: server.phase is Phase.CLOSED, "the end")
            with pytest.raises(ConnectionResetError):  # the download was not complete
                client.receive_bytes(len(LARGE))
            client.socket.close()

    def test_stopping_resets_what_is_under_way(self, root: Path) -> None:
        with serving(root) as server:
            client = call(server, receive_buffer=64 * 1024)
            client.send(request("/large.bin"))
            client.receive_head()
            server.stop()
        with pytest.raises(ConnectionResetError):
            client.receive_bytes(len(LARGE))
        client.socket.close()


class TestInThread:
    def test_downloads_may_end(self, root: Path) -> None:
        server = Server(config(root))
        bodies: list[bytes] = []
        with server.in_thread():
            client = call(server, receive_buffer=64 * 1024)
            client.send(request("/large.bin"))
            client.receive_head()
            reader = threading.Thread(target=self._read_when_it_ends, args=(server, client, bodies))
            reader.start()
        reader.join()
        assert server.phase is Phase.CLOSED
        assert bodies == [LARGE]
        client.socket.close()

    def _read_when_it_ends(self, server: Server, client: Client, bodies: list[bytes]) -> None:
        eventually(lambda: server.phase is Phase.FINISHING, "the end to begin")
        bodies.append(client.receive_bytes(len(LARGE)))

    @pytest.mark.parametrize(("timeout", "setting"), [(0.0, "24h"), (None, "0s")])
    def test_its_patience_has_an_end(self, root: Path, timeout: float | None, setting: str) -> None:
        server = Server(config(root, shutdown_timeout=setting))
        clients: list[Client] = []

        def serve() -> None:
            with server.in_thread(timeout):
                clients.append(call(server, receive_buffer=64 * 1024))
                clients[0].send(request("/large.bin"))
                clients[0].receive_head()

        thread = threading.Thread(target=serve)
        thread.start()
        thread.join(PATIENCE)
        is_over = not thread.is_alive()
        server.stop()
        thread.join()
        assert is_over
        with pytest.raises(ConnectionResetError):
            clients[0].receive_bytes(len(LARGE))
        clients[0].socket.close()

    def test_an_exception_ends_downloads_at_once(self, root: Path) -> None:
        server = Server(config(root))
        with pytest.raises(ZeroDivisionError):
            self._fail_during_a_download(server)
        assert server.phase is Phase.CLOSED

    def _fail_during_a_download(self, server: Server) -> None:
        with server.in_thread(), call(server, receive_buffer=64 * 1024) as client:
            client.send(request("/large.bin"))
            client.receive_head()
            raise ZeroDivisionError

    def test_what_ended_the_loop_is_raised(
        self, root: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(*_: object) -> None:
            raise ZeroDivisionError

        server = Server(config(root))
        monkeypatch.setattr("evloop.process.worker.Worker.turn", fail)
        with pytest.raises(ZeroDivisionError), server.in_thread():
            eventually(lambda: server.phase is Phase.CLOSED, "the end")


class TestSignals:
    @pytest.mark.parametrize("ended", [False, True])
    def test_a_server_that_is_not_open_changes_no_handler(self, root: Path, ended: bool) -> None:
        server = Server(config(root))
        if ended:
            server.close()
        before = [signal.getsignal(number) for number in SIGNALS]
        with pytest.raises(RuntimeError, match="only once" if ended else "not open yet"):
            server.signals().__enter__()
        assert [signal.getsignal(number) for number in SIGNALS] == before
        fd = signal.set_wakeup_fd(-1)
        assert fd == -1

    def test_another_thread_changes_no_handler(self, root: Path) -> None:
        server = Server(config(root))
        server.open()
        before = [signal.getsignal(number) for number in SIGNALS]
        errors: list[str] = []

        def enter() -> None:
            try:
                server.signals().__enter__()
            except ValueError as error:
                errors.append(str(error))

        thread = threading.Thread(target=enter)
        thread.start()
        thread.join()
        server.close()
        assert len(errors) == 1
        assert [signal.getsignal(number) for number in SIGNALS] == before

    def test_handlers_are_put_back(self, root: Path) -> None:
        before = [signal.getsignal(number) for number in SIGNALS]
        server = Server(config(root))
        server.open()
        with server.signals():
            assert signal.default_int_handler not in map(signal.getsignal, SIGNALS)
            assert signal.SIG_DFL not in map(signal.getsignal, SIGNALS)
            os.kill(os.getpid(), signal.SIGTERM)
            server.run()
        assert [signal.getsignal(number) for number in SIGNALS] == before
        assert server.phase is Phase.CLOSED

    def test_a_second_signal_ends_at_once(self, root: Path) -> None:
        server = Server(config(root))
        server.open()
        client = Client(server.addresses[0], receive_buffer=64 * 1024)
        client.send(request("/large.bin"))
        with server.signals():
            thread = threading.Thread(target=self._kill_twice, args=(client, server))
            thread.start()
            server.run()
            thread.join()
        with pytest.raises(ConnectionResetError):
            client.receive_bytes(len(LARGE))
        client.socket.close()

    def _kill_twice(self, client: Client, server: Server) -> None:
        client.receive_head()
        os.kill(os.getpid(), signal.SIGINT)
        eventually(lambda: server.phase is Phase.FINISHING, "the end to begin")
        os.kill(os.getpid(), signal.SIGINT)

    def test_other_signals_are_none_of_its_business(self, root: Path) -> None:
        server = Server(config(root))
        server.open()
        before = signal.signal(signal.SIGALRM, lambda number, frame: None)
        with server.signals():
            thread = threading.Thread(target=self._download_under_alarms, args=(server,))
            thread.start()
            server.run()
            thread.join()
        signal.signal(signal.SIGALRM, before)

    def _download_under_alarms(self, server: Server) -> None:
        with Client(server.addresses[0], receive_buffer=64 * 1024) as client:
            client.send(request("/large.bin"))
            client.receive_head()
            server.finish()
            eventually(lambda: server.phase is Phase.FINISHING, "the end to begin")
            os.kill(os.getpid(), signal.SIGALRM)
            assert client.receive_bytes(len(LARGE)) == LARGE

    @pytest.mark.parametrize("number", [signal.SIGUSR1, signal.SIGHUP])
    def test_the_log_is_reopened(self, root: Path, tmp_path: Path, number: signal.Signals) -> None:
        path = tmp_path / "log"
        server = Server(config(root, access_log=str(path)))
        server.open()
        path.rename(tmp_path / "log.1")
        with server.signals():
            os.kill(os.getpid(), number)
            thread = threading.Thread(target=self._finish_when, args=(server, path))
            thread.start()
            server.run()
            thread.join()
        assert path.exists()

    def _finish_when(self, server: Server, path: Path) -> None:
        try:
            eventually(path.exists, "the new log")
        finally:
            server.finish()

    def test_a_log_that_can_not_be_reopened_is_told(
        self, root: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        path = tmp_path / "log"
        server = Server(config(root, access_log=str(path)))
        server.open()
        path.unlink()
        path.mkdir()
        with server.signals(), caplog.at_level(logging.WARNING, "evloop"):
            os.kill(os.getpid(), signal.SIGUSR1)
            thread = threading.Thread(target=self._finish_after_warning, args=(server, caplog))
            thread.start()
            server.run()
            thread.join()
        assert "can't be reopened" in caplog.text

    def _finish_after_warning(self, server: Server, caplog: pytest.LogCaptureFixture) -> None:
        try:
            eventually(lambda: bool(caplog.records), "the warning")
        finally:
            server.finish()

    def test_without_a_log_there_is_nothing_to_reopen(self, root: Path) -> None:
        server = Server(config(root))
        server.open()
        with server.signals():
            os.kill(os.getpid(), signal.SIGUSR1)
            os.kill(os.getpid(), signal.SIGTERM)
            server.run()


class TestSnapshot:
    def test_it_tells_what_is_going_on(self, root: Path) -> None:
        with serving(root) as server:
            quiet = server.snapshot()
            assert quiet.connections == {}
            assert (quiet.downloads, quiet.responses, quiet.bytes_sent) == (0, 0, 0)
            idle, busy = call(server), call(server, receive_buffer=64 * 1024)
            assert idle.get("/").status == 200
            busy.send(request("/large.bin"))
            busy.receive_head()
            eventually(lambda: 0 < server.snapshot().bytes_to_send < len(LARGE), "progress")
            snapshot = server.snapshot()
            assert snapshot.connections == {"idle": 1, "sending": 1}
            assert snapshot.download_sizes == (len(LARGE),)
            assert snapshot.load_all == len(LARGE)
            assert 0 < snapshot.bytes_to_send < len(LARGE)
            assert snapshot.responses == 2
            assert snapshot.files_preloaded == 1
            assert 0 < snapshot.bytes_preloaded < 10_000
            assert snapshot.refills > 0
            assert snapshot.lag.turns > 0
            assert snapshot.ends == {}
            busy.socket.close()
            idle.socket.close()
            eventually(lambda: not server.snapshot().connections, "the end of both")
            assert server.snapshot().ends == {"client-reset": 1}
            assert server.snapshot().bytes_buffered == 0


def test_a_file_whose_pages_have_to_come_first_is_served(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, misses = os.preadv, [10]

    def preadv(fd: int, buffers: list[memoryview], offset: int, flags: int = 0, /) -> int:
        if flags and misses[0]:
            misses[0] -= 1
            raise BlockingIOError
        return real(fd, buffers, offset, 0)

    monkeypatch.setattr(os, "preadv", preadv)
    with serving(root) as server, call(server) as client:
        assert client.get("/").body == b"<h1>hello</h1>"
        assert server.snapshot().waits == 10
        assert server.snapshot().blocking_reads == 0


class TestLog:
    def test_each_response_is_a_line(self, root: Path, tmp_path: Path) -> None:
        path = tmp_path / "log"
        with serving(root, access_log=str(path)) as server, call(server) as client:
            client.get("/?x", "User-Agent: a test")
            client.get("/nothing")
            client.get("/large.bin", "Range: bytes=0-9")
        first, second, third = path.read_text().splitlines()
        assert '"GET /?x HTTP/1.1" 200 14 "-" "a test"' in first
        assert '"GET /nothing HTTP/1.1" 404 ' in second
        assert '"GET /large.bin HTTP/1.1" 206 10 ' in third
        assert all(line.startswith("127.0.0.1 - - [") for line in (first, second, third))
        assert all(line.endswith(" complete") for line in (first, second, third))


def test_two_servers_live_side_by_side(root: Path) -> None:
    with serving(root) as one, serving(root) as two, call(one) as first, call(two) as second:
        assert one.addresses != two.addresses
        assert first.get("/").body == second.get("/").body
