"""What the query of a directory asks for."""

import sys

import pytest

from evloop.files.listing import Key, Order
from evloop.http.request import RequestError
from evloop.site.listing_query import MAX_PARAMETERS, Format, View, parse_view

VIEWS = {
    b"": View(),
    b"?": View(),
    b"?sort=size": View(Order(Key.SIZE)),
    b"?sort=time&order=desc": View(Order(Key.TIME, True)),
    b"?sort=namedirfirst&order=asc": View(),
    b"?C=S;O=D": View(Order(Key.SIZE, True)),
    b"?C=M&O=A": View(Order(Key.TIME)),
    b"?C=N;O=D": View(Order(Key.NAME, True)),
    b"?C=D;O=A;F=2;V=1;P=*.iso": View(),
    b"?sort=zzz&order=up": View(),
    b"?sort=size&sort=time": View(Order(Key.SIZE)),
    b"?limit=10&offset=20": View(limit=10, offset=20),
    b"?limit=&offset=": View(),
    b"?limit=0": View(),
    b"?format=json": View(format=Format.JSON),
    b"?format=html": View(format=Format.HTML),
    b"?format=xml": View(),
    b"?archive=tar": View(archive=b"tar"),
    b"?a&b=&=c&&;%00": View(),
    b"?" + b"x&" * MAX_PARAMETERS + b"sort=size": View(),
}


@pytest.mark.parametrize("query", VIEWS)
def test_what_is_known_is_read_and_the_rest_ignored(query: bytes) -> None:
    assert parse_view(query) == VIEWS[query]


@pytest.mark.parametrize("number", [b"-1", b"x", b"1.5", b"+1", b"1" * 19, b"%31", b"\xd9\xa1"])
@pytest.mark.parametrize("name", [b"limit", b"offset"])
def test_a_number_that_is_none_is_refused(name: bytes, number: bytes) -> None:
    with pytest.raises(RequestError) as refusal:
        parse_view(b"?" + name + b"=" + number)
    assert refusal.value.status == 400


def test_a_window_is_the_places_that_are_shown() -> None:
    assert View(limit=5, offset=3).window == range(3, 8)
    assert View(offset=3).window == range(3, sys.maxsize)
