"""HTTPS by real clients: what is agreed, what is sent, how it ends, and what does not stop it."""

import contextlib
import gc
import hashlib
import json
import logging
import os
import random
import shutil
import socket
import ssl
import struct
import subprocess
import threading
from base64 import b64encode
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import bcrypt
import pytest

from evloop import Config, Server
from evloop.net import handshakes
from evloop.net.handshake import Failure
from evloop.net.secure import SecureConnection
from tests.support.bench import write
from tests.support.certificates import PATIENCE, SecureClient, client_context, make
from tests.support.client import Client, Reply, request
from tests.support.deadline import eventually
from tests.support.serving import serving

KIB = 1024
SMALL = b"small" * 20
LARGE = random.Random(1).randbytes(3 * KIB * KIB + 17)
V12, V13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
A, B = make("localhost", subject="a"), make("b.test", subject="b")
OPENSSL = shutil.which("openssl")
CHALLENGE = "/.well-known/acme-challenge/token"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("root")
    write(root / "small.txt", SMALL)
    write(root / "large.bin", LARGE)
    write(root / "medium.txt", b"m" * 300 * KIB)
    write(root / CHALLENGE[1:], b"proof")
    return root


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str, str]]:
    where = tmp_path_factory.mktemp("certificates")
    return {"a": A.write(where, "a"), "b": B.write(where, "b")}


def tls(paths: dict[str, tuple[str, str]], *names: str) -> dict[str, list[str]]:
    """Return the settings of these pairs."""
    pairs = [paths[name] for name in names or ("a",)]
    return {"tls_cert": [pair[0] for pair in pairs], "tls_key": [pair[1] for pair in pairs]}


@pytest.fixture(scope="module")
def server(root: Path, paths: dict[str, tuple[str, str]]) -> Iterator[Server]:
    with serving(root, **tls(paths, "a", "b"), max_in_memory_size="512K", hsts="2h") as server:
        yield server


def failures(server: Server, failure: Failure) -> int:
    return server.snapshot().handshake_failures.get(failure.value, 0)


@contextlib.contextmanager
def counted(server: Server, failure: Failure) -> Iterator[None]:
    """See that one handshake more fails for this reason."""
    before = failures(server, failure)
    yield
    eventually(lambda: failures(server, failure) > before, f"{failure} to be counted")
    assert failures(server, failure) == before + 1


def at_rest(server: Server) -> bool:
    return not server.snapshot().connections


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port: int = sock.getsockname()[1]
        return port


# What is sent


@pytest.mark.parametrize("version", [V12, V13])
@pytest.mark.parametrize("target", ["/small.txt", "/medium.txt", "/large.bin"])
def test_files_arrive_whole(
    server: Server, root: Path, version: ssl.TLSVersion, target: str
) -> None:
    expected = hashlib.sha256((root / target[1:]).read_bytes())
    with SecureClient(server.addresses[0], context=client_context(version)) as client:
        assert client.tls.version() == version.name.replace("_", ".")
        for _ in range(2):
            assert hashlib.sha256(client.get(target).body).digest() == expected.digest()
        assert client.get("/small.txt", method="HEAD").body == b""
        assert client.get("/nothing").status == 404
        assert len(client.get("/large.bin", "Range: bytes=5-9").body) == 5


def test_a_slow_client_gets_the_same_bytes(server: Server) -> None:
    with SecureClient(server.addresses[0], receive_buffer=4096) as client:
        client.send(request("/large.bin"))
        client.receive_head()
        eventually(lambda: has_settled(server), "the queue to fill")
        assert client.receive_bytes(len(LARGE)) == LARGE


