"""What loading a file takes by itself, without a server."""

import time
from hashlib import blake2b
from pathlib import Path
from statistics import median

_REPETITIONS = 5


def loading(path: Path) -> tuple[float, float]:
    """Return the median seconds to read *path* into fresh memory, and to digest what was read.

    Raises OSError when it can't be read.
    """
    reads, digests = [], []
    for _ in range(_REPETITIONS):
        began = time.perf_counter()
        content = path.read_bytes()
        read = time.perf_counter()
        blake2b(content).digest()
        reads.append(read - began)
        digests.append(time.perf_counter() - read)
    return median(reads), median(digests)
