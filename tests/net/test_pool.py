"""How many may come in, and from where."""

import pytest

from evloop.net.pool import ConnectionPool, PoolLimits
from evloop.net.reactor import Reactor


@pytest.fixture
def reactor() -> Reactor:
    reactor = Reactor()
    reactor.close()  # it is only carried about
    return reactor


def test_the_limit_is_on_all_connections(reactor: Reactor) -> None:
    pool = ConnectionPool(reactor, PoolLimits(connections=2))
    assert not pool.is_full
    assert pool.admit("192.0.2.1")
    assert not pool.is_full
    assert pool.admit("192.0.2.1")
    assert pool.is_full
    pool.released("192.0.2.1")
    assert not pool.is_full
    assert pool.count == 1


def test_room_is_told_once_when_there_is_some_again(reactor: Reactor) -> None:
    pool = ConnectionPool(reactor, PoolLimits(connections=2))
    told: list[int] = []
    pool.on_room = lambda: told.append(pool.count)
    for _ in range(2):
        pool.admit("192.0.2.1")
    assert told == []
    for _ in range(2):
        pool.released("192.0.2.1")
    assert told == [1]


def test_nobody_need_be_there_to_be_told(reactor: Reactor) -> None:
    pool = ConnectionPool(reactor, PoolLimits(connections=1))
    pool.admit("192.0.2.1")
    pool.released("192.0.2.1")
    assert pool.count == 0


NEIGHBOURS = {
    # Two addresses, and whether they are one client.
    ("192.0.2.1", "192.0.2.1"): True,
    ("192.0.2.1", "192.0.2.2"): False,
    ("2001:db8::1", "2001:db8::1"): True,
    ("2001:db8::1", "2001:db8:0:0:ffff:ffff:ffff:ffff"): True,
    ("2001:db8::1", "2001:db8:0:1::1"): False,
    ("2001:db8::1", "2001:DB8:0:0:1::"): True,
    ("fe80::1%eth0", "fe80::2"): True,
    ("::1", "::2"): True,
    ("::1", "127.0.0.1"): False,
}


@pytest.mark.parametrize(("first", "second"), NEIGHBOURS)
def test_an_ipv6_host_has_a_whole_network(reactor: Reactor, first: str, second: str) -> None:
    pool = ConnectionPool(reactor, PoolLimits(connections=100, per_address=1))
    assert pool.admit(first)
    assert pool.admit(second) is not NEIGHBOURS[first, second]


def test_who_is_refused_is_counted_until_its_end(reactor: Reactor) -> None:
    pool = ConnectionPool(reactor, PoolLimits(connections=100, per_address=2))
    assert [pool.admit("192.0.2.1") for _ in range(4)] == [True, True, False, False]
    assert pool.refused == 2
    assert pool.count == 4
    assert pool.admit("192.0.2.2")
    for _ in range(3):
        pool.released("192.0.2.1")
    assert pool.admit("192.0.2.1")
    for address in ("192.0.2.1", "192.0.2.1", "192.0.2.2"):
        pool.released(address)
    assert pool.count == 0
    assert pool.refused == 2


def test_nothing_is_kept_of_those_who_left(reactor: Reactor) -> None:
    pool = ConnectionPool(reactor, PoolLimits(connections=100, per_address=2))
    for number in range(1000):
        address = f"192.0.2.{number % 250}"
        pool.admit(address)
        pool.released(address)
    assert pool._from == {}
