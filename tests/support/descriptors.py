"""How many descriptors this process has open."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

_DIRECTORY = "/proc/self/fd" if os.path.isdir("/proc/self/fd") else "/dev/fd"


def open_descriptors() -> dict[int, str]:
    """Return what each open descriptor refers to, as far as the system tells."""
    found = {}
    for name in os.listdir(_DIRECTORY):
        try:
            found[int(name)] = os.readlink(f"{_DIRECTORY}/{name}")
        except OSError:
            continue  # the descriptor of the listing itself
    return found


@contextmanager
def no_leaks() -> Iterator[None]:
    """Fail when the block leaves more, or other, descriptors open than it found."""
    before = open_descriptors()
    yield
    after = open_descriptors()
    assert after == before
