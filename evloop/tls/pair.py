"""A certificate and its key: read from the disk, checked, and given to OpenSSL."""

import contextlib
import itertools
import os
import ssl
import time
from collections.abc import Iterator
from typing import Final, NamedTuple

from evloop.tls.x509 import Certificate, read_chain

MAX_FILE_SIZE: Final = 256 * 1024
"""Bytes of a certificate's or key's file: a chain of four has 8 KiB."""

_ENCRYPTED: Final = ("BEGIN ENCRYPTED PRIVATE KEY", "Proc-Type: 4,ENCRYPTED")
_KEY: Final = "PRIVATE KEY-----"


class PairError(Exception):
    """A pair that can't be used. The text names the file and says why."""


class Files(NamedTuple):
    """Where a pair is; the key may stand in the certificate's file. *password* is a file, too."""

    certificate: str
    key: str
    password: str = ""

    def stamp(self) -> tuple[object, ...]:
        """Return what changes when a file does, or a link on the way to it: None for none."""
        return tuple(_stamp(path) for path in self if path)


class Pair(NamedTuple):
    """A certificate with those above it, and the key; both as the files have them."""

    certificate: Certificate
    chain: tuple[Certificate, ...]
    fingerprint: str
    """SHA-256 of the certificate, as people compare it: `AB:CD:...`."""
    pem: bytes
    key: bytes
    password: bytes

    def load_into(self, context: ssl.SSLContext) -> None:
        """Make *context* use this pair from the next handshake on. Raises ssl.SSLError."""
        with _as_file(self.pem) as certificate, _as_file(self.key) as key:
            # Without a password OpenSSL would ask the terminal.
            context.load_cert_chain(certificate, key, self.password)

    @property
    def remark(self) -> str:
        """What may be wrong with the chain, or nothing."""
        above = self.chain
        for lower, upper in itertools.pairwise(above):
            if lower.issuer != upper.subject:
                return "the chain is not in order: each certificate must follow the one it signs"
        first = self.certificate
        if len(above) == 1 and first.issuer != first.subject:
            return "there is no intermediate certificate: clients that don't know it will refuse"
        return ""


def read_pair(files: Files, *, allow_expired: bool, now: float | None = None) -> Pair:
    """Return the pair in *files*, once OpenSSL has taken it.

    *now*: seconds since the epoch. Raises PairError with a reason.
    """
    pem = _read(files.certificate)
    key = pem if files.key == files.certificate else _read(files.key)
    password = _read(files.password).split(b"\n")[0] if files.password else b""
    pair = new_pair(pem, key, password, files)
    check_time(pair, files.certificate, time.time() if now is None else now, allow_expired)
    return pair


def new_pair(pem: bytes, key: bytes, password: bytes, files: Files) -> Pair:
    """Return the pair of these bytes; *files* are for the reason of a PairError."""
    try:
        chain = read_chain(pem.decode("ascii", "replace"))
    except ValueError as error:
        raise PairError(f"{files.certificate}: {error}") from error
    certificates = tuple(certificate for certificate, _ in chain)
    pair = Pair(certificates[0], certificates, fingerprint(chain[0][1]), pem, key, password)
    try:
        pair.load_into(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
    except (ssl.SSLError, ValueError) as error:
        raise PairError(_reason(pair, files, error)) from error
    return pair


def check_time(pair: Pair, path: str, now: float, allow_expired: bool) -> None:
    """Raise PairError for a certificate that is not valid at *now*."""
    certificate = pair.certificate
    if certificate.not_before > now:
        raise PairError(f"{path}: it is not valid before {day(certificate.not_before)}")
    if certificate.not_after < now and not allow_expired:
        raise PairError(f"{path}: it has expired on {day(certificate.not_after)}")


def day(seconds: float) -> str:
    """Return the date of a time since the epoch."""
    return time.strftime("%Y-%m-%d", time.gmtime(seconds))


def fingerprint(der: bytes) -> str:
    """Return the SHA-256 of a certificate, as programs show it."""
    import hashlib  # OpenSSL is loaded anyhow, by ssl

    return hashlib.sha256(der).digest().hex(":").upper()


def _reason(pair: Pair, files: Files, error: Exception) -> str:
    """Say what is wrong with a pair that OpenSSL did not take."""
    text = pair.key.decode("ascii", "replace")
    if _KEY not in text:
        return f"{files.key}: it has no private key"
    if any(mark in text for mark in _ENCRYPTED):
        if not pair.password:
            return f"{files.key}: the key is encrypted; --tls-key-password-file is wanted"
        return f"{files.key}: the key can't be decrypted with the password"
    reason = getattr(error, "reason", None)
    if reason == "KEY_VALUES_MISMATCH":
        if _has_key_of_another(pair):
            return f"{files.certificate}: the server's own certificate must come first"
        return f"{files.key}: the key is not that of {files.certificate}"
    return f"{files.certificate}: OpenSSL does not take it ({reason or error})"


def _has_key_of_another(pair: Pair) -> bool:
    """Whether the key is that of a certificate further up in the chain."""
    text = pair.pem.decode("ascii", "replace")
    for _, der in read_chain(text)[1:]:
        other = pair._replace(pem=ssl.DER_cert_to_PEM_cert(der).encode())
        with contextlib.suppress(ssl.SSLError):
            other.load_into(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
            return True
    return False


@contextlib.contextmanager
def _as_file(data: bytes) -> Iterator[str]:
    """Give *data* a name for OpenSSL, which reads files only: it never comes to a disk.

    So what is checked and what is used are the same bytes, whatever happens to the files.
    """
    fd = _memory_file()
    try:
        os.write(fd, data)
        os.lseek(fd, 0, os.SEEK_SET)  # some systems give the same place to who opens the name
        yield f"/dev/fd/{fd}"
    finally:
        os.close(fd)


def _memory_file() -> int:
    if hasattr(os, "memfd_create"):
        return os.memfd_create("evloop")
    import tempfile  # no such file in memory: one that has lost its name already

    fd, path = tempfile.mkstemp()
    os.unlink(path)
    return fd


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_FILE_SIZE + 1)
    except OSError as error:
        raise PairError(f"{path}: {error.strerror}") from error
    if len(data) > MAX_FILE_SIZE:
        raise PairError(f"{path}: it is too large to be one")
    return data


def _stamp(path: str) -> tuple[int, ...] | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns
