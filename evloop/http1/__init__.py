"""HTTP/1.0 and 1.1 on the wire; no socket, no clock, no disk."""
