"""Tasks on several processes: coders hold the lock of the interpreter, or take their time."""

import signal
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait

from evloop.compress.sidecar import Outcome, Task, carry_out

# Tasks that wait for each process: enough that none is idle, and few that a large tree is not
# kept whole.
_WAITING = 4
EXIT_INTERRUPTED = 128 + signal.SIGINT


def carry_out_all(tasks: Iterable[Task], jobs: int) -> Iterator[Outcome]:
    """Yield what comes of *tasks*, in the order in which they end, on *jobs* processes.

    Raises BrokenProcessPool when one of them is killed.
    """
    if jobs == 1:
        yield from map(carry_out, tasks)
        return
    executor = ProcessPoolExecutor(jobs, initializer=_end_quietly)
    try:
        running: set[Future[Outcome]] = set()
        for task in tasks:
            running.add(executor.submit(carry_out, task))
            if len(running) >= jobs * _WAITING:
                done, running = wait(running, return_when=FIRST_COMPLETED)
                yield from (each.result() for each in done)
        while running:
            done, running = wait(running, return_when=FIRST_COMPLETED)
            yield from (each.result() for each in done)
    finally:
        executor.shutdown(cancel_futures=True)


def _end_quietly() -> None:
    """Let SIGINT, which a terminal sends to all, end the task, its temporary file included."""
    signal.signal(signal.SIGINT, lambda *_: sys.exit(EXIT_INTERRUPTED))
