"""The shared buffer: what one read returns, and how it keeps from waiting for the disk."""

import errno
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest

import evloop.files.reader
from evloop.files.reader import MAX_TRIES, FileChangedError, Reader
from tests.support.bench import write

CHUNK = 1000
DATA = bytes(range(256)) * 10

Preadv = Callable[[int, Sequence[memoryview], int, int], int]


@pytest.fixture
def fd(tmp_path: Path) -> Iterator[int]:
    fd = os.open(write(tmp_path / "file", DATA), os.O_RDONLY)
    yield fd
    os.close(fd)


class Disk:
    """Stands in for os.preadv: says what it is told to, and notes the flags of each call."""

    def __init__(self, *answers: int | None) -> None:
        self._real: Preadv = os.preadv
        self._answers = list(answers)
        self.flags: list[int] = []
        self.advice: list[tuple[int, int]] = []

    def preadv(self, fd: int, buffers: Sequence[memoryview], offset: int, flags: int = 0, /) -> int:
        """Fail with the next answer, read 0 bytes for 0, or read in earnest for None."""
        self.flags.append(flags)
        answer = self._answers.pop(0) if self._answers else None
        if answer is None:
            return self._real(fd, buffers, offset, 0)
        if answer == 0:
            return 0
        raise OSError(answer, os.strerror(answer))

    def posix_fadvise(self, fd: int, offset: int, size: int, advice: int, /) -> None:
        assert advice == os.POSIX_FADV_WILLNEED
        self.advice.append((offset, size))


def replace_disk(monkeypatch: pytest.MonkeyPatch, *answers: int | None) -> Disk:
    disk = Disk(*answers)
    monkeypatch.setattr(os, "preadv", disk.preadv)
    monkeypatch.setattr(os, "posix_fadvise", disk.posix_fadvise)
    return disk


@pytest.mark.parametrize(
    ("offset", "limit", "count"),
    [
        (0, 1, 1),
        (0, CHUNK - 1, CHUNK - 1),
        (0, CHUNK, CHUNK),
        (0, CHUNK + 1, CHUNK),
        (0, 10**12, CHUNK),
        (2000, 560, 560),
        (2000, 10**12, 560),
        (2559, 1, 1),
    ],
)
def test_a_read_returns_what_the_chunk_the_limit_and_the_file_allow(
    fd: int, offset: int, limit: int, count: int
) -> None:
    piece = Reader(CHUNK).read(fd, offset, limit, 0)
    assert piece is not None
    assert bytes(piece) == DATA[offset : offset + count]


def test_every_read_uses_the_same_buffer(fd: int) -> None:
    reader = Reader(CHUNK)
    first = reader.read(fd, 0, CHUNK, 0)
    second = reader.read(fd, CHUNK, 100, 0)
    assert first is not None
    assert second is not None
    assert first.obj is second.obj
    assert bytes(first[:100]) == bytes(second) == DATA[CHUNK : CHUNK + 100]
    assert first.nbytes == reader.chunk_size == CHUNK


@pytest.mark.parametrize("offset", [len(DATA), len(DATA) + 1, 10**12])
def test_the_end_before_its_time_is_an_error(fd: int, offset: int) -> None:
    with pytest.raises(FileChangedError, match=f"the file ends at {offset} bytes"):
        Reader(CHUNK).read(fd, offset, 1, 0)


