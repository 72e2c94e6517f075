"""Tasks on several processes: coders hold the lock of the interpreter, or take their time."""

import signal
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from multiprocessing import active_children

from evloop.compress.outcome import Job, Outcome

# Tasks that wait for each process: enough that none is idle, and few that a large tree is not
# kept whole.
_WAITING = 4
EXIT_INTERRUPTED = 128 + signal.SIGINT


def carry_out_all(tasks: Iterable[Job], jobs: int) -> Iterator[Outcome]:
    """Yield what comes of *tasks*, in the order in which they end, on *jobs* processes.

    Raises BrokenProcessPool when one of them is killed.
    """
    if jobs == 1:
        yield from (task.carry_out() for task in tasks)
        return
    executor = ProcessPoolExecutor(jobs, initializer=_end_at_once)
    try:
        running: set[Future[Outcome]] = set()
        for task in tasks:
            running.add(_submit(executor, task))
            if len(running) >= jobs * _WAITING:
                done, running = wait(running, return_when=FIRST_COMPLETED)
                yield from (each.result() for each in done)
        while running:
            done, running = wait(running, return_when=FIRST_COMPLETED)
            yield from (each.result() for each in done)
    except BaseException:
        executor.shutdown(wait=False, cancel_futures=True)
        for process in active_children():
            process.terminate()
        raise
    executor.shutdown()


def _submit(executor: ProcessPoolExecutor, task: Job) -> Future[Outcome]:
    """Hand *task* over, which may start a process. SIGINT has to wait until that is ready."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        return executor.submit(task.carry_out)
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


def _end_at_once() -> None:
    """Let SIGINT, which a terminal sends to all, end the process in the middle of a coder."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
