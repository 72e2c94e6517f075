"""Put the cases to any server: python -m tests.http2.conformance PORT [HOST].

It must serve /small.txt and /large.bin (100 bytes and 1 MiB), over plain connections, to clients
that begin with HTTP/2.
"""

import sys

from tests.http2.conformance.cases import CASES, run


def main() -> None:
    """Print what the server fails, and how many it passes."""
    address = (sys.argv[2] if len(sys.argv) > 2 else "127.0.0.1", int(sys.argv[1]))
    passed = 0
    for case in CASES:
        wrong = run(case, address, patience=2.0, strict=False)
        passed += not wrong
        if wrong:
            print(f"{case.name}: {wrong}", flush=True)
    print(f"{passed} of {len(CASES)} pass")


if __name__ == "__main__":
    main()
