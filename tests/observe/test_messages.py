"""The program's own messages: never waited for, and not lost without a word."""

import logging
import os
import pty
import sys
import termios
import threading
import tracemalloc
import tty
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from evloop.observe import messages as module
from evloop.observe.messages import MAX_MESSAGES, MESSAGES_SIZE, Messages
from tests.support.deadline import eventually
from tests.support.descriptors import no_leaks

Callback = Callable[[float], None]


@pytest.fixture(autouse=True)
def _no_leaks() -> Iterator[None]:
    with no_leaks():
        yield


class Stream:
    """A pipe that is read on demand."""

    def __init__(self) -> None:
        self.reader, self.writer = os.pipe()
        os.set_blocking(self.reader, False)

    def read(self) -> bytes:
        received = b""
        try:
            while piece := os.read(self.reader, 64 * 1024):
                received += piece
        except BlockingIOError:
            pass
        return received

    def close(self) -> None:
        os.close(self.reader)
        os.close(self.writer)


class Loop:
    """Calls back when it is told to."""

    def __init__(self) -> None:
        self.calls: list[tuple[float, Callback]] = []

    def call_at(self, when: float, callback: Callback) -> None:
        self.calls.append((when, callback))

    def turn(self, now: float) -> int:
        """Call all that is due; return how many that were."""
        due = [callback for when, callback in self.calls if when <= now]
        self.calls = [call for call in self.calls if call[0] > now]
        for callback in due:
            callback(now)
        return len(due)


@pytest.fixture
def errors() -> Iterator[Stream]:
    stream = Stream()
    yield stream
    stream.close()


@pytest.fixture
def clock() -> list[float]:
    return [100.0]


@pytest.fixture
def messages(errors: Stream, clock: list[float]) -> Iterator[Messages]:
    made = Messages(errors.writer, lambda: clock[0])
    yield made
    made.close()


def record(text: str, *arguments: object) -> logging.LogRecord:
    return logging.LogRecord("evloop", logging.INFO, "path", 1, text, arguments, None)


def test_a_message_is_there_at_once(messages: Messages, errors: Stream) -> None:
    messages.handle(record("%d downloads", 5))
    assert errors.read() == b"evloop: 5 downloads\n"
    messages.say("evloop serves\n  a directory")
    assert errors.read() == b"evloop serves\n  a directory\n"


def test_a_traceback_comes_with_it(messages: Messages, errors: Stream) -> None:
    failed = record("a connection failed")
    try:
        int("why")
    except ValueError:
        failed.exc_info = sys.exc_info()
    messages.handle(failed)
    text = errors.read()
    assert text.startswith(b"evloop: a connection failed\nTraceback")
    assert text.endswith(b"ValueError: invalid literal for int() with base 10: 'why'\n")


def test_wrong_arguments_harm_nobody(
    messages: Messages, errors: Stream, capfd: pytest.CaptureFixture[str]
) -> None:
    messages.handle(record("%d downloads", "many"))
    assert errors.read() == b"evloop: '%d downloads' with wrong arguments (path)\n"
    assert capfd.readouterr() == ("", "")


def test_what_is_no_text_is_escaped(messages: Messages, errors: Stream) -> None:
    messages.handle(record("%s", os.fsdecode(b"/srv/\xff")))
    assert errors.read() == b"evloop: /srv/\\udcff\n"


def test_what_nobody_reads_is_counted_and_told(
    messages: Messages, errors: Stream, clock: list[float]
) -> None:
    count = 4 * MAX_MESSAGES // 1000
    for number in range(count):
        messages.handle(record("%04d %s", number, "x" * 1000))
    received = b""
    for _ in range(100):
        clock[0] += 1.0
        messages.flush()
        received += errors.read()
    lines = received.splitlines()
    assert len(received) <= MAX_MESSAGES + 64 * 1024 + 100  # what waits, and a pipe
    kept = len(lines) - 1
    assert kept >= MAX_MESSAGES // 1100
    assert [int(line.split()[1]) for line in lines[:-1]] == list(range(kept))
    assert lines[-1] == b"evloop: %d messages lost" % (count - kept)


def test_one_message_that_is_too_long_is_lost(messages: Messages, errors: Stream) -> None:
    messages.handle(record("x" * (MAX_MESSAGES + 1)))
    messages.handle(record("short"))
    messages.flush()
    assert errors.read() == b"evloop: short\nevloop: 1 messages lost\n"


