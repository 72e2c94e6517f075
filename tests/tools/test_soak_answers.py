"""Answers that are right and wrong, without a socket, and how fast they are read."""

import pytest
from evloop_tools.load.content import CHECK_SIZE, Coded
from evloop_tools.load.dialogue import Dialogue
from evloop_tools.load.faults import Fault, FaultError
from evloop_tools.load.files import File, Kind
from evloop_tools.load.pace import read_limit, receive_buffer
from evloop_tools.load.requests import Request, if_changed, some_ranges, whole
from evloop_tools.load.steps import QUANTUM, Answer, Ask
from evloop_tools.load.tally import Counts

KIB, MIB = 1024, 1024 * 1024
SIZE = 40 * KIB
FILE = File("/file.bin", Kind.ASSET, Coded("/file.bin", SIZE))


def the_bytes(start: int, stop: int) -> bytes:
    return b"".join(
        FILE.content.expected(offset, min(CHECK_SIZE, stop - offset))
        for offset in range(start, stop, CHECK_SIZE)
    )


def ok(body: bytes, fields: str = "") -> bytes:
    return f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n{fields}\r\n".encode() + body


def partial(each: range, body: bytes) -> bytes:
    return (
        f"HTTP/1.1 206 Partial Content\r\nContent-Length: {len(body)}\r\n"
        f"Content-Range: bytes {each.start}-{each.stop - 1}/{SIZE}\r\n\r\n"
    ).encode() + body


