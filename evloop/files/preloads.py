"""The files on their way into memory: read on by the loop, for however many who wait.

A file has one read and one poll of the disk, not one for each request. When it is whole, or
can't be read, the result is held for those who were waiting, so that each gets it even where
nothing may be served twice (`revalidate` 0), and then they are woken.
"""

import errno
import os
from collections.abc import Callable

from evloop.files.entry import Entry, Signature
from evloop.files.preload import Allowance, CallAt, Handle, Preload
from evloop.files.reader import Reader, wait_after
from evloop.files.walk import close_descriptor

MAX_PRELOADS = 256
"""So many files are on their way at once; each has a descriptor, and who asked may be gone."""

# A file on its way that nobody has asked for since, in seconds, is given up; sooner when its
# place is wanted. A client that was reset asks again within these, if at all.
_ABANDONED = 5.0
_REPLACEABLE = 0.5
# Seconds until a file goes on that has taken its share of a turn: the next turn, in effect.
_NEXT_TURN = 0.001
# Who is woken plans and sends a response: so many, at some 50 us each, keep the loop for 3 ms.
_WAKES_PER_TURN = 64
# Seconds for which the result waits for those who were woken and did not ask at once.
_HANDOVER = 1.0


class _Handover:
    """A result for those who waited for it. Holds the content until the last one has asked."""

    __slots__ = ("claims", "result", "timer")

    def __init__(self, result: Entry | OSError, claims: int) -> None:
        self.result = result
        self.claims = claims
        self.timer: Handle | None = None
        if isinstance(result, Entry) and result.content is not None:
            result.content.retain()

    def close(self) -> None:
        if self.timer is not None:
            self.timer.cancel()
        if isinstance(self.result, Entry) and self.result.content is not None:
            self.result.content.release()


