"""Header blocks: RFC 7541 appendix C, limits, and another implementation as the oracle."""

import tracemalloc

import hpack
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from evloop.http2 import huffman
from evloop.http2.hpack import (
    MAX_INTEGER,
    STATELESS,
    CompressionError,
    Decoder,
    ListTooLargeError,
    encode_fields,
)
from evloop.http2.huffman import HUFFMAN_SIZE, MAX_REMEMBERED_SIZE, decode_huffman
from evloop.http2.static_table import STATIC_TABLE

Field = tuple[bytes, bytes]
LARGE = 1 << 20

# RFC 7541 appendix C: header blocks of one connection, the limit of its table, and their fields.
APPENDIX_C: dict[str, tuple[int, list[tuple[str, list[Field]]]]] = {
    "C.2.1 a literal with indexing": (
        4096,
        [
            (
                "400a637573746f6d2d6b65790d637573746f6d2d686561646572",
                [(b"custom-key", b"custom-header")],
            )
        ],
    ),
    "C.2.2 a literal without indexing": (
        4096,
        [("040c2f73616d706c652f70617468", [(b":path", b"/sample/path")])],
    ),
    "C.2.3 a literal that is never indexed": (
        4096,
        [("100870617373776f726406736563726574", [(b"password", b"secret")])],
    ),
    "C.2.4 an indexed field": (4096, [("82", [(b":method", b"GET")])]),
    "C.3 requests without Huffman": (
        4096,
        [
            (
                "828684410f7777772e6578616d706c652e636f6d",
                [
                    (b":method", b"GET"),
                    (b":scheme", b"http"),
                    (b":path", b"/"),
                    (b":authority", b"www.example.com"),
                ],
            ),
            (
                "828684be58086e6f2d6361636865",
                [
                    (b":method", b"GET"),
                    (b":scheme", b"http"),
                    (b":path", b"/"),
                    (b":authority", b"www.example.com"),
                    (b"cache-control", b"no-cache"),
                ],
            ),
            (
                "828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565",
                [
                    (b":method", b"GET"),
                    (b":scheme", b"https"),
                    (b":path", b"/index.html"),
                    (b":authority", b"www.example.com"),
                    (b"custom-key", b"custom-value"),
                ],
            ),
        ],
    ),
    "C.4 requests with Huffman": (
        4096,
        [
            (
                "828684418cf1e3c2e5f23a6ba0ab90f4ff",
                [
                    (b":method", b"GET"),
                    (b":scheme", b"http"),
                    (b":path", b"/"),
                    (b":authority", b"www.example.com"),
                ],
            ),
            (
                "828684be5886a8eb10649cbf",
                [
                    (b":method", b"GET"),
                    (b":scheme", b"http"),
                    (b":path", b"/"),
                    (b":authority", b"www.example.com"),
                    (b"cache-control", b"no-cache"),
                ],
            ),
            (
                "828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf",
                [
                    (b":method", b"GET"),
                    (b":scheme", b"https"),
                    (b":path", b"/index.html"),
                    (b":authority", b"www.example.com"),
                    (b"custom-key", b"custom-value"),
                ],
            ),
        ],
    ),
    "C.6 responses with Huffman, in a table of 256 bytes": (
        256,
        [
            (
                "488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff"
                "6e919d29ad171863c78f0b97c8e9ae82ae43d3",
                [
                    (b":status", b"302"),
                    (b"cache-control", b"private"),
                    (b"date", b"Mon, 21 Oct 2013 20:13:21 GMT"),
                    (b"location", b"https://www.example.com"),
                ],
            ),
            (
                "4883640effc1c0bf",
                [
                    (b":status", b"307"),
                    (b"cache-control", b"private"),
                    (b"date", b"Mon, 21 Oct 2013 20:13:21 GMT"),
                    (b"location", b"https://www.example.com"),
                ],
            ),
            (
                "88c16196d07abe941054d444a8200595040b8166e084a62d1bffc05a839bd9ab77ad94e7"
                "821dd7f2e6c7b335dfdfcd5b3960d5af27087f3672c1ab270fb5291f9587316065c003ed"
                "4ee5b1063d5007",
                [
                    (b":status", b"200"),
                    (b"cache-control", b"private"),
                    (b"date", b"Mon, 21 Oct 2013 20:13:22 GMT"),
                    (b"location", b"https://www.example.com"),
                    (b"content-encoding", b"gzip"),
                    (
                        b"set-cookie",
                        b"foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1",
                    ),
                ],
            ),
        ],
    ),
}


@pytest.mark.parametrize("name", APPENDIX_C)
def test_the_examples_of_the_rfc(name: str) -> None:
    limit, blocks = APPENDIX_C[name]
    decoder = Decoder(limit)
    for block, fields in blocks:
        assert decoder.decode(bytes.fromhex(block), LARGE, 100) == fields


