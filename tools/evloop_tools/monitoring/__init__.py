"""The monitor: the memory of one server over time, for a terminal, a pipe, and other programs."""
