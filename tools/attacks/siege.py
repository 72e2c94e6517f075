"""Thousands of slow clients of every kind at once, and what one good client notices of them."""

from collections.abc import Generator, Iterator
from typing import NamedTuple

from evloop_tools.lab import waiting
from evloop_tools.lab.kernel import read_kernel_tcp

from attacks.swarm import Swarm
from attacks.target import Attacked, Usage
from attacks.visiting import Latency, median_of, visit
from evloop.settings.units import format_size

_SETTLE = 3.0  # seconds from the last connect to the first measurement
_PATIENCE = 30.0  # seconds for the server to notice that all guests are gone


class Forces(NamedTuple):
    """How many clients of each kind."""

    heads: int
    readers: int
    idle: int

    def kinds(self) -> dict[str, tuple[str, int]]:
        """Return the behaviour of each kind, and its number."""
        return {
            "slow heads": ("slow-head-guest", self.heads),
            "slow readers": ("slow-reader", self.readers),
            "idle": ("idle-guest", self.idle),
        }


def duration(seconds: float, rounds: int) -> float:
    """Return about how many seconds a siege takes."""
    return rounds * (2 * seconds + _SETTLE + 3.0)


def siege(target: Attacked, forces: Forces, seconds: float, rounds: int) -> Iterator[str]:
    """Measure the good client alone and under attack, *seconds* each, *rounds* times."""
    measured = []
    for number in range(1, rounds + 1):
        yield f"round {number} of {rounds}"
        measured.append((yield from _round(target, forces, seconds)))
    quiet, attacked = (median_of(column) for column in zip(*measured, strict=True))
    yield f"medians of {rounds} rounds"
    yield f"  quiet     {quiet}"
    yield f"  attacked  {attacked}"
    yield f"  p99 above quiet: {(attacked.p99 - quiet.p99) * 1000:.2f} ms"


def _round(
    target: Attacked, forces: Forces, seconds: float
) -> Generator[str, None, tuple[Latency, Latency]]:
    before = target.usage()
    quiet = visit(target.endpoint, seconds)
    yield f"  quiet     {quiet}"
    kernel = _kernel_memory()
    with Swarm(target.address, forces.kinds()) as swarm:
        waiting.pause(_SETTLE)
        target.reset()
        began = target.usage()
        attacked = visit(target.endpoint, seconds)
        yield f"  attacked  {attacked}"
        yield from _describe(target, before, began, seconds)
        yield f"  kernel's TCP memory {format_size(_kernel_memory() - kernel)} more"
    ended = ", ".join(f"{count} {kind}" for kind, count in sorted(swarm.ended.items()) if count)
    yield f"  ended by the server meanwhile: {ended or 'none'}"
    waiting.until(lambda: target.usage().descriptors <= before.descriptors, _PATIENCE)
    yield f"  afterwards: {target.usage().descriptors - before.descriptors:+} descriptors"
    return quiet, attacked


def _describe(target: Attacked, before: Usage, began: Usage, seconds: float) -> Iterator[str]:
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
