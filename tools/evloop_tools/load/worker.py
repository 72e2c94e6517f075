"""A process of clients: it carries out one order, and talks as load.console describes."""

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from math import inf

from evloop.net.reactor import Reactor
from evloop_tools.load.behaviours import Behaviour, Habits, Visitor
from evloop_tools.load.console import Reins, hear, say
from evloop_tools.load.crowd import BATCH, Crowd, Group, Load
from evloop_tools.load.drills import Drill
from evloop_tools.load.endpoint import parse_url
from evloop_tools.load.files import Catalogue, File
from evloop_tools.load.orders import Behaviour as Held
from evloop_tools.load.orders import Hold, Order, Run
from evloop_tools.load.requests import whole
from evloop_tools.load.steps import FOREVER, Ask, ReadOn, Rest, Script
from evloop_tools.load.tally import Histogram, Tally

_TURN = 0.05  # seconds that a turn may wait
_ENOUGH_ERRORS = 100  # after which a measurement is void anyway, and the server perhaps gone
_AFTER_FAILURE = 0.1  # seconds that the place of a client stays empty that met an error
_IN_PROGRESS = 64  # held clients on their way at a time, so that no backlog overflows
_ROUND = 0.25  # seconds between two reads of a held client with a rate


class Clients:
    """The clients of one order on a reactor of their own."""

    def __init__(self, url: str, files: list[File], load: Load, scripts: Mapping[str, Behaviour]):
        self.reactor = Reactor()
        self.reins = Reins(self.reactor)
        self.tally = Tally(group.name for group in load.groups)
        self.crowd = Crowd(
            self.reactor, parse_url(url), Catalogue(files), load, self.tally, scripts
        )

    def turn(self, until: float = inf, most: int = BATCH) -> None:
        """Let those come who are due, up to *most*, and the loop turn once."""
        now = self.reactor.now
        self.crowd.admit(now, most)
        due = min(until, self.crowd.next_due) if most else until
        self.reactor.turn(min(_TURN, max(0.0, due - now)))

    def run(self, until: float, is_over: Callable[[], bool]) -> None:
        """Turn until the monotonic time *until*, until *is_over* says so, or nobody listens."""
        while self.reactor.now < until and not is_over() and not self.reins.is_over:
            self.turn(until)

    def wait(self, event: str, **values: object) -> None:
        """Say *event* and keep turning until a line says: go on. Raises EOFError at the end."""
        say(event, **values)
        self.run(inf, lambda: self.reins.told > 0)
        self.reins.told -= 1
        if self.reins.is_over:
            raise EOFError

    @property
    def errors(self) -> dict[str, int]:
        """How many went wrong, by kind and with an example."""
        tally = self.tally
        return {
            f"{fault.value} ({tally.examples[fault]})": count
            for fault, count in tally.errors.items()
        }


def _microseconds(histogram: Histogram) -> dict[int, float]:
    return {percent: (seconds or 0.0) * 1e6 for percent, seconds in histogram.percentiles().items()}


def run(order: Run) -> None:
    """Say `ready`, `settled` if the count starts late, and `done`; wait after each."""
    drill = Drill(order)
    groups = tuple(Group(name, name, count) for name, count in order.groups)
    load = Load(
        groups,
        order.clients,
        requests=order.requests,
        habits=Habits(pause=order.pause),
        timeout=order.timeout,
        seed=order.seed,
        fields=order.fields,
        is_replaced=order.is_replaced,
        after_failure=_AFTER_FAILURE,
        visits=order.visits,
    )
    clients = Clients(order.url, [wanted.file for wanted in order.files], load, drill.scripts)
    crowd = clients.crowd
    if order.gathers:
        crowd.open(time.monotonic())
        deadline = time.monotonic() + order.gathers
        clients.run(deadline, lambda: clients.tally.connected >= order.clients)
        clients.wait("ready", connected=clients.tally.connected)
    else:
        say("ready")
        hear()
        crowd.open(time.monotonic())
    began, settled = time.monotonic(), 0
    if order.settle:
        clients.run(began + order.settle, lambda: False)
        settled = crowd.asked
        say("settled", requests=clients.tally.all.requests)
        hear()
    end = time.monotonic() + order.seconds
    enough = inf if order.gathers else _ENOUGH_ERRORS
    clients.run(
        end,
        lambda: crowd.is_done or clients.reins.told > 0 or clients.tally.error_count >= enough,
    )
    if order.finishes:
        crowd.sate()
        clients.run(end + order.patience, lambda: crowd.is_done)
    say("done", seconds=time.monotonic() - began, settled=settled, **_found(clients))
    hear()
    crowd.stop()


