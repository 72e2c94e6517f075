"""Digests for those who want them: in slices, once for each state of a file, and bounded."""

import hashlib
import os
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest

from evloop.files.cache import CacheSettings
from evloop.http.request import Request
from evloop.http.responder import Pending
from evloop.http.response import Response
from evloop.http1.head import parse_head
from evloop.site import representation
from evloop.site.representation import MAX_DIGESTED, MAX_WAITING, SLICE_SIZE
from tests.support.bench import Bench, write
from tests.support.client import request as request_head

WANTED = "Want-Repr-Digest: sha-256=1"
SIZES = {
    "empty": 0,
    "slice": SLICE_SIZE,
    "more": SLICE_SIZE + 1,
    "two": 2 * SLICE_SIZE,
    "most": MAX_DIGESTED,
}
DATA = {name: os.urandom(size) for name, size in SIZES.items()}


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    for name, data in DATA.items():
        write(tmp_path / name, data)
    write(tmp_path / "beyond", bytes(MAX_DIGESTED + 1))
    write(tmp_path / "streamed", bytes(4 * MAX_DIGESTED))
    with Bench(tmp_path, CacheSettings(max_in_memory_size=2 * MAX_DIGESTED)) as bench:
        bench.know_all()
        yield bench


def field(data: bytes) -> str:
    return f"sha-256=:{b64encode(hashlib.sha256(data).digest()).decode()}:"


def ask(bench: Bench, target: str) -> tuple[Request, Response | Pending]:
    request = parse_head(request_head(target, WANTED))
    return request, bench.site.respond(request, 0.0)


@pytest.mark.parametrize("name", SIZES)
def test_it_is_that_of_the_bytes(bench: Bench, name: str) -> None:
    for more in ("", "\nRange: bytes=0-0") if DATA[name] else ("",):
        found = bench.get(f"/{name}", WANTED + more)
        assert found.fields["repr-digest"] == field(DATA[name])
    assert bench.get(f"/{name}", WANTED, method="HEAD").fields["repr-digest"] == field(DATA[name])
    assert "repr-digest" not in bench.get(f"/{name}").fields


@pytest.mark.parametrize("name", ["beyond", "streamed"])
def test_what_is_large_has_none(bench: Bench, name: str) -> None:
    answer = bench.get(f"/{name}", WANTED)
    assert (answer.status, "repr-digest" in answer.fields) == (200, False)


def test_no_turn_digests_more_than_a_slice(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[int] = []

    class Counting:
        def __init__(self) -> None:
            self.hash = hashlib.sha256()

        def update(self, data: memoryview) -> None:
            taken.append(len(data))
            self.hash.update(data)

        def digest(self) -> bytes:
            return self.hash.digest()

    monkeypatch.setattr(representation, "_new_sha256", Counting)
    for _ in range(2):
        for name, data in DATA.items():
            assert bench.get(f"/{name}", WANTED).fields["repr-digest"] == field(data)
    assert max(taken) <= SLICE_SIZE
    assert sum(taken) == sum(SIZES.values())  # once, however often it is wanted


def test_who_asks_together_waits_for_one(bench: Bench) -> None:
    woken: list[float] = []
    found = [ask(bench, "/most")[1] for _ in range(3)]
    assert not isinstance(found[0], Response)
    assert found[1] is found[0]
    assert found[2] is found[0]
    wakes = [woken.append, lambda now: woken.append(-now)]
    for wake in wakes:
        found[0].subscribe(wake)
    bench.scheduler.run()
    assert len(woken) == 2
    assert woken[0] == -woken[1]
    assert bench.get("/most", WANTED).fields["repr-digest"] == field(DATA["most"])


def test_who_goes_away_is_not_worked_for(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    _, found = ask(bench, "/most")
    assert not isinstance(found, Response)

    def wake(now: float) -> None:
        raise AssertionError("nobody is here")

    found.subscribe(wake)
    found.unsubscribe(wake)
    found.unsubscribe(wake)
    monkeypatch.setattr(representation._Job, "step", lambda self: 1 / 0)
    bench.scheduler.run()


def test_a_request_waits_once(bench: Bench, tmp_path: Path) -> None:
    request, found = ask(bench, "/most")
    assert not isinstance(found, Response)
    bench.cache.store.clear()  # the file is read anew, and its new state has no digest
    response: Response | Pending = found
    for turn in range(1, 100):
        bench.scheduler.run_until(float(turn))
        response = bench.site.respond(request, float(turn))
        if isinstance(response, Response):
            break
    assert isinstance(response, Response)
    assert b"Repr-Digest" not in dict(response.fields)
    if response.body is not None:
        response.body.close()


def test_those_that_wait_are_bounded(tmp_path: Path) -> None:
    names = [f"{number}.bin" for number in range(MAX_WAITING + 1)]
    for name in names:
        write(tmp_path / name, bytes(SLICE_SIZE + 1))
    with Bench(tmp_path) as bench:
        bench.know_all()
        *waiting, (_, last) = [ask(bench, f"/{name}") for name in names]
        assert not [found for _, found in waiting if isinstance(found, Response)]
        assert isinstance(last, Response)
        assert last.status == 200
        assert b"Repr-Digest" not in dict(last.fields)
        if last.body is not None:
            last.body.close()