BROKEN = {
    "index 0": b"\x80",
    "an index behind the tables": b"\xbe",
    "a name's index behind the tables": b"\x7f\x00\x00",
    "an integer that does not end": b"\xff\xff",
    "an integer that is too large": b"\xff" + b"\xff" * 4 + b"\x7f",
    "an integer of many zeros": b"\xff" + b"\x80" * 9 + b"\x00",
    "a string without its length": b"\x00",
    "a name that does not end": b"\x00\x05abc",
    "a value that does not end": b"\x00\x01a\x05abc",
    "no value": b"\x00\x01a",
    "a table size over the limit": b"\x3f\xe2\x1f",
    "a table size behind a field": b"\x82\x20",
    "three table sizes": b"\x20\x20\x20",
    "EOS": b"\x00\x01a\x84\xff\xff\xff\xff",
    "EOS and more": b"\x00\x01a\x85\xff\xff\xff\xff\xff",
    "padding of zeros": b"\x00\x01a\x81\x18",
    "padding of a whole octet": b"\x00\x01a\x82\x1f\xff",
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_block_that_can_not_be_decoded(name: str) -> None:
    with pytest.raises(CompressionError):
        Decoder().decode(BROKEN[name], LARGE, 100)


def test_the_largest_integer_is_enough_for_a_block() -> None:
    assert MAX_INTEGER > LARGE


def test_a_list_over_the_limit_leaves_the_table_right() -> None:
    decoder = Decoder()
    block = b"\x40\x01a\x01b" + b"\x40\x01c\x01d" * 3
    for limits in ((33, 100), (LARGE, 2)):
        with pytest.raises(ListTooLargeError):
            decoder.decode(block, *limits)
    assert decoder.decode(b"\xbe\xc5", LARGE, 100) == [(b"c", b"d"), (b"a", b"b")]


def test_the_size_of_a_list_counts_32_bytes_for_each_field() -> None:
    assert Decoder().decode(b"\x00\x01a\x01b", 34, 1) == [(b"a", b"b")]
    with pytest.raises(ListTooLargeError):
        Decoder().decode(b"\x00\x01a\x01b", 33, 1)


def test_a_bomb_of_references_makes_no_copies() -> None:
    decoder = Decoder()
    value = b"x" * 4000
    decoder.decode(b"\x40\x01a" + b"\x7f\xa1\x1e" + value, LARGE, 100)
    with pytest.raises(ListTooLargeError):
        decoder.decode(b"\xbe" * 16_000, 16 * 1024, 100)


def test_a_field_over_the_table_empties_it() -> None:
    decoder = Decoder(64)
    decoder.decode(b"\x40\x01a\x01b", LARGE, 100)
    assert not decoder.is_empty
    decoder.decode(b"\x40\x01a\x28" + b"x" * 40, LARGE, 100)
    assert decoder.is_empty


def test_one_without_a_table_keeps_nothing() -> None:
    assert STATELESS.decode(b"\x20\x40\x01a\x01b\x82", LARGE, 9) == [
        (b"a", b"b"),
        (b":method", b"GET"),
    ]
    assert STATELESS.is_empty
    with pytest.raises(CompressionError):
        STATELESS.decode(b"\x21", LARGE, 9)
    with pytest.raises(CompressionError):
        STATELESS.decode(b"\xbe", LARGE, 9)


# Another implementation

NAMES = st.one_of(
    st.sampled_from([name for name, _ in STATIC_TABLE]), st.binary(min_size=1, max_size=20)
)
FIELDS = st.lists(st.tuples(NAMES, st.binary(max_size=60)), max_size=12)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(FIELDS, st.booleans(), st.sampled_from([None, 0, 100, 4096])), max_size=6)
)
def test_what_another_encoder_writes_is_read(
    blocks: list[tuple[list[Field], bool, int | None]],
) -> None:
    encoder, decoder = hpack.Encoder(), Decoder()
    for fields, is_coded, size in blocks:
        if size is not None:
            encoder.header_table_size = size
        assert decoder.decode(encoder.encode(fields, huffman=is_coded), LARGE, 100) == fields


@settings(max_examples=200, deadline=None)
@given(FIELDS)
def test_what_is_written_another_decoder_reads(fields: list[Field]) -> None:
    decoder = hpack.Decoder()
    decoder.max_allowed_table_size = decoder.header_table_size = 0
    assert [tuple(field) for field in decoder.decode(encode_fields(fields), raw=True)] == fields


@settings(max_examples=500, deadline=None)
@given(st.binary(max_size=200))
@example(b"\x82\x86\x84\x41\x8c\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff")
def test_both_agree_on_any_bytes(block: bytes) -> None:
    # It takes any number of table sizes in front of the fields; the RFC knows of two (4.2).
    assume(block[:1] not in {bytes((size,)) for size in range(0x20, 0x40)})
    other = hpack.Decoder()
    try:
        expected = [tuple(field) for field in other.decode(block, raw=True)]
    except hpack.HPACKError:
        with pytest.raises(CompressionError):
            Decoder().decode(block, LARGE, 10_000)
        return
    assert Decoder().decode(block, LARGE, 10_000) == expected


@given(st.binary(max_size=300))
def test_a_huffman_code_of_any_text_is_read(text: bytes) -> None:
    coder = hpack.Encoder()
    code = coder.huffman_coder.encode(text)
    assert decode_huffman(code) == text


def test_long_codes_are_not_remembered() -> None:
    before = huffman._remembered.cache_info().currsize
    code = hpack.Encoder().huffman_coder.encode(b"q" * 999)
    assert len(code) > MAX_REMEMBERED_SIZE
    assert decode_huffman(code) == b"q" * 999
    assert huffman._remembered.cache_info().currsize == before


def test_tables_of_the_huffman_code_have_an_end() -> None:
    huffman._ROWS.clear()
    huffman._TEXTS.clear()
    huffman._remembered.cache_clear()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for node in range(256):
            huffman._ROWS[node]
        for number in range(600):
            decode_huffman(hpack.Encoder().huffman_coder.encode(b"%0150d" % number))
        taken = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert HUFFMAN_SIZE // 2 < taken <= HUFFMAN_SIZE
