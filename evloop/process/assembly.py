"""What the parts of a worker are told of the settings."""

import os
import time
from collections.abc import Callable

from evloop.http.pace import Pacing
from evloop.http.responder import Responder
from evloop.http.response import Field
from evloop.http1.context import Limits
from evloop.net.pool import PoolLimits
from evloop.process.memory import MemoryPlan
from evloop.settings.choices import RulesDialect, Transfer
from evloop.settings.config import Config
from evloop.site.dictionaries import READ_FIELDS as DICTIONARY_FIELDS
from evloop.site.fields import STRICT_TRANSPORT, private_cache_control
from evloop.site.origins import ISOLATION, MAX_PREPARED, ByOrigin, constant_fields
from evloop.site.prepared import CHANGED_SIZE, OnForget, PreparedResponses
from evloop.site.routes import SingleFile
from evloop.site.settings import SiteSettings
from evloop.site.site import Site
from evloop.site.siterules import RULE_FILES


def responder(
    config: Config,
    only: SingleFile | None,
    make_site: Callable[[SiteSettings, int | None], Site],
) -> Responder:
    """Return the site, or one for each kind of origin that may ask.

    *make_site* is also told how many responses may be prepared; None: one for each file.
    """
    settings = site_settings(config, only)
    origin = constant_fields(config.cors)
    if origin is not None:
        return make_site(settings._replace(origin=origin), None)
    most = max(1, MAX_PREPARED // (len(config.cors) + 1))
    return ByOrigin(config.cors, lambda fields: make_site(settings._replace(origin=fields), most))


def site_settings(config: Config, only: SingleFile | None) -> SiteSettings:
    """Return what the site is told; *only*: the one file that is served."""
    cache_control = config.cache_control.encode()
    return SiteSettings(
        tuple(os.fsencode(name) for name in config.index),
        private_cache_control(cache_control) if config.htpasswd else cache_control,
        config.hidden,
        config.transfer is Transfer.SENDFILE and not config.has_tls,  # what is sent is encrypted
        dictionaries=config.dictionaries,
        more_fields=_more_fields(config),
        only=only,
        unserved=unserved_paths(config),
        fallback=os.fsencode(config.fallback) if only is None else b"",
        clean_urls=config.clean_urls and only is None,
    )


def unserved_paths(config: Config) -> frozenset[bytes]:
    """Return what is never served, although it is there."""
    return frozenset() if config.rules is RulesDialect.OFF else RULE_FILES


def new_prepared(on_forget: OnForget, most: int | None) -> PreparedResponses:
    """Return what keeps the responses of a site; *most* is its share, None for all of them."""
    size = CHANGED_SIZE if most is None else CHANGED_SIZE * most // MAX_PREPARED
    return PreparedResponses(on_forget, most, size)


def _more_fields(config: Config) -> tuple[Field, ...]:
    isolation = ISOLATION if config.isolate else ()
    if not config.hsts:
        return isolation
    return (*isolation, (STRICT_TRANSPORT, b"max-age=%d" % config.hsts))


def read_fields(config: Config) -> list[bytes]:
    """Return the request fields that are read for what not every site has."""
    more = [b"authorization"] if config.htpasswd else []
    more += DICTIONARY_FIELDS if config.dictionaries else ()
    more += [b"sec-fetch-mode"] if config.fallback else []
    return more if constant_fields(config.cors) is not None else [*more, b"origin"]


def pacing(config: Config) -> Pacing | None:
    """Return what keeps connections to the rate, if there is one."""
    if not config.limit_rate:
        return None
    return Pacing(config.limit_rate, config.limit_rate_after, time.monotonic)


def limits(config: Config) -> Limits:
    """Return what a connection may take."""
    return Limits(
        idle_timeout=config.idle_timeout,
        head_timeout=config.head_timeout,
        send_timeout=config.send_timeout,
        linger_timeout=config.linger_timeout,
        max_head_size=config.max_head_size,
        min_rate=config.min_rate,
        min_rate_grace=config.min_rate_grace,
    )


def pool_limits(config: Config, plan: MemoryPlan) -> PoolLimits:
    """Return what all connections may take."""
    return PoolLimits(
        connections=plan.connections,
        per_address=config.max_connections_per_ip,
        heavy=plan.heavy_connections,
        linger_timeout=config.linger_timeout,
    )
