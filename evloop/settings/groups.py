"""The order in which people meet the options: the dozen that most need, then all by subject."""

from collections.abc import Mapping

FIRST = (
    "host",
    "port",
    "dev",
    "index",
    "cache_control",
    "listing",
    "hidden",
    "memory_limit",
    "max_connections",
    "user",
    "access_log",
    "verbose",
)
"""What somebody who is new needs, in the order of the help."""

GROUPS: Mapping[str, tuple[str, ...]] = {
    "Files": (
        "dev",
        "index",
        "cache_control",
        "listing",
        "archives",
        "hidden",
        "symlinks",
        "fallback",
        "clean_urls",
        "error_pages",
        "rules",
        "precompressed",
        "compress",
        "dictionaries",
        "type",
        "revalidate",
        "transfer",
        "demo",
    ),
    "Access": ("htpasswd", "cors", "isolate"),
    "Memory": (
        "memory_limit",
        "memory_budget",
        "max_in_memory_size",
        "preload",
        "chunk_size",
        "send_queue",
    ),
    "Connections": (
        "host",
        "port",
        "max_connections",
        "max_connections_per_ip",
        "max_head_size",
        "idle_timeout",
        "head_timeout",
        "send_timeout",
        "linger_timeout",
        "min_rate",
        "min_rate_grace",
        "limit_rate",
        "limit_rate_after",
    ),
    "HTTP/2": ("http2", "h2c"),
    "Logging": ("access_log", "log_format", "verbose"),
    "TLS": (
        "tls_cert",
        "tls_key",
        "tls_key_password_file",
        "tls_min_version",
        "tls_client_ca",
        "tls_self_signed",
        "tls_allow_expired",
        "http_redirect",
        "hsts",
    ),
    "Process": ("open", "qr", "user", "group", "shutdown_timeout"),
}
"""Every option, in one group each (tests/settings/test_groups.py)."""


def sections() -> list[tuple[str, tuple[str, ...]]]:
    """Return titles and options: the dozen first, then each group without them."""
    rest = [
        (title, tuple(name for name in names if name not in FIRST))
        for title, names in GROUPS.items()
    ]
    return [("Common", FIRST), *((title, names) for title, names in rest if names)]
