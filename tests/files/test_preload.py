"""Reading a small file whole, a piece at a time."""

import os
from functools import partial
from hashlib import blake2b
from pathlib import Path

import pytest

from evloop.files.entry import signature_of
from evloop.files.preload import PIECE_SIZE, RESERVE_SIZE, TURN_SIZE, Allowance, Preload
from evloop.files.reader import MAX_TRIES, Reader
from tests.support.bench import write
from tests.support.descriptors import no_leaks

LENGTHS = [0, 1, 4096, PIECE_SIZE - 1, PIECE_SIZE, PIECE_SIZE + 1, 3 * PIECE_SIZE, 3_500_000]


class HaltingReader(Reader):
    """Has so many bytes in memory, and then nothing until it is asked *patience* times."""

    def __init__(self, at_once: int, patience: int = 1) -> None:
        super().__init__()
        self._at_once = at_once
        self._patience = patience
        self.asked: list[int] = []

    def read_into(
        self, fd: int, view: memoryview, offset: int, limit: int, tries: int
    ) -> int | None:
        self.asked.append(tries)
        if offset and offset % self._at_once == 0 and tries < self._patience:
            return None
        return super().read_into(fd, view, offset, min(limit, self._at_once), tries)


def start(path: Path) -> Preload:
    fd = os.open(path, os.O_RDONLY)
    signature = signature_of(os.fstat(fd))
    return Preload(b"file", fd, signature, 1, 0.0, checked=0.0, settled=True)


def _note(told: list[float], number: int, now: float) -> None:
    told.append(number)


def digest(data: bytes) -> str:
    return blake2b(data, digest_size=16).hexdigest()


@pytest.mark.parametrize("length", LENGTHS)
def test_a_file_is_read_in_bounded_steps(tmp_path: Path, length: int) -> None:
    data = os.urandom(length)
    path = write(tmp_path / "file", data)
    with no_leaks():
        preload = start(path)
        steps = 1
        while not preload.step(Reader(), PIECE_SIZE):
            steps += 1
        assert steps == max(1, -(-length // PIECE_SIZE))
        assert preload.digest == digest(data)
        assert preload.size == length
        assert preload.view == data
        assert preload.view.readonly
        preload.close()


def test_a_file_that_is_not_in_memory_is_read_as_its_pages_come(tmp_path: Path) -> None:
    data = os.urandom(100_000)
    preload = start(write(tmp_path / "file", data))
    reader = HaltingReader(10_000, patience=2)
    answers: list[bool] = []
    while not (answers and answers[-1]):
        answers.append(preload.step(reader, len(data)))
    assert answers.count(False) == 2 * 9
    assert reader.asked[:4] == [0, 0, 1, 2]  # the place is asked for again, then the next
    assert preload.digest == digest(data)
    preload.close()


def test_who_waits_for_the_disk_gets_the_file_at_once(tmp_path: Path) -> None:
    data = os.urandom(30_000)
    preload = start(write(tmp_path / "file", data))
    assert preload.step(HaltingReader(10_000, MAX_TRIES), len(data), wait=True)
    assert preload.view == data
    preload.close()


@pytest.mark.parametrize("left", [0, 1, 5000, PIECE_SIZE])
def test_a_file_that_shrinks_meanwhile_is_taken_as_it_is(tmp_path: Path, left: int) -> None:
    data = os.urandom(2 * PIECE_SIZE)
    path = write(tmp_path / "file", data)
    preload = start(path)
    os.truncate(path, left)
    while not preload.step(Reader(), PIECE_SIZE):
        pass
    assert preload.size == left
    assert not preload.settled
    assert preload.digest == digest(data[:left])
    assert preload.view == data[:left]
    preload.close()


def test_a_turn_has_room_for_some_and_a_reserve_for_what_is_new() -> None:
    allowance = Allowance()
    assert allowance.left(1.0, is_new=False) == TURN_SIZE
    allowance.take(TURN_SIZE - 1)
    assert allowance.left(1.0, is_new=False) == PIECE_SIZE  # a step is never smaller
    allowance.take(PIECE_SIZE)
    assert allowance.left(1.0, is_new=False) == 0
    pieces = 0
    while size := allowance.left(1.0, is_new=True):
        assert size == PIECE_SIZE
        allowance.take(10)  # counts as a whole piece
        pieces += 1
    assert pieces == RESERVE_SIZE // PIECE_SIZE
    assert allowance.left(2.0, is_new=False) == TURN_SIZE


def test_a_preload_can_be_closed_twice(tmp_path: Path) -> None:
    with no_leaks():
        preload = start(write(tmp_path / "file", b"x"))
        preload.close()
        other = os.open(os.devnull, os.O_RDONLY)  # takes the number that has become free
        preload.close()
        os.close(other)
    assert preload.fd == -1


def test_those_who_wait_are_known_in_their_order_and_may_leave(tmp_path: Path) -> None:
    preload = start(write(tmp_path / "file", b"x"))
    told: list[float] = []
    wakes = [partial(_note, told, number) for number in range(4)]
    for wake in wakes:
        preload.subscribe(wake)
    preload.unsubscribe(wakes[1])
    preload.unsubscribe(wakes[1])
    assert preload.waiting == 3
    assert [preload.next_subscriber() for _ in range(4)] == [wakes[0], wakes[2], wakes[3], None]
    assert preload.waiting == 0
    preload.close()
