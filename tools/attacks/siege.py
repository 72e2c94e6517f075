"""Thousands of slow clients of every kind at once, and what one good client notices of them."""

import contextlib
import time
from collections.abc import Generator, Iterator
from typing import NamedTuple

from lab.kernel import read_kernel_tcp

from attacks.docroot import LARGE, SMALL, SMALL_CONTENT
from attacks.swarm import IDLE, Kind, Swarm, slow_head, slow_reader
from attacks.target import Target, Usage
from attacks.visitor import Latency, Visitor, median_of
from evloop.settings.units import format_size

BITE = 512
"""Bytes that a slow reader takes a second."""
_SETTLE = 3.0  # seconds from the last connect to the first measurement
_PATIENCE = 30.0  # seconds for the server to notice that all guests are gone


class Forces(NamedTuple):
    """How many clients of each kind."""

    heads: int
    readers: int
    idle: int

    def kinds(self) -> dict[str, tuple[Kind, int]]:
        return {
            "slow heads": (slow_head("/"), self.heads),
            "slow readers": (slow_reader(LARGE, BITE), self.readers),
            "idle": (IDLE, self.idle),
        }


class Round(NamedTuple):
    """What one round has come to."""

    quiet: Latency
    attacked: Latency


def siege(target: Target, forces: Forces, seconds: float, rounds: int) -> Iterator[str]:
    """Measure the good client alone and under attack, *seconds* each, *rounds* times."""
    measured = []
    for number in range(1, rounds + 1):
        yield f"round {number} of {rounds}"
        measured.append((yield from _round(target, forces, seconds)))
    quiet = median_of([each.quiet for each in measured])
    attacked = median_of([each.attacked for each in measured])
    yield f"medians of {rounds} rounds"
    yield f"  quiet     {quiet}"
    yield f"  attacked  {attacked}"
    yield f"  p99 above quiet: {(attacked.p99 - quiet.p99) * 1000:.2f} ms"


def _round(target: Target, forces: Forces, seconds: float) -> Generator[str, None, Round]:
    before = target.usage()
    with contextlib.closing(Visitor(target.address, SMALL, SMALL_CONTENT)) as visitor:
        quiet = visitor.measure(seconds)
        yield f"  quiet     {quiet}"
        kernel = _kernel_memory()
        with Swarm(target.address, forces.kinds()) as swarm:
            time.sleep(_SETTLE)
            target.reset()
            began = target.usage()
            attacked = visitor.measure(seconds)
            yield f"  attacked  {attacked}"
            yield from _describe(target, before, began, seconds)
            yield f"  kernel's TCP memory {format_size(_kernel_memory() - kernel)} more"
    ended = ", ".join(f"{count} {kind}" for kind, count in sorted(swarm.ended.items()))
    yield f"  ended by the server meanwhile: {ended or 'none'}"
    _await_calm(target, before.descriptors)
    after = target.usage()
    yield f"  afterwards: {after.descriptors - before.descriptors:+} descriptors"
    return Round(quiet, attacked)


def _describe(target: Target, before: Usage, began: Usage, seconds: float) -> Iterator[str]:
    now = target.usage()
    cpu = (now.cpu - began.cpu) / seconds
    yield (
        f"  server: {cpu:.0%} of a core, {format_size(now.memory - before.memory)} more memory,"
        f" {now.descriptors} descriptors"
    )
    figures = target.figures()
    if figures:
        lag = figures["lag"]
        states = ", ".join(f"{count} {state}" for state, count in figures["connections"].items())
        yield f"  connections: {states}"
        yield f"  loop lag: p99 {lag['p99'] * 1000:.2f} ms, max {lag['maximum'] * 1000:.2f} ms"


def _kernel_memory() -> int:
    memory = read_kernel_tcp()
    return memory.used if memory is not None else 0


def _await_calm(target: Target, descriptors: int) -> None:
    give_up_at = time.monotonic() + _PATIENCE
    while target.usage().descriptors > descriptors and time.monotonic() < give_up_at:
        time.sleep(0.1)
