"""`python -m evloop_tools.load`: carry out the order on the standard input."""

import sys

from evloop_tools.load.console import hear
from evloop_tools.load.orders import from_line
from evloop_tools.load.worker import carry_out

if __name__ == "__main__":
    try:
        carry_out(from_line(hear()))
    except (EOFError, KeyboardInterrupt, BrokenPipeError):
        sys.exit(1)
