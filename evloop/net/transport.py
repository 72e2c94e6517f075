"""Sockets with the options that the promise about memory needs.

They are the system's sockets as Python has them (`SocketType`), without the layer of the
socket module on top, which would make two enums and a larger object of each connection:
1.6 µs and 32 bytes or more that nobody asks for.
"""

import errno
import socket
import struct
import sys
from socket import SocketType

PEER_GONE = frozenset(
    {
        errno.ECONNRESET,
        errno.EPIPE,
        errno.ENOTCONN,
        errno.ETIMEDOUT,
        errno.ECONNABORTED,
        errno.EHOSTUNREACH,
        errno.ENETUNREACH,
        errno.ENETDOWN,
    }
)
"""What a socket says when the other side is no longer there, or can't be reached. sendfile says
the same of the socket, and anything else of the file."""

# Python 3.12 is the first to name the option on Linux.
_NOTSENT_LOWAT = {"linux": 25, "darwin": 0x201}.get(sys.platform)
# Before an IPv4 peer's address on an IPv6 socket (RFC 4291 section 2.5.5.2). All of these are in
# one /64 network, whose limit is that of one client.
_MAPPED = "::ffff:"
# Accepted sockets take these options from the listening one.
_INHERITS = sys.platform == "linux"


def listening_socket(
    host: str,
    port: int,
    backlog: int,
    send_queue: int,
    scope_id: int = 0,
    *,
    dual_stack: bool = False,
) -> SocketType:
    """Return a non-blocking socket that listens on *host* and *port*.

    *send_queue*: unsent bytes that the kernel may hold for each connection; *scope_id*: the
    interface of a link-local IPv6 address; *dual_stack*: whether `::` takes IPv4 as well
    (RFC 3493 section 5.3).

    Raises OSError when the address can't be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = SocketType(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, not dual_stack)
        _set_options(listener, send_queue)
        listener.bind((host, port, 0, scope_id) if scope_id else (host, port))
        listener.listen(backlog)
        listener.setblocking(False)
    except BaseException:
        listener.close()
        raise
    return listener


def check_listener(sock: socket.socket) -> None:
    """Raise ValueError, with a reason, for what adopt() can't take over."""
    if sock.fileno() < 0:
        raise ValueError("it is closed")
    if sock.family not in {socket.AF_INET, socket.AF_INET6} or sock.type != socket.SOCK_STREAM:
        raise ValueError("a TCP socket is wanted")
    if not sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        raise ValueError("it does not listen: call listen() first")


def adopt(sock: socket.socket, send_queue: int) -> SocketType:
    """Take over *sock*, which listens already; the object that was given is closed by that.

    Raises OSError when it can't have its options; then it is closed for everybody.
    """
    listener = SocketType(sock.family, sock.type, sock.proto, sock.detach())
    try:
        _set_options(listener, send_queue)
        listener.setblocking(False)
    except BaseException:
        listener.close()
        raise
    return listener


def accept(listener: SocketType, send_queue: int) -> tuple[SocketType, str]:
    """Return a connection from the backlog and its peer's address.

    The address of an IPv4 peer is an IPv4 address, also where `::` takes IPv4 as well. The
    connection is non-blocking and has the listener's options. Raises OSError as accept(2) does:
    ECONNABORTED for a connection that is gone already.
    """
    # What socket.socket.accept() calls, in every Python so far. No public name leads here (the
    # public one builds the layer), and so the type stubs have none: hence the mark.
    fd, address = listener._accept()  # type: ignore[attr-defined]
    accepted = SocketType(listener.family, listener.type, listener.proto, fd)
    try:
        accepted.setblocking(False)
        if not _INHERITS:
            _set_options(accepted, send_queue)
    except OSError as error:  # some systems say EINVAL of a connection that was reset
        accepted.close()
        raise ConnectionAbortedError(errno.ECONNABORTED, "gone before it was ready") from error
    return accepted, address[0].removeprefix(_MAPPED)


def _set_options(sock: SocketType, send_queue: int) -> None:
    # A response leaves in as few sends as can be: nothing is gained by holding the last one.
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if _NOTSENT_LOWAT is not None:
        sock.setsockopt(socket.IPPROTO_TCP, _NOTSENT_LOWAT, send_queue)


def close_quietly(sock: SocketType) -> None:
    """Close *sock*; what the system has to say about it then comes too late for everybody."""
    try:
        sock.close()
    except OSError:
        pass  # it is closed nevertheless


def reset_on_close(sock: SocketType) -> None:
    """Have close() send a reset, so that a short body is never taken for a whole one."""
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    except OSError:
        pass  # the peer was quicker
