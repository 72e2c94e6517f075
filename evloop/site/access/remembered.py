"""Which passwords were right a moment ago, without the passwords."""

import os
from hashlib import blake2b
from hmac import compare_digest

from evloop.site.access.sizes import MAX_REMEMBERED

LIFETIME = 300.0
"""Seconds from the check, never prolonged: how long a check is good for."""

_KEY_SIZE = 32  # bytes
_PLACE_SIZE = 8  # bytes of a key by which it is found; the others are compared in constant time


class Remembered:
    """Keys of what was right, for LIFETIME.

    A key is a BLAKE2b of user, password and stored hash, under a secret of this process: it
    can't be turned back, nor be made by a client, and a new hash makes it another one.
    """

    def __init__(self) -> None:
        self._secret = os.urandom(_KEY_SIZE)
        self._known: dict[bytes, tuple[bytes, float]] = {}

    def __len__(self) -> int:
        return len(self._known)

    def key(self, user: bytes, password: bytes, stored: bytes) -> bytes:
        """Return the key of the three; none of them can take a part of another."""
        digest = blake2b(key=self._secret, digest_size=_KEY_SIZE)
        for part in (user, password, stored):
            digest.update(len(part).to_bytes(4, "big"))
            digest.update(part)
        return digest.digest()

    def number(self, user: bytes, most: int) -> int:
        """Return a number below *most* that is always the same for *user*, and can't be told."""
        digest = blake2b(user, key=self._secret, digest_size=8, person=b"stand-in")
        return int.from_bytes(digest.digest(), "big") % most

    def holds(self, key: bytes, until: float) -> bool:
        """Whether *key* was added, and is good until *until* at least."""
        known = self._known.get(key[:_PLACE_SIZE])
        return known is not None and compare_digest(known[0], key) and until <= known[1]

    def add(self, key: bytes, now: float) -> None:
        """Remember *key*, whose password was found right at *now*."""
        place = key[:_PLACE_SIZE]
        self._known.pop(place, None)
        if len(self._known) >= MAX_REMEMBERED:
            del self._known[next(iter(self._known))]
        self._known[place] = key, now + LIFETIME

    def clear(self) -> None:
        """Forget all: the file has changed."""
        self._known.clear()
