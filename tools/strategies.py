"""Measure the streaming guide: whole files in memory, streams, or the hybrid of both.

python tools/strategies.py --scenarios 50x100MB
python tools/strategies.py --against nginx http.server --write docs/memory.md
"""

import sys

try:
    from comparing.cli import main
except ModuleNotFoundError as error:
    sys.exit(f"strategies.py: {error.name} is missing: pip install 'evloop-server[tools]'")

if __name__ == "__main__":
    sys.exit(main())
