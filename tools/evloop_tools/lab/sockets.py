"""The TCP sockets of a server: how many in which state, and the bytes in their queues.

The kernel's table is read once per sample, whatever the number of connections. A socket
is the server's when one of its processes holds it, or when it has no holder and its
local port is one on which the server listens: the first part of a connection's life
(not accepted yet) and the last (closed, but not all of it delivered) have no holder.

Source: /proc/PID/net/tcp and tcp6, see proc_net(5): hexadecimal columns; tx_queue is
what was written and not acknowledged, rx_queue what arrived and was not read.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import psutil

STATES = {
    b"01": "ESTABLISHED",
    b"02": "SYN_SENT",
    b"03": "SYN_RECV",
    b"04": "FIN_WAIT1",
    b"05": "FIN_WAIT2",
    b"06": "TIME_WAIT",
    b"07": "CLOSE",
    b"08": "CLOSE_WAIT",
    b"09": "LAST_ACK",
    b"0A": "LISTEN",
    b"0B": "CLOSING",
    b"0C": "SYN_RECV",
}
BACKLOG = "BACKLOG"  # connected, waiting to be accepted
_NOT_ACCEPTED = {"ESTABLISHED", "CLOSE_WAIT", "SYN_RECV"}
_NO_CONNECTION = {"LISTEN", "CLOSE"}


class Socket(NamedTuple):
    """One row of the kernel's table; *inode* is 0 when no process holds the socket."""

    port: int
    state: str
    unsent: int  # bytes written and not acknowledged
    unread: int  # bytes arrived and not read
    inode: int


@dataclass(slots=True)
class Queues:
    """Bytes in all send and receive queues of a server, and the sockets with unsent bytes."""

    sending: int = 0
    unsent: int = 0
    unread: int = 0


@dataclass(slots=True)
class Connections:
    """The sockets of one server.

    states: how many sockets are in which state
    held: connections that a process of the server holds
    queues: None where the platform does not say
    """

    states: Counter[str] = field(default_factory=Counter)
    held: int = 0
    queues: Queues | None = None


def read_table(pid: int, inodes: Collection[int]) -> Iterator[Socket]:
    """Yield the TCP sockets held by *inodes* or by nobody, in the network namespace of *pid*.

    Raises OSError when the process ended.
    """
    for table in open_tables(pid):
        yield from parse_table(table, inodes)


def open_tables(pid: int) -> Iterator[Iterator[bytes]]:
    """Yield the lines of the kernel's tables for IPv4 and IPv6, without their titles.

    Raises OSError when the process ended.
    """
    Path(f"/proc/{pid}").stat()
    for name in ("tcp", "tcp6"):
        try:
            with open(f"/proc/{pid}/net/{name}", "rb") as table:
                table.readline()
                yield table
        except FileNotFoundError:
            continue  # a kernel without IPv6


def listening_inodes(port: int, tables: Iterable[Iterable[bytes]]) -> set[int]:
    """Return the inodes of the sockets in *tables* that listen on *port*."""
    found = set()
    for table in tables:
        for row in table:
            words = row.split(None, 10)
            if STATES.get(words[3]) == "LISTEN" and int(words[1][-4:], 16) == port:
                found.add(int(words[9]))
    return found


def parse_table(table: Iterable[bytes], inodes: Collection[int]) -> Iterator[Socket]:
    """Read lines of /proc/net/tcp or tcp6, as read_table() does.

    On loopback the clients' ends are half of the table, so they are left out early.
    """
    for row in table:
        words = row.split(None, 10)
        inode = int(words[9])
        if inode == 0 or inode in inodes:
            queues = words[4]
            yield Socket(
                port=int(words[1][-4:], 16),
                state=STATES.get(words[3], "OTHER"),
                unsent=int(queues[:8], 16),
                unread=int(queues[9:], 16),
                inode=inode,
            )


def count_connections(table: Iterable[Socket]) -> Connections:
    """Count the sockets of the server whose table read_table() yields."""
    rows = list(table)
    ports = {row.port for row in rows if row.state == "LISTEN"}
    queues = Queues()
    found = Connections(queues=queues)
    for row in rows:
        if row.inode == 0 and row.port not in ports:
            continue
        waiting = row.inode == 0 and row.state in _NOT_ACCEPTED
        found.states[BACKLOG if waiting else row.state] += 1
        if row.state in _NO_CONNECTION:
            continue  # a listener's queues count arrivals, not bytes
        found.held += row.inode != 0
        queues.sending += row.unsent > 0
        queues.unsent += row.unsent
        queues.unread += row.unread
    return found


def portable_connections(processes: Iterable[psutil.Process]) -> Connections:
    """The same from psutil, where there is no table to read: states only.

    Raises psutil.AccessDenied and psutil.NoSuchProcess.
    """
    found = Connections()
    for process in processes:
        for connection in process.net_connections(kind="tcp"):
            found.states[connection.status] += 1
            found.held += connection.status not in _NO_CONNECTION
    return found