@pytest.mark.parametrize(
    ("target", "settings"),
    [
        ("/large.bin", {}),
        ("/large.bin", {"max_in_memory_size": "4M"}),
        ("/large.bin", {"limit_rate": "8M"}),
        ("/medium.txt", {"max_in_memory_size": 0, "limit_rate": "600K"}),
    ],
)
@pytest.mark.parametrize("version", [V12, V13])
def test_what_the_socket_refuses_is_offered_again(
    root: Path,
    paths: dict[str, tuple[str, str]],
    target: str,
    settings: dict[str, Any],
    version: ssl.TLSVersion,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    again = 0
    piece = SecureConnection._piece

    def counting(
        self: SecureConnection, outgoing: Sequence[bytes | memoryview]
    ) -> bytes | memoryview | None:
        nonlocal again
        again += bool(self._offered)
        return piece(self, outgoing)

    monkeypatch.setattr(SecureConnection, "_piece", counting)
    sock = socket.create_server(("127.0.0.1", 0))
    # A tenth of what --send-queue lets wait, so the answer to how much there is room for is wrong.
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    expected = hashlib.sha256((root / target[1:]).read_bytes())
    values: dict[str, Any] = {"root": str(root), "access_log": "off", **tls(paths), **settings}
    with (
        Server(Config(**values), sock=sock).in_thread() as server,
        SecureClient(
            server.addresses[0], context=client_context(version), receive_buffer=4096
        ) as client,
    ):
        assert hashlib.sha256(client.get(target).body).digest() == expected.digest()
        assert client.get("/small.txt").body == SMALL  # and the connection goes on
    assert again > 5


def has_settled(server: Server) -> bool:
    before = server.snapshot()
    return before.bytes_sent > 0 and server.snapshot().lag.turns == before.lag.turns


def test_what_is_pipelined_in_one_record_is_answered(server: Server) -> None:
    with SecureClient(server.addresses[0]) as client:
        client.send(request("/small.txt") * 150)  # 16 KiB at most: one record
        for _ in range(150):
            assert client.receive().body == SMALL


def test_a_record_of_more_than_a_head_may_have_is_drained(
    root: Path, paths: dict[str, tuple[str, str]]
) -> None:
    # OpenSSL has most of the record, which no poller can see.
    asked = request("/small.txt", "X: " + "y" * 150)
    with (
        serving(root, **tls(paths), max_head_size=256) as server,
        SecureClient(server.addresses[0]) as client,
    ):
        client.send(asked * 60)
        for _ in range(60):
            assert client.receive().body == SMALL


def test_a_head_may_come_in_any_pieces(server: Server) -> None:
    with SecureClient(server.addresses[0]) as client:
        for byte in request("/small.txt"):
            client.send(bytes((byte,)))
        assert client.receive().body == SMALL


# What is agreed


@pytest.mark.parametrize(
    ("offered", "agreed"),
    [((), None), (("http/1.1",), "http/1.1"), (("h9", "http/1.1"), "http/1.1")],
)
def test_protocols_are_agreed_on(
    server: Server, offered: tuple[str, ...], agreed: str | None
) -> None:
    with SecureClient(server.addresses[0], context=client_context(alpn=offered)) as client:
        assert client.tls.selected_alpn_protocol() == agreed
        assert client.get("/small.txt").body == SMALL


def test_a_thousand_protocols_of_others_are_an_alert(server: Server) -> None:
    names = [f"p{number}" for number in range(1000)]
    with counted(server, Failure.NO_PROTOCOL), pytest.raises(ssl.SSLError, match="no application"):
        SecureClient(server.addresses[0], context=client_context(alpn=names))
    with SecureClient(
        server.addresses[0], context=client_context(alpn=[*names, "http/1.1"])
    ) as client:
        assert client.get("/small.txt").body == SMALL


@pytest.mark.parametrize(
    ("name", "subject"), [("localhost", "a"), ("b.test", "b"), ("B.Test", "b"), ("c.test", "a")]
)
def test_the_certificate_is_that_of_the_name(server: Server, name: str, subject: str) -> None:
    with SecureClient(server.addresses[0], name=name) as client:
        assert client.subject == subject


@pytest.mark.parametrize("version", [V12, V13])
def test_a_session_is_resumed(server: Server, version: ssl.TLSVersion) -> None:
    context = client_context(version)
    before = server.snapshot().handshakes_resumed
    with SecureClient(server.addresses[0], context=context) as client:
        client.get("/small.txt")
        session = client.tls.session
    with SecureClient(server.addresses[0], context=context, session=session) as client:
        assert client.tls.session_reused
        assert client.get("/small.txt").body == SMALL
    assert server.snapshot().handshakes_resumed == before + 1


def test_hsts_is_told(server: Server) -> None:
    with SecureClient(server.addresses[0]) as client:
        for target in ("/small.txt", "/nothing"):
            assert client.get(target).fields["strict-transport-security"] == "max-age=7200"


def test_what_each_response_has_goes_together(
    root: Path, paths: dict[str, tuple[str, str]]
) -> None:
    origin, other = "https://app.example", "http://localhost:3000"
    settings: dict[str, Any] = {"isolate": True, "cors": (origin, other), "hsts": "1h"}
    with (
        serving(root, **tls(paths), **settings, transfer="sendfile") as server,
        SecureClient(server.addresses[0]) as client,
    ):
        for target in ("/small.txt", "/large.bin", "/nothing"):
            fields = client.get(target, f"Origin: {origin}").fields
            assert fields["strict-transport-security"] == "max-age=3600"
            assert fields["cross-origin-opener-policy"] == "same-origin"
            assert fields["access-control-allow-origin"] == origin
            assert "Origin" in fields["vary"]


def test_passwords_go_encrypted_and_challenges_need_none(
    root: Path,
    paths: dict[str, tuple[str, str]],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    file, log, port = tmp_path / "users", tmp_path / "log", free_port()
    file.write_bytes(b"anna:" + bcrypt.hashpw(b"secret", bcrypt.gensalt(4)))
    everywhere: dict[str, Any] = {"host": "0.0.0.0", "http_redirect": port, "access_log": str(log)}
    credentials = f"Authorization: Basic {b64encode(b'anna:secret').decode()}"
    with (
        caplog.at_level(logging.WARNING, "evloop"),
        serving(root, **tls(paths), htpasswd=str(file), **everywhere) as server,
    ):
        with SecureClient(("127.0.0.1", server.port)) as client:
            assert client.get("/small.txt").status == 401
            assert client.get("/small.txt", credentials).body == SMALL
        with Client(("127.0.0.1", port)) as unencrypted:
            assert plain(unencrypted, "/small.txt", "localhost").status == 308
            assert plain(unencrypted, CHALLENGE, "localhost").body == b"proof"
    assert "unencrypted" not in caplog.text
    assert " - anna [" in log.read_text()


def test_a_client_without_a_certificate_is_refused_where_one_is_wanted(
    root: Path, paths: dict[str, tuple[str, str]], tmp_path: Path
) -> None:
    authority = make(is_authority=True, subject="people")
    certificate, key = make(subject="Jo Doe", signer=authority).write(tmp_path, "jo")
    (tmp_path / "ca.pem").write_bytes(authority.pem)
    settings = {**tls(paths), "tls_client_ca": str(tmp_path / "ca.pem"), "log_format": "json"}
    log = tmp_path / "log"
    with serving(root, **settings, access_log=str(log)) as server:
        with (
            counted(server, Failure.CERTIFICATE),
            SecureClient(server.addresses[0]) as client,
            pytest.raises(OSError, match="certificate required"),
        ):
            client.get("/small.txt")
        context = client_context()
        context.load_cert_chain(certificate, key)
        with SecureClient(server.addresses[0], context=context) as client:
            assert client.get("/small.txt").status == 200
    (line,) = map(json.loads, log.read_text().splitlines())
    assert line["subject"] == "CN=Jo Doe,O=evloop tests"
    assert line["tls"] == "TLSv1.3"
    assert line["cipher"].startswith("TLS_")


def test_a_changed_certificate_is_used_by_the_next_connection(root: Path, tmp_path: Path) -> None:
    certificate, key = A.write(tmp_path)
    with (
        serving(root, tls_cert=certificate, tls_key=key) as server,
        SecureClient(server.addresses[0]) as old,
    ):
        assert old.subject == "a"
        B.write(tmp_path)
        eventually(lambda: subject_now(server) == "b", "the new one to be used")
        assert old.get("/small.txt").body == SMALL


def subject_now(server: Server) -> str:
    with SecureClient(server.addresses[0]) as client:
        return client.subject


# How it ends


def test_the_server_says_that_it_closes(server: Server) -> None:
    with SecureClient(server.addresses[0]) as client:
        client.send(request("/small.txt", "Connection: close"))
        assert client.receive().body == SMALL
        assert client.receive_end() == b""  # suppress_ragged_eofs is off: there was a close_notify


def test_a_body_that_is_cut_ends_without_close_notify(
    root: Path, paths: dict[str, tuple[str, str]]
) -> None:
    with (
        serving(root, **tls(paths), send_timeout="300ms") as server,
        socket.create_connection(server.addresses[0]) as sock,
    ):
        talk = Talk(sock)
        sock.sendall(talk.records(request("/large.bin")))
        eventually(lambda: server.snapshot().ends.get("stalled", 0) == 1, "the end")
        with pytest.raises(ConnectionResetError):
            talk.receive_all()
        with pytest.raises(ssl.SSLWantReadError):  # the last record is cut, and none says the end
            talk.read_all()


def test_a_client_that_has_said_all_still_gets_its_answer(server: Server) -> None:
    raw = socket.create_connection(server.addresses[0])
    with raw:
        talk = Talk(raw)
        talk.session.write(request("/large.bin"))
        with contextlib.suppress(ssl.SSLError):
            talk.session.unwrap()
        talk.flush()
        raw.shutdown(socket.SHUT_WR)
        received = bytearray()
        while piece := raw.recv(65536):
            received += piece
        assert len(received) > len(LARGE)


class Talk:
    """A client whose records go through the test's hands."""

    def __init__(self, sock: socket.socket, context: ssl.SSLContext | None = None) -> None:
        self.socket = sock
        sock.settimeout(20.0)
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.session = (context or client_context()).wrap_bio(
            self.incoming, self.outgoing, server_hostname="localhost"
        )
        while not self.step():
            self.flush()
            self.incoming.write(sock.recv(65536))
        self.flush()

    def step(self) -> bool:
        try:
            self.session.do_handshake()
        except ssl.SSLWantReadError:
            return False
        return True

    def flush(self) -> None:
        self.socket.sendall(self.outgoing.read())

    def receive_all(self) -> None:
        while piece := self.socket.recv(64 * KIB):
            self.incoming.write(piece)

    def read_all(self) -> None:
        while self.session.read(64 * KIB):
            pass

    def records(self, data: bytes) -> bytes:
        self.session.write(data)
        return self.outgoing.read()


# What goes wrong


def test_a_plain_request_gets_one_readable_answer(server: Server) -> None:
    for asked in (request("/small.txt"), b"OPTIONS * HTTP/1.1\r\n", b"G"):
        with counted(server, Failure.PLAIN_REQUEST), Client(server.addresses[0]) as client:
            client.send(asked)
            reply = client.receive()
            assert (reply.status, b"https://" in reply.body) == (400, True)
            assert client.receive_end() == b""


def test_tls_on_a_plain_port_ends_in_silence(root: Path) -> None:
    with serving(root) as server:
        with pytest.raises(ssl.SSLError, match=r"EOF|eof"):
            SecureClient(server.addresses[0])
        assert server.snapshot().tls_hellos == 1


def hello(version: ssl.TLSVersion | None = None, name: str = "localhost") -> bytes:
    outgoing = ssl.MemoryBIO()
    session = client_context(version).wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=name)
    with contextlib.suppress(ssl.SSLWantReadError):
        session.do_handshake()
    return outgoing.read()


def old_hello(version: int, ciphers: bytes = b"\xc0\x2b\xc0\x2f") -> bytes:
    """Return a hello of SSL 3 (0x300) to TLS 1.2 (0x303)."""
    body = version.to_bytes(2) + bytes(32) + b"\0" + len(ciphers).to_bytes(2) + ciphers + b"\1\0"
    groups = b"\x00\x0a\x00\x04\x00\x02\x00\x17"
    algorithms = b"\x00\x0d\x00\x04\x00\x02\x04\x03"
    extensions = groups + algorithms
    body += len(extensions).to_bytes(2) + extensions
    message = b"\x01" + len(body).to_bytes(3) + body
    return b"\x16" + version.to_bytes(2) + len(message).to_bytes(2) + message


def with_name(name: bytes) -> bytes:
    """Return a hello whose server name is *name*, whatever that is."""
    data = hello(name="n" * 63 + "." + "n" * 63)
    old = b"n" * 63 + b"." + b"n" * 63
    assert len(name) == len(old)
    return data.replace(old, name)


ALERT = b"\x15"
BAD_HELLOS: dict[str, tuple[bytes, Failure | None]] = {
    "SSL 3": (old_hello(0x300), Failure.NO_VERSION),
    "TLS 1.0": (old_hello(0x301), Failure.NO_VERSION),
    "TLS 1.1": (old_hello(0x302), Failure.NO_VERSION),
    "no shared cipher": (old_hello(0x303, b"\x00\x0a"), Failure.NO_CIPHER),
    "empty records": (b"\x16\x03\x01\x00\x00" * 40, Failure.MALFORMED),
    "an alert first": (b"\x15\x03\x01\x00\x02\x02\x28", None),
    "data first": (b"\x17\x03\x03\x00\x05hello", Failure.MALFORMED),
    "another message": (b"\x16\x03\x01\x00\x04\x02\x00\x00\x00", Failure.MALFORMED),
    "zeros": (bytes(100), None),
    "a NUL in the name": (with_name(b"n" * 63 + b"\0" + b"n" * 63), Failure.MALFORMED),
}


@pytest.mark.parametrize("name", BAD_HELLOS)
def test_a_bad_hello_is_an_alert_or_an_end(server: Server, name: str) -> None:
    data, failure = BAD_HELLOS[name]
    counting = counted(server, failure) if failure is not None else contextlib.nullcontext()
    with counting, socket.create_connection(server.addresses[0]) as sock:
        sock.settimeout(20.0)
        sock.sendall(data)
        answer = sock.recv(100)
        assert answer[:1] in {ALERT, b""}
        if answer:
            assert sock.recv(100) == b""
    eventually(lambda: at_rest(server), "it to be closed")


@pytest.mark.parametrize("name", [b"\xff" * 127, b"\x80." + b"a" * 125, b"." * 127, b" " * 127])
def test_an_odd_name_gets_the_default(
    server: Server, name: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    with socket.create_connection(server.addresses[0]) as sock:
        sock.settimeout(20.0)
        sock.sendall(with_name(name))
        assert sock.recv(5)[:1] == b"\x16"
    assert "Traceback" not in capfd.readouterr().err


@pytest.mark.parametrize("name_size", [63, 255])
def test_a_hello_may_come_byte_by_byte_and_in_records(server: Server, name_size: int) -> None:
    # OpenSSL's own client has no way to say so: its hello is cut here.
    whole = hello(name="localhost")
    message = whole[5:]
    pieces = [message[start : start + 100] for start in range(0, len(message), 100)]
    data = b"".join(b"\x16\x03\x01" + len(piece).to_bytes(2) + piece for piece in pieces)
    with socket.create_connection(server.addresses[0]) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.settimeout(20.0)
        for start in range(0, len(data), name_size):
            sock.sendall(data[start : start + name_size])
        assert sock.recv(5)[:1] == b"\x16"


def test_half_a_hello_costs_no_session_and_ends_in_time(
    root: Path, paths: dict[str, tuple[str, str]]
) -> None:
    with serving(root, **tls(paths), head_timeout="300ms") as server:
        address = server.addresses[0]
        for size in (0, 3, 100):
            with counted(server, Failure.TIMEOUT), socket.create_connection(address) as sock:
                sock.settimeout(20.0)
                sock.sendall(hello()[:size])
                with contextlib.suppress(ConnectionError):  # nobody has read what was sent
                    assert sock.recv(1) == b""
        assert server.snapshot().handshakes == 0
        with counted(server, Failure.CLOSED), socket.create_connection(address) as sock:
            sock.sendall(hello()[:100])
            drain(sock)


def test_a_client_that_comes_and_goes_is_no_failure(server: Server) -> None:
    before = dict(server.snapshot().handshake_failures)
    with socket.create_connection(server.addresses[0]) as sock:
        sock.shutdown(socket.SHUT_WR)
        sock.settimeout(20.0)
        assert sock.recv(1) == b""
    assert server.snapshot().handshake_failures == before


def test_cut_and_mutated_records_end_the_one_connection(
    server: Server, capfd: pytest.CaptureFixture[str]
) -> None:
    chance = random.Random(5246)
    for version in (V12, V13):
        for _ in range(60):
            with socket.create_connection(server.addresses[0]) as sock:
                talk = Talk(sock, client_context(version))
                data = bytearray(talk.records(request("/small.txt")))
                place = chance.randrange(len(data))
                data[place] ^= 1 << chance.randrange(8)
                sock.sendall(data[: chance.choice((len(data), place + 1))])
                sock.shutdown(socket.SHUT_WR)
                with contextlib.suppress(ConnectionError):
                    while sock.recv(65536):
                        pass
    for _ in range(200):
        with socket.create_connection(server.addresses[0]) as sock:
            data = bytearray(hello())
            for _ in range(chance.randrange(1, 4)):
                data[chance.randrange(len(data))] = chance.randrange(256)
            sock.sendall(data)
            sock.shutdown(socket.SHUT_WR)
            sock.settimeout(20.0)
            with contextlib.suppress(ConnectionError):
                while sock.recv(65536):
                    pass
    eventually(lambda: at_rest(server), "all to be closed")
    assert "Traceback" not in capfd.readouterr().err
    with SecureClient(server.addresses[0]) as client:
        assert client.get("/small.txt").body == SMALL


ALERTS = [(1, 0), (2, 40), (2, 80), (1, 90), (2, 48), (7, 255)]


@pytest.mark.parametrize("alert", ALERTS)
def test_an_alert_in_any_state_is_an_end(server: Server, alert: tuple[int, int]) -> None:
    record = b"\x15\x03\x03\x00\x02" + bytes(alert)
    with socket.create_connection(server.addresses[0]) as sock:
        sock.sendall(record)
        drain(sock)
    with socket.create_connection(server.addresses[0]) as sock:
        sock.sendall(hello())
        sock.recv(5)
        sock.sendall(record)
        drain(sock)
    with socket.create_connection(server.addresses[0]) as sock:
        Talk(sock)
        sock.sendall(record)
        drain(sock)
    eventually(lambda: at_rest(server), "all to be closed")


def drain(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_WR)
        sock.settimeout(20.0)
        while sock.recv(65536):
            pass


@pytest.mark.skipif(OPENSSL is None, reason="openssl is not installed here")
def test_keys_may_be_updated_at_any_time(
    root: Path, paths: dict[str, tuple[str, str]], tmp_path: Path
) -> None:
    # RFC 8446 section 4.6.3. A pace, so that the download is still under way.
    with (
        serving(root, **tls(paths), limit_rate="4M") as server,
        (tmp_path / "out").open("wb") as out,
        key_updating(server, out.fileno()) as client,
    ):
        client.update_keys()
        client.say(request("/large.bin"))
        eventually(lambda: server.snapshot().downloads == 1, "the download to begin")
        for _ in range(10):
            client.update_keys()
        client.say(request("/small.txt", "Connection: close"))
        client.process.wait(PATIENCE)
    _, found, rest = (tmp_path / "out").read_bytes().partition(LARGE)
    assert found
    assert SMALL in rest


class KeyUpdating(NamedTuple):
    """`openssl s_client`, which asks for new keys on both sides when it is told to."""

    process: subprocess.Popen[bytes]

    def say(self, data: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def update_keys(self) -> None:
        assert self.process.stderr is not None
        self.say(b"K\n")
        for line in self.process.stderr:
            if b"KEYUPDATE" in line:
                return
        raise AssertionError("it has ended")


@contextlib.contextmanager
def key_updating(server: Server, output: int) -> Iterator[KeyUpdating]:
    command = [str(OPENSSL), "s_client", "-connect", f"127.0.0.1:{server.port}", "-tls1_3"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=output, stderr=pipe) as process:
        killer = threading.Timer(PATIENCE, process.kill)
        killer.start()
        try:
            yield KeyUpdating(process)
        finally:
            killer.cancel()
            process.kill()


# Redirects


def test_a_plain_port_sends_everybody_to_the_other(
    root: Path, paths: dict[str, tuple[str, str]]
) -> None:
    port = free_port()
    with serving(root, **tls(paths), http_redirect=port, hsts="1h") as server:
        address, own = ("127.0.0.1", port), f"localhost:{port}"
        with Client(address) as client:
            reply = plain(client, "/a%20b/?q=1", own)
            assert reply.status == 308
            assert reply.fields["location"] == f"https://localhost:{server.port}/a%20b/?q=1"
            assert "strict-transport-security" not in reply.fields
            challenge = plain(client, CHALLENGE, own)
            assert (challenge.status, challenge.body) == (200, b"proof")
            assert "strict-transport-security" not in challenge.fields
            assert plain(client, CHALLENGE + "/../../../small.txt", own).status == 308
            other = plain(client, "/small.txt", "evil.test")
            assert (other.status, "location" in other.fields) == (421, False)
        with SecureClient(server.addresses[0]) as secure:
            assert secure.get("/small.txt").body == SMALL


def plain(client: Client, target: str, host: str) -> Reply:
    client.send(f"GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    return client.receive()


# Many


def test_handshakes_are_begun_a_few_in_a_turn_and_all_are_finished(
    root: Path, paths: dict[str, tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[int] = []
    taken = handshakes.Handshakes._take_steps

    def take_steps(self: handshakes.Handshakes, now: float) -> None:
        before = len(self._waiting)
        taken(self, now)
        steps.append(before - len(self._waiting))

    monkeypatch.setattr(handshakes.Handshakes, "_take_steps", take_steps)
    with serving(root, **tls(paths)) as server, contextlib.ExitStack() as stack:
        first = hello()
        crowd = [
            stack.enter_context(socket.create_connection(server.addresses[0])) for _ in range(40)
        ]
        for sock in crowd:
            sock.settimeout(20.0)
            sock.sendall(first)
        for sock in crowd:
            assert sock.recv(5)[:1] == b"\x16"
        assert 0 < max(steps) <= handshakes.STEPS_PER_TURN


def test_the_oldest_handshake_is_given_up_for_the_next(
    root: Path, paths: dict[str, tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handshakes, "MAX_SESSIONS", 5)
    with serving(root, **tls(paths)) as server, contextlib.ExitStack() as stack:
        for _ in range(8):
            sock = stack.enter_context(socket.create_connection(server.addresses[0]))
            sock.settimeout(20.0)
            sock.sendall(hello())
            assert sock.recv(5)[:1] == b"\x16"
        assert failures(server, Failure.REFUSED) == 3
        with SecureClient(server.addresses[0]) as client:
            assert client.get("/small.txt").body == SMALL


def visit(server: Server, count: int) -> None:
    """Come and go in many ways."""
    first, address = hello(), server.addresses[0]
    reset = struct.pack("ii", 1, 0)
    for number in range(count):
        way = number % 5
        if way == 0:
            with SecureClient(address) as client:
                client.get("/small.txt")
            continue
        with socket.create_connection(address) as sock:
            sock.settimeout(20.0)
            if way == 1:
                sock.sendall(first[:50])
            elif way == 2:
                sock.sendall(first)
                sock.recv(1)
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
            elif way == 3:
                sock.sendall(request("/small.txt"))
                sock.recv(1)
            else:
                sock.sendall(b"\x16\x03\x01\x00\x04\x02\x00\x00\x00")
                sock.recv(1)


def resident() -> int:
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.parametrize("count", [200, pytest.param(20_000, marks=pytest.mark.slow)])
def test_nothing_is_left_of_short_connections(
    root: Path, paths: dict[str, tuple[str, str]], count: int
) -> None:
    with serving(root, **tls(paths)) as server:
        visit(server, 200)
        eventually(lambda: at_rest(server), "all to be closed")
        descriptors, before = len(os.listdir("/proc/self/fd")), resident()
        visit(server, count)
        eventually(lambda: at_rest(server), "all to be closed")
        gc.collect()
        assert len(os.listdir("/proc/self/fd")) == descriptors
        assert resident() - before < 3 * KIB * KIB


def test_a_made_certificate_serves(root: Path) -> None:
    with serving(root, tls_self_signed=True) as server:
        assert server.url.startswith("https://127.0.0.1:")
        with SecureClient(server.addresses[0]) as client:
            assert client.get("/small.txt").body == SMALL
