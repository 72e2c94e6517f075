"""A server on sockets: real clients, both protocols on one port, memory, and its end."""

import gc
import hashlib
import os
import shutil
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import h2.config
import h2.connection
import h2.events
import pytest

from evloop import Server
from evloop.http2 import frames
from evloop.http2.frames import END_STREAM, ErrorCode, Setting
from evloop.process.memory import HTTP2_HEAVY_SIZE, HTTP2_LIGHT_SIZE, LIGHT_SIZE, STREAM_SIZE
from tests.http2.raw import RawClient, frame, headers, long, settings, with_path
from tests.support.bench import write
from tests.support.deadline import PATIENCE, eventually
from tests.support.serving import call, serving

KIB, MIB = 1024, 1024**2
LARGE = os.urandom(3 * MIB + 17)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("root")
    write(root / "small.txt", b"small" * 20)
    write(root / "medium.bin", bytes(300 * KIB))
    write(root / "large.bin", LARGE)
    return root


def curl(*arguments: str) -> bytes:
    command = ["curl", "--silent", "--show-error", "--max-time", "20", *arguments]
    return subprocess.run(command, check=True, capture_output=True, timeout=PATIENCE).stdout


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_curl_gets_files_of_all_sizes(root: Path) -> None:
    with serving(root, h2c=True) as server:
        for name in ("small.txt", "medium.bin", "large.bin"):
            url = server.url + name
            assert curl("--http2-prior-knowledge", url) == (root / name).read_bytes()
            version = curl(
                "--http2-prior-knowledge", "-o", os.devnull, "-w", "%{http_version}", url
            )
            assert version == b"2"
            assert curl("-o", os.devnull, "-w", "%{http_version}", url) == b"1.1"
        parts = curl("--http2-prior-knowledge", "-r", "5-9", server.url + "large.bin")
        assert parts == LARGE[5:10]


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_passwords_and_origins_are_asked_for_as_over_http1(root: Path, tmp_path: Path) -> None:
    # openssl passwd -5 -salt 0123456789abcdef secret
    hashed = "$5$0123456789abcdef$r6nzC5LUC0uVXFw52gWstJ181ms.XFW71j20yui2zG7"
    users, log = tmp_path / "users", tmp_path / "log"
    users.write_text(f"anna:{hashed}\n")
    origins = ("https://a.example", "https://b.example")
    with serving(root, h2c=True, htpasswd=str(users), cors=origins, access_log=str(log)) as server:
        asked = ("--http2-prior-knowledge", server.url + "small.txt")
        status = ("-o", os.devnull, "-w", "%{http_code}")
        assert curl(*asked, *status) == b"401"
        assert curl(*asked, *status, "-u", "anna:wrong") == b"401"
        told = curl(*asked, "-u", "anna:secret", "-H", "Origin: https://b.example", "-D-")
        assert told.endswith(b"small" * 20)
        assert b"access-control-allow-origin: https://b.example" in told.lower()
    lines = log.read_text().splitlines()
    assert [line.split()[2] for line in lines] == ["-", "anna", "anna"]
    assert [line.split()[0] for line in lines] == ["127.0.0.1"] * 3


@pytest.mark.skipif(shutil.which("nghttp") is None, reason="needs nghttp")
def test_nghttp_gets_fifty_files_at_once(root: Path) -> None:
    with serving(root, h2c=True) as server:
        command = ["nghttp", "--multiply=50", server.url + "medium.bin"]
        done = subprocess.run(command, check=True, capture_output=True, timeout=PATIENCE)
        assert len(done.stdout) == 50 * 300 * KIB


