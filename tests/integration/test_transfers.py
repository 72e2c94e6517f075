"""Files over real sockets: every byte, in order, whatever happens to the file meanwhile."""

import os
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path

import pytest

from evloop import Server
from evloop.settings.choices import PreloadMode, Transfer
from tests.support.bench import OLD, write
from tests.support.client import Client, TruncatedError, request
from tests.support.deadline import eventually
from tests.support.descriptors import no_leaks
from tests.support.serving import call, serving

MIB = 1024**2
SMALL = b"a small file\n" * 100
LARGE = os.urandom(12 * MIB + 345)
MANY = os.urandom(MIB)  # the largest file that is preloaded


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("root")
    write(root / "index.html", b"<h1>hello</h1>")
    write(root / "small.txt", SMALL)
    write(root / "empty.txt", b"")
    write(root / "mebibyte.bin", MANY)
    write(root / "more.bin", MANY + b"!")
    write(root / "large.bin", LARGE)
    return root


@pytest.fixture(params=list(Transfer), ids=lambda transfer: transfer.value)
def server(request: pytest.FixtureRequest, root: Path) -> Iterator[Server]:
    with no_leaks(), serving(root, transfer=request.param) as server:
        yield server


FILES = {
    "/": b"<h1>hello</h1>",
    "/small.txt": SMALL,
    "/empty.txt": b"",
    "/mebibyte.bin": MANY,
    "/more.bin": MANY + b"!",
    "/large.bin": LARGE,
}


def test_one_connection_carries_many_requests(server: Server) -> None:
    with call(server) as client:
        for _ in range(3):
            for target, data in FILES.items():
                reply = client.get(target)
                assert (reply.status, reply.body) == (200, data)
                assert client.get(target, method="HEAD").fields["content-length"] == str(len(data))
            assert client.get("/nothing").status == 404
        eventually(lambda: server.snapshot().connections == {"idle": 1}, "the last note of sending")


def test_responses_to_pipelined_requests_come_in_order(server: Server) -> None:
    targets = [*FILES, "/nothing", *reversed(FILES), "/empty.txt", "/empty.txt"] * 3
    with call(server) as client:
        client.send(b"".join(map(request, targets)))
        for target in targets:
            reply = client.receive()
            assert reply.status == (200 if target in FILES else 404)
            assert target == "/nothing" or reply.body == FILES[target]


@pytest.mark.parametrize("target", FILES)
def test_http_1_0_ends_with_the_file(server: Server, target: str) -> None:
    with call(server) as client:
        client.send(request(target, version="HTTP/1.0"))
        everything = client.receive_end()
        head, _, body = everything.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 OK\r\n")
        assert b"\r\nConnection: close" in head
        assert body == FILES[target]


@pytest.mark.parametrize("target", FILES)
def test_http_1_0_may_keep_its_connection(server: Server, target: str) -> None:
    with call(server) as client:
        for _ in range(2):
            client.send(request(target, "Connection: keep-alive", version="HTTP/1.0"))
            reply = client.receive()
            assert reply.fields["connection"] == "keep-alive"
            assert reply.body == FILES[target]


def test_a_request_may_come_in_pieces(server: Server) -> None:
    with call(server) as client:
        client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in b"\r\n" + request("/small.txt"):
            client.send(bytes([byte]))
        assert client.receive().body == SMALL


def test_who_has_nothing_more_to_say_still_gets_the_file(server: Server) -> None:
    with call(server) as client:
        client.send(request("/large.bin"))
        client.socket.shutdown(socket.SHUT_WR)
        assert client.receive().body == LARGE
        assert client.receive_end() == b""


def test_a_slow_reader_gets_every_byte(server: Server) -> None:
    with call(server, receive_buffer=4096) as client:
        client.send(request("/large.bin"))
        client.receive_head()
        digest = sha256()
        for _ in range(200):
            digest.update(client.receive_bytes(777))
        digest.update(client.receive_bytes(len(LARGE) - 200 * 777))
        assert digest.digest() == sha256(LARGE).digest()
        assert client.get("/small.txt").body == SMALL


def test_many_at_once_get_what_they_asked_for(server: Server) -> None:
    def fetch(target: str) -> bytes:
        with call(server) as client:
            return client.get(target).body

    targets = [*FILES] * 5
    with ThreadPoolExecutor(10) as pool:
        for target, body in zip(targets, pool.map(fetch, targets), strict=True):
            assert body == FILES[target], target


