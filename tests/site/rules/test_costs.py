"""What compiled rules take: never more than is reckoned for a byte of their file."""

import tracemalloc
from collections.abc import Callable

import pytest

from evloop.site.rules.dialect import CLOUDFLARE, NETLIFY, Dialect
from evloop.site.rules.headers import parse_headers
from evloop.site.rules.model import COST_PER_BYTE, MAX_FILE_SIZE, RULES_SIZE
from evloop.site.rules.redirects import parse_redirects

LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"


def pair(number: int) -> str:
    return LETTERS[number % 36] + LETTERS[number // 36 % 36]


REDIRECTS: dict[str, Callable[[int], str]] = {
    "static": lambda number: f"/{number} /\n",
    "splat": lambda number: f"/{number}/* /\n",
    "deep": lambda number: f"/{pair(number)}{'/x' * 11}/:a /\n",
    "placeholders": lambda number: f"/{pair(number)}/:a/:b/:c/:d/:e/:f /\n",
    "query": lambda number: f"/{number}/* a=:a b=:b /:a\n",
    "partial": lambda number: f"/{number}-:a-:b-:c /\n",
    "before a star": lambda number: f"/{number}x* /\n",
}


@pytest.mark.parametrize("kind", REDIRECTS)
@pytest.mark.parametrize("dialect", [NETLIFY, CLOUDFLARE])
def test_redirects(kind: str, dialect: Dialect) -> None:
    lines = (REDIRECTS[kind](number) for number in range(1900))
    check(lambda data: parse_redirects(data, dialect)[0], "".join(lines))


HEADERS = {
    "blocks": "".join(f"/{number}/*\n A: 1\n" for number in range(1900)),
    "fields": "/*\n" + "A:1\n" * 16_000,
    "stars": "".join(f"/{number}/*/b/*\nA:1\n" for number in range(1900)),
}


@pytest.mark.parametrize("kind", HEADERS)
def test_headers(kind: str) -> None:
    check(lambda data: parse_headers(data, NETLIFY)[0], HEADERS[kind])


def check(parse: Callable[[bytes], object], text: str) -> None:
    data = text[:MAX_FILE_SIZE].encode()
    parse(data)  # what is made once
    tracemalloc.start()
    try:
        kept = parse(data)
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept is not None
    assert taken <= len(data) * COST_PER_BYTE + RULES_SIZE // 4
