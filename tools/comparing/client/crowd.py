"""Many downloads at once: all are begun, held in flight, and then read on."""

import selectors
import sys
import time
from collections import Counter, deque
from collections.abc import Iterable
from pathlib import Path
from statistics import median

from bench.client.console import say, say_and_wait

from comparing.client.download import BadAnswerError, Download, Source
from comparing.orders import Behaviour, Hold

# Connections that are being made at a time, so that no backlog overflows.
_IN_PROGRESS = 64

# A slow client reads once per round; the shortest pause between two turns; both in seconds.
_ROUND = 0.25
_TURN = 0.01

# The longest wait for the next byte before the clock is looked at again, in seconds.
_PATIENCE = 1.0

# After so long without a byte for anybody the server is taken for dead, in seconds.
SILENCE = 120.0


class Crowd:
    """The clients of one order. `failures` counts those that were lost, by reason."""

    def __init__(self, order: Hold) -> None:
        self._order = order
        self._sources = {path: Source(order.prefix + path, Path(order.root) / path.lstrip("/"))
                         for path in dict.fromkeys(order.paths)}  # fmt: skip
        self.held: deque[Download] = deque()
        self.failures: Counter[str] = Counter()
        self.first_bytes: list[float] = []
        self.received = 0

    def gather(self) -> None:
        """Bring every client to where it is held."""
        waiting = deque(self._order.paths)
        with selectors.DefaultSelector() as selector:
            heard = time.monotonic()
            while waiting or selector.get_map():
                while waiting and len(selector.get_map()) < _IN_PROGRESS:
                    self._connect(selector, waiting.popleft())
                if self._settle(selector):
                    heard = time.monotonic()
                elif time.monotonic() - heard > SILENCE:
                    self.failures["no answer in time"] += len(selector.get_map()) + len(waiting)
                    return

    def _connect(self, selector: selectors.BaseSelector, path: str) -> None:
        try:
            download = Download(self._order.port, self._sources[path])
        except (BadAnswerError, OSError) as error:
            self.failures[str(error)] += 1
            return
        selector.register(download.sock, selectors.EVENT_WRITE, download)

    def _settle(self, selector: selectors.BaseSelector) -> bool:
        """Serve whoever is ready; return whether anybody was."""
        ready = selector.select(_TURN)
        for key, events in ready:
            download: Download = key.data
            try:
                if events & selectors.EVENT_WRITE:
                    download.ask()
                    selector.modify(download.sock, selectors.EVENT_READ, download)
                elif self._is_settled(download):
                    selector.unregister(download.sock)
                    self.held.append(download)
            except BadAnswerError as error:
                selector.unregister(download.sock)
                self._lose(download, error)
        return bool(ready)

    def _is_settled(self, download: Download) -> bool:
        if not download.size:
            if not download.read_head():
                return False
            self.first_bytes.append(download.first_byte)
            if self._order.behaviour is not Behaviour.IDLE:
                return True
        self.received += download.read()
        return download.is_complete

    def read_slowly(self, turns: int) -> None:
        """Let the next *turns* clients read their share of a round."""
        for _ in range(min(turns, len(self.held))):
            download = self.held.popleft()
            left = int(self._order.rate * _ROUND)
            try:
                while count := download.read(left):
                    left -= count
                    self.received += count
            except BadAnswerError as error:
                self._lose(download, error)
            else:
                self.held.append(download)

    def go_on(self) -> None:
        """Let every client read on, or ask again, and leave."""
        with selectors.DefaultSelector() as selector:
            for download in self.held:
                self._begin_again(selector, download)
            heard = time.monotonic()
            while selector.get_map():
                ready = selector.select(_PATIENCE)
                for key, _ in ready:
                    self._read_on(selector, *key.data)
                if ready:
                    heard = time.monotonic()
                elif time.monotonic() - heard > SILENCE:
                    self.failures["no more bytes in time"] += len(selector.get_map())
                    return

    def _begin_again(self, selector: selectors.BaseSelector, download: Download) -> None:
        end = None
        try:
            if self._order.behaviour is Behaviour.IDLE:
                download.ask()
            elif download.is_complete:
                download.sock.close()
                return
            elif self._order.resume is not None:
                end = min(download.size, download.offset + self._order.resume)
        except BadAnswerError as error:
            self._lose(download, error)
            return
        selector.register(download.sock, selectors.EVENT_READ, (download, end))

    def _read_on(
        self, selector: selectors.BaseSelector, download: Download, end: int | None
    ) -> None:
        """Read towards offset *end* (None: the end of the body) and leave there."""
        try:
            if not download.size and not download.read_head():
                return
            end = download.size if end is None else end
            self.received += download.read(end - download.offset)
        except BadAnswerError as error:
            selector.unregister(download.sock)
            self._lose(download, error)
            return
        if download.offset >= end:
            self._leave(selector, download)

    @staticmethod
    def _leave(selector: selectors.BaseSelector, download: Download) -> None:
        selector.unregister(download.sock)
        download.sock.close()

    def _lose(self, download: Download, error: BadAnswerError) -> None:
        download.sock.close()
        self.failures[str(error)] += 1


def hold(order: Hold) -> None:
    """Carry out *order*: `ready` when all are held; then, told to go on, `done`."""
    crowd = Crowd(order)
    began = time.monotonic()
    crowd.gather()
    say(
        "ready",
        held=len(crowd.held),
        failures=crowd.failures,
        seconds=time.monotonic() - began,
        **_first_bytes(crowd.first_bytes),
    )
    if not _is_told_to_go_on(crowd, order):
        return
    began, before = time.monotonic(), crowd.received
    crowd.go_on()
    say_and_wait(
        "done",
        failures=crowd.failures,
        received=crowd.received,
        resumed=crowd.received - before,
        seconds=time.monotonic() - began,
    )


def _first_bytes(seconds: Iterable[float]) -> dict[str, float]:
    ordered = sorted(seconds) or [0.0]
    return {"first_byte_median": median(ordered), "first_byte_last": ordered[-1]}


def _is_told_to_go_on(crowd: Crowd, order: Hold) -> bool:
    """Read slowly until a line comes; return False when the input ended instead."""
    is_slow = order.behaviour is Behaviour.SLOW
    began, turns = time.monotonic(), 0
    with selectors.DefaultSelector() as stdin:
        stdin.register(sys.stdin, selectors.EVENT_READ)
        while not stdin.select(_TURN if is_slow else None):
            due = int((time.monotonic() - began) / _ROUND * len(crowd.held))
            crowd.read_slowly(due - turns)
            turns = due
    return bool(sys.stdin.readline())
