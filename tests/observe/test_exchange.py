"""What is remembered of one request."""

from evloop.observe.exchange import Exchange


def test_only_the_beginning_of_a_long_head_is_kept() -> None:
    exchange = Exchange(b"x" * 1024 * 1024, 431, 200, 0.0, "too large")
    assert exchange.request_head == b"x" * 4 * 1024


def test_an_exchange_begins_with_its_response() -> None:
    exchange = Exchange(b"GET /", 200, 100, 12.5, "")
    assert (exchange.started, exchange.status, exchange.sent) == (12.5, 200, 0)


def test_bytes_of_the_head_are_no_bytes_of_the_body() -> None:
    exchange = Exchange(b"", 200, 100, 0.0, "")
    sizes = {}
    for sent in (0, 99, 100, 101, 250):
        exchange.sent = sent
        sizes[sent] = exchange.body_sent
    assert sizes == {0: 0, 99: 0, 100: 0, 101: 1, 250: 150}
