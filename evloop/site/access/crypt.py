"""The password hashes that the standard library has the parts for: SHA-crypt and apr1.

SHA-crypt is Ulrich Drepper's `SHA-crypt.txt` (2008), which glibc and OpenSSL have as `$5$` and
`$6$`; apr1 is Apache's variant of the MD5 crypt of FreeBSD. The step numbers are those of
`SHA-crypt.txt`. None of it releases the interpreter for longer than one block of a digest.
"""

import hashlib
from collections.abc import Callable, Iterable
from typing import Protocol

_ALPHABET = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_APR1_ROUNDS = 1000  # apr_md5.c of the Apache Portable Runtime; they can't be chosen

# Which bytes of the digest make four characters each (step 22 e), the last ones apart.
_SHA512_ORDER = [
    ((i, i + 21, i + 42), (i + 21, i + 42, i), (i + 42, i, i + 21))[i % 3] for i in range(21)
]
_SHA256_ORDER = [
    ((i, i + 10, i + 20), (i + 20, i, i + 10), (i + 10, i + 20, i))[i % 3] for i in range(10)
]
_APR1_ORDER = [(0, 6, 12), (1, 7, 13), (2, 8, 14), (3, 9, 15), (4, 10, 5)]


class _Digest(Protocol):
    def update(self, data: bytes, /) -> None: ...
    def digest(self) -> bytes: ...


def sha512_crypt(password: bytes, salt: bytes, rounds: int) -> bytes:
    """Return the 86 characters that follow `$6$salt$`."""
    digest = _sha_crypt(password, salt, rounds, hashlib.sha512)
    return _encoded(digest, _SHA512_ORDER) + _characters(digest[63], 2)


def sha256_crypt(password: bytes, salt: bytes, rounds: int) -> bytes:
    """Return the 43 characters that follow `$5$salt$`."""
    digest = _sha_crypt(password, salt, rounds, hashlib.sha256)
    return _encoded(digest, _SHA256_ORDER) + _characters(digest[31] << 8 | digest[30], 3)


def _sha_crypt(password: bytes, salt: bytes, rounds: int, new: Callable[[bytes], _Digest]) -> bytes:
    size = len(password)
    alternate = new(password + salt + password).digest()  # 4 to 8
    first = new(password + salt + _repeated(alternate, size))  # 1 to 3, 9, 10
    bits = size
    while bits:  # 11
        first.update(alternate if bits & 1 else password)
        bits >>= 1
    result = first.digest()  # 12
    long_password = _repeated(new(password * size).digest(), size)  # 13 to 16
    long_salt = _repeated(new(salt * (16 + result[0])).digest(), len(salt))  # 17 to 20
    for number in range(rounds):  # 21
        text = long_password if number & 1 else result
        if number % 3:
            text += long_salt
        if number % 7:
            text += long_password
        result = new(text + (result if number & 1 else long_password)).digest()
    return result


def apr1_crypt(password: bytes, salt: bytes) -> bytes:
    """Return the 22 characters that follow `$apr1$salt$`."""
    size = len(password)
    alternate = _md5(password + salt + password).digest()
    first = _md5(password + b"$apr1$" + salt + _repeated(alternate, size))
    bits = size
    while bits:
        first.update(b"\0" if bits & 1 else password[:1])
        bits >>= 1
    result = first.digest()
    for number in range(_APR1_ROUNDS):
        text = password if number & 1 else result
        if number % 3:
            text += salt
        if number % 7:
            text += password
        result = _md5(text + (result if number & 1 else password)).digest()
    return _encoded(result, _APR1_ORDER) + _characters(result[11], 2)


def _md5(data: bytes) -> _Digest:
    return hashlib.md5(data, usedforsecurity=False)  # where a policy forbids it for signatures


def _repeated(data: bytes, size: int) -> bytes:
    return (data * (size // len(data) + 1))[:size]


def _encoded(digest: bytes, order: Iterable[tuple[int, int, int]]) -> bytes:
    return b"".join(
        _characters(digest[a] << 16 | digest[b] << 8 | digest[c], 4) for a, b, c in order
    )


def _characters(value: int, count: int) -> bytes:
    return bytes(_ALPHABET[value >> 6 * place & 63] for place in range(count))
