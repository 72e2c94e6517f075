"""What passwords may come to take of memory, beside the connections that wait for a check.

Apart from the rest, so that the ceiling can be reckoned without what checks passwords.
"""

MAX_CHECKS = 64
"""Passwords that are checked or wait for it at once. Those of 64 users with bcrypt of cost 10
take 5 s; who comes later is told to come again."""
MAX_FILE_SIZE = 256 * 1024
"""Bytes of the file: about 3,000 users with bcrypt."""
MAX_REMEMBERED = 1024
"""Users whose right password is remembered; the one whose check is the oldest goes first."""
MAX_ADDRESSES = 1024
"""Addresses whose failures are remembered; the one whose failure is the oldest goes first."""

# The measures of all are in tests/site/access/test_costs.py.
# While the file is read again: itself and its users twice, and its lines. Of the shortest lines.
_FILE_SIZE = 13 * MAX_FILE_SIZE
_REMEMBERED_SIZE = MAX_REMEMBERED * 384
_FAILURES_SIZE = MAX_ADDRESSES * 512
_CHECKS_SIZE = MAX_CHECKS * 2048
# bcrypt takes 0.5 MB and OpenSSL, where nothing else has loaded it, 3 MB.
_MODULES_SIZE = 4 * 1024 * 1024

PASSWORDS_SIZE = _FILE_SIZE + _REMEMBERED_SIZE + _FAILURES_SIZE + _CHECKS_SIZE + _MODULES_SIZE
"""Bytes."""
