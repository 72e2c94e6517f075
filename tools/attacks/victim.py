"""A server in a process of its own that tells what goes on in it.

Its standard input is read line by line: "figures" is answered with an event, "reset"
begins the loop lag anew. The process ends when its standard input does.
"""

import dataclasses
import json
import logging
import resource
import sys
from functools import partial
from unittest.mock import patch

from evloop_tools.load.console import say

import evloop.process.service
from evloop import Config, Server
from evloop.files.reader import Reader


def main() -> None:
    """Serve as the settings in the first argument say, a JSON object."""
    settings = json.loads(sys.argv[1])
    descriptors = settings.pop("descriptors", 0)
    nowait = settings.pop("nowait", True)
    logging.basicConfig(format="evloop: %(message)s", level=logging.INFO)
    if descriptors:
        resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, descriptors))
    config = Config(port=0, host=("127.0.0.1",), **settings)
    # The product always asks for what is in memory first; only here it can be told not to.
    with (
        patch.object(evloop.process.service, "Reader", partial(Reader, nowait=nowait)),
        Server(config).in_thread() as server,
    ):
        say("ready", address=server.addresses[0])
        for line in sys.stdin:
            if line == "figures\n":
                say("figures", figures=_figures(server))
            else:
                server.worker.reactor.lag.reset()


def _figures(server: Server) -> dict[str, object]:
    snapshot = server.snapshot()
    told = {field.name: getattr(snapshot, field.name) for field in dataclasses.fields(snapshot)}
    return {**told, "lag": snapshot.lag._asdict(), "ceiling": server.memory.ceiling}


if __name__ == "__main__":
    main()
