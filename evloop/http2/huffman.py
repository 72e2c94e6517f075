"""The Huffman code of HPACK (RFC 7541 section 5.2 and appendix B), decoded eight bits at a time.

Between two octets a decoder stands at one of the 256 inner nodes of the code's tree. For each of
them a row says, by the next octet, which node follows and which text comes out. Rows are made
when they are needed: common texts visit some sixty, of 8 KiB each.
"""

from array import array
from functools import lru_cache
from typing import Final, TypeAlias

# The bits of each symbol's code; the last is EOS. The code is canonical: among codes of one
# length the symbols are in order, and shorter codes come first.
_LENGTHS: Final = (
    *(13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28),
    *(28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28),
    *(6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6),
    *(5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10),
    *(13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7),
    *(7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6),
    *(15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5),
    *(6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28),
    *(20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23),
    *(24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24),
    *(22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23),
    *(21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23),
    *(26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25),
    *(19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27),
    *(20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23),
    *(26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26),
    30,
)
_EOS: Final = 256
_BROKEN: Final = -1  # after EOS, which may not be in a text (section 5.2)
_MAX_PADDING: Final = 7  # bits; more is an error of the encoder (section 5.2)

MAX_REMEMBERED_SIZE: Final = 96
"""Bytes of a code up to which its text is remembered: a client sends its User-Agent, and what it
accepts, with each request."""
_REMEMBERED: Final = 512  # texts, of 512 bytes on average with their codes and the table
HUFFMAN_SIZE: Final = 2560 * 1024
"""Bytes that all rows (2 MiB) and remembered texts take, at most."""


class HuffmanError(ValueError):
    """A code that no encoder writes."""


def _codes() -> dict[int, tuple[int, int]]:
    """Return the code of each symbol and its length in bits."""
    codes: dict[int, tuple[int, int]] = {}
    code = length = 0
    for symbol in sorted(range(len(_LENGTHS)), key=_LENGTHS.__getitem__):
        code <<= _LENGTHS[symbol] - length
        length = _LENGTHS[symbol]
        codes[symbol] = code, length
        code += 1
    return codes


def _tree() -> tuple[list[list[int]], frozenset[int]]:
    """Return the inner nodes, each with what follows a 0 and a 1, and where a text may end.

    What follows is an inner node, or ~symbol. Node 0 is the root.
    """
    nodes = [[0, 0]]
    for symbol, (code, length) in _codes().items():
        place = 0
        for shift in range(length - 1, 0, -1):
            bit = code >> shift & 1
            if not nodes[place][bit]:
                nodes.append([0, 0])
                nodes[place][bit] = len(nodes) - 1
            place = nodes[place][bit]
        nodes[place][code & 1] = ~symbol
    ends = [0]
    for _ in range(_MAX_PADDING):  # the padding is the beginning of EOS, which is all ones
        ends.append(nodes[ends[-1]][1])
    return nodes, frozenset(ends)


_NODES, _ENDS = _tree()
_Row: TypeAlias = "tuple[array[int], list[bytes]]"
_TEXTS: Final[dict[bytes, bytes]] = {}  # one object for each text of two symbols


class _Rows(dict[int, _Row]):
    """What follows at each node, by the next octet: the node after it, and the text."""

    def __missing__(self, node: int) -> _Row:
        if node == _BROKEN:
            raise HuffmanError("EOS in a Huffman code")
        steps = [_step(node, octet) for octet in range(256)]
        texts = [_TEXTS.setdefault(text, text) for _, text in steps]
        row = self[node] = array("h", [after for after, _ in steps]), texts
        return row


def _step(node: int, octet: int) -> tuple[int, bytes]:
    text = b""
    for shift in range(7, -1, -1):
        node = _NODES[node][octet >> shift & 1]
        if node == ~_EOS:
            return _BROKEN, b""
        if node < 0:
            text += bytes((~node,))
            node = 0
    return node, text


_ROWS = _Rows()


def _decode(data: bytes) -> bytes:
    rows = _ROWS
    texts = []
    node = 0
    for octet in data:
        after, row = rows[node]
        texts.append(row[octet])
        node = after[octet]
    if node not in _ENDS:
        raise HuffmanError("a Huffman code that ends in the midst of a symbol")
    return b"".join(texts)


_remembered = lru_cache(_REMEMBERED)(_decode)


def decode_huffman(data: bytes) -> bytes:
    """Return the text whose code is *data*. Raises HuffmanError."""
    return _remembered(data) if len(data) <= MAX_REMEMBERED_SIZE else _decode(data)
