"""Out of descriptors, out of memory, out of patience: the server says so and goes on."""

import contextlib
import os
import resource
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from attacks.crowding import crowd
from attacks.docroot import SMALL, SMALL_CONTENT, make_docroot, make_many
from attacks.fleet import ask_and_never_read
from attacks.target import Victim

from evloop.files.cache import DIGESTS_SIZE, Cache, CacheSettings, Found
from evloop.files.reader import Reader
from evloop.files.root import Root
from evloop.http.fields import accepts_html
from evloop.http.ranges import MAX_SPECS, parse_ranges
from evloop.http1.head import parse_head
from evloop.process.memory import CONNECTION_SIZE, LIGHT_SIZE
from evloop.site.routes import ROUTES_SIZE, router
from tests.support.bench import write
from tests.support.client import Client, request
from tests.support.deadline import eventually
from tests.support.descriptors import open_descriptors
from tests.support.scheduler import Scheduler
from tests.support.wire import Wire

MIB = 1024**2
HEAD_SIZE = 16 * 1024
needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="needs prlimit and /proc")


@pytest.fixture(scope="module")
def docroot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_docroot(tmp_path_factory.mktemp("docroot"))


# Descriptors


@pytest.mark.slow
@needs_linux
def test_four_hundred_clients_and_256_descriptors(docroot: Path) -> None:
    with Victim(docroot, descriptors=256) as server:
        told = list(crowd(server, 400, 1.0))  # it ends with an answer, or not at all
        answered = int(told[0].split(" of 400 ")[0])
        assert answered > 112  # as many as there is room for; idle ones have made room
        assert server.log_lines() == 0


@needs_linux
def test_without_a_descriptor_left_it_rests_says_so_once_and_recovers(docroot: Path) -> None:
    with Victim(docroot) as server, contextlib.ExitStack() as stack:
        _, hard = resource.prlimit(server.pid, resource.RLIMIT_NOFILE)
        few = server.usage().descriptors + 10
        resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (few, hard))
        clients = [stack.enter_context(Client(server.address)) for _ in range(40)]
        for client in clients:
            client.send(request(SMALL))
        eventually(lambda: server.log_lines() == 1, "it to say that there is no room")
        assert "no room for another connection" in server.log()
        before, began = server.usage(), time.monotonic()
        while time.monotonic() < began + 1.0:
            assert server.usage().descriptors <= few
        # One that spins takes all that it gets of a core.
        assert server.usage().cpu - before.cpu < 0.1
        resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (hard, hard))
        for client in clients:
            # Those who took the last descriptors left none for the file.
            assert client.receive().status in {200, 503}
            assert client.get(SMALL).body == SMALL_CONTENT
        assert server.log_lines() == 1


@needs_linux
def test_a_file_that_can_not_be_opened_for_want_of_a_descriptor_is_503(docroot: Path) -> None:
    with Victim(docroot) as server, Client(server.address) as client:
        assert client.get("/missing").status == 404
        _, hard = resource.prlimit(server.pid, resource.RLIMIT_NOFILE)
        full = server.usage().descriptors
        resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (full, hard))
        reply = client.get(SMALL)
        assert (reply.status, reply.fields["retry-after"]) == (503, "1")
        resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (hard, hard))
        assert client.get(SMALL).body == SMALL_CONTENT


class NothingAtHand(Reader):
    """A disk that never has anything in memory."""

    def read_into(
        self, fd: int, view: memoryview, offset: int, limit: int, tries: int
    ) -> int | None:
        return None


@pytest.fixture
def files(tmp_path: Path) -> list[bytes]:
    """Names of files of 1 MiB beneath tmp_path, more than may be on their way at once."""
    return [name[1:].encode() for name in make_many(tmp_path, 400, MIB)]


