"""Where log lines go: nothing waits for a slow reader, and nothing grows without bound."""

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from evloop.observe.logwriter import FILE_DELAY, MAX_PENDING, PIECE_SIZE, RETRY, LogWriter
from tests.support.descriptors import no_leaks

LINE = b"x" * 999 + b"\n"


@pytest.fixture(autouse=True)
def _no_leaks() -> Iterator[None]:
    with no_leaks():
        yield


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "log"


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    yield reader, writer
    os.close(reader)
    os.close(writer)


def read_all(fd: int) -> bytes:
    data = b""
    try:
        while piece := os.read(fd, 65536):
            data += piece
    except BlockingIOError:
        pass
    return data


class TestFile:
    def test_lines_are_gathered(self, path: Path) -> None:
        sink = LogWriter(str(path))
        assert sink.wait(10.0) == -1.0
        sink.write(b"one\n", 10.0)
        sink.write(b"two\n", 10.5)
        assert sink.wait(10.5) == FILE_DELAY - 0.5
        sink.flush(10.0 + FILE_DELAY - 0.01)
        assert path.read_bytes() == b""
        sink.flush(10.0 + FILE_DELAY)
        assert path.read_bytes() == b"one\ntwo\n"
        assert sink.wait(20.0) == -1.0
        sink.close()

    def test_many_lines_do_not_wait(self, path: Path) -> None:
        sink = LogWriter(str(path))
        for _ in range(PIECE_SIZE // len(LINE) + 1):
            sink.write(LINE, 10.0)
        sink.flush(10.0)
        assert path.stat().st_size > PIECE_SIZE
        sink.close()

    def test_what_is_gathered_is_written_at_the_end(self, path: Path) -> None:
        sink = LogWriter(str(path))
        sink.write(b"last\n", 10.0)
        sink.close()
        sink.close()
        assert path.read_bytes() == b"last\n"

    def test_lines_are_added_to_what_is_there(self, path: Path) -> None:
        path.write_bytes(b"before\n")
        sink = LogWriter(str(path))
        sink.write(b"after\n", 0.0)
        sink.close()
        assert path.read_bytes() == b"before\nafter\n"

    def test_a_new_log_is_not_for_everybody(self, path: Path) -> None:
        LogWriter(str(path)).close()
        assert stat.S_IMODE(path.stat().st_mode) & 0o007 == 0

    def test_a_log_that_was_moved_away_goes_on_in_a_new_one(self, path: Path) -> None:
        sink = LogWriter(str(path))
        sink.write(b"one\n", 0.0)
        path.rename(path.with_suffix(".1"))
        sink.write(b"two\n", 0.0)
        sink.reopen()
        sink.write(b"three\n", 0.0)
        sink.flush(10.0)
        assert path.with_suffix(".1").read_bytes() == b"one\ntwo\n"
        assert path.read_bytes() == b"three\n"
        sink.close()

    def test_a_log_that_can_not_be_reopened_goes_on_in_the_old_one(self, path: Path) -> None:
        sink = LogWriter(str(path))
        path.rename(path.with_suffix(".1"))
        path.mkdir()
        with pytest.raises(IsADirectoryError):
            sink.reopen()
        sink.write(b"on\n", 0.0)
        sink.close()
        assert path.with_suffix(".1").read_bytes() == b"on\n"

    def test_what_can_not_be_opened_is_told(self, tmp_path: Path) -> None:
        for name in ("", "no/such/directory"):
            with pytest.raises(OSError, match="directory"):
                LogWriter(str(tmp_path / name))

    def test_a_full_disk_costs_lines_but_no_memory(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        is_full = True
        real = os.write

        def write(fd: int, data: bytes) -> int:
            if is_full:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return real(fd, data)

        monkeypatch.setattr(os, "write", write)
        sink = LogWriter(str(path))
        for second in range(3000):
            sink.write(LINE, float(second))
            sink.flush(float(second))
        assert sink.lost > 0
        assert sink.wait(3000.0) <= RETRY
        is_full = False
        sink.flush(4000.0)
        sink.flush(5000.0)
        lines = path.read_bytes().splitlines(keepends=True)
        kept = lines.count(LINE)
        assert kept * len(LINE) <= MAX_PENDING
        assert lines[-1] == b"evloop: %d log lines lost\n" % (3000 - kept)
        assert len(lines) == kept + 1
        sink.close()

    @pytest.mark.parametrize("most", [1, 7, 4095])
    def test_short_writes_lose_nothing(
        self, path: Path, monkeypatch: pytest.MonkeyPatch, most: int
    ) -> None:
        real = os.write
        monkeypatch.setattr(os, "write", lambda fd, data: real(fd, data[:most]))
        sink = LogWriter(str(path))
        for number in range(20):
            sink.write(b"line %d\n" % number, 0.0)
        sink.close()
        assert path.read_bytes() == b"".join(b"line %d\n" % number for number in range(20))


class TestPipe:
    def test_lines_do_not_wait(self, pipe: tuple[int, int]) -> None:
        reader, writer = pipe
        sink = LogWriter(None, writer)
        sink.write(b"now\n", 10.0)
        assert sink.wait(10.0) == 0.0
        sink.flush(10.0)
        assert read_all(reader) == b"now\n"
        sink.close()
        os.fstat(writer)  # it was lent, and is still open

    def test_a_reader_that_sleeps_is_not_waited_for(self, pipe: tuple[int, int]) -> None:
        reader, writer = pipe
        sink = LogWriter(None, writer)
        for _ in range(2000):
            sink.write(LINE, 10.0)
            sink.flush(10.0)  # would block for ever
        assert sink.lost > 0
        assert 0 < sink.wait(10.0) <= RETRY
        received = read_all(reader)
        for second in range(20, 40):
            sink.flush(float(second))
            received += read_all(reader)
        assert received.count(LINE) + int(received.split()[-4]) == 2000
        assert received.endswith(b"log lines lost\n")
        sink.close()

    def test_a_reader_that_is_gone_does_no_harm(self, pipe: tuple[int, int]) -> None:
        reader, writer = pipe
        sink = LogWriter(None, writer)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, reader)  # closes the pipe's end
        os.close(nothing)
        sink.write(b"nobody\n", 10.0)
        sink.flush(10.0)
        assert sink.wait(10.0) > 0
        sink.close()

    def test_a_named_pipe_that_nobody_reads_is_an_error(self, path: Path) -> None:
        os.mkfifo(path)
        with pytest.raises(OSError, match="No such device"):
            LogWriter(str(path))  # and not a wait for its reader

    def test_a_named_pipe_with_a_reader_takes_lines(self, path: Path) -> None:
        os.mkfifo(path)
        reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        sink = LogWriter(str(path))
        sink.write(b"line\n", 0.0)
        sink.flush(0.0)
        assert read_all(reader) == b"line\n"
        sink.reopen()
        sink.close()
        os.close(reader)

    def test_a_borrowed_descriptor_is_not_reopened(self, pipe: tuple[int, int]) -> None:
        reader, writer = pipe
        sink = LogWriter(None, writer)
        sink.reopen()
        sink.write(b"on\n", 0.0)
        sink.close()
        assert read_all(reader) == b"on\n"