def test_ranges_of_a_large_file_make_up_the_file(server: Server) -> None:
    with call(server) as client:
        pieces = []
        for start in range(0, len(LARGE), 5 * MIB):
            reply = client.get("/large.bin", f"Range: bytes={start}-{start + 5 * MIB - 1}")
            assert reply.status == 206
            pieces.append(reply.body)
        assert b"".join(pieces) == LARGE
        parts = client.get("/large.bin", "Range: bytes=0-99,5000000-7000000,-100")
        assert LARGE[5_000_000:7_000_001] in parts.body
        assert parts.body.count(b"Content-Range: bytes ") == 3


def test_an_answer_can_be_read_though_nobody_reads_what_was_sent(server: Server) -> None:
    body = b"x" * 200_000
    for head, status in {
        request("/small.txt", f"Content-Length: {len(body)}", method="POST"): 405,
        request("/small.txt", f"Content-Length: {len(body)}"): 200,
        b"nonsense\r\n\r\n": 400,
    }.items():
        with call(server) as client:
            client.send(head + body)
            everything = client.receive_end()  # not a reset
            assert everything.startswith(b"HTTP/1.1 %d " % status)
            assert everything.count(b"HTTP/1.1 ") == 1


def test_a_client_that_leaves_in_the_middle_leaves_nothing_behind(server: Server) -> None:
    for target in FILES:
        with call(server, receive_buffer=4096) as client:
            client.send(request(target) * 3)
            client.socket.recv(1)
    eventually(lambda: not server.snapshot().connections, "the end of all")
    with call(server) as client:
        assert client.get("/small.txt").body == SMALL


class TestFilesThatChange:
    @pytest.fixture
    def changing(self, tmp_path: Path) -> Path:
        return write(tmp_path / "file.bin", LARGE)

    @pytest.mark.parametrize("transfer", list(Transfer))
    def test_one_that_shrinks_ends_in_a_reset(self, changing: Path, transfer: Transfer) -> None:
        with serving(changing.parent, transfer=transfer) as server:
            with call(server, receive_buffer=4096) as client:
                client.send(request("/file.bin"))
                client.receive_head()
                os.truncate(changing, MIB)
                with pytest.raises(ConnectionResetError):  # and no tidy end
                    client.receive_bytes(len(LARGE))
            eventually(lambda: server.snapshot().ends == {"file-changed": 1}, "the reason")

    @pytest.mark.parametrize("transfer", list(Transfer))
    def test_one_that_is_replaced_goes_on_as_it_was(
        self, changing: Path, transfer: Transfer
    ) -> None:
        other = LARGE[::-1]
        with (
            serving(changing.parent, transfer=transfer) as server,
            call(server, receive_buffer=4096) as client,
            call(server) as late,
        ):
            client.send(request("/file.bin"))
            client.receive_head()
            write(changing.with_name("new"), other).rename(changing)
            assert late.get("/file.bin").body == other
            assert client.receive_bytes(len(LARGE)) == LARGE
            assert client.get("/file.bin").body == other

    def test_one_that_is_removed_goes_on_as_it_was(self, changing: Path) -> None:
        with serving(changing.parent) as server, call(server, receive_buffer=4096) as client:
            client.send(request("/file.bin"))
            client.receive_head()
            changing.unlink()
            assert client.receive_bytes(len(LARGE)) == LARGE
            assert client.get("/file.bin").status == 404

    def test_one_that_grows_ends_where_it_was_promised(self, changing: Path) -> None:
        with serving(changing.parent) as server, call(server, receive_buffer=4096) as client:
            client.send(request("/file.bin"))
            client.receive_head()
            with changing.open("ab") as file:
                file.write(b"more")
            assert client.receive_bytes(len(LARGE)) == LARGE
            assert client.get("/file.bin", "Range: bytes=-4").body == b"more"

    def test_a_small_one_is_sent_as_it_was_read(self, tmp_path: Path) -> None:
        path = write(tmp_path / "file.bin", MANY)
        with (
            serving(tmp_path, revalidate=0.0) as server,
            call(server, receive_buffer=4096) as client,
            call(server) as late,
        ):
            client.send(request("/file.bin"))
            client.receive_head()
            write(path, MANY[::-1], OLD + 1)  # in place
            assert late.get("/file.bin").body == MANY[::-1]
            assert client.receive_bytes(len(MANY)) == MANY


GIB = 1024**3
MARKS = {0: b"begin", 4 * GIB - 3: b"border", 5 * GIB + 1: b"beyond", 6 * GIB - 3: b"end"}


@pytest.fixture(scope="module")
def sparse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("sparse")
    with (root / "huge.bin").open("wb") as file:
        for offset, mark in MARKS.items():
            file.seek(offset)
            file.write(mark)
    assert (root / "huge.bin").stat().st_size == 6 * GIB
    if (root / "huge.bin").stat().st_blocks * 512 > 100 * MIB:
        pytest.skip("the file system has no sparse files")
    return root


