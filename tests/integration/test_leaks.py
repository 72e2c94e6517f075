"""After thousands of clients, good and bad, the server is what it was before."""

import random
import sys
from collections.abc import Callable, Iterator

import pytest
from attacks.churn import abort, cancel, get, settled
from attacks.docroot import LARGE, SMALL, SMALL_CONTENT, make_docroot
from attacks.target import Address, Victim

from tests.support.client import Client, request
from tests.support.deadline import eventually

GROWTH = 1024**2
"""Bytes that the process may have taken more: its memory comes in pages and in arenas."""
WARM_UP = 100

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Victim]:
    root = make_docroot(tmp_path_factory.mktemp("root"))
    with Victim(root, linger_timeout=0.5, access_log=str(root.parent / "access.log")) as victim:
        yield victim


def half_a_pipeline(address: Address, chance: random.Random) -> None:
    """Ask for many files at once and go away after some of the answers."""
    with Client(address) as client:
        client.send(request(SMALL) * 20 + request(LARGE) + request("/missing"))
        for _ in range(chance.randrange(20)):
            assert client.receive().body == SMALL_CONTENT


def many_parts(address: Address, chance: random.Random) -> None:
    """Ask for parts of the large file and go away in one of them."""
    with Client(address) as client:
        starts = sorted(chance.sample(range(0, 10**8, 10**6), 16))
        ranges = ",".join(f"{start}-{start + 5 * 10**5}" for start in starts)
        client.send(request(LARGE, f"Range: bytes={ranges}"))
        client.receive_head()
        client.receive_bytes(chance.randrange(10**6))


ACTS: dict[str, tuple[Callable[[Address, random.Random], None], int]] = {
    "connect, GET, close": (get, 1000),
    "abort at a random point": (abort, 1000),
    "cancelled downloads": (cancel, 200),
    "half a pipeline": (half_a_pipeline, 200),
    "parts": (many_parts, 100),
}


@pytest.mark.parametrize(("act", "count"), ACTS.values(), ids=ACTS.keys())
def test_nothing_is_left_of(
    server: Victim, act: Callable[[Address, random.Random], None], count: int
) -> None:
    chance = random.Random(1)
    for _ in range(WARM_UP):
        act(server.address, chance)
    base = settled(server, None)
    preloaded = server.figures()["bytes_preloaded"]
    for _ in range(count):
        act(server.address, chance)
    # The last to go away may have been waiting to be accepted, and then it is a descriptor more.
    eventually(lambda: server.figures()["connections"] == {}, "all to be closed")
    eventually(lambda: server.usage().descriptors == base.descriptors, "descriptors to be few")
    figures = server.figures()
    assert figures["bytes_preloaded"] == preloaded
    assert server.usage().memory - base.memory <= GROWTH
    assert "error" not in figures["ends"]
