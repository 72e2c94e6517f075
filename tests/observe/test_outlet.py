"""Descriptors of each kind: none blocks, and those that are shared stay as they are."""

import errno
import fcntl
import os
import pty
import select
import socket
import stat
import termios
import threading
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from evloop.observe import outlet as outlets
from evloop.observe.outlet import (
    THREAD_ROOM,
    DescriptorOutlet,
    Outlet,
    SocketOutlet,
    ThreadOutlet,
    open_outlet,
)
from tests.support.deadline import eventually
from tests.support.descriptors import no_leaks

LINE = b"x" * 999 + b"\n"
MORE_THAN_ANY_BUFFER = 4 * 1024 * 1024


@pytest.fixture(autouse=True)
def _no_leaks() -> Iterator[None]:
    with no_leaks():
        yield


def a_pipe() -> tuple[int, int]:
    return os.pipe()


def a_socket() -> tuple[int, int]:
    reader, writer = socket.socketpair()
    return reader.detach(), writer.detach()


def a_terminal() -> tuple[int, int]:
    master, slave = pty.openpty()
    tty.setraw(slave)
    return master, slave


def a_master() -> tuple[int, int]:
    master, slave = a_terminal()
    return slave, master


Ends = Callable[[], tuple[int, int]]


@contextmanager
def opened(kind: Ends) -> Iterator[tuple[int, int, Outlet]]:
    """Make both ends, reader first, and an outlet of the writer."""
    reader, writer = kind()
    outlet = open_outlet(writer)
    try:
        yield reader, writer, outlet
    finally:
        outlet.close()
        os.set_blocking(reader, False)
        # A thread that is blocked ends when its piece is taken.
        eventually(lambda: read_all(reader) == b"" and not log_threads(), "the end of the thread")
        os.close(reader)
        os.close(writer)


def read_all(reader: int) -> bytes:
    """Return what is there, of a reader that does not block."""
    received = b""
    try:
        while piece := os.read(reader, 64 * 1024):
            received += piece
    except OSError:
        pass  # nothing more, or the terminal is hung up
    return received


def log_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "evloop-log"]


def fill(outlet: Outlet) -> int:
    """Write until nothing more is taken; return how many bytes were."""
    taken = 0
    while taken < MORE_THAN_ANY_BUFFER:
        try:
            taken += outlet.write(LINE)
        except BlockingIOError:
            return taken
    raise AssertionError("there is no end to what is taken")


KINDS: dict[Ends, type] = {
    a_pipe: DescriptorOutlet,
    a_socket: SocketOutlet,
    a_terminal: DescriptorOutlet,
    a_master: ThreadOutlet,  # opened again it would be another pty
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_reader_that_sleeps_is_not_waited_for(kind: Ends) -> None:
    with opened(kind) as (reader, writer, outlet):
        assert isinstance(outlet, KINDS[kind])
        assert fill(outlet) > 0
        assert os.get_blocking(writer)  # the flag belongs to all who share the description
        assert not fcntl.fcntl(writer, fcntl.F_GETFL) & os.O_APPEND
        assert os.read(reader, 10) == b"x" * 10


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_taken_arrives(kind: Ends) -> None:
    with opened(kind) as (reader, _, outlet):
        assert outlet.write(b"one\n") == 4
        assert outlet.write(b"two\n") == 4
        received = b""
        while received != b"one\ntwo\n":
            received += os.read(reader, 100)
        eventually(lambda: not outlet.unwritten, "the thread")


@pytest.mark.parametrize("kind", KINDS)
def test_the_descriptor_is_only_lent(kind: Ends) -> None:
    reader, writer = kind()
    outlet = open_outlet(writer)
    outlet.write(b"x")
    outlet.close()
    os.fstat(writer)
    os.close(reader)
    os.close(writer)
    eventually(lambda: not log_threads(), "the end of the thread")


def test_a_terminal_that_was_stopped_takes_nothing_and_then_all() -> None:
    with opened(a_terminal) as (reader, writer, outlet):
        termios.tcflow(writer, termios.TCOOFF)
        with pytest.raises(BlockingIOError):
            outlet.write(LINE)
        termios.tcflow(writer, termios.TCOON)
        assert outlet.write(LINE) == len(LINE)
        assert os.read(reader, 5) == b"xxxxx"


def test_a_terminal_that_another_process_is_blocked_on_is_not_waited_for() -> None:
    with opened(a_terminal) as (reader, writer, outlet):
        other = threading.Thread(target=os.write, args=(writer, LINE * 100))
        other.start()  # holds the lock of the terminal until all is read
        eventually(lambda: not select.select([], [writer], [], 0)[1], "a full terminal")
        with pytest.raises(BlockingIOError):
            outlet.write(b"line\n")
        rest = 100 * len(LINE)
        while rest:
            rest -= len(os.read(reader, rest))
        other.join()


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_full_disk_is_an_error() -> None:
    fd = os.open("/dev/full", os.O_WRONLY)
    outlet = open_outlet(fd)
    with pytest.raises(OSError, match="No space left"):
        outlet.write(LINE)
    outlet.close()
    os.close(fd)


@pytest.mark.parametrize("kind", [a_pipe, a_socket])
def test_a_reader_that_is_gone_is_an_error(kind: Ends) -> None:
    with opened(kind) as (reader, _, outlet):
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, reader)
        os.close(nothing)
        with pytest.raises(BrokenPipeError):
            outlet.write(LINE)


