"""Programs in Python that are started: they find the packages where we have found them."""

import os
from pathlib import Path

import evloop
import evloop_tools

PLACE = Path(evloop.__file__).resolve().parents[1]
"""Where the package evloop is: a checkout, or what it is installed in."""
_PLACES = (Path(evloop_tools.__file__).resolve().parents[1], PLACE)


def environment() -> dict[str, str]:
    """Return the environment for a process of ours."""
    others = filter(None, [os.environ.get("PYTHONPATH")])
    path = os.pathsep.join(dict.fromkeys([*map(str, _PLACES), *others]))
    return {**os.environ, "PYTHONPATH": path}
