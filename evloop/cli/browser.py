"""The site in a browser, for those who ask for it (`--open`)."""

import logging
import os
import sys
import threading
from collections.abc import Mapping

# Without a screen the module of the standard library would take a browser for terminals, which
# would take this terminal.
_SCREENS = ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")

_log = logging.getLogger("evloop")


def open_browser(url: str, environment: Mapping[str, str] = os.environ) -> threading.Thread:
    """Show *url*, in a thread of its own: some browsers return when they are closed."""
    has_screen = sys.platform == "darwin" or any(environment.get(name) for name in _SCREENS)
    thread = threading.Thread(target=_open, args=(url, has_screen), daemon=True)
    thread.start()
    return thread


def _open(url: str, has_screen: bool) -> None:
    import webbrowser  # with subprocess, a megabyte that only this needs

    if not has_screen or not webbrowser.open(url):
        _log.warning("no browser could be opened")
