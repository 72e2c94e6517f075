"""Where log lines go: nothing waits for a slow reader, and nothing grows without bound."""

import errno
import logging
import os
import stat
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from evloop.observe.logwriter import (
    ERROR_INTERVAL,
    ERROR_RETRY,
    FILE_DELAY,
    LOG_SIZE,
    MAX_PENDING,
    PIECE_SIZE,
    RETRY,
    LogWriter,
)
from tests.support.deadline import eventually
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


class Full:
    """A disk that takes nothing until it is told to; the errors come from os.write()."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, code: int = errno.ENOSPC) -> None:
        self.code = code
        self.tries = 0
        self._real = os.write
        monkeypatch.setattr(os, "write", self._write)

    def _write(self, fd: int, data: bytes) -> int:
        self.tries += 1
        if self.code:
            raise OSError(self.code, os.strerror(self.code))
        return self._real(fd, data)


class TestErrors:
    @pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EPIPE])
    def test_an_error_is_told_once_a_minute(
        self,
        path: Path,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
        code: int,
    ) -> None:
        full = Full(monkeypatch, code)
        sink = LogWriter(str(path))
        sink.write(LINE, 0.0)
        for second in range(1, 1 + 2 * int(ERROR_INTERVAL)):
            sink.flush(float(second))
        reason = f"the access log takes nothing: {os.strerror(code)}"
        assert caplog.messages == [reason, f"{reason} (59 more before it)"]
        full.code = 0
        sink.flush(1000.0)
        assert path.read_bytes() == LINE  # it went on trying, and nothing was lost
        sink.close()

    def test_a_writer_without_a_name_says_nothing(
        self, path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        Full(monkeypatch)
        sink = LogWriter(str(path), name=None)
        sink.write(LINE, 0.0)
        sink.flush(10.0)
        sink.close()
        assert caplog.messages == []

    def test_lines_that_are_lost_at_the_end_are_told(
        self, path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        Full(monkeypatch)
        sink = LogWriter(str(path), limit=2 * len(LINE))
        for _ in range(5):
            sink.write(LINE, 0.0)
        with caplog.at_level(logging.WARNING, "evloop"):
            sink.close()
            sink.close()
        assert caplog.messages == ["the access log: 5 lines lost"]

    def test_a_file_that_failed_is_not_tried_for_each_line(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        full = Full(monkeypatch)
        sink = LogWriter(str(path))
        for _ in range(2 * PIECE_SIZE // len(LINE)):
            sink.write(LINE, 0.0)
            sink.flush(0.0)
        assert full.tries == 1
        assert sink.wait(0.0) == ERROR_RETRY
        sink.close()

    def test_a_line_after_the_end_is_harmless(self, path: Path) -> None:
        sink = LogWriter(str(path))
        sink.close()
        sink.write(LINE, 0.0)
        sink.flush(10.0)
        sink.close()
        assert path.read_bytes() == b""


class TestLimit:
    def test_1_mib_waits_and_not_a_line_more(self, pipe: tuple[int, int]) -> None:
        _, writer = pipe
        sink = LogWriter(None, writer)
        for _ in range(3000):
            sink.write(LINE, 0.0)
        assert sink.lost == 3000 - 1024 * 1024 // len(LINE)
        sink.close()

    def test_other_limits_are_kept_to_the_byte(self, pipe: tuple[int, int]) -> None:
        _, writer = pipe
        sink = LogWriter(None, writer, limit=2 * len(LINE) + 4)
        for line in (LINE, LINE, b"12345\n", b"123\n", b"\n"):
            sink.write(line, 0.0)
        assert sink.lost == 2
        sink.close()

    @pytest.mark.parametrize("size", [100, 1000, 8000])
    def test_its_memory_has_the_bound_that_the_plan_counts(
        self, pipe: tuple[int, int], size: int
    ) -> None:
        reader, writer = pipe
        line = b"x" * (size - 1) + b"\n"
        tracemalloc.start()
        sink = LogWriter(None, writer)
        for number in range(4 * MAX_PENDING // size):
            sink.write(line, float(number))
            sink.flush(float(number))
            if number % 3 == 0:  # slower than the lines come
                os.read(reader, size)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert sink.lost > 0
        assert MAX_PENDING < peak < LOG_SIZE
        sink.close()

    def test_a_thread_that_is_blocked_is_in_the_bound(
        self, pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        reader, writer = pipe
        monkeypatch.setattr("evloop.observe.outlet._open_again", lambda *_: None)
        tracemalloc.start()
        sink = LogWriter(None, writer)
        for number in range(3 * MAX_PENDING // len(LINE)):
            sink.write(LINE, float(number))
            sink.flush(float(number))
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert sink.lost > 0
        assert peak < LOG_SIZE
        taken = bytearray()

        def is_done() -> bool:
            sink.drain(0.0)
            taken.extend(read_all(reader))
            return taken.endswith(b"lost\n")

        eventually(is_done, "all that was kept")
        assert taken.count(LINE) + int(taken.split()[-4]) == 3 * MAX_PENDING // len(LINE)
        sink.close()


class Loop:
    """Calls back when it is told to."""

    def __init__(self) -> None:
        self.calls: list[tuple[float, Callable[[float], None]]] = []

    def call_at(self, when: float, callback: Callable[[float], None]) -> None:
        self.calls.append((when, callback))

    def turn(self, now: float) -> None:
        due = [callback for when, callback in self.calls if when <= now]
        self.calls = [call for call in self.calls if call[0] > now]
        for callback in due:
            callback(now)

    @property
    def times(self) -> list[float]:
        return [when for when, _ in self.calls]


class TestCallAt:
    @pytest.fixture
    def loop(self) -> Loop:
        return Loop()

    def test_lines_are_written_when_they_are_due(self, path: Path, loop: Loop) -> None:
        sink = LogWriter(str(path), call_at=loop.call_at)
        sink.write(b"one\n", 10.0)
        sink.write(b"two\n", 10.5)
        assert loop.times == [10.0 + FILE_DELAY]
        assert sink.wait(10.5) == -1.0
        loop.turn(10.0 + FILE_DELAY)
        assert path.read_bytes() == b"one\ntwo\n"
        assert loop.times == []
        sink.close()

    def test_a_call_that_comes_early_is_repeated(self, path: Path, loop: Loop) -> None:
        sink = LogWriter(str(path), call_at=loop.call_at)
        sink.write(b"one\n", 10.0)
        _, callback = loop.calls.pop()
        callback(10.9)
        assert path.read_bytes() == b""
        loop.turn(11.0)
        assert path.read_bytes() == b"one\n"
        sink.close()

    def test_many_lines_do_not_wait_for_the_call(self, path: Path, loop: Loop) -> None:
        sink = LogWriter(str(path), call_at=loop.call_at)
        count = PIECE_SIZE // len(LINE) + 1
        for _ in range(count):
            sink.write(LINE, 10.0)
        assert path.stat().st_size == count * len(LINE)
        sink.write(LINE, 10.5)
        loop.turn(11.0)  # the call of the first line
        assert len(loop.calls) == 1
        loop.turn(11.5)
        assert path.stat().st_size == (count + 1) * len(LINE)
        assert loop.calls == []
        sink.close()

    def test_a_slow_reader_is_tried_again_by_one_call_at_a_time(
        self, pipe: tuple[int, int], loop: Loop
    ) -> None:
        reader, writer = pipe
        sink = LogWriter(None, writer, call_at=loop.call_at)
        for _ in range(2000):
            sink.write(LINE, 10.0)
        assert sink.lost > 0
        assert len(loop.calls) == 1
        received, now = b"", 10.0
        while loop.calls:
            assert len(loop.calls) == 1
            now = loop.times[0]
            loop.turn(now)
            received += read_all(reader)
        assert received.count(LINE) + int(received.split()[-4]) == 2000
        sink.close()

    def test_what_waited_before_is_taken_over(self, path: Path, loop: Loop) -> None:
        sink = LogWriter(str(path))
        sink.write(b"one\n", 10.0)
        sink.attach(loop.call_at)
        loop.turn(11.0)
        assert path.read_bytes() == b"one\n"
        sink.close()
        assert loop.calls == []


def test_lines_on_a_pipe_are_not_cut(
    pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, writer = pipe
    pieces: list[bytes] = []

    def write(fd: int, data: bytes) -> int:
        pieces.append(data)
        return len(data)

    monkeypatch.setattr(os, "write", write)
    sink = LogWriter(None, writer)
    for _ in range(9):
        sink.write(LINE, 0.0)
    sink.close()
    assert pieces == [LINE * 4, LINE * 4, LINE]  # PIPE_BUF is 4096 on Linux
