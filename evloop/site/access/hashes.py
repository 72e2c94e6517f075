"""Which password hashes are taken, and how a password is checked against one.

A hash is refused when a check of it would take too long or too much memory, or when it would not
protect the passwords if the file became known.
"""

import re
from functools import cache
from hmac import compare_digest
from importlib.util import find_spec

from evloop.site.access.crypt import apr1_crypt, sha256_crypt, sha512_crypt

MAX_PASSWORD_SIZE = 72
"""Bytes of a password. bcrypt reads no more; a longer one is wrong for each kind of hash, so that
nobody can learn from it which kind a user has, and is never cut."""
MAX_BCRYPT_COST = 14
"""2^14 rounds take about 1.4 s of a processor; `htpasswd -B` makes 2^5, others 2^10 to 2^12."""
MAX_ROUNDS = 500_000
"""Rounds of SHA-crypt, which take about 0.7 s. Without a number it has 5,000."""
_MIN_ROUNDS = 1000  # SHA-crypt.txt: fewer are raised to it, which no generator relies on
_DEFAULT_ROUNDS = 5000

# 22 characters of salt are 132 bits, of which 128 count; with others set the hash can't be checked.
_BCRYPT = re.compile(rb"\$2[aby]\$([0-9]{2})\$[./A-Za-z0-9]{21}[.Oeu][./A-Za-z0-9]{31}")
_SHA_CRYPT = re.compile(
    rb"\$([56])\$(?:rounds=([0-9]{1,9})\$)?([^$]{0,16})\$([./A-Za-z0-9]{43}|[./A-Za-z0-9]{86})"
)
_SHA_SIZES = {b"5": 43, b"6": 86}
_APR1 = re.compile(rb"\$apr1\$([^$]{0,8})\$([./A-Za-z0-9]{22})")
_DES = re.compile(rb"[./A-Za-z0-9]{13}")

_NOT_TAKEN = {
    b"$argon2": "a check of argon2 takes 64 MiB of memory; use bcrypt",
    b"{SHA}": "{SHA} has no salt and is guessed in no time; use bcrypt",
    b"{SSHA}": "{SSHA} is guessed in no time; use bcrypt",
    b"{PLAIN}": "this is a password in plain text; use bcrypt",
    b"$2x$": "this is bcrypt with a defect of 2011; make it anew",
    b"$1$": "MD5 crypt is not taken; use bcrypt",
}


def check_hash(stored: bytes) -> None:
    """Raise ValueError, with the reason, for a hash that is not taken."""
    for beginning, reason in _NOT_TAKEN.items():
        if stored.startswith(beginning):
            raise ValueError(reason)
    if found := _BCRYPT.fullmatch(stored):
        _check_bcrypt(int(found[1]))
    elif found := _SHA_CRYPT.fullmatch(stored):
        if len(found[4]) != _SHA_SIZES[found[1]]:
            raise ValueError("the hash is cut, or of another kind")
        _check_rounds(int(found[2] or _DEFAULT_ROUNDS))
    elif not _APR1.fullmatch(stored):
        _refuse_unknown(stored)


def _check_bcrypt(cost: int) -> None:
    if not 4 <= cost <= MAX_BCRYPT_COST:
        raise ValueError(f"a cost of 4 to {MAX_BCRYPT_COST} is possible")
    if not _has_bcrypt():
        raise ValueError("bcrypt is not installed: pip install 'evloop-server[auth]'")


@cache  # a look takes 0.1 ms, and a file has thousands of lines
def _has_bcrypt() -> bool:
    return find_spec("bcrypt") is not None


def _check_rounds(rounds: int) -> None:
    if not _MIN_ROUNDS <= rounds <= MAX_ROUNDS:
        raise ValueError(f"{_MIN_ROUNDS} to {MAX_ROUNDS} rounds are possible")


def _refuse_unknown(stored: bytes) -> None:
    if _DES.fullmatch(stored):
        raise ValueError("DES crypt reads 8 characters and is guessed in no time; use bcrypt")
    if stored.startswith((b"$2", b"$5$", b"$6$", b"$apr1$")):
        raise ValueError("the hash is cut, or has characters that no hash has")
    raise ValueError("this is no hash that is known, or plain text; use bcrypt")


def verify(stored: bytes, password: bytes) -> bool:
    """Return whether *password* is the one of a hash that check_hash() lets pass.

    Takes up to 1.4 s: not for the loop's thread.
    """
    if len(password) > MAX_PASSWORD_SIZE:
        return False
    if stored.startswith(b"$2"):
        from bcrypt import checkpw

        return checkpw(password, stored)
    if found := _SHA_CRYPT.fullmatch(stored):
        crypt = sha512_crypt if found[1] == b"6" else sha256_crypt
        made = crypt(password, found[3], int(found[2] or _DEFAULT_ROUNDS))
        return compare_digest(made, found[4])
    if found := _APR1.fullmatch(stored):
        return compare_digest(apr1_crypt(password, found[1]), found[2])
    return False
