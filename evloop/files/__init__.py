"""Files as the server needs them: found beneath a root, preloaded or refilled."""
