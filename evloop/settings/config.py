"""The settings of a server: one table for the library, the command line and the environment."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from evloop.settings.bind import without_brackets
from evloop.settings.choices import Demo, LogFormat, PreloadMode, Transfer
from evloop.settings.options import (
    Option,
    check_host,
    check_name,
    check_path,
    choice_option,
    duration_option,
    size_option,
    switch_option,
    text_option,
    texts_option,
    whole_option,
)
from evloop.settings.printable import shown
from evloop.settings.site_config import RootPath
from evloop.settings.tls_config import LEAST_REFILL, TlsConfig, check_together
from evloop.settings.units import format_size


class ConfigError(ValueError):
    """A setting that can't be used. The text names the option and the value, in one line."""

    def __init__(self, option: str, value: object, reason: str) -> None:
        super().__init__(f"{option} {shown(value)}: {reason}")


@dataclass(frozen=True, slots=True)
class Config(TlsConfig):
    """The settings of a server. Sizes are bytes, times seconds.

    Each setting takes a value of its type, or the text that the command line would take: "32KiB",
    "10s", "off", "deny". One that may be repeated takes a list, a tuple, or one member alone.
    What is kept is the typed value; *root* becomes a str as os.fsdecode() makes it.

    Raises ConfigError, which names the setting, for values that can't be used.
    """

    host: tuple[str, ...] = field(
        default=("127.0.0.1", "::1"),
        metadata=texts_option(
            "ADDRESS",
            "address to listen on, a port may follow: 0.0.0.0, [::1]:80; :: is IPv4 too unless"
            " an IPv4 address stands beside it; may be repeated",
            check_host,
            without_brackets,
        ),
    )
    port: int = field(
        default=8080, metadata=whole_option(0, 65535, "port to listen on; 0 takes a free one")
    )
    dev: bool = field(
        default=False,
        metadata=switch_option(
            "for editing: browsers ask for each file every time, and get what was saved last"
        ),
    )
    max_in_memory_size: int = field(
        default=1024**2,
        metadata=size_option(
            0, "files up to and including this size are preloaded, larger ones stream"
        ),
    )
    chunk_size: int = field(
        default=32 * 1024,
        metadata=size_option(512, "refill unit of a streamed file", 16 * 1024**2),
    )
    memory_budget: int = field(
        default=64 * 1024**2,
        metadata=size_option(
            0,
            "ceiling on all preloaded bytes, cached or in flight;"
            " a small file that does not fit is streamed",
        ),
    )
    preload: PreloadMode = field(
        default=PreloadMode.SHARED,
        metadata=choice_option(
            PreloadMode,
            "whether one copy of a preloaded file serves all, or each request loads its own"
            " (as servers do that load entire files: to compare)",
        ),
    )
    transfer: Transfer = field(
        default=Transfer.COPY,
        metadata=choice_option(
            Transfer, "how a streamed file is moved: through the refill buffer, or by the kernel"
        ),
    )
    send_queue: int = field(
        default=64 * 1024,
        metadata=size_option(4096, "unsent bytes the kernel may hold per connection", 1024**3),
    )
    limit_rate: int = field(
        default=0,
        metadata=size_option(
            0, "bytes per second that a connection is sent, at most; 0: any number", 1024**4
        ),
    )
    limit_rate_after: int = field(
        default=0,
        metadata=size_option(0, "the rate is limited after so many bytes of a connection"),
    )
    demo: Demo = field(
        default=Demo.AUTO,
        metadata=choice_option(
            Demo,
            "whether /.well-known/evloop tells the server's memory, connections and bytes sent, as"
            " the page in public/ shows them; auto: for the default ROOT, while only loopback"
            " addresses are listened on",
        ),
    )
    idle_timeout: float = field(
        default=60.0,
        metadata=duration_option(0.01, "a connection may wait this long for a request"),
    )
    head_timeout: float = field(
        default=10.0, metadata=duration_option(0.01, "a request head must be whole after this long")
    )
    send_timeout: float = field(
        default=30.0,
        metadata=duration_option(0.01, "a client must take something of its response this often"),
    )
    linger_timeout: float = field(
        default=2.0,
        metadata=duration_option(
            0.01, "a closed connection waits this long for the client's close"
        ),
    )
    shutdown_timeout: float = field(
        default=30.0,
        metadata=duration_option(0, "downloads may finish for this long after a signal"),
    )
    max_head_size: int = field(
        default=16 * 1024, metadata=size_option(256, "largest request head", 1024**2)
    )
    max_connections: int = field(
        default=0,
        metadata=whole_option(
            0, None, "connections at once; 0: as many as there are descriptors for, two each"
        ),
    )
    max_connections_per_ip: int = field(
        default=0,
        metadata=whole_option(
            0, None, "connections from one IPv4 address or IPv6 /64, others get 503; 0: any number"
        ),
    )
    min_rate: int = field(
        default=0,
        metadata=size_option(
            0, "bytes per second a download must take on average; 0: any progress"
        ),
    )
    min_rate_grace: float = field(
        default=10.0, metadata=duration_option(0.01, "time over which the rate is averaged")
    )
    http2: bool = field(
        default=True,
        metadata=switch_option("whether HTTP/2 is offered to clients that come with TLS"),
    )
    h2c: bool = field(
        default=False,
        metadata=switch_option(
            "whether HTTP/2 without TLS is spoken with clients that begin with it, as proxies do"
        ),
    )
    memory_limit: int = field(
        default=0,
        metadata=size_option(
            0,
            "bound on the process's memory: preload less and accept fewer to stay beneath;"
            " 0: half of the cgroup's limit if there is one",
        ),
    )
    user: str = field(
        default="", metadata=text_option("NAME", "user to become after binding", check_name)
    )
    group: str = field(
        default="", metadata=text_option("NAME", "group to become after binding", check_name)
    )
    access_log: str = field(
        default="auto",
        metadata=text_option(
            "PATH",
            "where responses are logged: a file, - for the standard output, or off; auto: -"
            " unless that is closed or /dev/null",
            check_path,
        ),
    )
    log_format: LogFormat = field(
        default=LogFormat.COMBINED, metadata=choice_option(LogFormat, "how responses are logged")
    )
    verbose: bool = field(
        default=False,
        metadata=switch_option(
            "whether the start also tells the strategy and the memory plan, term by term"
        ),
    )
    open: bool = field(
        default=False, metadata=switch_option("whether the command opens the site in a browser")
    )
    qr: bool = field(
        default=False,
        metadata=switch_option("whether the start shows the address as a code for phones"),
    )

    def __post_init__(self) -> None:
        object.__setattr__(self, "root", _read_root(self.root))
        for name, option in OPTIONS.items():
            value = read_setting(option_name(name), getattr(self, name), option)
            object.__setattr__(self, name, value)  # the way round `frozen` for its own class
        check_together(self, self.port, _refusal)

    @property
    def queue_size(self) -> int:
        """Unsent bytes that the kernel may hold for each connection: `send_queue`, and twice that
        over TLS, where records of 16 KiB are sent whole or not at all."""
        return 2 * self.send_queue if self.has_tls else self.send_queue

    @property
    def refill_size(self) -> int:
        """Bytes of a refill: `chunk_size`, and over TLS at least 64 KiB, four records."""
        return max(self.chunk_size, LEAST_REFILL) if self.has_tls else self.chunk_size

    @property
    def strategy(self) -> str:
        """What the settings come to, in one line."""
        stream = f"in {format_size(self.refill_size)} chunks"
        if not self.max_in_memory_size:
            return f"stream everything {stream}"
        within = format_size(self.memory_budget)
        copies = "" if self.preload is PreloadMode.SHARED else ", a copy for each request"
        limit = format_size(self.max_in_memory_size)
        return f"preload up to {limit} within {within}{copies}, stream larger {stream}"