@pytest.mark.parametrize("budget", [0, 64 * MIB])
def test_files_that_nobody_waits_for_any_more_hold_few_descriptors(
    tmp_path: Path, files: list[bytes], budget: int
) -> None:
    with contextlib.closing(Root(str(tmp_path))) as root:
        settings = CacheSettings(memory_budget=budget)
        with contextlib.closing(
            Cache(root, NothingAtHand(), settings, call_at=Scheduler().call_at)
        ) as cache:
            before = len(open_descriptors())
            for now, name in enumerate(files, 1):
                found = cache.find(name, now / 1000)
                if isinstance(found, Found):  # no place is left: it is streamed
                    os.close(found.fd)
            assert len(open_descriptors()) - before <= 256


def test_what_is_only_streamed_takes_no_memory(tmp_path: Path, files: list[bytes]) -> None:
    with contextlib.closing(Root(str(tmp_path))) as root:
        settings = CacheSettings(memory_budget=0)
        with (
            contextlib.closing(
                Cache(root, NothingAtHand(), settings, call_at=Scheduler().call_at)
            ) as cache,
            traced() as taken,
        ):
            for now, name in enumerate(files, 1):
                found = cache.find(name, now / 1000)
                assert isinstance(found, Found)
                os.close(found.fd)
            assert taken() < MIB


# Memory


@contextlib.contextmanager
def traced() -> Iterator[Callable[[], int]]:
    """Yield a function that returns the bytes that were taken since, and are still held."""
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        yield lambda: tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()


@needs_linux
@pytest.mark.slow
def test_a_fleet_that_never_reads_stays_beneath_the_ceiling(tmp_path: Path) -> None:
    names = make_many(tmp_path, 1000, 256 * 1024)
    with Victim(tmp_path, memory_limit=64 * MIB) as server:
        outcome = ask_and_never_read(server, names, 250)
        assert outcome.asked == len(names)
        assert outcome.ceiling <= 64 * MIB
        assert outcome.peak <= outcome.ceiling
        with Client(server.address) as good:
            assert len(good.get(names[0]).body) == 256 * 1024


@pytest.mark.parametrize("index_names", [1, 7])
@pytest.mark.parametrize(
    "target", [b"/ab" * 80 + b"/%d", b"/ab" * 40 + b"/%d", b"/ab" * 40 + b"/%d/"]
)
def test_the_routes_that_are_remembered_have_an_end(target: bytes, index_names: int) -> None:
    route = router((b"index.html",) * index_names, hidden=False)
    with traced() as taken:
        for number in range(3500):
            route(target % number)
        assert taken() <= ROUTES_SIZE


@pytest.mark.slow
def test_the_digests_that_are_remembered_have_an_end(tmp_path: Path) -> None:
    names = [b"%0200d" % number for number in range(4000)]
    for name in names:
        (tmp_path / os.fsdecode(name)).touch()
    settings = CacheSettings(memory_budget=0)
    scheduler = Scheduler()
    with (
        contextlib.closing(Root(str(tmp_path))) as root,
        contextlib.closing(Cache(root, Reader(), settings, call_at=scheduler.call_at)) as cache,
        traced() as taken,
    ):
        for now, name in enumerate(names, 1):
            found = cache.find(name, now / 1000)
            assert isinstance(found, Found)
            os.close(found.fd)
            scheduler.run_until(now / 1000)
        assert taken() <= DIGESTS_SIZE


def test_no_host_is_remembered() -> None:
    with traced() as taken:
        for number in range(500):
            parse_head(b"GET / HTTP/1.1\r\nHost: %015000d\r\n\r\n" % number)
        assert taken() < 100 * 1024


WORST = {
    "a partial head": request("/")[:-2] + b"X: " + b"a" * 16000,
    "a stalled download": request("/large.bin"),
    "a stalled download and the next head": request("/large.bin")
    + request("/")[:-2]
    + b"X: "
    + b"a" * 16000,
    "sixteen parts and the next head": request(
        "/large.bin",
        "Range: bytes=" + ",".join(f"{n * 10**7}-{n * 10**7 + 5 * 10**6}" for n in range(16)),
    )
    + request("/")[:-2]
    + b"X: "
    + b"a" * 15000,
    "answers that are not read": request("/missing", "Accept: text/html") * 200,
}


