"""Sidecars that are not used: each state of each is named once, and a bounded number is."""

from collections.abc import Callable

from evloop.files.entry import Signature

# Who has more has a broken build.
_MAX_NAMED = 256
_MAX_NAMED_SIZE = 256  # bytes of a path
_NAMED_COST = 600  # measured with tracemalloc: tests/files/test_variants.py
FAULTS_SIZE = _MAX_NAMED * (_MAX_NAMED_SIZE + _NAMED_COST)
"""Bytes that all that is remembered may come to take."""
NO_SIGNATURE = Signature(0, 0, 0, 0, 0)
"""Stands for the state of a file that can't be read."""

Complain = Callable[[bytes, str], None]
"""Is told the path of a sidecar that is not used, and why."""


class Faults:
    """Tells *complain* of what is wrong with sidecars, each of their states once."""

    def __init__(self, complain: Complain) -> None:
        self._complain = complain
        self._named: dict[bytes, Signature] = {}

    def name(self, path: bytes, signature: Signature, fault: str) -> None:
        """Complain of this state of *path*, unless that was done."""
        if self._named.get(path) == signature:
            return
        if len(path) > _MAX_NAMED_SIZE or (
            len(self._named) >= _MAX_NAMED and path not in self._named
        ):
            return
        self._named[path] = signature
        self._complain(path, fault)

    def forget(self, path: bytes) -> None:
        """There is nothing wrong with *path* any more."""
        self._named.pop(path, None)
