"""`evloop compress`: writes the sidecars of a tree. Never imported by a server."""