OPTIONS: Mapping[str, Option] = {
    each.name: each.metadata["option"] for each in fields(Config) if "option" in each.metadata
}


def option_name(name: str) -> str:
    """Return the command line's name of a setting."""
    return "--" + name.replace("_", "-")


def variable_name(name: str) -> str:
    """Return the environment variable of a setting."""
    return "EVLOOP_" + name.upper()


def default_text(name: str) -> str:
    """Return the default of a setting as it would be written."""
    option = OPTIONS[name]
    default: Any = next(each.default for each in fields(Config) if each.name == name)
    return " ".join(option.show(each) for each in (default if option.repeatable else (default,)))


def _refusal(name: str, value: object, reason: str) -> ConfigError:
    return ConfigError(option_name(name), value, reason)


def _read_root(root: RootPath) -> str:
    try:
        path = os.fsdecode(root)
        check_path(path)
    except (TypeError, ValueError) as error:
        reason = "a path is wanted" if isinstance(error, TypeError) else str(error)
        raise ConfigError("ROOT", root, reason) from error
    return path


def read_setting(source: str, value: object, option: Option) -> Any:
    """Return the setting that *value* means; *source* is what a ConfigError calls it."""
    if not option.repeatable:
        return _read_one(source, value, option)
    members = value if isinstance(value, list | tuple) else (value,)
    if not members and not option.may_be_empty:
        raise ConfigError(source, "()", "at least one is wanted")
    return tuple(_read_one(source, each, option) for each in members)


def _read_one(source: str, value: object, option: Option) -> Any:
    try:
        return option.read(value)
    except ValueError as error:
        raise ConfigError(source, value, str(error)) from error
