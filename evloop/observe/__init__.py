"""What can be seen of a running server: counters and the access log."""
