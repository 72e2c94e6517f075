"""Messages that would come all the time, once in a while."""

from evloop.observe.ratelimit import RateLimited


def test_one_message_an_interval_and_the_number_of_the_others() -> None:
    limited = RateLimited(10.0)
    assert [
        (now, limited.suppressed, limited.note)
        for now in (0.0, 0.0, 1.0, 9.9, 10.0, 19.9, 30.0, 45.0)
        if limited.allows(now)
    ] == [
        (0.0, 0, ""),
        (10.0, 3, " (3 more before it)"),
        (30.0, 1, " (1 more before it)"),
        (45.0, 0, ""),
    ]