def fill(messages: Messages) -> None:
    for _ in range(70):
        messages.handle(record("x" * 1000))


def test_a_loop_tries_again_for_it(messages: Messages, errors: Stream, clock: list[float]) -> None:
    loop = Loop()
    messages.attach(loop.call_at)
    messages.handle(record("short"))
    assert loop.calls == []  # all was taken
    fill(messages)
    assert len(loop.calls) == 1  # and not one for each message
    errors.read()
    clock[0] += 1.0
    assert loop.turn(clock[0]) == 1
    assert errors.read().endswith(b"x\n")
    assert loop.calls == []


def test_a_loop_takes_over_what_waited_before(messages: Messages) -> None:
    fill(messages)
    loop = Loop()
    messages.attach(loop.call_at)
    assert len(loop.calls) == 1


def test_other_threads_leave_the_loop_alone(messages: Messages) -> None:
    loop = Loop()
    messages.attach(loop.call_at)
    other = threading.Thread(target=fill, args=(messages,))
    other.start()
    other.join()
    assert loop.calls == []
    messages.handle(record("one more"))
    assert len(loop.calls) == 1


def test_a_loop_that_has_ended_is_not_called(messages: Messages, errors: Stream) -> None:
    loop = Loop()
    messages.attach(loop.call_at)
    messages.detach()
    fill(messages)
    assert loop.calls == []
    errors.read()
    messages.flush()
    assert errors.read().endswith(b"x\n")


def test_the_end_does_not_wait_for_a_stopped_terminal() -> None:
    master, slave = pty.openpty()
    tty.setraw(slave)
    termios.tcflow(slave, termios.TCOOFF)
    made = Messages(slave)
    made.handle(record("nobody reads this"))
    made.flush()
    made.close()
    made.handle(record("it is over"))
    os.close(master)
    os.close(slave)


def test_a_stream_that_is_not_open_takes_nothing(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    os.close(writer)
    made = Messages(writer)
    with (tmp_path / "file").open("wb") as file:
        # The number is that of another file now.
        os.dup2(file.fileno(), writer)
        made.handle(record("nobody"))
        made.say("nobody")
        made.flush()
        os.close(writer)
    made.close()
    assert (tmp_path / "file").read_bytes() == b""


def test_its_memory_has_the_bound_that_is_told(
    errors: Stream, clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    # The worst case: a thread has to write, which has its own room.
    monkeypatch.setattr("evloop.observe.outlet._open_again", lambda *_: None)
    tracemalloc.start()
    made = Messages(errors.writer, lambda: clock[0])
    for _ in range(1000):
        clock[0] += 1.0
        made.handle(record("x" * 1000))
        made.say("x" * 1000)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    made.close()
    assert MAX_MESSAGES < peak < MESSAGES_SIZE

    def is_over() -> bool:  # a thread that is blocked ends when its piece is taken
        errors.read()
        return all(thread.name != "evloop-log" for thread in threading.enumerate())

    eventually(is_over, "the end of the thread")


class TestInstalled:
    @pytest.fixture(autouse=True)
    def _apart(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        monkeypatch.setattr(module, "_installed", [])
        monkeypatch.setattr(logging.getLogger(), "level", logging.WARNING)
        yield
        for each in module._installed:
            each.close()

    def test_log_records_go_to_standard_error(
        self, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with monkeypatch.context() as patched:
            patched.setattr(logging.getLogger(), "handlers", [])
            module.install()
            module.install()
            logging.getLogger("evloop").info("hello")
        module.say("greeting")
        assert capfd.readouterr() == ("", "evloop: hello\ngreeting\n")

    def test_who_takes_log_records_already_goes_on(
        self, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
    ) -> None:
        module.install()
        logging.getLogger("evloop").warning("hello")
        assert capfd.readouterr().err == ""
        assert caplog.messages == ["hello"]

    def test_without_it_nothing_is_said(self, capfd: pytest.CaptureFixture[str]) -> None:
        loop = Loop()
        module.attach(loop.call_at)
        module.say("greeting")
        module.detach()
        assert capfd.readouterr() == ("", "")

    def test_a_loop_is_handed_on(self) -> None:
        module.install()
        loop = Loop()
        module.attach(loop.call_at)
        assert module._installed[0]._call_at == loop.call_at
        module.detach()
        assert module._installed[0]._call_at is None
