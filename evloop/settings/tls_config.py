"""The settings of TLS: what each is, and which need one another."""

from collections.abc import Callable
from dataclasses import dataclass, field

from evloop.settings.choices import TlsVersion
from evloop.settings.options import (
    check_optional_path,
    check_path,
    choice_option,
    duration_option,
    switch_option,
    text_option,
    texts_option,
    whole_option,
)
from evloop.settings.site_config import SiteConfig

LEAST_REFILL = 64 * 1024
"""Bytes of a refill over TLS, at least: a gigabyte takes 0.8 of the time that refills of 32 KiB
take, and there is one buffer for all connections."""

_NEED_TLS = ("tls_key", "tls_key_password_file", "tls_client_ca", "http_redirect", "hsts")


@dataclass(frozen=True, slots=True)
class TlsConfig(SiteConfig):
    """The settings of TLS, which follow those of the site in a Config."""

    tls_cert: tuple[str, ...] = field(
        default=(),
        metadata=texts_option(
            "FILE",
            "certificate chain (PEM), the server's own first: HTTPS; may be repeated, each with"
            " its key, and is chosen by the name that the client asks for, else the first",
            check_path,
            may_be_empty=True,
        ),
    )
    tls_key: tuple[str, ...] = field(
        default=(),
        metadata=texts_option(
            "FILE",
            "key (PEM) of each certificate, in the same order; none: they stand in the"
            " certificates' files",
            check_path,
            may_be_empty=True,
        ),
    )
    tls_key_password_file: str = field(
        default="",
        metadata=text_option(
            "FILE", "file whose first line decrypts the keys", check_optional_path
        ),
    )
    tls_min_version: TlsVersion = field(
        default=TlsVersion.TLS_1_2,
        metadata=choice_option(TlsVersion, "oldest version of TLS that is spoken"),
    )
    tls_client_ca: str = field(
        default="",
        metadata=text_option(
            "FILE",
            "who signs the certificates of clients (PEM), which are then demanded; their subject"
            " is logged",
            check_optional_path,
            guards=True,
        ),
    )
    tls_self_signed: bool = field(
        default=False,
        metadata=switch_option(
            "HTTPS with a certificate that is made at the start, for this machine (extra: tls)"
        ),
    )
    tls_allow_expired: bool = field(
        default=False, metadata=switch_option("whether a certificate is used that has expired")
    )
    http_redirect: int = field(
        default=0,
        metadata=whole_option(
            0,
            65535,
            "port on which plain requests are sent to HTTPS (308), but for"
            " /.well-known/acme-challenge/, which is served; 0: none",
        ),
    )
    hsts: float = field(
        default=0.0,
        metadata=duration_option(
            0,
            "for this long browsers are to use HTTPS only (Strict-Transport-Security); 0: not said",
        ),
    )

    @property
    def has_tls(self) -> bool:
        """Whether `port` speaks TLS."""
        return bool(self.tls_cert) or self.tls_self_signed

    @property
    def scheme(self) -> str:
        """That of the addresses at which this is served."""
        return "https" if self.has_tls else "http"


def check_together(
    config: TlsConfig, port: int, refuse: Callable[[str, object, str], Exception]
) -> None:
    """Raise what *refuse* makes of a setting (name, value, reason) that lacks another one.

    *port* is that of HTTPS.
    """
    cert, key = config.tls_cert, config.tls_key
    if cert and config.tls_self_signed:
        raise refuse("tls_self_signed", "on", "--tls-cert has a certificate already")
    if not config.has_tls:
        for name in _NEED_TLS:
            if value := getattr(config, name):
                shown = value[0] if isinstance(value, tuple) else value
                raise refuse(name, shown, "it needs --tls-cert or --tls-self-signed")
    if key and len(key) != len(cert):
        raise refuse("tls_key", key[-1], f"{len(cert)} certificates have {len(key)} keys")
    if config.http_redirect and config.http_redirect == port:
        raise refuse("http_redirect", config.http_redirect, "--port has it already")
