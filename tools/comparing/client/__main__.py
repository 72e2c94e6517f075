"""`python -m comparing.client`: carry out the order on the standard input."""

import sys

from comparing.client.crowd import hold
from comparing.client.timed import time_downloads
from comparing.orders import Hold, from_line


def main() -> int:
    """Read an order and carry it out; the status is 0 unless it is interrupted."""
    order = from_line(sys.stdin.readline())
    try:
        if isinstance(order, Hold):
            hold(order)
        else:
            time_downloads(order)
    except (KeyboardInterrupt, BrokenPipeError):
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
