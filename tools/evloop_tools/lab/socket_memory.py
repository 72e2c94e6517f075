"""Kernel memory of the sockets of one server, and of the clients at their other ends.

/proc/net/sockstat has one figure for the whole machine: both ends, and everybody else's.
The kernel tells the same by socket, see sock_diag(7): for each it has set aside what waits
to be read, what waits to be acknowledged, and what it keeps in reserve for either.
"""

import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass

_NETLINK_SOCK_DIAG = 4
_SOCK_DIAG_BY_FAMILY = 20
_REQUEST_DUMP = 0x301  # NLM_F_REQUEST | NLM_F_DUMP
_NLMSG_ERROR, _NLMSG_DONE = 2, 3
_INET_DIAG_SKMEMINFO = 7
_ALL_STATES = 0xFFFFFFFF

_HEADER = struct.Struct("=IHHII")  # length, type, flags, sequence, port id
_QUESTION = struct.Struct("=BBBBI48s")  # family, protocol, extensions, padding, states, id
_PORTS = struct.Struct("!4xHH")  # in inet_diag_msg, in network order: ours, theirs
_MESSAGE_SIZE = 72  # of inet_diag_msg; attributes follow
_ATTRIBUTE = struct.Struct("=HH")  # length, type

_RECEIVE, _FORWARD, _SEND = 0, 4, 5  # rmem_alloc, fwd_alloc, wmem_queued in SKMEMINFO
_WORDS = struct.Struct("=6I")

_BUFFER = 256 * 1024
_DEADLINE = 10.0  # seconds


@dataclass(frozen=True, slots=True)
class SocketMemory:
    """Bytes that the kernel has set aside for either end of a server's IPv4 connections."""

    server: int
    clients: int


def read_socket_memory(port: int) -> SocketMemory | None:
    """Return the memory of the connections of TCP *port*; None where the kernel won't tell."""
    if not hasattr(socket, "AF_NETLINK"):
        return None
    server = clients = 0
    try:
        for ours, theirs, size in _sockets():
            server += size if ours == port else 0
            clients += size if theirs == port else 0
    except OSError:
        return None
    return SocketMemory(server, clients)


def _sockets() -> Iterator[tuple[int, int, int]]:
    """Yield local port, remote port, and bytes of every TCP socket over IPv4."""
    question = _QUESTION.pack(
        socket.AF_INET, socket.IPPROTO_TCP, 1 << (_INET_DIAG_SKMEMINFO - 1), 0, _ALL_STATES, b""
    )
    header = _HEADER.pack(_HEADER.size + len(question), _SOCK_DIAG_BY_FAMILY, _REQUEST_DUMP, 1, 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_SOCK_DIAG) as link:
        link.settimeout(_DEADLINE)
        link.send(header + question)
        while True:
            data = link.recv(_BUFFER)
            for kind, start, end in _messages(data):
                if kind == _NLMSG_DONE:
                    return
                if kind == _NLMSG_ERROR:
                    raise OSError("the kernel refuses sock_diag")
                ours, theirs = _PORTS.unpack_from(data, start)
                yield ours, theirs, _size(data, start + _MESSAGE_SIZE, end)


def _messages(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield the type of each message in *data*, and where its content begins and ends."""
    start = 0
    while start < len(data):
        length, kind, _, _, _ = _HEADER.unpack_from(data, start)
        yield kind, start + _HEADER.size, start + length
        start += _aligned(length)


def _size(data: bytes, start: int, end: int) -> int:
    """Return the bytes that the attributes from *start* to *end* add up to."""
    while start < end:
        length, kind = _ATTRIBUTE.unpack_from(data, start)
        if kind == _INET_DIAG_SKMEMINFO:
            words = _WORDS.unpack_from(data, start + _ATTRIBUTE.size)
            return int(words[_RECEIVE] + words[_FORWARD] + words[_SEND])
        start += _aligned(length)
    return 0


def _aligned(length: int) -> int:
    return (length + 3) & ~3
