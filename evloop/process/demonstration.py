"""Puts the server's own figures before a site, where that is asked for."""

from collections.abc import Callable, Sequence

from evloop.http.responder import Responder
from evloop.observe.snapshot import Snapshot
from evloop.process.environment import is_loopback
from evloop.process.memory import MemoryPlan, process_size
from evloop.settings.choices import Demo
from evloop.settings.config import Config
from evloop.settings.site_config import DEFAULT_ROOT
from evloop.site.clock import Clock
from evloop.site.gatekeeper import Gate


def tells_figures(config: Config, addresses: Sequence[tuple[str, int]]) -> bool:
    """Whether a server that listens on *addresses* (host, port) tells its own figures."""
    if config.demo is Demo.AUTO:
        is_default = config.root == DEFAULT_ROOT
        is_open = not config.htpasswd
        return is_default and is_open and all(is_loopback(host) for host, _ in addresses)
    return config.demo is Demo.ON


def with_figures(
    site: Responder,
    snapshot: Callable[[], Snapshot],
    plan: MemoryPlan,
    clock: Clock,
    started: float,
    gate: Gate | None,
) -> Responder:
    """Return *site* with the figures before it; *started* is on the reactor's clock.

    Those who may not pass *gate*, if there is one, get no figures.
    """
    from evloop.demo.figures import Figures
    from evloop.demo.responder import DemoResponder

    figures = Figures(
        snapshot, process_size, start=plan.start, ceiling=plan.ceiling, started=started
    )
    return DemoResponder(site, figures, clock, gate)