@pytest.mark.parametrize("data", WORST.values(), ids=WORST.keys())
def test_no_connection_takes_more_than_was_planned_for_it(docroot: Path, data: bytes) -> None:
    count = 20
    with Wire(docroot) as wire:
        peers = [wire.connect()[0] for _ in range(count)]
        wire.turn()
        with traced() as taken:
            for peer in peers:
                peer.socket.send(data)
            for _ in range(300):
                wire.turn()
            assert taken() / count <= CONNECTION_SIZE + HEAD_SIZE


# States that keep no byte of a request and no body of several parts.
LIGHT = {
    "nothing yet": b"",
    "kept alive": request(SMALL),
    "a stalled download": request("/large.bin"),
    "a stalled range": request("/large.bin", "Range: bytes=1000-"),
}


@pytest.mark.parametrize("data", LIGHT.values(), ids=LIGHT.keys())
def test_a_light_connection_takes_no_more_than_was_planned_for_it(
    docroot: Path, data: bytes
) -> None:
    count = 100
    ours = [tracemalloc.Filter(inclusive=True, filename_pattern="*/evloop/*")]
    with Wire(docroot) as wire:
        first = wire.connect()[0]
        first.socket.send(request(SMALL))  # what is made once is made now
        wire.turn(20)
        with traced():
            before = tracemalloc.take_snapshot().filter_traces(ours)
            peers = [wire.connect()[0] for _ in range(count)]
            for peer in peers:
                peer.socket.send(data)
            wire.turn(300)
            assert len(wire.connections) == count + 1
            after = tracemalloc.take_snapshot().filter_traces(ours)
        grown = sum(each.size_diff for each in after.compare_to(before, "filename"))
        assert grown / count <= LIGHT_SIZE


def test_a_request_that_waits_for_its_file_is_kept_as_its_head_alone(docroot: Path) -> None:
    fields = "\n".join(f"X{number:02}: {'a' * 150}" for number in range(99))
    count = 20
    with Wire(docroot) as wire:
        wire.cache._preloads._reader = NothingAtHand()
        peers = [wire.connect()[0] for _ in range(count)]
        wire.turn()
        data = request(SMALL, fields)
        with traced() as taken:
            for peer in peers:
                peer.socket.send(data)
            wire.turn(5)
            assert {each.protocol.state.value for each in wire.connections} == {"waiting-file"}
            assert taken() / count <= CONNECTION_SIZE + HEAD_SIZE


# Processor time: what a small request may make the server read


def test_a_list_without_end_is_not_read() -> None:
    assert parse_ranges(b"bytes=" + b"0-0," * MAX_SPECS, 1000) is None
    assert parse_ranges(b"bytes=0-0" + b"," * MAX_SPECS, 1000) is None
    assert not accepts_html(b"text/plain," * 1000 + b"text/html")


def test_a_file_from_the_future_is_not_read_at_each_request(tmp_path: Path) -> None:
    write(tmp_path / "future.txt", b"data", mtime=4_000_000_000)
    with contextlib.closing(Root(str(tmp_path))) as root:
        reader = Reader()
        now_ns = 1_700_000_000 * 10**9
        settings = CacheSettings(memory_budget=0)
        scheduler = Scheduler()
        cache = Cache(root, reader, settings, wall_ns=lambda: now_ns, call_at=scheduler.call_at)
        with contextlib.closing(cache):
            for now in range(1, 20):
                found = cache.find(b"future.txt", float(now))
                assert isinstance(found, Found)
                os.close(found.fd)
                scheduler.run_until(now + 0.5)
            assert reader.refills == 1
