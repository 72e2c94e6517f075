"""Servers under test: found or started, measured from outside, and surely ended.

Linux gives every figure; elsewhere what the platform does not tell is None.
"""

STOP_WAIT = 10.0
"""Seconds from SIGTERM to SIGKILL."""
