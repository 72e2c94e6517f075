"""The addresses of this machine that others may use."""

import socket
from pathlib import Path

import pytest

from evloop.cli import addresses
from evloop.cli.addresses import MOST, own_addresses
from evloop.cli.greeting import urls_from_elsewhere

# Lines of /proc/net/if_inet6, and whether the address is told.
IPV6 = {
    "20010db8000000000000000000000001 02 40 00 80     eth0": True,
    "20010db8000000000000000000000002 02 40 00 82     eth0": True,  # was given without a check
    "fd000000000000000000000000000002 02 40 00 80     eth0": True,
    "20010db8000000000000000000000003 02 40 00 01     eth0": False,  # temporary
    "20010db8000000000000000000000004 02 40 00 20     eth0": False,  # deprecated
    "20010db8000000000000000000000005 02 40 00 08     eth0": False,  # a duplicate
    "20010db8000000000000000000000006 02 40 00 40     eth0": False,  # tentative
    "fe80000000000000000000000000000a 02 40 20 80     eth0": False,
    "00000000000000000000000000000001 01 80 10 80       lo": False,
}


@pytest.mark.parametrize("line", IPV6)
def test_ipv6_addresses_that_stay_and_reach_far_are_told(
    line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "if_inet6").write_text(f"{line}\n")
    monkeypatch.setattr(addresses, "_IPV6_ADDRESSES", str(tmp_path / "if_inet6"))
    monkeypatch.setattr(addresses, "_routed", lambda family: iter(()))
    told = own_addresses(socket.AF_INET6)
    packed = [socket.inet_pton(socket.AF_INET6, each) for each in told]
    assert packed == ([bytes.fromhex(line[:32])] if IPV6[line] else [])


def test_where_nothing_is_known_nothing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(addresses, "_ELSEWHERE", {socket.AF_INET6: "no address"})
    monkeypatch.setattr(addresses, "_IPV6_ADDRESSES", "/no/such/file")
    assert own_addresses(socket.AF_INET6) == []


def test_the_one_on_the_route_is_the_first_and_all_are_bounded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(addresses, "_routed", lambda family: iter(("10.0.0.7",)))
    own = ["127.0.0.1", *(f"10.0.0.{number}" for number in range(100))]
    monkeypatch.setattr(addresses, "_ipv4", lambda: iter(own))
    told = own_addresses(socket.AF_INET)
    assert told == ["10.0.0.7", *own[1:MOST]]


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_what_is_told_of_this_machine_is_its_own(family: socket.AddressFamily) -> None:
    for address in own_addresses(family):
        socket.create_server((address, 0), family=family).close()


def test_interfaces_are_asked_even_without_a_route(monkeypatch: pytest.MonkeyPatch) -> None:
    with_route = own_addresses(socket.AF_INET)
    monkeypatch.setattr(addresses, "_ELSEWHERE", {socket.AF_INET: "no address"})
    assert set(own_addresses(socket.AF_INET)) <= set(with_route) or len(with_route) == MOST
    monkeypatch.setattr(socket, "if_nameindex", lambda: [(1, "lo"), (99, "none")])
    monkeypatch.setattr(addresses, "is_loopback", lambda host: False)
    assert own_addresses(socket.AF_INET) == ["127.0.0.1"]


@pytest.mark.parametrize(
    ("hosts", "urls"),
    [
        (["127.0.0.1", "::1"], []),
        (["0.0.0.0"], ["http://10.1.2.3:80/"]),
        (["::"], ["http://10.1.2.3:80/", "http://[fd00::1]:80/"]),
        (["::", "127.0.0.1"], ["http://[fd00::1]:80/"]),
        (["192.0.2.5", "127.0.0.1"], ["http://192.0.2.5:80/"]),
        (["2001:db8::5"], ["http://[2001:db8::5]:80/"]),
    ],
)
def test_others_are_told_where_to_go(
    hosts: list[str], urls: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "evloop.cli.greeting.own_addresses",
        lambda family: ["10.1.2.3"] if family == socket.AF_INET else ["fd00::1"],
    )
    assert urls_from_elsewhere([(host, 80) for host in hosts]) == urls
