"""What needs no server of its own: loading a file, and the method evloop chooses for one."""

import time
from hashlib import blake2b
from pathlib import Path
from statistics import median

from evloop_tools.lab.driver import GRACE, clients
from evloop_tools.load.endpoint import LOOPBACK, local_endpoint
from evloop_tools.load.orders import Behaviour, Hold, Wanted

from evloop import Config, Server

_REPETITIONS = 5

IN_MEMORY = "in memory"
STREAMED = "streamed"


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


def method(root: Path, name: str) -> str:
    """Ask an evloop with its defaults for the file *name* beneath *root*; say what it did.

    Raises OSError when it can't listen, VoidError when it does not answer.
    """
    config = Config(root=str(root), host=(LOOPBACK,), port=0, access_log="off")
    with Server(config).in_thread() as server:
        url = local_endpoint(server.addresses[0][1]).url
        with clients(Hold(url, (Wanted(f"/{name}"),), Behaviour.STALLED)) as crowd:
            crowd.expect("ready", GRACE)
            is_preloaded = server.snapshot().files_preloaded > 0
    return IN_MEMORY if is_preloaded else STREAMED