def test_another_implementation_gets_a_file_on_twenty_streams(root: Path) -> None:
    wanted = hashlib.sha256(LARGE).digest()
    with serving(root, h2c=True, max_in_memory_size=0) as server, call(server) as client:
        sock = client.socket
        config = h2.config.H2Configuration(client_side=True)
        connection = h2.connection.H2Connection(config)
        connection.initiate_connection()
        target = [(":method", "GET"), (":scheme", "http"), (":path", "/large.bin")]
        for _ in range(20):
            stream_id = connection.get_next_available_stream_id()
            connection.send_headers(stream_id, [*target, (":authority", "a")], end_stream=True)
        digests = {number: hashlib.sha256() for number in range(1, 41, 2)}
        ended: set[int] = set()
        while len(ended) < len(digests):
            sock.sendall(connection.data_to_send())
            for event in connection.receive_data(sock.recv(65536)):
                if isinstance(event, h2.events.DataReceived):
                    digests[event.stream_id].update(event.data)
                    length = event.flow_controlled_length
                    connection.acknowledge_received_data(length, event.stream_id)
                elif isinstance(event, h2.events.StreamEnded):
                    ended.add(event.stream_id)
        assert {digest.digest() for digest in digests.values()} == {wanted}


@pytest.mark.parametrize("transfer", ["copy", "sendfile"])
def test_streams_of_one_connection_get_their_bytes(root: Path, transfer: str) -> None:
    values = {"h2c": True, "transfer": transfer, "max_in_memory_size": 0}
    with serving(root, **values) as server, RawClient(server.addresses[0]) as client:
        client.send(settings((Setting.INITIAL_WINDOW_SIZE, 2**30)))
        client.send(frame(frames.WINDOW_UPDATE, payload=long(2**30)))
        asked = range(1, 41, 2)
        client.send(b"".join(headers(number, with_path(b"/large.bin")) for number in asked))
        bodies = {number: bytearray() for number in asked}
        ended = 0
        while ended < len(bodies):
            found = client.receive()
            assert found is not None
            if found.kind == frames.DATA:
                bodies[found.stream_id] += found.payload
                ended += bool(found.flags & END_STREAM)
        assert all(body == LARGE for body in bodies.values())


def test_a_server_that_ends_says_so_and_finishes_what_is_under_way(root: Path) -> None:
    with serving(root, h2c=True) as server, RawClient(server.addresses[0]) as client:
        client.send(headers(1, with_path(b"/large.bin")))
        eventually(lambda: server.snapshot().streams == 1, "the stream to be open")
        server.finish()
        found = client.wait_for(lambda each: each.kind == frames.GOAWAY)
        assert found is not None
        assert (found.code, int.from_bytes(found.payload[:4], "big")) == (ErrorCode.NO_ERROR, 1)
        client.send(frame(frames.WINDOW_UPDATE, payload=long(2**24)))
        client.send(frame(frames.WINDOW_UPDATE, 0, 1, long(2**24)))
        last = client.wait_for(lambda each: bool(each.flags & END_STREAM) and each.stream_id == 1)
        assert last is not None


def test_an_address_over_its_limit_is_refused_in_its_own_words(root: Path) -> None:
    values = {"h2c": True, "max_connections_per_ip": 1}
    with (
        serving(root, **values) as server,
        RawClient(server.addresses[0]),
        call(server) as second,
    ):
        assert second.receive_head().startswith(b"HTTP/1.1 503")


def until_open(server: Server, streams: int) -> None:
    eventually(lambda: server.snapshot().streams == streams, "streams to come or go")


def test_places_for_streams_are_shared(root: Path) -> None:
    with serving(root, h2c=True, max_connections=5) as server, ExitStack() as stack:
        clients = [stack.enter_context(RawClient(server.addresses[0])) for _ in range(2)]
        for client, streams in zip(clients, (80, 102), strict=True):
            client.send(settings((Setting.INITIAL_WINDOW_SIZE, 0)))
            client.send(b"".join(headers(number) for number in range(1, 161, 2)))
            until_open(server, streams)
        found = clients[1].wait_for(lambda each: each.kind == frames.RST_STREAM)
        assert found is not None
        assert found.code == ErrorCode.REFUSED_STREAM
        clients[0].socket.close()
        until_open(server, 22)


def test_without_the_option_nothing_of_http2_is_imported(root: Path) -> None:
    program = (
        "import sys; from evloop import Server; server = Server(root=sys.argv[1], port=0);"
        "server.open(); server.close();"
        "print([name for name in sys.modules if name.startswith('evloop.http2')])"
    )
    command = [sys.executable, "-c", program, str(root)]
    done = subprocess.run(command, check=True, capture_output=True, timeout=PATIENCE)
    assert done.stdout.strip() == b"[]"


