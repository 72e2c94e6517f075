"""What a server needs of its environment: a directory, a log, addresses, descriptors."""

import contextlib
import errno
import os
import resource
import socket
from collections.abc import Callable, Sequence
from dataclasses import replace

from evloop.files.cache import Cache
from evloop.files.root import Root
from evloop.net.listener import BACKLOG
from evloop.net.transport import adopt, check_listener, listening_socket
from evloop.observe.logwriter import LogWriter
from evloop.process.privileges import Identity
from evloop.settings.choices import RulesDialect
from evloop.settings.config import Config, ConfigError
from evloop.settings.printable import printable
from evloop.site.fields import private_cache_control
from evloop.site.routes import SingleFile
from evloop.site.rules.dialect import DIALECTS
from evloop.site.rules.model import RuleError
from evloop.site.siterules import SiteRules

# Descriptors that are neither connections nor their files: the standard streams, the log,
# the poller, the listeners, a look-up under way.
_RESERVED_DESCRIPTORS = 32
_DESCRIPTORS_PER_CONNECTION = 2  # the socket, and the file of a download
_FILES_OF_STREAMS = 1  # of HTTP/2, beside the first of each connection: as many as connections
_FREE_PORT_TRIES = 8
_NO_DIRECTORY = frozenset({errno.ENOENT, errno.ENOTDIR})
_NO_SUCH_FAMILY = frozenset({errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL})


class ServerError(Exception):
    """The environment does not let the server start. The text names option and value."""