def test_what_is_not_in_memory_is_read_ahead_and_asked_for_again(
    fd: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = replace_disk(monkeypatch, errno.EAGAIN, errno.EAGAIN)
    reader = Reader(CHUNK)
    assert reader.read(fd, 500, 10, 0) is None
    assert reader.read(fd, 500, 10, 1) is None
    piece = reader.read(fd, 500, 10, 2)
    assert piece is not None
    assert bytes(piece) == DATA[500:510]
    assert [offset for offset, _ in disk.advice] == [500, 500]
    assert disk.flags == [os.RWF_NOWAIT] * 3
    assert (reader.refills, reader.waits, reader.blocking) == (3, 2, 0)


def test_a_disk_that_keeps_nothing_at_hand_is_waited_for(
    fd: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = replace_disk(monkeypatch)
    reader = Reader(CHUNK)
    piece = reader.read(fd, 0, 10, MAX_TRIES)
    assert piece is not None
    assert bytes(piece) == DATA[:10]
    assert disk.flags == [0]
    assert reader.blocking == 1


@pytest.mark.parametrize("number", [errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL])
def test_a_file_system_that_can_not_tell_is_read_plainly_ever_after(
    fd: int, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    disk = replace_disk(monkeypatch, number)
    reader = Reader(CHUNK)
    for _ in range(2):
        piece = reader.read(fd, 0, 10, 0)
        assert piece is not None
        assert bytes(piece) == DATA[:10]
    assert disk.flags == [os.RWF_NOWAIT, 0, 0]
    assert (reader.waits, reader.blocking) == (0, 2)


@pytest.mark.parametrize("number", [errno.EOPNOTSUPP, errno.EINVAL])
def test_one_that_can_not_tell_says_nothing_about_the_others(
    fd: int, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    other = os.open("/proc/self/stat", os.O_RDONLY)
    assert os.fstat(other).st_dev != os.fstat(fd).st_dev
    disk = replace_disk(monkeypatch, number)
    reader = Reader(CHUNK)
    for each in (other, other, fd):
        reader.read(each, 0, 10, 0)
    assert disk.flags == [os.RWF_NOWAIT, 0, 0, os.RWF_NOWAIT]
    assert reader.is_at_hand(other, 0, 10, 0)
    assert len(disk.flags) == 4  # it was not asked
    os.close(other)


def test_the_file_systems_that_are_remembered_are_bounded(
    fd: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evloop.files.reader, "_MAX_DEVICES", 2)
    disk = replace_disk(monkeypatch, *[errno.EOPNOTSUPP, None] * 10)
    reader = Reader(CHUNK)
    real = os.fstat
    for device in range(5):

        def fstat(fd: int, device: int = device) -> object:
            return SimpleNamespace(st_dev=device)

        monkeypatch.setattr(os, "fstat", fstat)
        reader.read(fd, 0, 10, 0)
    monkeypatch.setattr(os, "fstat", real)
    assert len(reader._devices) == 2
    assert len(disk.flags) == 10


def test_as_long_as_all_can_tell_nobody_asks_which_file_system_it_is(
    fd: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(fd: int) -> None:
        raise AssertionError("a system call")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fstat", fail)
        piece = Reader(CHUNK).read(fd, 0, 10, 0)
    assert piece is not None


@pytest.mark.parametrize("number", [errno.EPERM, errno.EACCES, errno.ENOSYS])
def test_a_sandbox_that_refuses_preadv2_is_read_around(
    fd: int, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    replace_disk(monkeypatch, *[number] * 10)
    reader = Reader(CHUNK)
    for offset, limit, count in ((0, CHUNK, CHUNK), (2000, CHUNK, 560)):
        piece = reader.read(fd, offset, limit, 0)
        assert piece is not None
        assert bytes(piece) == DATA[offset : offset + count]
    with pytest.raises(FileChangedError):
        reader.read(fd, 2560, 10, 0)


def test_advice_that_is_not_taken_does_no_harm(fd: int, monkeypatch: pytest.MonkeyPatch) -> None:
    replace_disk(monkeypatch, errno.EAGAIN)

    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, "no")

    monkeypatch.setattr(os, "posix_fadvise", refuse)
    assert Reader(CHUNK).read(fd, 0, 10, 0) is None


def test_nothing_before_the_end_is_not_believed(fd: int, monkeypatch: pytest.MonkeyPatch) -> None:
    # Linux 5.9 and 5.10 say 0 for pages that are not in memory.
    disk = replace_disk(monkeypatch, 0)
    reader = Reader(CHUNK)
    piece = reader.read(fd, 0, 10, 0)
    assert piece is not None
    assert bytes(piece) == DATA[:10]
    assert disk.flags == [os.RWF_NOWAIT, 0]
    reader.read(fd, 0, 10, 0)
    assert disk.flags[2:] == [os.RWF_NOWAIT]  # it is a matter of the page, not of the disk


@pytest.mark.parametrize("number", [errno.EIO, errno.EISDIR, errno.ESTALE])
def test_a_broken_disk_is_an_error(fd: int, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    replace_disk(monkeypatch, number)
    with pytest.raises(OSError, match=os.strerror(number)):
        Reader(CHUNK).read(fd, 0, 10, 0)


def test_a_reader_can_be_told_to_wait(fd: int, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = replace_disk(monkeypatch)
    Reader(CHUNK, nowait=False).read(fd, 0, 10, 0)
    assert disk.flags == [0]


def test_a_read_into_another_buffer_leaves_the_shared_one_alone(fd: int) -> None:
    reader = Reader(CHUNK)
    shared = reader.read(fd, 0, CHUNK, 0)
    target = memoryview(bytearray(2000))
    assert reader.read_into(fd, target, 100, 2000, 0) == 2000
    assert reader.read_into(fd, target, 100, 50, 0) == 50
    assert shared is not None
    assert bytes(shared) == DATA[:CHUNK]
    assert bytes(target) == DATA[100:2100]


class TestIsAtHand:
    """Whether the kernel may be told to send a piece of a file by itself."""

    def test_both_ends_are_looked_at(self, fd: int, monkeypatch: pytest.MonkeyPatch) -> None:
        disk = replace_disk(monkeypatch, None, errno.EAGAIN)
        reader = Reader(CHUNK)
        assert not reader.is_at_hand(fd, 100, 500, 0)
        assert disk.advice[0][0] == 100
        assert reader.is_at_hand(fd, 100, 500, 1)
        assert (reader.waits, reader.blocking) == (1, 0)

    def test_after_enough_tries_it_is(self, fd: int, monkeypatch: pytest.MonkeyPatch) -> None:
        disk = replace_disk(monkeypatch)
        reader = Reader(CHUNK)
        assert reader.is_at_hand(fd, 0, 500, MAX_TRIES)
        assert disk.flags == []
        assert reader.blocking == 1

    @pytest.mark.parametrize("number", [errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL])
    def test_a_file_system_that_can_not_tell_is_not_asked_twice(
        self, fd: int, monkeypatch: pytest.MonkeyPatch, number: int
    ) -> None:
        disk = replace_disk(monkeypatch, number)
        reader = Reader(CHUNK)
        assert reader.is_at_hand(fd, 0, 500, 0)
        assert reader.is_at_hand(fd, 0, 500, 0)
        assert len(disk.flags) == 1

    def test_a_broken_disk_is_an_error(self, fd: int, monkeypatch: pytest.MonkeyPatch) -> None:
        replace_disk(monkeypatch, errno.EIO)
        with pytest.raises(OSError, match=os.strerror(errno.EIO)):
            Reader(CHUNK).is_at_hand(fd, 0, 500, 0)
