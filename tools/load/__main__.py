"""`python -m load`: carry out the order on the standard input."""

import sys

from load.console import hear
from load.orders import from_line
from load.worker import carry_out

if __name__ == "__main__":
    try:
        carry_out(from_line(hear()))
    except (EOFError, KeyboardInterrupt, BrokenPipeError):
        sys.exit(1)