def connection_limit(wanted: int = 0, *, has_streams: bool = False) -> int:
    """Return how many connections the limit on descriptors has room for.

    *has_streams*: whether they may have several downloads each, in HTTP/2.

    As many as may all be downloads, with a file each; or, where a number is *wanted*, up to as
    many as there are descriptors: then some downloads may be told to come again (503).
    """
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        soft = 1024 * 1024
    available = soft - _RESERVED_DESCRIPTORS
    each = _DESCRIPTORS_PER_CONNECTION + _FILES_OF_STREAMS * has_streams
    return max(1, min(wanted, available) if wanted else available // each)


def open_root(config: Config) -> tuple[Root, SingleFile | None]:
    """Open the directory that is served, or raise ServerError.

    When a file is named its directory is opened, and the file returned: it is served alone. A
    link to it is followed wherever it leads, since it is this file that was asked for.
    """
    path = os.fsdecode(config.root)
    try:
        if os.path.isfile(path):
            real = os.path.realpath(path)
            only = SingleFile(*map(os.fsencode, map(os.path.basename, (real, path))))
            return Root(os.path.dirname(real), config.symlinks), only
        return Root(path, config.symlinks), None
    except OSError as error:
        hint = "; name one that exists" if error.errno in _NO_DIRECTORY else ""
        raise ServerError(f"ROOT {printable(path)}: {error.strerror}{hint}") from error


def load_rules(config: Config, cache: Cache, now: float) -> SiteRules | None:
    """Return the site's rules, None if there are to be none. Raises ConfigError, ServerError."""
    dialect = config.rules
    if dialect is RulesDialect.OFF:
        return None
    rules = SiteRules(
        cache,
        DIALECTS[dialect.value],
        clean_urls=config.clean_urls,
        cache_control=_cache_control(config),
    )
    try:
        rules.load(now)
    except RuleError as error:
        raise ConfigError("--rules", dialect.value, str(error)) from error
    except OSError as error:
        raise ServerError(f"the rules of the site can't be read: {error.strerror}") from error
    return rules


def _cache_control(config: Config) -> Callable[[bytes], bytes]:
    """Return what is made of the Cache-Control that a rule asks for."""
    if config.dev:  # which goes before whatever was given
        return lambda value: config.cache_control.encode()
    return private_cache_control if config.htpasswd else lambda value: value


def log_path(config: Config) -> str | None:
    """Return where responses are logged: a path, `-` for the standard output, None for nowhere.

    `auto` is nowhere: the standard output is a program's own, unless it is the command, which
    says what it means (evloop/cli/streams.py).
    """
    return None if config.access_log in {"auto", "off"} else config.access_log


def hand_over_log(config: Config, identity: Identity) -> None:
    """Create the log for the user who is going to open it, if it does not exist.

    The user may not be allowed to create files there, but can open this one, now and again when
    it is reopened. Raises ServerError.
    """
    path = log_path(config)
    if path is None or path == "-":
        return
    # O_EXCL follows no link: else whoever may write there could have any file made, or owned.
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    try:
        fd = os.open(path, flags, 0o640)
    except FileExistsError:
        return
    except OSError as error:
        raise _log_trouble(path, error) from error
    try:
        os.fchown(fd, -1 if identity.uid is None else identity.uid, identity.gid)
    except OSError as error:
        raise _log_trouble(path, error) from error
    finally:
        os.close(fd)


def open_log(config: Config) -> LogWriter | None:
    """Open the access log, None when there is to be none; or raise ServerError."""
    path = log_path(config)
    if path is None:
        return None
    try:
        return LogWriter(None if path == "-" else path)
    except OSError as error:
        raise _log_trouble(path, error) from error


def _log_trouble(path: str, error: OSError) -> ServerError:
    return ServerError(f"--access-log {printable(path)}: {error.strerror}")


def listening(
    config: Config, given: Sequence[socket.socket] = ()
) -> tuple[list[socket.SocketType], list[socket.SocketType]]:
    """Return the listening sockets, *given* or new, and those of `http_redirect`.

    Raises ServerError; none is open then but those that were given.
    """
    with contextlib.ExitStack() as opened:
        sockets = adopt_all(given, config) if given else listen(config)
        for sock in sockets:
            opened.callback(sock.close)
        beside = listen_beside(config)
        opened.pop_all()
    return sockets, beside


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


def listen_beside(config: Config) -> list[socket.SocketType]:
    """Return the listening sockets of `http_redirect`, none without it; or raise ServerError."""
    if not config.http_redirect:
        return []
    return _listen_once(replace(config, port=config.http_redirect, http_redirect=0))


def _is_in_use(error: ServerError) -> bool:
    return isinstance(error.__cause__, OSError) and error.__cause__.errno == errno.EADDRINUSE


def _listen_once(config: Config) -> list[socket.SocketType]:
    port = config.port
    found = {host: _resolve(host) for host in config.host}
    has_ipv4 = any(":" not in address for address, _ in found.values())
    with contextlib.ExitStack() as opened:
        sockets: list[socket.SocketType] = []
        for host, (address, scope_id) in found.items():
            try:
                if address == "::" and not has_ipv4:
                    sock = _bind_both(port, config.queue_size)
                else:
                    sock = _bind(address, scope_id, port, config.queue_size)
            except OSError as error:
                if error.errno in _NO_SUCH_FAMILY and config.host == Config().host and sockets:
                    continue  # a machine without IPv6 still has a loopback
                raise ServerError(_listen_trouble(host, port, error)) from error
            opened.callback(sock.close)
            sockets.append(sock)
            port = sock.getsockname()[1]
        opened.pop_all()
    return sockets


def _bind(address: str, scope_id: int, port: int, send_queue: int) -> socket.SocketType:
    if scope_id:
        return listening_socket(address, port, BACKLOG, send_queue, scope_id)
    return listening_socket(address, port, BACKLOG, send_queue)


def _bind_both(port: int, send_queue: int) -> socket.SocketType:
    """Listen on each address of this machine, IPv4 and IPv6."""
    return listening_socket("::", port, BACKLOG, send_queue, dual_stack=True)


def adopt_all(sockets: Sequence[socket.socket], config: Config) -> list[socket.SocketType]:
    """Take over sockets that listen already, or raise ServerError.

    None is taken over unless all can be.
    """
    for sock in sockets:
        try:
            check_listener(sock)
        except ValueError as error:
            raise ServerError(f"sock {sock!r}: {error}") from error
    with contextlib.ExitStack() as opened:
        adopted: list[socket.SocketType] = []
        for sock in sockets:
            try:
                adopted.append(adopt(sock, config.queue_size))
            except OSError as error:
                raise ServerError(f"sock: {error.strerror}") from error
            opened.callback(adopted[-1].close)
        opened.pop_all()
    return adopted


def _resolve(host: str) -> tuple[str, int]:
    """Return the first address of *host* and its scope id, 0 for an address that has none."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise ServerError(f"--host {host}: {error.strerror}") from error
    except UnicodeError as error:  # a label of a name that is too long, or empty
        raise ServerError(f"--host {host}: this is no name of a host") from error
    # IPv4: address, port. IPv6: address, port, flow, scope (fe80::1%eth0 is on eth0 alone).
    address, _, *others = found[0][4]
    return str(address), int(others[1]) if others else 0


def shown_address(sock: socket.SocketType) -> tuple[str, int]:
    """Return the host and port that *sock* listens on, with its zone if it has one."""
    host, port, *others = sock.getsockname()
    if others and others[1]:
        host = f"{host}%{socket.if_indextoname(others[1])}"
    return host, port


def url_of(host: str, port: int, scheme: str = "http") -> str:
    """Return what to open in a browser on this machine."""
    if host in {"0.0.0.0", "::"}:
        host = "localhost"
    return f"{scheme}://[{host}]:{port}/" if ":" in host else f"{scheme}://{host}:{port}/"


def is_loopback(host: str) -> bool:
    """Whether *host*, the numeric address of a socket, is reached from this machine alone."""
    return host == "::1" or host.removeprefix("::ffff:").startswith("127.")


def _listen_trouble(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"--port {port}: in use on {host} already; take another, or 0 for any"
    if error.errno in {errno.EACCES, errno.EPERM}:
        return f"--port {port}: no permission to listen there; choose one above 1023"
    return f"--host {host}: can't listen on port {port}: {error.strerror}"
