"""Hellos of TLS clients: whole, in pieces, in records, and mutated."""

import random
import ssl

import pytest

from evloop.net.hello import (
    MAX_HELLO_SIZE,
    MAX_RECORDS,
    UNREADABLE,
    Hello,
    is_plain_text,
    read_hello,
)


def hello(name: str = "www.example.org", alpn: tuple[str, ...] = ()) -> bytes:
    """Return what the ssl module says first."""
    context = ssl.create_default_context()
    if alpn:
        context.set_alpn_protocols(list(alpn))
    sent = ssl.MemoryBIO()
    session = context.wrap_bio(ssl.MemoryBIO(), sent, server_hostname=name)
    with pytest.raises(ssl.SSLWantReadError):
        session.do_handshake()
    return sent.read()


def in_records(data: bytes, size: int) -> bytes:
    """Return the hello *data* in records of *size* bytes."""
    message = data[5:]
    pieces = [message[start : start + size] for start in range(0, len(message), size)]
    return b"".join(b"\x16\x03\x01" + len(piece).to_bytes(2) + piece for piece in pieces)


WHOLE = hello(alpn=("h2", "http/1.1"))


def test_it_tells_the_name_and_the_protocols() -> None:
    found = read_hello(WHOLE)
    assert found == Hello(b"www.example.org", b"\x02h2\x08http/1.1")
    assert isinstance(found, Hello)
    assert [found.offers(name) for name in (b"h2", b"http/1.1", b"h3")] == [True, True, False]
    assert read_hello(hello("1.2.3.4")) == Hello()


def test_a_part_tells_how_much_is_wanted() -> None:
    for size in range(len(WHOLE)):
        wanted = read_hello(WHOLE[:size])
        assert wanted == (5 if size < 5 else len(WHOLE)), size
    assert read_hello(WHOLE + b"more") == read_hello(WHOLE)


@pytest.mark.parametrize("size", [40, 100, 511])
def test_it_may_be_cut_into_records(size: int) -> None:
    data = in_records(WHOLE, size)
    assert read_hello(data) == read_hello(WHOLE)
    for cut in range(len(data)):
        wanted = read_hello(data[:cut])
        assert isinstance(wanted, int)
        assert cut < wanted <= len(data)


UNREADABLES = {
    "another record": b"\x15\x03\x01\x00\x02\x02\x28",
    "SSL 2": b"\x80\x2e\x01\x00\x02",
    "another message": b"\x16\x03\x01\x00\x04\x02\x00\x00\x00",
    "too large": b"\x16\x03\x01\xff\xff",
    "too large a message": b"\x16\x03\x01\x00\x04\x01\xff\xff\xff",
    "too many records": in_records(WHOLE, 1)[: 6 * (MAX_RECORDS + 1)],
    "empty records": b"\x16\x03\x01\x00\x00" * (MAX_RECORDS + 1),
    "another record behind": in_records(WHOLE, 100)[:105] + b"\x17\x03\x01\x00\x01x",
}


@pytest.mark.parametrize("data", UNREADABLES.values(), ids=UNREADABLES.keys())
def test_what_is_odd_is_left_to_openssl(data: bytes) -> None:
    assert read_hello(data) == UNREADABLE


def test_mutations_raise_nothing_and_want_a_bounded_number_of_bytes() -> None:
    chance = random.Random(8446)
    for _ in range(5000):
        mutated = bytearray(WHOLE)
        for _ in range(chance.randrange(1, 6)):
            mutated[chance.randrange(len(mutated))] = chance.randrange(256)
        found = read_hello(bytes(mutated))
        assert isinstance(found, Hello) or found <= MAX_HELLO_SIZE + 5


PLAIN = {b"GET / HTTP/1.1\r\n": True, b"P": True, b"\x16\x03\x01": False, b"": False, b"\r": False}


@pytest.mark.parametrize("data", PLAIN)
def test_a_plain_request_is_told_from_a_hello(data: bytes) -> None:
    assert is_plain_text(data) is PLAIN[data]
