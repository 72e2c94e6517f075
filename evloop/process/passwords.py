"""Puts together what asks for passwords."""

import logging
from collections.abc import Sequence
from contextlib import ExitStack

from evloop.net.inbox import Inbox
from evloop.net.pool import network_of
from evloop.net.reactor import Reactor
from evloop.process.environment import is_loopback
from evloop.settings.config import Config, ConfigError
from evloop.site.access.checker import Checker
from evloop.site.access.gate import Gate
from evloop.site.access.htpasswd import HtpasswdError, PasswordFile
from evloop.site.access.remembered import Remembered
from evloop.site.clock import Clock

_log = logging.getLogger("evloop")


def open_gate(
    config: Config,
    clock: Clock,
    reactor: Reactor,
    inbox: Inbox,
    opened: ExitStack,
    addresses: Sequence[tuple[str, int]],
) -> Gate:
    """Return the gate of `config.htpasswd`; *opened* gets what has to be closed.

    *addresses* are those that are listened on: where others may listen in, it is said once.

    Raises ConfigError when the file can't be read, or has a line that is not taken.
    """
    remembered = Remembered()
    try:
        file = PasswordFile(config.htpasswd, config.revalidate, reactor.now, remembered.clear)
    except OSError as error:
        raise ConfigError("--htpasswd", config.htpasswd, error.strerror or "unreadable") from error
    except HtpasswdError as error:
        raise ConfigError("--htpasswd", config.htpasswd, str(error)) from error
    if not config.has_tls and not all(is_loopback(host) for host, _ in addresses):
        _log.warning("passwords go over the network unencrypted: put TLS in front of it")
    checker = Checker(inbox.post)
    opened.callback(checker.close)
    return Gate(file, remembered, checker, clock, reactor.call_at, network_of)
