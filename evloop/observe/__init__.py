"""What can be seen of a running server: counters, the access log and messages."""
