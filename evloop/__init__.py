"""evloop: a static file server whose memory stays constant.

from evloop import Server

with Server(root="public", port=0).in_thread() as server:
    print(server.url)
"""

from typing import TYPE_CHECKING

__version__ = "0.2.0"
__all__ = [
    "Config",
    "ConfigError",
    "LogFormat",
    "Phase",
    "PreloadMode",
    "Server",
    "ServerError",
    "Snapshot",
    "Symlinks",
    "Transfer",
    "__version__",
    "serving",
]

if TYPE_CHECKING:
    from evloop.observe.snapshot import Snapshot
    from evloop.process.aio import serving
    from evloop.process.environment import ServerError
    from evloop.process.phases import Phase
    from evloop.process.server import Server
    from evloop.settings.choices import LogFormat, PreloadMode, Symlinks, Transfer
    from evloop.settings.config import Config, ConfigError
else:
    # For programs, not for type checkers: to these a module with __getattr__ has every name.
    _MODULES = {
        "Config": "evloop.settings.config",
        "ConfigError": "evloop.settings.config",
        "LogFormat": "evloop.settings.choices",
        "Phase": "evloop.process.phases",
        "PreloadMode": "evloop.settings.choices",
        "Server": "evloop.process.server",
        "ServerError": "evloop.process.environment",
        "Snapshot": "evloop.observe.snapshot",
        "Symlinks": "evloop.settings.choices",
        "Transfer": "evloop.settings.choices",
        "serving": "evloop.process.aio",
    }

    def __getattr__(name: str) -> object:
        # Resolved on first use, so that importing a part does not import the whole.
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        return getattr(import_module(_MODULES[name]), name)

    def __dir__() -> list[str]:
        return [*globals(), *_MODULES]
