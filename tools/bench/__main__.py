"""`python tools/bench`: see `python tools/bench --help`."""

import sys
from pathlib import Path

# Run as a directory, Python puts tools/bench itself on the path, where its modules would
# hide others of the same name. What belongs there is tools/, beside which evloop/ lies.
_TOOLS = Path(__file__).resolve().parent.parent
if not __package__:
    sys.path[0:1] = [str(_TOOLS), str(_TOOLS.parent)]

try:
    from bench.cli import main
except ModuleNotFoundError as error:
    sys.exit(f"bench: {error.name} is missing: pip install 'evloop-server[tools]'")

if __name__ == "__main__":
    sys.exit(main())
