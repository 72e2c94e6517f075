"""The command line."""

import sys
from collections.abc import Sequence

EXIT_OK = 0
EXIT_ENVIRONMENT = 1
EXIT_USAGE = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code; *arguments* are those of the process if None."""
    try:
        # Here, so that Ctrl-C while modules are loaded ends the command without a traceback.
        from evloop.cli.command import run

        return run(sys.argv[1:] if arguments is None else arguments)
    except KeyboardInterrupt:  # before the server was there to be finished
        return EXIT_OK
