"""What the command line says, with the scenario where it says nothing."""

import argparse
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from evloop_tools.load.crowd import Load
from evloop_tools.load.endpoint import Endpoint
from evloop_tools.report.arguments import Parser
from evloop_tools.report.verdict import Limits
from evloop_tools.soaking.command_line import CLIENTS_PER_SECOND, MOST_ARRIVALS_AT_ONCE, parser
from evloop_tools.soaking.scenarios import MIXED, Scenario

_LOOKS = 40  # after the warm-up, for a slope that says something
_LEAST_INTERVAL = 0.1  # seconds


@dataclass(frozen=True, slots=True)
class Options:
    """The command line, with what the scenario says where it says nothing. Seconds, bytes."""

    endpoint: Endpoint | None
    serve_arguments: tuple[str, ...]
    pid: int | None
    root: Path | None
    paths: tuple[str, ...]
    make: Path | None
    scenario: Scenario
    is_scenario_named: bool
    load: Load
    duration: float
    warm_up: float
    interval: float
    limits: Limits
    reports: tuple[Path, ...]


def parse_arguments(arguments: Sequence[str]) -> Options:
    """Read the command line. Exits with code 2 and one line when it is wrong."""
    command_line = parser()
    given, behind = command_line.split(arguments)
    _check(command_line, given, has_serve_arguments=behind is not None)
    scenario = given.scenario or MIXED
    load = _load(given, scenario)
    duration = given.duration if given.duration is not None else scenario.duration
    warm_up = load.ramp_up + duration / 4 if given.warm_up is None else given.warm_up
    slope = given.max_slope if given.max_slope is not None else scenario.slope
    return Options(
        endpoint=given.url,
        serve_arguments=tuple(behind or ()),
        pid=given.pid,
        root=given.root,
        paths=tuple(given.path),
        make=given.make,
        scenario=scenario,
        is_scenario_named=given.scenario is not None,
        load=load,
        duration=duration,
        warm_up=warm_up,
        interval=given.interval or _interval(scenario, duration - warm_up),
        limits=Limits(
            errors=given.max_errors,
            slope=slope,
            growth_per_connection=given.max_growth_per_connection or scenario.growth_per_connection,
            descriptors=given.max_descriptors,
            growth=given.max_growth,
            rss=given.max_rss,
        ),
        reports=tuple(filter(None, (given.report, given.json))),
    )


def _interval(scenario: Scenario, judged: float) -> float:
    """Return how far apart looks are: near enough for a slope within *judged* seconds."""
    return max(_LEAST_INTERVAL, min(scenario.interval, judged / _LOOKS))


def _load(given: argparse.Namespace, scenario: Scenario) -> Load:
    """Return the load of *scenario* with what was given instead."""
    habits = scenario.habits
    for name in ("rate", "pause", "stall"):
        if getattr(given, name) is not None:
            habits = replace(habits, **{name: getattr(given, name)})
    clients = given.clients or (
        scenario.clients if given.arrivals is None else MOST_ARRIVALS_AT_ONCE
    )
    ramp_up = given.ramp_up if given.ramp_up is not None else scenario.ramp_up
    if ramp_up is None:
        ramp_up = 0.0 if given.arrivals is not None else clients / CLIENTS_PER_SECOND
    requests = given.requests or (scenario.requests if given.duration is None else math.inf)
    return Load(
        groups=given.mix or scenario.groups,
        clients=clients,
        arrivals=given.arrivals,
        ramp_up=ramp_up,
        requests=requests,
        habits=habits,
        timeout=given.timeout,
        seed=given.seed,
    )


def _check(command_line: Parser, given: argparse.Namespace, has_serve_arguments: bool) -> None:
    """Refuse what does not go together."""
    if sum((given.url is not None, given.launch, given.make is not None)) != 1:
        command_line.error("name one server: --launch or URL (or --make DIR for its files)")
    if has_serve_arguments and not given.launch:
        command_line.error("what follows -- goes to evloop, which only --launch starts")
    if (given.root or given.path or given.pid) and given.url is None:
        command_line.error("--root, --path and --pid go with a URL")
    if given.root and given.path:
        command_line.error("--root and --path exclude each other")
    if given.root and not given.root.is_dir():
        command_line.error(f"argument --root: {str(given.root)!r} is not a directory")
    for option in ("report", "json"):
        path = getattr(given, option)
        if path is not None and not path.absolute().parent.is_dir():
            command_line.error(f"argument --{option}: no directory {str(path.parent)!r}")
