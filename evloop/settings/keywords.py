"""The settings as keywords of a call, for type checkers and editors.

A setting takes the value that Config keeps, or the text that the command line takes for it.
"""

from collections.abc import Sequence
from typing import TypedDict

from evloop.settings.choices import (
    Demo,
    Listing,
    LogFormat,
    PreloadMode,
    RulesDialect,
    Symlinks,
    TlsVersion,
    Transfer,
)
from evloop.settings.site_config import RootPath

Size = int | str
"""Bytes, or `32KiB`."""
Duration = float | str
"""Seconds, or `500ms`."""
Switch = bool | str
"""True or False, or `on` or `off`."""


class Settings(TypedDict, total=False):
    """Each setting of a Config (tests/settings/test_keywords.py)."""

    root: RootPath
    revalidate: Duration
    index: str | Sequence[str]
    listing: Listing | str
    archives: Switch
    cache_control: str
    symlinks: Symlinks | str
    hidden: Switch
    fallback: str
    clean_urls: Switch
    error_pages: Switch
    rules: RulesDialect | str
    precompressed: Switch
    compress: Switch
    dictionaries: Switch
    type: str | Sequence[str]
    cors: str | Sequence[str]
    isolate: Switch
    htpasswd: str
    tls_cert: str | Sequence[str]
    tls_key: str | Sequence[str]
    tls_key_password_file: str
    tls_min_version: TlsVersion | str
    tls_client_ca: str
    tls_self_signed: Switch
    tls_allow_expired: Switch
    http_redirect: int | str
    hsts: Duration
    host: str | Sequence[str]
    port: int | str
    dev: Switch
    max_in_memory_size: Size
    chunk_size: Size
    memory_budget: Size
    preload: PreloadMode | str
    transfer: Transfer | str
    send_queue: Size
    limit_rate: Size
    limit_rate_after: Size
    demo: Demo | str
    idle_timeout: Duration
    head_timeout: Duration
    send_timeout: Duration
    linger_timeout: Duration
    shutdown_timeout: Duration
    max_head_size: Size
    max_connections: int | str
    max_connections_per_ip: int | str
    min_rate: Size
    min_rate_grace: Duration
    http2: Switch
    h2c: Switch
    memory_limit: Size
    user: str
    group: str
    access_log: str
    log_format: LogFormat | str
    verbose: Switch
    open: Switch
    qr: Switch
