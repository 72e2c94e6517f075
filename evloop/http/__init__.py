"""HTTP/1.1 as values and one state machine: no socket, no clock, no disk."""
