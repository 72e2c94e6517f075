"""What is a body to one is never a request to another: over real sockets, shape by shape."""

import contextlib
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from attacks.docroot import SMALL, SMALL_CONTENT, make_docroot
from attacks.shapes import SHAPES

from evloop import Config, Server
from tests.support.client import Client, request
from tests.support.serving import SHORT_LINGER

Address = tuple[str, int]
# Not only at the beginning of a line: the body before it need not end with one.
STATUS_LINE = re.compile(rb"HTTP/1\.1 ([0-9]{3}) ")
TLS_HELLO = b"\x16"
"""Who speaks TLS gets no answer, since it could not be read; least of all to what follows."""
SECRET = b"this was not asked for"


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("log") / "access.log"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory, log: Path) -> Iterator[Address]:
    root = make_docroot(tmp_path_factory.mktemp("root"))
    (root / "directory").mkdir()
    (root / "directory/index.html").write_bytes(b"index")
    config = Config(
        root=str(root), port=0, host=("127.0.0.1",), linger_timeout=30.0, access_log=str(log)
    )
    with Server(config).in_thread() as server:
        yield server.addresses[0]


def answers(client: Client, *, or_reset: bool = False) -> list[int]:
    """Take all that comes until the server closes; return the statuses."""
    received = client.receive_end(or_reset=or_reset)
    assert SECRET not in received
    return [int(status) for status in STATUS_LINE.findall(received)]


@pytest.mark.parametrize("data", SHAPES.values(), ids=SHAPES.keys())
def test_it_is_answered_once_and_then_the_connection_is_closed(
    address: Address, data: bytes
) -> None:
    with Client(address) as client:
        client.send(data)
        assert len(answers(client)) == (0 if data.startswith(TLS_HELLO) else 1)


@pytest.mark.parametrize("data", SHAPES.values(), ids=SHAPES.keys())
def test_the_answer_is_the_same_byte_by_byte(address: Address, data: bytes) -> None:
    with Client(address) as whole, Client(address) as pieces:
        whole.send(data)
        pieces.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # A server that has answered and closed is right not to take the rest.
        with contextlib.suppress(ConnectionError):
            for number in range(min(len(data), 1000)):
                pieces.send(data[number : number + 1])
            pieces.send(data[1000:])
        assert answers(pieces, or_reset=True) == answers(whole)


def test_the_host_of_an_absolute_target_counts_and_no_other(address: Address) -> None:
    # RFC 9112 section 3.2.2: the Host field is ignored, and there is one site in any case.
    with Client(address) as client:
        reply = client.get(f"http://other.test{SMALL}")
        assert (reply.status, reply.body) == (200, SMALL_CONTENT)
        assert client.get(SMALL).body == SMALL_CONTENT


# Line breaks that would make a second field, a second answer or a second line

SPLITTERS = (
    "/directory?%0d%0aSet-Cookie:%20a=b",
    "/directory?%0aSet-Cookie:%20a=b",
    "/directory%0d%0aSet-Cookie:%20a=b",
    "/%0d%0aSet-Cookie:%20a=b/directory",
    "/%0d%0a%0d%0aHTTP/1.1%20200%20OK%0d%0a%0d%0a",
    "/directory?%e5%98%8a%e5%98%8dSet-Cookie:%20a=b",
    "/directory?\x85Set-Cookie:a=b",
    "//evil.test/%2e%2e",
    "/directory?\\r\\nSet-Cookie: a=b",
)


@pytest.mark.parametrize("target", SPLITTERS)
@pytest.mark.parametrize("fields", ["", "Range: bytes=9-1\nIf-None-Match: *", 'Referer: "\\r\\n"'])
def test_no_target_makes_a_field_of_its_own(address: Address, target: str, fields: str) -> None:
    with Client(address) as client:
        client.send(request(target, fields + "\nConnection: close"))
        received = client.receive_end()
        assert len(STATUS_LINE.findall(received)) == 1
        head = received.partition(b"\r\n\r\n")[0]
        assert b"\nset-cookie" not in head.lower()
        assert b"\r" not in head.replace(b"\r\n", b"")
        assert b"\n" not in head.replace(b"\r\n", b"")


FORGED = '127.0.0.1 - - [01/Jan/2030:00:00:00 +0000] "GET /forged HTTP/1.1" 200 0'


def test_no_request_makes_a_line_of_its_own_in_the_log(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    root, log = make_docroot(tmp_path_factory.mktemp("root")), tmp_path / "access.log"
    sent = [
        request(SMALL, f"User-Agent: a\x85{FORGED}"),
        request(SMALL, f'Referer: a" "-" 0.000 complete\x0b{FORGED}'),
        request(f"/%0a{FORGED.replace(' ', '%20')}"),
        request(SMALL, f"X: a\rX: {FORGED}"),
        request("/\x1b[2J\x1b]0;title\x07"),
        b"GET /\n" + FORGED.encode() + b"\n HTTP/1.1\r\n\r\n",
        b"\0" * 100 + b"\r\n\r\n",
        b"GET /" + b"a" * 20000,
    ]
    config = Config(
        root=str(root),
        port=0,
        host=("127.0.0.1",),
        access_log=str(log),
        linger_timeout=SHORT_LINGER,
    )
    with Server(config).in_thread() as server:
        for data in sent:
            with Client(server.addresses[0]) as client:
                client.send(data)
                client.receive_head()
    written = log.read_bytes()
    lines = written.splitlines()
    assert len(lines) == len(sent)
    assert written.count(b"\n") == len(sent)
    for line in lines:
        assert re.fullmatch(rb"[ -~]+", line), "a control byte"
        assert re.fullmatch(
            rb'127\.0\.0\.1 - - \[[^]]+\] "[^"]*" \d{3} \d+ "[^"]*" "[^"]*" [\d.]+ [a-z-]+', line
        )
