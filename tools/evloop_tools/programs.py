"""The programs that a name starts: `evloop monitor`, or `python tools/monitor.py`.

Their command lines are read without the packages of the extra, so that --help needs none.
"""

import sys
from collections.abc import Sequence
from importlib import import_module

_PACKAGES = {"monitor": ("monitoring", 1), "soak": ("soaking", 2), "bench": ("bench", 1)}
"""Each with the exit code that says that its environment lacks something."""
_OURS = ("evloop", "evloop_tools")


def main(name: str, arguments: Sequence[str] | None = None) -> int:
    """Run the program *name* and return its exit code; *arguments* are the process's if None."""
    package, unable = _PACKAGES[name]
    try:
        options = import_module(f"{__package__}.{package}.options")
        given = options.parse_arguments(sys.argv[1:] if arguments is None else arguments)
        command = import_module(f"{__package__}.{package}.command")
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing in _OURS:
            raise
        print(f"{name}: {missing} is missing: pip install 'evloop-server[tools]'", file=sys.stderr)
        return unable
    return int(command.main(given))
