"""evloop: a static file server whose memory stays constant.

from evloop import Config, Server

with Server(Config(root="public", port=0)).in_thread() as server:
    print(server.urls[0])
"""

from typing import TYPE_CHECKING

__version__ = "0.2.0"
__all__ = ["Config", "ConfigError", "Server", "ServerError", "__version__"]

if TYPE_CHECKING:
    from evloop.process.environment import ServerError
    from evloop.process.server import Server
    from evloop.settings.config import Config, ConfigError


def __getattr__(name: str) -> object:
    # Resolved on first use, so that importing a part does not import the whole.
    if name == "Server":
        from evloop.process.server import Server

        return Server
    if name == "ServerError":
        from evloop.process.environment import ServerError

        return ServerError
    if name in {"Config", "ConfigError"}:
        from evloop.settings import config

        return getattr(config, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
