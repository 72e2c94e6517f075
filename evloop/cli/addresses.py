"""Under which addresses other machines find this one."""

import fcntl
import socket
import struct
from collections.abc import Iterator

from evloop.process.environment import is_loopback

MOST = 8
"""Addresses that are told, of each family. A machine with many containers has hundreds."""

# Where nothing is sent to: a datagram socket that is connected has only looked up its route.
_ELSEWHERE = {socket.AF_INET: "192.0.2.1", socket.AF_INET6: "2001:db8::1"}  # RFC 5737, RFC 3849
_DISCARD = 9  # RFC 863
_GET_ADDRESS = 0x8915  # SIOCGIFADDR of linux/sockios.h
_REQUEST = struct.Struct("16s24s")  # struct ifreq of linux/if.h: a name, and an address
_IPV4_AT = slice(4, 8)  # in that address, behind family and port
# Lines of this file (net/ipv6/addrconf.c): address, index, size of prefix, scope, flags, name.
_IPV6_ADDRESSES = "/proc/net/if_inet6"
_GLOBAL = "00"
# linux/if_addr.h: for a while, of old, double, not yet known to be single. The first of these
# changes every day, so nobody keeps it.
_NOT_TOLD = 0x01 | 0x20 | 0x08 | 0x40


def own_addresses(family: socket.AddressFamily) -> list[str]:
    """Return the addresses of *family* that others may reach this machine by, MOST at most.

    The one that packets to elsewhere would come from is the first.
    """
    found = [*_routed(family), *(_ipv4() if family == socket.AF_INET else _ipv6())]
    return [each for each in dict.fromkeys(found) if not is_loopback(each)][:MOST]


def _routed(family: socket.AddressFamily) -> Iterator[str]:
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((_ELSEWHERE[family], _DISCARD))
            own: str = probe.getsockname()[0]
    except OSError:  # no such family, or no route
        return
    yield own


def _ipv4() -> Iterator[str]:
    """Yield the first address of each interface that has one."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        for _, name in socket.if_nameindex():
            try:
                answer = fcntl.ioctl(probe, _GET_ADDRESS, _REQUEST.pack(name.encode(), b""))
            except OSError:  # it has none, or is gone
                continue
            yield socket.inet_ntop(socket.AF_INET, _REQUEST.unpack(answer)[1][_IPV4_AT])


def _ipv6() -> Iterator[str]:
    """Yield the addresses of all interfaces that are global and there to stay."""
    try:
        with open(_IPV6_ADDRESSES, encoding="ascii") as stream:
            lines = stream.readlines()
    except OSError:  # no IPv6, or no Linux
        return
    for line in lines:
        address, _, _, scope, flags, _ = line.split()
        if scope == _GLOBAL and not int(flags, 16) & _NOT_TOLD:
            yield socket.inet_ntop(socket.AF_INET6, bytes.fromhex(address))