@pytest.mark.parametrize("transfer", list(Transfer))
def test_files_of_more_than_four_gibibytes_work(sparse: Path, transfer: Transfer) -> None:
    with serving(sparse, transfer=transfer) as server, call(server) as client:
        head = client.get("/huge.bin", method="HEAD")
        assert head.fields["content-length"] == str(6 * GIB)
        for offset, mark in MARKS.items():
            last = offset + len(mark) - 1
            reply = client.get("/huge.bin", f"Range: bytes={offset}-{last}")
            assert (reply.status, reply.body) == (206, mark)
            assert reply.fields["content-range"] == f"bytes {offset}-{last}/{6 * GIB}"
        assert client.get("/huge.bin", "Range: bytes=-3").body == b"end"
        far = client.get("/huge.bin", f"Range: bytes={6 * GIB - 2 * MIB}-")
        assert far.body == bytes(2 * MIB - 3) + b"end"
        several = client.get(
            "/huge.bin", f"Range: bytes=0-4,{4 * GIB - 3}-{4 * GIB + 2},{6 * GIB - 3}-"
        )
        for mark in (b"begin", b"border", b"end"):
            assert mark in several.body
        assert client.get("/huge.bin", f"Range: bytes={6 * GIB}-").status == 416


def test_the_whole_of_a_huge_file_begins_and_is_broken_off(sparse: Path) -> None:
    with serving(sparse) as server, call(server) as client:
        client.send(request("/huge.bin"))
        assert b"Content-Length: %d\r\n" % (6 * GIB) in client.receive_head()
        assert client.receive_bytes(5) == b"begin"
        assert not any(client.receive_bytes(20 * MIB))


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"max_in_memory_size": 0},
        {
            "max_in_memory_size": 100 * MIB,
            "memory_budget": 100 * MIB,
            "preload": PreloadMode.PRIVATE,
        },
        {"memory_budget": 0},
        {"chunk_size": 512},
        {"chunk_size": 16 * MIB},
        {"send_queue": 4096},
    ],
    ids=str,
)
def test_every_strategy_serves_the_same(root: Path, settings: dict[str, object]) -> None:
    with serving(root, **settings) as server, call(server) as client:
        for target, data in FILES.items():
            reply = client.get(target)
            assert (reply.status, reply.body) == (200, data)
            ranged = client.get(target, "Range: bytes=3-9")
            if data:
                assert (ranged.status, ranged.body) == (206, data[3:10])


class TestDeadlines:
    """Deadlines of milliseconds: which of them comes, not when."""

    def test_an_idle_connection_is_closed(self, root: Path) -> None:
        with serving(root, idle_timeout=0.05) as server, call(server) as client:
            assert client.get("/").status == 200
            assert client.receive_end() == b""

    def test_an_unfinished_head_is_told(self, root: Path) -> None:
        with serving(root, head_timeout=0.05) as server, call(server) as client:
            client.send(b"GET / HTTP/1.1\r\n")
            reply = client.receive()
            assert reply.status == 408
            assert reply.fields["connection"] == "close"
            assert client.receive_end() == b""

    def test_a_stalled_download_is_reset(self, root: Path) -> None:
        with (
            serving(root, send_timeout=0.05) as server,
            call(server, receive_buffer=4096) as client,
        ):
            client.send(request("/large.bin"))
            client.receive_head()
            eventually(lambda: server.snapshot().ends == {"stalled": 1}, "the deadline")
            with pytest.raises(ConnectionResetError):
                client.receive_bytes(len(LARGE))

    def test_a_client_that_does_not_close_is_left(self, root: Path) -> None:
        with serving(root, linger_timeout=0.05) as server, call(server) as client:
            client.send(b"nonsense\r\n\r\n")
            assert client.receive().status == 400
            eventually(lambda: not server.snapshot().connections, "the end")


def test_a_head_that_is_too_large_is_told(root: Path) -> None:
    with serving(root, max_head_size=1024) as server:
        for fields, status in ((f"X: {'x' * 2000}", 431), ("", 414)):
            target = "/" if fields else "/" + "x" * 2000
            with call(server) as client:
                client.send(request(target, fields))
                assert client.receive().status == status
                assert client.receive_end() == b""


def test_a_truncated_answer_is_not_taken_for_a_whole_one() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    with Client(listener.getsockname()) as client:
        accepted, _ = listener.accept()
        accepted.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc")
        accepted.close()
        with pytest.raises(TruncatedError):  # the tests' own client sees it
            client.receive()
    listener.close()
