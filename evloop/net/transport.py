"""Sockets with the options that the promise about memory needs."""

import errno
import socket
import struct
import sys

PEER_GONE = frozenset(
    {errno.ECONNRESET, errno.EPIPE, errno.ENOTCONN, errno.ETIMEDOUT, errno.ECONNABORTED}
)
"""What a socket says when the other side is no longer there."""

# Python 3.12 is the first to name the option on Linux.
_NOTSENT_LOWAT = {"linux": 25, "darwin": 0x201}.get(sys.platform)
# Accepted sockets take these options from the listening one.
_INHERITS = sys.platform == "linux"


def listening_socket(host: str, port: int, backlog: int, send_queue: int) -> socket.socket:
    """Return a non-blocking socket that listens on *host* and *port*.

    *send_queue*: unsent bytes that the kernel may hold for each connection.

    Raises OSError when the address can't be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        _set_options(listener, send_queue)
        listener.bind((host, port))
        listener.listen(backlog)
        listener.setblocking(False)
    except BaseException:
        listener.close()
        raise
    return listener


def prepare(accepted: socket.socket, send_queue: int) -> None:
    """Make an accepted socket non-blocking, with the listener's options."""
    accepted.setblocking(False)
    if not _INHERITS:
        _set_options(accepted, send_queue)


def _set_options(sock: socket.socket, send_queue: int) -> None:
    # A response leaves in as few sends as can be: nothing is gained by holding the last one.
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if _NOTSENT_LOWAT is not None:
        sock.setsockopt(socket.IPPROTO_TCP, _NOTSENT_LOWAT, send_queue)


def close_quietly(sock: socket.socket) -> None:
    """Close *sock*; what the system has to say about it then comes too late for everybody."""
    try:
        sock.close()
    except OSError:
        pass  # it is closed nevertheless


def reset_on_close(sock: socket.socket) -> None:
    """Have close() send a reset, so that a short body is never taken for a whole one."""
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    except OSError:
        pass  # the peer was quicker
