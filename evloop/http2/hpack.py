"""Header blocks (RFC 7541): decoded with a dynamic table until the client gives it up, and encoded
without one.

The server asks for a table of no bytes (SETTINGS_HEADER_TABLE_SIZE 0). A client that has confirmed
this sends blocks that mean the same on every connection: nothing of it is kept for any, and a
reference to a large field, of which bombs are made, has nothing to refer to.
"""

from collections.abc import Iterable
from typing import Final

from evloop.http2.huffman import HuffmanError, decode_huffman
from evloop.http2.static_table import NAME_INDEX, STATIC_INDEX, STATIC_TABLE

Field = tuple[bytes, bytes]

INITIAL_TABLE_SIZE: Final = 4096
"""Bytes of the table, as HPACK counts them, that a client may use before it has read the server's
settings (RFC 9113 section 6.5.2)."""
ENTRY_OVERHEAD: Final = 32
"""Bytes that an entry counts beside its name and value (RFC 7541 section 4.1)."""
MAX_INTEGER: Final = 2**24
"""More than any index, size or length that a block of some kilobytes can mean."""

_STATIC_COUNT: Final = len(STATIC_TABLE)


class CompressionError(ValueError):
    """A header block that can't be decoded: the connection is of no use any more."""


class ListTooLargeError(ValueError):
    """A header list over the limit. Its block was decoded to the end, so the table is right."""


class Decoder:
    """Decodes header blocks. *limit*: bytes of the dynamic table, at most.

    One whose limit is 0 keeps nothing, and may be shared.
    """

    __slots__ = ("_capacity", "_entries", "_size", "limit")

    def __init__(self, limit: int = INITIAL_TABLE_SIZE) -> None:
        self.limit = limit
        self._capacity = limit
        self._entries: list[Field] = []  # the newest at the end
        self._size = 0  # bytes, as HPACK counts them

    @property
    def is_empty(self) -> bool:
        """Whether the dynamic table has no entries."""
        return not self._entries

    def decode(self, block: bytes, max_size: int, max_fields: int) -> list[Field]:
        """Return the fields in *block*.

        *max_size*: bytes of all names and values, and ENTRY_OVERHEAD for each; *max_fields*: how
        many there may be. Raises CompressionError and ListTooLargeError.
        """
        try:
            return self._decode(block, max_size, max_fields)
        except (IndexError, HuffmanError) as error:
            raise CompressionError(str(error) or "a header block that ends too soon") from error

    def _decode(self, block: bytes, max_size: int, max_fields: int) -> list[Field]:
        fields: list[Field] = []
        position = self._read_sizes(block)
        end = len(block)
        while position < end:
            octet = block[position]
            if octet >= 0x80:  # section 6.1: indexed
                index, position = _read_integer(block, position, 0x7F)
                field = self._field(index)
            elif octet >= 0x40:  # section 6.2.1: a literal that goes into the table
                field, position = self._read_literal(block, position, 0x3F)
                self._insert(field)
            elif octet >= 0x20:  # section 6.3
                raise CompressionError("a table size in the midst of a header block")
            else:  # sections 6.2.2 and 6.2.3: a literal that does not
                field, position = self._read_literal(block, position, 0x0F)
            max_size -= len(field[0]) + len(field[1]) + ENTRY_OVERHEAD
            if max_size >= 0 and len(fields) <= max_fields:
                fields.append(field)
        if max_size < 0 or len(fields) > max_fields:
            raise ListTooLargeError("the request's header fields are too large, or too many")
        return fields

    def _read_sizes(self, block: bytes) -> int:
        """Apply the table sizes in front of the fields; return where those begin.

        There are two at most: the least since the last block, and the last (section 4.2).
        """
        position = 0
        for _ in range(2):
            if not block[position:] or block[position] & 0xE0 != 0x20:
                break
            size, position = _read_integer(block, position, 0x1F)
            if size > self.limit:
                raise CompressionError("a table size over the limit")
            self._capacity = size
            self._evict(0)
        return position

    def _field(self, index: int) -> Field:
        if 0 < index <= _STATIC_COUNT:
            return STATIC_TABLE[index - 1]
        if not 0 < index - _STATIC_COUNT <= len(self._entries):
            raise CompressionError(f"index {index} is not in the table")
        return self._entries[_STATIC_COUNT - index]

    def _read_literal(self, block: bytes, position: int, mask: int) -> tuple[Field, int]:
        index, position = _read_integer(block, position, mask)
        if index:
            name = self._field(index)[0]
        else:
            name, position = _read_string(block, position)
        value, position = _read_string(block, position)
        return (name, value), position

    def _insert(self, field: Field) -> None:
        """Put *field* into the table; one that is larger than it empties it (section 4.4)."""
        size = len(field[0]) + len(field[1]) + ENTRY_OVERHEAD
        self._evict(size)
        if size <= self._capacity:
            self._entries.append(field)
            self._size += size

    def _evict(self, size: int) -> None:
        """Drop the oldest entries until *size* bytes fit, or none is left."""
        gone = 0
        while self._size + size > self._capacity and gone < len(self._entries):
            name, value = self._entries[gone]
            self._size -= len(name) + len(value) + ENTRY_OVERHEAD
            gone += 1
        del self._entries[:gone]


STATELESS: Final = Decoder(0)
"""Decodes the blocks of all clients that have given up their table."""


def _read_integer(block: bytes, position: int, mask: int) -> tuple[int, int]:
    """Return an integer whose prefix has the bits of *mask*, and where it ends (section 5.1)."""
    value = block[position] & mask
    position += 1
    if value < mask:
        return value, position
    shift = 0
    while True:
        octet = block[position]
        position += 1
        value += (octet & 0x7F) << shift
        if value > MAX_INTEGER or shift > 28:
            raise CompressionError("an integer that is too large")
        if octet < 0x80:
            return value, position
        shift += 7


def _read_string(block: bytes, position: int) -> tuple[bytes, int]:
    """Return a string, and where it ends (section 5.2)."""
    is_coded = block[position] >= 0x80
    length, position = _read_integer(block, position, 0x7F)
    end = position + length
    if end > len(block):
        raise CompressionError("a string that ends behind its header block")
    data = block[position:end]
    return (decode_huffman(data) if is_coded else data), end


# Encoding


def encode_fields(fields: Iterable[Field]) -> bytes:
    """Return a header block of *fields*, whose names are in lower case.

    It refers to the static table alone, so it means the same on every connection.
    """
    return b"".join(_encode_field(name, value) for name, value in fields)


def _encode_field(name: bytes, value: bytes) -> bytes:
    index = STATIC_INDEX.get((name, value))
    if index is not None and value:
        return _integer(index, 0x7F, 0x80)
    index = NAME_INDEX.get(name, 0)
    literal = _integer(index, 0x0F, 0)
    if not index:
        literal += _integer(len(name), 0x7F, 0) + name
    return literal + _integer(len(value), 0x7F, 0) + value


def _integer(value: int, mask: int, kind: int) -> bytes:
    """Return *value* with a prefix of the bits of *mask*, beside the bits of *kind*."""
    if value < mask:
        return bytes((kind | value,))
    octets = bytearray((kind | mask,))
    value -= mask
    while value >= 0x80:
        octets.append(0x80 | value & 0x7F)
        value >>= 7
    octets.append(value)
    return bytes(octets)