def _found(clients: Clients) -> dict[str, object]:
    everything = clients.tally.all
    return {
        "requests": everything.requests,
        "bytes": everything.received,
        "sent": clients.crowd.asked,
        "first_byte": _microseconds(everything.first_byte),
        "latency": _microseconds(everything.total),
        "groups": {
            name: {"clients": each.clients, "ended": each.cut + each.closed + each.errors}
            for name, each in clients.tally.groups.items()
        },
        "errors": clients.errors,
    }


class _Held:
    """The script of held clients, and how many have come to where they are held."""

    def __init__(self, order: Hold) -> None:
        self._order = order
        self._files = (each for wanted in order.files for each in [wanted.file] * wanted.count)
        self.arrived = 0
        self.is_released = False

    def script(self, visitor: Visitor) -> Script:
        order, is_idle = self._order, self._order.behaviour is Held.IDLE
        ask = Ask((whole(next(self._files)),), receive_buffer=None)
        yield Ask((), receive_buffer=None)  # so that the first byte is timed from the request
        answer = yield ask if is_idle else replace(ask, body_bytes=0)
        self.arrived += 1
        if is_idle and answer is not None and not answer.keeps_alive:
            return
        if order.behaviour is Held.SLOW:
            yield ReadOn(rate=order.rate, quantum=_ROUND)
        if not self.is_released:
            yield Rest(FOREVER)
        if order.resume == 0:
            return
        yield ask if is_idle else ReadOn(order.resume)


def hold(order: Hold) -> None:
    """Say `ready` when all are held; then, told to go on, `done` when all have read on."""
    held = _Held(order)
    load = Load(
        (Group("held", "held", 1),),
        order.clients,
        timeout=order.patience,
        is_replaced=False,
    )
    clients = Clients(order.url, [order.files[0].file], load, {"held": held.script})
    counts = clients.tally.groups["held"]
    began = time.monotonic()
    clients.crowd.open(began)
    while held.arrived + counts.errors < order.clients and not clients.reins.is_over:
        on_their_way = counts.clients - held.arrived - counts.errors
        clients.turn(most=max(0, _IN_PROGRESS - on_their_way))
    clients.wait(
        "ready",
        held=clients.crowd.clients,
        errors=clients.errors,
        seconds=time.monotonic() - began,
        first_byte_median=counts.first_byte.percentile(0.5) or 0.0,
        first_byte_last=counts.first_byte.maximum,
    )
    began, before, lost = time.monotonic(), counts.received, counts.cut + counts.closed
    held.is_released = True
    clients.crowd.wake()
    clients.run(began + order.patience, lambda: clients.crowd.is_empty)
    say(
        "done",
        lost=lost,
        received=counts.received,
        resumed=counts.received - before,
        seconds=time.monotonic() - began,
        errors=clients.errors | ({"left unfinished": left} if (left := _left(clients)) else {}),
    )
    hear()


def _left(clients: Clients) -> int:
    left = clients.crowd.clients
    clients.crowd.stop()
    return left


def carry_out(order: Order) -> None:
    """Carry out *order*; raise EOFError or BrokenPipeError when nobody listens any more."""
    if isinstance(order, Hold):
        hold(order)
    else:
        run(order)
