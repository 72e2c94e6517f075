"""The certificates of a server while it runs: which one a client gets, and what the disk has new.

A changed pair is read and checked whole before it takes the place of the old one; a pair that
can't be used is said once, and the old one stays. Links are followed at each look, so the layouts
of certbot (a link to archive/) and of cert-manager (a swap of ..data) are files like any other.
"""

import logging
import ssl
import time
from collections.abc import Callable, Sequence

from evloop.tls.context import ContextSettings, new_context
from evloop.tls.pair import Files, Pair, PairError, day, read_pair

CHECK_INTERVAL = 2.0
"""Seconds between two looks at the files; what is new is in use within five."""
TICKET_LIFE = 12 * 3600.0
"""Seconds for which one set of keys seals session tickets. Whoever learns the keys can read what
was resumed with them (RFC 8446 section 2.2); OpenSSL's tickets live two hours."""
MAX_SESSIONS = 1024
"""Sessions of clients without tickets (TLS 1.2) after which a context is made anew: OpenSSL would
keep 20,480 of them, of about a kilobyte each, and CPython has no call to bound them."""
EXPIRY_NOTICE = 14 * 86400.0
"""Seconds before the end of a certificate from which on it is said, once a day."""
_DAY = 86400.0

_log = logging.getLogger("evloop")


class _Slot:
    """A pair that may change, and the context that uses it."""

    __slots__ = ("context", "files", "noticed", "pair", "stamp")

    def __init__(self, files: Files | None, pair: Pair, context: ssl.SSLContext) -> None:
        self.files = files
        self.pair = pair
        self.context = context
        self.stamp: object = None
        self.noticed = 0.0  # when its end was last said


class Certificates:
    """The pairs of a server, the default one first.

    *files* are read now; *made* is a pair that was made for this run, and comes behind them. *wall*
    is the time since the epoch.

    Raises PairError for a pair that can't be used.
    """

    def __init__(
        self,
        files: Sequence[Files],
        settings: ContextSettings,
        *,
        made: Pair | None = None,
        allow_expired: bool = False,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._allow_expired = allow_expired
        self._wall = wall
        self._slots: list[_Slot] = []
        for each in files:
            stamp = each.stamp()
            slot = self._new_slot(each, self._read(each))
            slot.stamp = stamp
        if made is not None:
            self._new_slot(None, made)
        self._tickets_since = wall()
        self._name()
        for slot in self._slots:
            self._remark(slot)

    def _new_slot(self, files: Files | None, pair: Pair) -> _Slot:
        slot = _Slot(files, pair, new_context(pair, self._settings))
        self._slots.append(slot)
        return slot

    def _read(self, files: Files) -> Pair:
        return read_pair(files, allow_expired=self._allow_expired, now=self._wall())

    # Which one

    def context_for(self, name: bytes) -> ssl.SSLContext:
        """Return the context for a client that asks for *name*, in lower case; b"": for none.

        The first pair that has the name, or has `*` for its first label (RFC 6125 section 6.4.3);
        else the default.
        """
        named = self._by_name
        slot = named.get(name)
        if slot is None:
            slot = named.get(b"*." + name.partition(b".")[2], self._slots[0])
        return slot.context

    def serves(self, host: str) -> bool:
        """Whether some certificate is for *host*, a name or an address without brackets."""
        name = host.lower().removesuffix(".").encode("ascii", "replace")
        return name in self._by_name or b"*." + name.partition(b".")[2] in self._by_name

    @property
    def pairs(self) -> list[Pair]:
        """Those that are in use."""
        return [slot.pair for slot in self._slots]

    def _name(self) -> None:
        self._by_name: dict[bytes, _Slot] = {}
        for slot in self._slots:
            for name in slot.pair.certificate.names:
                self._by_name.setdefault(name.encode("ascii", "replace"), slot)

    # What is new

    def check(self) -> None:
        """Use what has changed on the disk, and say what is about to end."""
        for slot in self._slots:
            if slot.files is not None and slot.files.stamp() != slot.stamp:
                self._renew(slot, slot.files)
            self._notice_end(slot)
        now = self._wall()
        is_old = not 0 <= now - self._tickets_since < TICKET_LIFE
        for slot in self._slots:
            if is_old or slot.context.session_stats()["number"] > MAX_SESSIONS:
                slot.context = new_context(slot.pair, self._settings)
        if is_old:
            self._tickets_since = now

    def _renew(self, slot: _Slot, files: Files) -> None:
        slot.stamp = files.stamp()  # before the look: what changes after it is seen next time
        try:
            pair = self._read(files)
            if (pair.pem, pair.key) == (slot.pair.pem, slot.pair.key):
                return
            if pair.certificate.key_type == slot.pair.certificate.key_type:
                pair.load_into(slot.context)  # which keeps the keys of its tickets
            else:
                slot.context = new_context(pair, self._settings)
        except PairError as error:
            _log.error("the certificate was not renewed, the old one stays: %s", error)
            return
        slot.pair = pair
        self._name()
        until = day(pair.certificate.not_after)
        _log.info("%s: a new certificate, valid until %s", files.certificate, until)
        self._remark(slot)

    def _remark(self, slot: _Slot) -> None:
        if slot.files is not None and (remark := slot.pair.remark):
            _log.warning("%s: %s", slot.files.certificate, remark)

    def _notice_end(self, slot: _Slot) -> None:
        now = self._wall()
        left = slot.pair.certificate.not_after - now
        if slot.files is None or left >= EXPIRY_NOTICE or 0 <= now - slot.noticed < _DAY:
            return
        slot.noticed = now
        what = "has expired" if left < 0 else "expires"
        until = day(slot.pair.certificate.not_after)
        _log.warning("%s: the certificate %s on %s", slot.files.certificate, what, until)
