"""Bodies: whatever is peeked and paid, the bytes that go out are those that were selected."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evloop.files.bodies import WINDOW_SIZE, FileBody, FileWindow, SendfileBody
from evloop.files.content import Budget, BytesBody, Preloaded
from evloop.files.entry import signature_of
from evloop.files.parts import GATHER_SIZE, PartsBody
from evloop.files.reader import FileChangedError, Reader
from tests.support.bench import read_body, write
from tests.support.descriptors import no_leaks

CHUNK = 512
DATA = os.urandom(5000)

selections = st.tuples(st.integers(0, len(DATA)), st.integers(0, len(DATA))).map(
    lambda ends: range(min(ends), max(ends))
)
payments = st.lists(st.integers(0, 3 * CHUNK), min_size=1, max_size=40)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("body") / "file", DATA)


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader(CHUNK)


@pytest.fixture
def fd(path: Path) -> Iterator[int]:
    with no_leaks():
        yield os.open(path, os.O_RDONLY)


def file_body(path: Path, selected: range, reader: Reader) -> FileBody:
    return FileBody(os.open(path, os.O_RDONLY), selected, reader)


def bytes_body(selected: range) -> BytesBody:
    content = Preloaded(memoryview(DATA), Budget(0), 0)
    return content.body(selected.start, selected.stop)


def check_laws(body: FileBody | BytesBody | PartsBody, expected: bytes, counts: list[int]) -> None:
    """Pay by *counts*, over and over, and hold every step to the laws."""
    sent = bytearray()
    while body.remaining:
        assert body.remaining == len(expected) - len(sent)
        for count in counts:
            if not body.remaining:
                break
            piece = body.peek()
            assert isinstance(piece, bytes | memoryview)
            assert 0 < len(piece) <= body.remaining
            assert bytes(piece) == expected[len(sent) : len(sent) + len(piece)]
            again = body.peek()
            assert isinstance(again, bytes | memoryview)
            assert bytes(again) == bytes(piece)  # a look costs nothing
            paid = min(count, len(piece))
            sent += bytes(piece[:paid])
            body.advance(paid)
        if not any(counts):
            break  # nobody pays, nothing moves
    if any(counts):
        assert sent == expected


@given(selected=selections, counts=payments)
def test_the_laws_hold_for_files(
    path: Path, reader: Reader, selected: range, counts: list[int]
) -> None:
    body = file_body(path, selected, reader)
    check_laws(body, DATA[selected.start : selected.stop], counts)
    body.close()


@given(selected=selections, counts=payments)
def test_the_laws_hold_for_bytes(selected: range, counts: list[int]) -> None:
    check_laws(bytes_body(selected), DATA[selected.start : selected.stop], counts)


@given(
    parts=st.lists(st.tuples(st.binary(min_size=1, max_size=90), selections), min_size=1),
    ending=st.binary(max_size=90),
    counts=payments,
    from_file=st.booleans(),
)
def test_the_laws_hold_for_parts(
    path: Path,
    reader: Reader,
    parts: list[tuple[bytes, range]],
    ending: bytes,
    counts: list[int],
    from_file: bool,
) -> None:
    whole = range(len(DATA))
    source = file_body(path, whole, reader) if from_file else bytes_body(whole)
    body = PartsBody(source, parts, ending)
    expected = b"".join(text + DATA[part.start : part.stop] for text, part in parts) + ending
    check_laws(body, expected, counts)
    body.close()


@given(st.lists(selections, min_size=2, max_size=4), st.lists(st.integers(1, 700), min_size=1))
def test_bodies_that_share_a_buffer_do_not_mix(
    path: Path, reader: Reader, ranges: list[range], counts: list[int]
) -> None:
    bodies = [file_body(path, selected, reader) for selected in ranges]
    sent = [bytearray() for _ in ranges]
    turn = 0
    while any(body.remaining for body in bodies):
        index, count = turn % len(bodies), counts[turn % len(counts)]
        turn += 1
        body = bodies[index]
        if body.remaining:
            piece = body.peek()
            assert isinstance(piece, memoryview)
            taken = bytes(piece[:count])
            sent[index] += taken
            body.advance(len(taken))
    for body, data, selected in zip(bodies, sent, ranges, strict=True):
        assert data == DATA[selected.start : selected.stop]
        body.close()


def test_a_body_can_be_closed_twice(fd: int, reader: Reader) -> None:
    body = FileBody(fd, range(100), reader)
    body.close()
    other = os.open(os.devnull, os.O_RDONLY)  # takes the number that has become free
    body.close()
    os.close(other)
    assert body.remaining == 0


def test_a_close_that_fails_is_a_close(
    fd: int, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    real_close = os.close

    def close(number: int) -> None:
        real_close(number)
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    body = FileBody(fd, range(100), reader)
    monkeypatch.setattr(os, "close", close)
    body.close()  # the file was only read: there is nothing that could be lost
    monkeypatch.undo()
    body.close()


def test_parts_close_their_source_and_may_be_closed_twice(fd: int, reader: Reader) -> None:
    body = PartsBody(FileBody(fd, range(100), reader), [(b"x", range(5))], b"end")
    assert body.peek() == b"x" + DATA[:5] + b"end"
    body.close()
    body.close()
    assert body.remaining == 0


def test_a_file_that_has_shrunk_is_told(tmp_path: Path, reader: Reader) -> None:
    path = write(tmp_path / "file", DATA)
    body = file_body(path, range(len(DATA)), reader)
    body.advance(1000)
    os.truncate(path, 1000)
    with pytest.raises(FileChangedError):
        body.peek()
    assert body.file_size == 1000
    body.close()
    assert body.file_size == 0


def test_a_file_that_grows_is_sent_as_it_was_promised(tmp_path: Path, reader: Reader) -> None:
    path = write(tmp_path / "file", DATA)
    body = file_body(path, range(len(DATA)), reader)
    with path.open("ab") as file:
        file.write(b"more")
    assert read_body(body) == DATA
    body.close()


def test_a_place_is_asked_for_again_until_the_disk_is_waited_for(fd: int) -> None:
    asked: list[int] = []

    class Cold(Reader):
        def read(self, fd: int, offset: int, limit: int, tries: int) -> memoryview | None:
            asked.append(tries)
            return super().read(fd, offset, limit, tries) if tries >= 2 else None

    body = FileBody(fd, range(100), Cold(CHUNK))
    pieces = [body.peek() for _ in range(3)]
    assert pieces[:2] == [0.002, 0.004]
    assert isinstance(pieces[2], memoryview)
    assert bytes(pieces[2]) == DATA[:100]
    body.peek()
    assert asked == [0, 1, 2, 0]  # the next place starts afresh
    body.close()


class TestSendfile:
    """The first piece is copied, the others are windows."""

    def test_the_bytes_are_those_of_the_file(self, fd: int, path: Path, tmp_path: Path) -> None:
        body = SendfileBody(fd, range(100, 4000), Reader(CHUNK))
        first = body.peek()
        assert isinstance(first, memoryview)
        assert bytes(first) == DATA[100 : 100 + CHUNK]
        body.advance(CHUNK)
        target = os.open(tmp_path / "sink", os.O_RDWR | os.O_CREAT)
        while body.remaining:
            window = body.peek()
            assert isinstance(window, FileWindow)
            assert window.size == body.remaining
            body.advance(window.send_to(target))
        assert (tmp_path / "sink").read_bytes() == DATA[100 + CHUNK : 4000]
        os.close(target)
        body.close()

    def test_a_window_waits_for_its_pages(self, fd: int) -> None:
        class Cold(Reader):
            def is_at_hand(self, fd: int, offset: int, size: int, tries: int) -> bool:
                return tries == 3

        body = SendfileBody(fd, range(5000), Cold(CHUNK))
        body.peek()
        body.advance(1)
        assert [body.peek() for _ in range(3)] == [0.002, 0.004, 0.008]
        assert isinstance(body.peek(), FileWindow)
        body.close()

    def test_another_range_begins_with_a_copy(self, fd: int) -> None:
        body = SendfileBody(fd, range(5000), Reader(CHUNK))
        body.advance(CHUNK)
        assert isinstance(body.peek(), FileWindow)
        body.seek(range(7, 17))
        piece = body.peek()
        assert isinstance(piece, memoryview)
        assert bytes(piece) == DATA[7:17]
        body.close()

    def test_a_file_that_has_shrunk_is_told(self, tmp_path: Path) -> None:
        path = write(tmp_path / "file", DATA)
        body = SendfileBody(os.open(path, os.O_RDONLY), range(5000), Reader(CHUNK))
        body.advance(1000)
        window = body.peek()
        assert isinstance(window, FileWindow)
        os.truncate(path, 1000)
        target = os.open(tmp_path / "sink", os.O_RDWR | os.O_CREAT)
        with pytest.raises(FileChangedError):
            window.send_to(target)
        os.close(target)
        body.close()

    @pytest.mark.parametrize("size", [WINDOW_SIZE - 1, WINDOW_SIZE, 40 * WINDOW_SIZE])
    def test_no_window_is_larger_than_a_turn_allows(self, tmp_path: Path, size: int) -> None:
        assert WINDOW_SIZE == 256 * 1024
        path = tmp_path / "file"
        path.touch()
        os.truncate(path, CHUNK + size)
        body = SendfileBody(os.open(path, os.O_RDONLY), range(CHUNK + size), Reader(CHUNK))
        body.advance(CHUNK)
        window = body.peek()
        assert isinstance(window, FileWindow)
        assert window.size == min(size, WINDOW_SIZE)
        body.close()


class TestPromised:
    """Under a strong tag no whole body of other bytes is sent."""

    @pytest.fixture(params=[FileBody, SendfileBody])
    def body(self, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[FileBody]:
        self.path = write(tmp_path / "file", DATA)
        fd = os.open(self.path, os.O_RDONLY)
        body: FileBody = request.param(fd, range(5000), Reader(CHUNK), signature_of(os.fstat(fd)))
        yield body
        body.close()

    def send(self, body: FileBody, tmp_path: Path) -> bytes:
        """Send the rest of *body*; return what was sent, be it whole or not."""
        with (tmp_path / "sink").open("w+b") as sink:
            try:
                while body.remaining:
                    piece = body.peek()
                    assert not isinstance(piece, float)
                    if isinstance(piece, FileWindow):
                        body.advance(piece.send_to(sink.fileno()))
                    else:
                        body.advance(os.write(sink.fileno(), piece))
            except FileChangedError:
                pass
        return (tmp_path / "sink").read_bytes()

    def test_a_file_that_stays_is_sent(self, body: FileBody, tmp_path: Path) -> None:
        assert self.send(body, tmp_path) == DATA

    def test_one_that_is_rewritten_is_not_sent_to_its_end(
        self, body: FileBody, tmp_path: Path
    ) -> None:
        body.advance(3 * CHUNK)
        with self.path.open("r+b") as file:
            file.write(b"other")
        sent = self.send(body, tmp_path)
        assert 0 < body.remaining <= CHUNK
        assert len(sent) == 5000 - 3 * CHUNK - body.remaining

    @pytest.mark.parametrize("change", ["removed", "mode", "linked"])
    def test_one_whose_bytes_are_the_same_is(
        self, body: FileBody, tmp_path: Path, change: str
    ) -> None:
        if change == "removed":
            self.path.unlink()
        elif change == "mode":
            self.path.chmod(0o600)
        else:
            os.link(self.path, tmp_path / "another")
        assert self.send(body, tmp_path) == DATA


class TestGathering:
    """Small parts leave together."""

    @pytest.mark.parametrize("kind", [FileBody, SendfileBody])
    def test_sixteen_bytes_in_as_many_parts_are_one_piece(
        self, fd: int, kind: type[FileBody]
    ) -> None:
        parts = [(b"text %d " % n, range(n * 100, n * 100 + 1)) for n in range(16)]
        body = PartsBody(kind(fd, range(5000), Reader(CHUNK)), parts, b"end")
        expected = b"".join(text + DATA[part.start : part.stop] for text, part in parts) + b"end"
        piece = body.peek()
        assert isinstance(piece, memoryview)
        assert bytes(piece) == expected
        body.advance(len(expected))
        assert body.remaining == 0
        body.close()

    def test_no_piece_is_larger_than_what_may_be_gathered(self) -> None:
        data = memoryview(os.urandom(4 * GATHER_SIZE))
        content = Preloaded(data, Budget(0), 0)
        parts = [(b"text", range(GATHER_SIZE)), (b"more", range(5, 3 * GATHER_SIZE))]
        body = PartsBody(content.body(0, len(data)), parts, b"end")
        sizes = []
        while body.remaining:
            piece = body.peek()
            assert isinstance(piece, memoryview)
            sizes.append(len(piece))
            body.advance(len(piece))
        # The text and most of the first part; its rest, the next text and a beginning; the rest.
        assert sizes == [GATHER_SIZE, GATHER_SIZE, 2 * GATHER_SIZE + 3, 3]
        body.close()

    def test_what_is_at_hand_goes_before_the_disk_has_the_rest(self, fd: int) -> None:
        class Cold(Reader):
            def read(self, fd: int, offset: int, limit: int, tries: int) -> memoryview | None:
                return None if offset >= 100 and tries < 2 else super().read(fd, offset, limit, 0)

        parts = [(b"one ", range(10)), (b" two ", range(100, 110))]
        body = PartsBody(FileBody(fd, range(5000), Cold(CHUNK)), parts, b"end")
        first = body.peek()
        assert isinstance(first, memoryview)
        assert bytes(first) == b"one " + DATA[:10] + b" two "
        body.advance(len(first))
        assert body.peek() == 0.004  # the second wait for that place
        assert read_body(body) == DATA[100:110] + b"end"
        body.close()