def multipart(
    *ranges: range, boundary: str = "b0undary", ending: str = "\r\n--b0undary--\r\n"
) -> bytes:
    body = b""
    for number, each in enumerate(ranges):
        body += (
            ("\r\n" if number else "") + f"--{boundary}\r\nContent-Type: text/plain\r\n"
            f"Content-Range: bytes {each.start}-{each.stop - 1}/{SIZE}\r\n\r\n"
        ).encode() + the_bytes(each.start, each.stop)
    body += ending.encode()
    head = (
        "HTTP/1.1 206 Partial Content\r\n"
        "Content-Type: multipart/byteranges; boundary=b0undary\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def feed(requests: tuple[Request, ...], wire: bytes, step: int) -> list[Answer]:
    """Hand over *wire* in pieces of *step* bytes; return the answers it held."""
    dialogue = Dialogue(Counts())
    dialogue.ask(requests)
    pieces = (memoryview(wire)[at : at + step] for at in range(0, len(wire), step))
    return [answer for piece in pieces for answer in dialogue.take(piece)]


GOOD = the_bytes(0, SIZE)
TWO = (range(10, 20), range(1000, 9000))

RIGHT: dict[str, tuple[tuple[Request, ...], bytes]] = {
    "whole": ((whole(FILE),), ok(GOOD)),
    "two, pipelined": ((whole(FILE), whole(FILE)), ok(GOOD) * 2),
    "after an interim answer": (
        (whole(FILE),),
        b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + ok(GOOD),
    ),
    "a range": ((some_ranges(FILE, (range(7, 99),)),), partial(range(7, 99), GOOD[7:99])),
    "a range that is ignored": ((some_ranges(FILE, (range(7, 99),)),), ok(GOOD)),
    "several ranges": ((some_ranges(FILE, TWO),), multipart(*TWO)),
    "several ranges, then more": (
        (some_ranges(FILE, TWO), whole(FILE)),
        multipart(*TWO) + ok(GOOD),
    ),
    "not modified": (
        (if_changed(FILE, '"x"', None),),
        b'HTTP/1.1 304 Not Modified\r\nETag: "x"\r\n\r\n',
    ),
    "not modified, with a length": (
        (if_changed(FILE, '"x"', None), whole(FILE)),
        b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n" + ok(GOOD),
    ),
}


@pytest.mark.parametrize("name", RIGHT)
@pytest.mark.parametrize("step", [1, 7, 4096, 10**9])
def test_right_answers_are_right_wherever_they_are_cut(name: str, step: int) -> None:
    requests, wire = RIGHT[name]
    answers = feed(requests, wire, step)
    assert len(answers) == len(requests)
    assert all(answer.keeps_alive for answer in answers)


FLIPPED = GOOD[:777] + bytes([GOOD[777] ^ 1]) + GOOD[778:]
WRONG: dict[str, tuple[Request, bytes, Fault, str]] = {
    "a flipped byte": (whole(FILE), ok(FLIPPED), Fault.WRONG_BYTES, "offset 777 is"),
    "a flipped byte in a range": (
        some_ranges(FILE, (range(700, 800),)),
        partial(range(700, 800), FLIPPED[700:800]),
        Fault.WRONG_BYTES,
        "offset 777 is",
    ),
    "a flipped byte in a part": (
        some_ranges(FILE, TWO),
        multipart(*TWO)[:-40] + b"?" + multipart(*TWO)[-39:],
        Fault.WRONG_BYTES,
        "offset",
    ),
    "another length": (whole(FILE), ok(GOOD[:-1]), Fault.WRONG_LENGTH, "40,959 instead of 40,960"),
    "no length": (whole(FILE), b"HTTP/1.1 200 OK\r\n\r\n", Fault.NO_LENGTH, "200"),
    "chunked": (
        whole(FILE), b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        Fault.NO_LENGTH, "200",
    ),
    "not found": (
        whole(FILE), b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", Fault.WRONG_STATUS,
        "404 instead of 200",
    ),
    "200 to a tag that matches": (
        if_changed(FILE, '"x"', None), ok(GOOD), Fault.WRONG_STATUS, "200 instead of 304",
    ),
    "206 that nobody asked for": (
        whole(FILE), partial(range(9), GOOD[:9]), Fault.WRONG_STATUS, "206 instead of 200",
    ),
    "another range": (
        some_ranges(FILE, (range(7, 99),)), partial(range(8, 99), GOOD[8:99]), Fault.WRONG_RANGE,
        f"bytes 8-98/{SIZE} instead of 7-98/{SIZE}",
    ),
    "a range of another file": (
        some_ranges(FILE, (range(7, 99),)),
        partial(range(7, 99), GOOD[7:99]).replace(b"/%d" % SIZE, b"/99"),
        Fault.WRONG_RANGE,
        "bytes 7-98/99 instead of 7-98/40960",
    ),
    "a range of another length": (
        some_ranges(FILE, (range(7, 99),)), partial(range(7, 99), GOOD[7:98]),
        Fault.WRONG_LENGTH, "91 instead of 92",
    ),
    "a range without its bounds": (
        some_ranges(FILE, (range(7, 99),)),
        b"HTTP/1.1 206 Partial Content\r\nContent-Length: 92\r\n\r\n",
        Fault.WRONG_RANGE,
        "Content-Range: None",
    ),
    "one range instead of two": (
        some_ranges(FILE, TWO), partial(TWO[0], GOOD[10:20]), Fault.WRONG_RANGE, "one range",
    ),
    "a range too few": (some_ranges(FILE, TWO), multipart(TWO[0]), Fault.SHORT_BODY, "all of its"),
    "a range too many": (
        some_ranges(FILE, TWO), multipart(*TWO, range(9500, 9600)), Fault.WRONG_RANGE, "one more",
    ),
    "another boundary": (
        some_ranges(FILE, TWO), multipart(*TWO, boundary="other"), Fault.GARBAGE, "no boundary",
    ),
    "no last boundary": (
        some_ranges(FILE, TWO), multipart(*TWO, ending="\r\n--b0undary\r\n"), Fault.GARBAGE, "last",
    ),
    "no HTTP": (whole(FILE), b"220 mail.example ESMTP\r\n", Fault.GARBAGE, "no HTTP/1 response"),
    "a malformed head": (
        whole(FILE), b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        Fault.GARBAGE, "Content-Length",
    ),
    "two lengths": (
        whole(FILE), b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        Fault.GARBAGE, "Content-Length",
    ),
    "a head without an end": (
        whole(FILE), b"HTTP/1.1 200 OK\r\nA: " + b"a" * 70_000, Fault.GARBAGE, "without an end",
    ),
    "bytes behind the answer": (whole(FILE), ok(GOOD) + b"?", Fault.GARBAGE, "1 bytes behind"),
    "bytes behind the last answer": (
        whole(FILE), ok(GOOD, "Connection: close\r\n") + b"?", Fault.GARBAGE, "1 bytes behind",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.parametrize("step", [1, 5000, 10**9])
def test_wrong_answers_are_told_by_kind_wherever_they_are_cut(name: str, step: int) -> None:
    request, wire, fault, text = WRONG[name]
    with pytest.raises(FaultError) as caught:
        feed((request,), wire, step)
    assert caught.value.fault is fault
    assert text in str(caught.value)


def test_nothing_may_follow_an_answer_that_closes() -> None:
    wire = ok(GOOD, "Connection: close\r\n") + ok(GOOD)
    with pytest.raises(FaultError, match="behind the last answer"):
        feed((whole(FILE), whole(FILE)), wire, len(wire))


def test_wrong_bytes_are_counted() -> None:
    wrong = bytearray(GOOD)
    for offset in (5, 6, 9):
        wrong[offset] ^= 0xFF
    dialogue = Dialogue(Counts())
    dialogue.ask((whole(FILE),))
    with pytest.raises(FaultError, match="offset 5 is") as caught:
        dialogue.take(memoryview(ok(bytes(wrong))))
    assert caught.value.wrong == 3


@pytest.mark.parametrize(
    ("wire", "fault"),
    [
        (b"", Fault.NO_ANSWER),
        (b"HTTP/1.1 200 OK\r\nCont", Fault.GARBAGE),
        (ok(GOOD)[:-1], Fault.SHORT_BODY),
    ],
)
def test_an_early_end_is_told_by_where_it_comes(wire: bytes, fault: Fault) -> None:
    dialogue = Dialogue(Counts())
    dialogue.ask((whole(FILE),))
    assert not dialogue.take(memoryview(wire))
    assert dialogue.end().fault is fault


def test_the_request_says_what_is_wanted() -> None:
    wire = some_ranges(FILE, TWO, '"tag"').wire("host:1", "/prefix").decode()
    assert wire.startswith("GET /prefix/file.bin HTTP/1.1\r\nHost: host:1\r\n")
    assert '\r\nRange: bytes=10-19, 1000-8999\r\nIf-Range: "tag"\r\n' in wire
    assert wire.endswith("\r\n\r\n")


@pytest.mark.parametrize(
    ("ask", "seconds", "received", "body", "limit"),
    [
        (Ask(()), 0.0, 0, None, 16 * KIB),
        (Ask(()), 0.0, 0, 0, CHECK_SIZE),
        (Ask((), body_bytes=100_000), 0.0, 0, 0, 100_000),
        (Ask((), body_bytes=0), 0.0, 0, None, KIB),
        (Ask((), rate=1000.0), 0.0, 0, 0, 500),
        (Ask((), rate=1000.0), 0.0, 251, 0, 0),  # less than half a quantum is left
        (Ask((), rate=1000.0), 10.0, 10_000, 9000, 500),
        (Ask((), rate=1e9), 1.0, 0, 0, CHECK_SIZE),
    ],
)
def test_what_may_be_read_at_once(
    ask: Ask, seconds: float, received: int, body: int | None, limit: int
) -> None:
    assert read_limit(ask, seconds, received, body) == limit


def test_a_slow_reader_lets_the_kernel_take_in_little() -> None:
    assert receive_buffer(Ask(())) is None
    assert receive_buffer(Ask((), body_bytes=0)) == 16 * KIB
    assert receive_buffer(Ask((), rate=100 * KIB)) == 100 * KIB * QUANTUM
