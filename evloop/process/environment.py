"""What a server needs of its environment: a directory, a log, addresses, descriptors."""

import errno
import os
import resource
import socket

from evloop.files.root import Root
from evloop.net.listener import BACKLOG
from evloop.net.transport import listening_socket
from evloop.observe.logwriter import LogWriter
from evloop.settings.config import Config

# Descriptors that are neither connections nor their files: the standard streams, the log,
# the poller, the listeners, a look-up under way.
_RESERVED_DESCRIPTORS = 32
_DESCRIPTORS_PER_CONNECTION = 2  # the socket, and the file of a download
_FREE_PORT_TRIES = 8
_NO_SUCH_FAMILY = frozenset({errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL})


class ServerError(Exception):
    """The environment does not let the server start. The text names option and value."""


def connection_limit(wanted: int = 0) -> int:
    """Return how many connections the limit on descriptors has room for.

    As many as may all be downloads, with a file each; or, where a number is *wanted*, up to as
    many as there are descriptors: then some downloads may be told to come again (503).
    """
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        soft = 1024 * 1024
    available = soft - _RESERVED_DESCRIPTORS
    return max(1, min(wanted, available) if wanted else available // _DESCRIPTORS_PER_CONNECTION)


def open_root(config: Config) -> Root:
    """Open the directory that is served, or raise ServerError."""
    try:
        return Root(config.root, config.symlinks)
    except OSError as error:
        raise ServerError(f"ROOT {config.root}: {error.strerror}") from error


def open_log(config: Config) -> LogWriter | None:
    """Open the access log, None when there is to be none; or raise ServerError."""
    where = config.access_log
    if where == "auto":
        where = "-" if os.isatty(1) else "off"
    if where == "off":
        return None
    try:
        return LogWriter(None if where == "-" else where)
    except OSError as error:
        raise ServerError(f"--access-log {where}: {error.strerror}") from error


def listen(config: Config) -> list[socket.SocketType]:
    """Return a listening socket for each host, all on one port; or raise ServerError."""
    for _ in range(_FREE_PORT_TRIES if config.port == 0 else 0):
        try:
            return _listen_once(config)
        except ServerError as error:
            # A port that was free on the first host may be in use on another one.
            if not _is_in_use(error):
                raise
    return _listen_once(config)


def _is_in_use(error: ServerError) -> bool:
    return isinstance(error.__cause__, OSError) and error.__cause__.errno == errno.EADDRINUSE


def _listen_once(config: Config) -> list[socket.SocketType]:
    sockets: list[socket.SocketType] = []
    port = config.port
    try:
        for host in config.host:
            address = _resolve(host)
            try:
                sock = listening_socket(address, port, BACKLOG, config.send_queue)
            except OSError as error:
                if error.errno in _NO_SUCH_FAMILY and config.host == Config().host and sockets:
                    continue  # a machine without IPv6 still has a loopback
                raise ServerError(_listen_trouble(host, port, error)) from error
            sockets.append(sock)
            port = sock.getsockname()[1]
    except ServerError:
        for sock in sockets:
            sock.close()
        raise
    return sockets


def _resolve(host: str) -> str:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise ServerError(f"--host {host}: {error.strerror}") from error
    except UnicodeError as error:  # a label of a name that is too long, or empty
        raise ServerError(f"--host {host}: this is no name of a host") from error
    return str(found[0][4][0])


def _listen_trouble(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"--port {port}: in use on {host} already; choose another, or 0 for a free one"
    if error.errno in {errno.EACCES, errno.EPERM}:
        return f"--port {port}: no permission to listen there; choose one above 1023"
    return f"--host {host}: can't listen on port {port}: {error.strerror}"