class Preloads:
    """Preloads in progress, by path.

    *keep* takes a whole one over and returns its entry; *release* gives back what one that
    was given up has cost.
    """

    def __init__(
        self,
        reader: Reader,
        call_at: CallAt,
        keep: Callable[[Preload], Entry],
        release: Callable[[int], None],
    ) -> None:
        self._reader = reader
        self._call_at = call_at
        self._keep = keep
        self._release = release
        self._running: dict[bytes, Preload] = {}  # asked for longest ago first
        self._timers: dict[bytes, Handle] = {}
        self._handovers: dict[bytes, _Handover] = {}
        self._wakes: dict[int, Handle] = {}
        self._allowance = Allowance()

    def __len__(self) -> int:
        return len(self._running)

    def get(self, path: bytes, now: float) -> Preload | None:
        """Return what is on its way at *path*, which is wanted once more."""
        preload = self._running.pop(path, None)
        if preload is not None:
            self._running[path] = preload
            preload.touched = now
        return preload

    def take(self, path: bytes) -> Entry | None:
        """Return what has come to those who waited for *path*. Raises OSError if that has."""
        handover = self._handovers.get(path)
        if handover is None:
            return None
        handover.claims -= 1
        if not handover.claims:
            self.forget(path)
        if isinstance(handover.result, OSError):
            raise _same(handover.result)
        return handover.result

    def forget(self, path: bytes) -> None:
        """Hold the result of *path* for nobody any more."""
        handover = self._handovers.pop(path, None)
        if handover is not None:
            handover.close()

    def has_place(self, now: float) -> bool:
        """Whether one more may be on its way, if need be in place of one that nobody wants."""
        if len(self._running) < MAX_PRELOADS:
            return True
        for path, preload in self._running.items():
            if now - preload.touched < _REPLACEABLE:
                return False
            if not preload.waiting:
                self.give_up(path, now)
                return True
        return False

    def begin(
        self,
        path: bytes,
        fd: int,
        signature: Signature,
        cost: int,
        now: float,
        *,
        checked: float,
        settled: bool,
    ) -> Entry | Preload:
        """Read the file behind *fd*, at once if the disk has it at hand.

        Takes over *fd* and *cost* bytes of the budget, whatever comes of it. Raises OSError
        when the file can't be read, MemoryError when there is no room for it.
        """
        preload = None
        try:
            preload = Preload(path, fd, signature, cost, now, checked=checked, settled=settled)
            is_whole = self._step(preload, now)
            result = self._keep(preload) if is_whole else preload
        except BaseException:
            self._release(cost)
            close_descriptor(fd)
            raise
        if is_whole:
            preload.close()
        else:
            self._running[path] = preload
            self._schedule(preload, now)
        return result

    def give_up(self, path: bytes, now: float) -> None:
        """Stop to read *path*. Those who wait are woken, and find what is there then."""
        preload = self._drop(path)
        self._release(preload.cost)
        self._wake_later(preload, now)

    def give_up_all(self, now: float) -> None:
        """Stop to read everything, and hold no result."""
        for path in list(self._running):
            self.give_up(path, now)
        for path in list(self._handovers):
            self.forget(path)

    def close(self) -> None:
        """Let go of everything, and wake nobody."""
        for path in list(self._running):
            self._release(self._drop(path).cost)
        for path in list(self._handovers):
            self.forget(path)
        for handle in self._wakes.values():
            handle.cancel()
        self._wakes.clear()

    def _drop(self, path: bytes) -> Preload:
        preload = self._running.pop(path)
        self._timers.pop(path).cancel()
        preload.close()
        return preload

    # What the loop does

    def _step(self, preload: Preload, now: float) -> bool:
        done = preload.done
        room = self._allowance.left(now, is_new=not done)
        if not room:
            return False
        is_whole = preload.step(self._reader, room)
        self._allowance.take(preload.done - done)
        return is_whole

    def _schedule(self, preload: Preload, now: float) -> None:
        wait = wait_after(preload.tries) if preload.tries else _NEXT_TURN
        self._timers[preload.path] = self._call_at(
            now + wait, lambda later: self._go_on(preload, later)
        )

    def _go_on(self, preload: Preload, now: float) -> None:
        if not preload.waiting and now - preload.touched > _ABANDONED:
            self.give_up(preload.path, now)
            return
        try:
            if not self._step(preload, now):
                self._schedule(preload, now)
                return
            result: Entry | OSError = self._keep(preload)
        except OSError as error:
            result = _same(error)
        except MemoryError:
            result = OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))
        except Exception:  # a defect, which the loop tells; nobody waits for ever because of it
            self._finish(preload, OSError(errno.EIO, os.strerror(errno.EIO)), now)
            raise
        self._finish(preload, result, now)

    def _finish(self, preload: Preload, result: Entry | OSError, now: float) -> None:
        if isinstance(result, OSError):
            self._release(preload.cost)
        self._drop(preload.path)
        self._hand_over(preload, result, now)
        self._wake(preload, now)

    def _hand_over(self, preload: Preload, result: Entry | OSError, now: float) -> None:
        """Hold *result* for those who waited; for the next who asks where nobody subscribed."""
        path = preload.path
        self.forget(path)
        if len(self._handovers) >= MAX_PRELOADS:
            self.forget(next(iter(self._handovers)))
        handover = self._handovers[path] = _Handover(result, max(1, preload.waiting))
        handover.timer = self._call_at(now + _HANDOVER, lambda _: self._expire(path, handover))

    def _expire(self, path: bytes, handover: _Handover) -> None:
        if self._handovers.get(path) is handover:
            self.forget(path)

    def _wake(self, preload: Preload, now: float) -> None:
        """Wake the subscribers, a bounded number in one turn."""
        self._wakes.pop(id(preload), None)
        try:
            for _ in range(_WAKES_PER_TURN):
                wake = preload.next_subscriber()
                if wake is None:
                    return
                wake(now)
        finally:  # one that raises does not keep the others asleep
            if preload.waiting:
                self._wake_later(preload, now + _NEXT_TURN)

    def _wake_later(self, preload: Preload, when: float) -> None:
        if preload.waiting:
            self._wakes[id(preload)] = self._call_at(when, lambda now: self._wake(preload, now))


def _same(error: OSError) -> OSError:
    """Return an error like *error* without its traceback.

    That holds the frames that it went through, each time anew, and what was read so far.
    """
    return OSError(error.errno, error.strerror)