def test_a_terminal_that_was_hung_up_is_an_error() -> None:
    with opened(a_terminal) as (reader, _, outlet):
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, reader)
        os.close(nothing)
        with pytest.raises(OSError, match="Input/output error") as caught:
            outlet.write(LINE)
        assert caught.value.errno == errno.EIO


def test_a_regular_file_is_written_where_others_write(tmp_path: Path) -> None:
    fd = os.open(tmp_path / "file", os.O_WRONLY | os.O_CREAT)
    os.write(fd, b"greeting\n")
    outlet = open_outlet(fd)
    outlet.write(b"line\n")
    assert outlet.close() == b""
    os.write(fd, b"end\n")
    os.close(fd)
    assert (tmp_path / "file").read_bytes() == b"greeting\nline\nend\n"


def test_a_descriptor_that_is_not_open_is_told() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    os.close(writer)
    with pytest.raises(OSError, match="Bad file descriptor"):
        open_outlet(writer)


@pytest.fixture
def _closed_proc(monkeypatch: pytest.MonkeyPatch) -> None:
    """No file of /proc/self/fd may be opened, as when it is another user's."""
    real = os.open

    def refuse(path: str, *arguments: int, **options: int) -> int:
        if str(path).startswith("/proc/self/fd/"):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
        return real(path, *arguments, **options)

    monkeypatch.setattr(os, "open", refuse)


@pytest.mark.usefixtures("_closed_proc")
class TestThread:
    @pytest.mark.parametrize("kind", [a_pipe, a_terminal])
    def test_it_writes_where_a_file_can_not_be_opened_again(self, kind: Ends) -> None:
        with opened(kind) as (reader, writer, outlet):
            assert isinstance(outlet, ThreadOutlet)
            outlet.write(b"line\n")
            assert os.read(reader, 100) == b"line\n"
            assert os.get_blocking(writer)

    def test_it_is_not_there_before_the_first_write(self) -> None:
        with opened(a_pipe):
            assert not log_threads()

    def test_what_it_takes_is_bounded_and_what_is_left_is_told(self) -> None:
        with opened(a_pipe) as (reader, _, outlet):
            taken = fill(outlet)
            eventually(lambda: taken - outlet.unwritten >= 15 * 4096, "a full pipe")
            assert outlet.unwritten <= THREAD_ROOM
            left = outlet.close()
            os.set_blocking(reader, False)
            received = read_all(reader)
            # The piece that the thread was blocked with is in both, perhaps.
            assert taken <= len(received) + len(left) <= taken + select.PIPE_BUF

    def test_its_error_is_raised_by_a_later_write_and_nothing_is_lost(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        real, has_failed = os.write, threading.Event()

        def write(fd: int, data: bytes) -> int:
            if not has_failed.is_set():
                has_failed.set()
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            return real(fd, data)

        monkeypatch.setattr(os, "write", write)
        with opened(a_pipe) as (reader, _, outlet):
            outlet.write(b"one\n")

            def raises() -> bool:
                try:
                    outlet.write(b"")
                except BlockingIOError:
                    return False
                except OSError as error:
                    return error.errno == errno.EIO
                return False

            eventually(raises, "the error")
            assert os.read(reader, 100) == b"one\n"

    def test_signals_are_not_delivered_to_it(self) -> None:
        with opened(a_pipe) as (_, _, outlet):
            outlet.write(b"x")
            (thread,) = log_threads()
            path = Path(f"/proc/self/task/{thread.native_id}/status")

            def blocked() -> int:
                line = next(each for each in path.read_text().splitlines() if "SigBlk" in each)
                return int(line.split()[1], 16)

            eventually(lambda: bool(blocked() & 1 << (15 - 1)), "SIGTERM in the mask")


def test_the_master_of_a_pty_is_known_by_its_device() -> None:
    master, slave = pty.openpty()
    assert os.fstat(master).st_rdev == outlets._PTY_MASTER != os.fstat(slave).st_rdev
    assert stat.S_ISCHR(os.fstat(master).st_mode)
    os.close(master)
    os.close(slave)
