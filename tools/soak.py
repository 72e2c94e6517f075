"""`evloop soak` from a checkout: thousands of clients who check every byte.

python tools/soak.py --help
"""

import sys
from pathlib import Path

from evloop_tools.programs import main

# Run as a program, Python puts tools/ on the path; evloop/ lies beside it.
sys.path.insert(1, str(Path(__file__).resolve().parent.parent))

if __name__ == "__main__":
    sys.exit(main("soak"))