# Memory

WARM, MANY = 20, 100
HELD = 20


def idle(client: RawClient) -> None:
    client.ping()


def served(client: RawClient) -> None:
    client.send(headers())
    client.response()
    client.ping()


def stalled(client: RawClient) -> None:
    client.send(settings((Setting.INITIAL_WINDOW_SIZE, 100)))
    client.send(b"".join(headers(number, with_path(b"/large.bin")) for number in range(1, 7, 2)))
    client.ping()


COSTS: dict[str, tuple[Callable[[RawClient], None], int]] = {
    # Bytes of this process for each connection, tables included.
    "idle": (idle, LIGHT_SIZE + HTTP2_LIGHT_SIZE - 2 * STREAM_SIZE),
    "served": (served, LIGHT_SIZE + HTTP2_LIGHT_SIZE - 2 * STREAM_SIZE),
    "three stalled streams": (stalled, LIGHT_SIZE + HTTP2_LIGHT_SIZE + STREAM_SIZE),
}


@pytest.mark.parametrize("state", COSTS)
def test_what_a_connection_keeps(root: Path, state: str) -> None:
    act, most = COSTS[state]
    grown = growth(root, act, MANY)
    print(f"{state}: {grown:.0f} bytes")
    assert most // 4 < grown <= most


def growth(
    root: Path, act: Callable[[RawClient], None], count: int, *, greets: bool = True
) -> float:
    """Return the bytes that each of *count* connections takes."""
    with serving(root, h2c=True, max_connections=1000) as server, ExitStack() as stack:

        def crowd(number: int) -> None:
            for _ in range(number):
                act(stack.enter_context(RawClient(server.addresses[0], greets=greets)))

        crowd(WARM)
        gc.collect()
        tracemalloc.start()
        stack.callback(tracemalloc.stop)
        before = tracemalloc.take_snapshot()
        crowd(count)
        gc.collect()
        after = tracemalloc.take_snapshot()
    ours = [tracemalloc.Filter(inclusive=True, filename_pattern="*/evloop/*")]
    difference = after.filter_traces(ours).compare_to(before.filter_traces(ours), "filename")
    return sum(statistic.size_diff for statistic in difference) / count


def test_a_stalled_stream_costs_less_than_is_planned(root: Path) -> None:
    def stall(count: int) -> Callable[[RawClient], None]:
        def act(client: RawClient) -> None:
            numbers = range(1, 2 * count, 2)
            client.send(settings((Setting.INITIAL_WINDOW_SIZE, 100)))
            client.send(b"".join(headers(each, with_path(b"/large.bin")) for each in numbers))
            client.ping()

        return act

    few, many = (growth(root, stall(count), 10) for count in (2, 2 + HELD))
    each = (many - few) / HELD
    print(f"stream: {each:.0f} bytes")
    assert STREAM_SIZE // 4 < each <= STREAM_SIZE


def test_the_worst_connection_costs_less_than_is_planned(root: Path) -> None:
    """A table full of small entries, a part of a block, and a part of a frame."""
    entries = b"".join(b"\x40\x02%02x\x00" % number for number in range(120))

    def worst(client: RawClient) -> None:
        client.send(frames.PREFACE + settings((Setting.INITIAL_WINDOW_SIZE, 0)))
        client.send(headers(1, with_path(b"/large.bin"), suffix=entries))
        client.ping()
        client.send(frame(frames.HEADERS, END_STREAM, 3, b"\x82" * 16_384))
        client.send(frame(frames.CONTINUATION, 0, 3, bytes(16_000))[:-1])
        client.socket.settimeout(0.05)
        with pytest.raises(TimeoutError):
            client.wait_for(lambda each: each.kind == frames.GOAWAY)

    most = LIGHT_SIZE + HTTP2_LIGHT_SIZE + HTTP2_HEAVY_SIZE
    grown = growth(root, worst, 20, greets=False)
    print(f"worst: {grown:.0f} bytes")
    assert most // 4 < grown <= most
