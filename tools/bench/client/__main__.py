"""`python -m bench.client`: carry out the order on the standard input."""

import sys

from bench.client.download import run_download
from bench.client.hold import run_hold
from bench.client.load import run_load
from bench.client.orders import Download, Load, from_line


def main() -> int:
    """Read an order and carry it out; the status is 0 unless it is interrupted."""
    order = from_line(sys.stdin.readline())
    try:
        if isinstance(order, Load):
            run_load(order)
        elif isinstance(order, Download):
            run_download(order)
        else:
            run_hold(order)
    except (KeyboardInterrupt, BrokenPipeError):
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
