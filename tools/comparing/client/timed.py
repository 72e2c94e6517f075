"""One download after the other, each timed from its request to its last byte."""

import select
import time

from bench.client.console import say_and_wait

from comparing.client.download import MOST, BadAnswerError, Download, Source
from comparing.orders import Timed

# After so long without a byte the server is taken for dead, in seconds.
SILENCE = 120.0

# A reader with a rate takes its share so often, in seconds.
_PAUSE = 0.005


def time_downloads(order: Timed) -> None:
    """Carry out *order* and say `done`, with two times in seconds for each repetition."""
    first_bytes, totals, failures = [], [], {}
    source = Source(order.path)
    for _ in range(order.repetitions):
        try:
            first_byte, total = _download(order, source)
        except BadAnswerError as error:
            failures[str(error)] = 1
            break
        first_bytes.append(first_byte)
        totals.append(total)
    say_and_wait("done", first_bytes=first_bytes, totals=totals, failures=failures)


def _download(order: Timed, source: Source) -> tuple[float, float]:
    """Return the seconds from the request to the first and to the last byte."""
    download = Download(order.port, source)
    with download.sock:
        _wait(download, select.POLLOUT)
        download.ask()
        while not download.read_head():
            _wait(download, select.POLLIN)
        began = time.monotonic()
        while not download.is_complete:
            if order.rate is None:
                download.read(MOST)
            else:
                due = int((time.monotonic() - began) * order.rate)
                while download.offset < due and download.read(due - download.offset):
                    continue
                time.sleep(_PAUSE)
            if not download.is_complete:
                _wait(download, select.POLLIN)
        return download.first_byte, time.monotonic() - download.asked


def _wait(download: Download, event: int) -> None:
    poll = select.poll()
    poll.register(download.sock, event)
    if not poll.poll(SILENCE * 1000):
        raise BadAnswerError(f"no byte within {SILENCE:g} s")
