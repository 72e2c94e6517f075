"""HTTP/2 on the wire (RFC 9113); no socket, no clock, no disk."""
