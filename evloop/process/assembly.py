"""What the parts of a worker are told of the settings."""

import os

from evloop.http1.context import Limits
from evloop.net.pool import PoolLimits
from evloop.process.memory import MemoryPlan
from evloop.settings.choices import RulesDialect, Transfer
from evloop.settings.config import Config
from evloop.site.settings import SiteSettings
from evloop.site.siterules import RULE_FILES


def site_settings(config: Config) -> SiteSettings:
    """Return what the site is told."""
    return SiteSettings(
        tuple(os.fsencode(name) for name in config.index),
        config.cache_control.encode(),
        config.hidden,
        config.transfer is Transfer.SENDFILE,
        unserved=frozenset() if config.rules is RulesDialect.OFF else RULE_FILES,
        fallback=os.fsencode(config.fallback),
        clean_urls=config.clean_urls,
        error_pages=config.error_pages,
    )


def read_fields(config: Config) -> list[bytes]:
    """Return the request fields that are read for what not every site has."""
    return [b"sec-fetch-mode"] if config.fallback else []


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
