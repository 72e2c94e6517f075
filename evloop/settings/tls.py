"""The settings of TLS: what each is, and which need one another."""

from collections.abc import Callable
from typing import Any

from evloop.settings.choices import TlsVersion
from evloop.settings.options import (
    check_path,
    choice_option,
    duration_option,
    switch_option,
    text_option,
    texts_option,
    whole_option,
)

LEAST_REFILL = 64 * 1024
"""Bytes of a refill over TLS, at least: a gigabyte takes 0.8 of the time that refills of 32 KiB
take, and there is one buffer for all connections."""


def _check_optional_path(value: str) -> None:
    if value:
        check_path(value)


CERT = texts_option(
    "FILE",
    "certificate chain (PEM), the server's own first: HTTPS; may be repeated, each with its key,"
    " and is chosen by the name that the client asks for, else the first",
    check_path,
    least=0,
)
KEY = texts_option(
    "FILE",
    "key (PEM) of each certificate, in the same order; none: they stand in the certificates' files",
    check_path,
    least=0,
)
KEY_PASSWORD_FILE = text_option(
    "FILE", "file whose first line decrypts the keys", _check_optional_path
)
MIN_VERSION = choice_option(TlsVersion, "oldest version of TLS that is spoken")
CLIENT_CA = text_option(
    "FILE",
    "who signs the certificates of clients (PEM), which are then demanded; their subject is logged",
    _check_optional_path,
)
SELF_SIGNED = switch_option(
    "HTTPS with a certificate that is made at the start, for this machine (extra: tls)"
)
ALLOW_EXPIRED = switch_option("whether a certificate is used that has expired")
HTTP_REDIRECT = whole_option(
    0,
    65535,
    "port on which plain requests are sent to HTTPS (308), but for /.well-known/acme-challenge/,"
    " which is served; 0: none",
)
HSTS = duration_option(
    0, "for this long browsers are to use HTTPS only (Strict-Transport-Security); 0: not said"
)

_NEED_TLS = ("tls_key", "tls_key_password_file", "tls_client_ca", "http_redirect", "hsts")


def check_together(config: Any, refuse: Callable[[str, object, str], Exception]) -> None:
    """Raise what *refuse* makes of a setting (name, value, reason) that lacks another one."""
    cert, key = config.tls_cert, config.tls_key
    if cert and config.tls_self_signed:
        raise refuse("tls_self_signed", "on", "--tls-cert has a certificate already")
    if not cert and not config.tls_self_signed:
        for name in _NEED_TLS:
            if value := getattr(config, name):
                shown = value[0] if isinstance(value, tuple) else value
                raise refuse(name, shown, "it needs --tls-cert or --tls-self-signed")
    if key and len(key) != len(cert):
        raise refuse("tls_key", key[-1], f"{len(cert)} certificates have {len(key)} keys")
    if config.http_redirect and config.http_redirect == config.port:
        raise refuse("http_redirect", config.http_redirect, "--port has it already")
