"""`python -m evloop` is the same as `evloop`."""

import sys

from evloop.cli import main

if __name__ == "__main__":
    sys.exit(main())
