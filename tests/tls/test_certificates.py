"""Certificates while a server runs: chosen by name, renewed, and kept when the new one is bad."""

import logging
import os
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest

from evloop.settings.choices import TlsVersion
from evloop.tls.certificates import EXPIRY_NOTICE, TICKET_LIFE, Certificates
from evloop.tls.context import ContextSettings
from evloop.tls.pair import Files, PairError, read_pair
from tests.support.certificates import NOW, Made, make

DAY = 86400.0
ONE, OTHER = make("one.test"), make("one.test")
AUTHORITY = make(is_authority=True, subject="authority")
LEAF = make("leaf.test", signer=AUTHORITY)


class Clock:
    def __init__(self) -> None:
        self.now = NOW.timestamp()

    def __call__(self) -> float:
        return self.now


def certificates(*paths: tuple[str, str], clock: Clock | None = None) -> Certificates:
    files = [Files(certificate, key) for certificate, key in paths]
    return Certificates(files, ContextSettings(), wall=clock or Clock())


def served(found: Certificates, name: bytes = b"") -> bytes:
    """Return the certificate that a client of *name* gets, as DER."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = found.context_for(name).wrap_bio(incoming, outgoing, server_side=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    client = context.wrap_bio(outgoing, incoming)
    for session in (client, server, client):
        try:
            session.do_handshake()
        except ssl.SSLWantReadError:
            pass
    der = client.getpeercert(binary_form=True)
    assert der is not None
    return der


def der(made: Made) -> bytes:
    return ssl.PEM_cert_to_DER_cert(made.pem.decode())


# By name


def test_the_first_pair_that_has_the_name_is_chosen_and_else_the_first(tmp_path: Path) -> None:
    a, b = make("a.test", "*.A.test"), make("b.test", "a.test")
    found = certificates(a.write(tmp_path, "a"), b.write(tmp_path, "b"))
    names = {
        b"": a,
        b"a.test": a,
        b"x.a.test": a,
        b"y.x.a.test": a,
        b"b.test": b,
        b"unknown": a,
        b"\xff\xfe": a,
        b"." * 255: a,
    }
    assert {
        name: served(found, name) == der(made) for name, made in names.items()
    } == dict.fromkeys(names, True)
    assert [found.serves(each) for each in ("B.test.", "x.a.test", "evil.test", "", "\xfc")] == [
        True,
        True,
        False,
        False,
        False,
    ]


# What is refused at the start


BAD: dict[str, tuple[Callable[[Path, Path], object], str]] = {
    "no certificate": (lambda pem, key: pem.write_bytes(b"nothing"), "it has no certificate"),
    "no file": (lambda pem, key: pem.unlink(), "No such file"),
    "no key": (lambda pem, key: key.write_bytes(ONE.pem), "it has no private key"),
    "another key": (
        lambda pem, key: key.write_bytes(OTHER.key_pem()),
        "server.key: the key is not that of",
    ),
    "half a certificate": (lambda pem, key: pem.write_bytes(ONE.pem[:200]), "has no end"),
    "half a key": (lambda pem, key: key.write_bytes(ONE.key_pem()[:100]), "OpenSSL does not take"),
    "encrypted": (
        lambda pem, key: key.write_bytes(ONE.key_pem(b"secret")),
        "the key is encrypted; --tls-key-password-file is wanted",
    ),
    "wrong order": (
        lambda pem, key: (
            pem.write_bytes(AUTHORITY.pem + LEAF.pem),
            key.write_bytes(LEAF.key_pem()),
        ),
        "the server's own certificate must come first",
    ),
    "expired": (lambda pem, key: make("x", days=(-20, -10)).write(pem.parent), "it has expired on"),
    "to come": (lambda pem, key: make("x", days=(10, 20)).write(pem.parent), "not valid before"),
    "a directory": (
        lambda pem, key: os.mkdir(pem.rename(pem.parent / "old").parent / pem.name),
        "Is a directory",
    ),
    "too large": (lambda pem, key: pem.write_bytes(b"x" * 300_000), "too large"),
    "garbage": (
        lambda pem, key: pem.write_bytes(ONE.pem[:300] + b"!" * 64 + ONE.pem[364:]),
        "",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_a_pair_that_can_not_be_used_is_refused_with_a_reason(tmp_path: Path, name: str) -> None:
    change, reason = BAD[name]
    pem, key = map(Path, ONE.write(tmp_path))
    change(pem, key)
    with pytest.raises(PairError) as refused:
        certificates((str(pem), str(key)))
    assert reason in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_key_may_be_decrypted_and_stand_in_the_same_file(tmp_path: Path) -> None:
    both, password = tmp_path / "both.pem", tmp_path / "password"
    both.write_bytes(ONE.pem + ONE.key_pem(b"secret"))
    password.write_bytes(b"secret\n")
    files = Files(str(both), str(both), str(password))
    assert read_pair(files, allow_expired=False).certificate.names == ("one.test",)
    password.write_bytes(b"wrong\n")
    with pytest.raises(PairError, match="can't be decrypted"):
        read_pair(files, allow_expired=False)


def test_an_expired_one_is_used_where_that_is_allowed(tmp_path: Path) -> None:
    paths = make("x", days=(-20, -10)).write(tmp_path)
    assert Certificates([Files(*paths)], ContextSettings(), allow_expired=True).pairs


def test_a_missing_authority_is_told(tmp_path: Path) -> None:
    settings = ContextSettings(client_ca=str(tmp_path / "none"))
    with pytest.raises(PairError, match="none: No such file"):
        Certificates([Files(*ONE.write(tmp_path))], settings)


@pytest.mark.parametrize(
    ("chain", "remark"),
    [
        ((LEAF, AUTHORITY), ""),
        ((LEAF,), "no intermediate"),
        ((LEAF, ONE, AUTHORITY), "not in order"),
        ((ONE,), ""),
    ],
)
def test_a_chain_that_lacks_something_is_remarked(
    tmp_path: Path, chain: tuple[Made, ...], remark: str, caplog: pytest.LogCaptureFixture
) -> None:
    paths = chain[0].write(tmp_path)
    Path(paths[0]).write_bytes(b"".join(each.pem for each in chain))
    certificates(paths)
    assert remark in caplog.text if remark else not caplog.text


# Renewal


def test_a_new_pair_is_used_and_tickets_stay_good(tmp_path: Path) -> None:
    found = certificates(ONE.write(tmp_path))
    context = found.context_for(b"")
    OTHER.write(tmp_path)
    found.check()
    assert served(found) == der(OTHER)
    assert found.context_for(b"") is context
    make("two.test", is_rsa=True).write(tmp_path)
    found.check()
    assert found.context_for(b"") is not context  # else clients could still get the other kind
    assert found.serves("two.test")
    assert not found.serves("one.test")


@pytest.mark.parametrize("name", BAD)
def test_a_bad_pair_leaves_the_old_one_and_says_why_once(
    tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    change, reason = BAD[name]
    pem, key = map(Path, ONE.write(tmp_path))
    found = certificates((str(pem), str(key)))
    change(pem, key)
    for _ in range(3):
        found.check()
    assert served(found) == der(ONE)
    assert caplog.text.count("the old one stays") == 1
    assert reason in caplog.text


def test_half_a_renewal_is_completed_later(tmp_path: Path) -> None:
    paths = ONE.write(tmp_path)
    found = certificates(paths)
    Path(paths[0]).write_bytes(OTHER.pem)
    found.check()
    assert served(found) == der(ONE)
    Path(paths[1]).write_bytes(OTHER.key_pem())
    found.check()
    assert served(found) == der(OTHER)


def test_the_links_of_certbot_are_followed(tmp_path: Path) -> None:
    live, archive = tmp_path / "live/one.test", tmp_path / "archive/one.test"
    live.mkdir(parents=True)
    archive.mkdir(parents=True)

    def issue(number: int, made: Made) -> None:
        for name, data in {"fullchain": made.pem, "privkey": made.key_pem()}.items():
            (archive / f"{name}{number}.pem").write_bytes(data)
            (live / f"{name}.new").symlink_to(f"../../archive/one.test/{name}{number}.pem")
            os.replace(live / f"{name}.new", live / f"{name}.pem")

    issue(1, ONE)
    found = certificates((str(live / "fullchain.pem"), str(live / "privkey.pem")))
    assert served(found) == der(ONE)
    issue(2, OTHER)
    found.check()
    assert served(found) == der(OTHER)


def test_the_swap_of_a_kubernetes_secret_is_followed(tmp_path: Path) -> None:
    def issue(stamp: str, made: Made) -> None:
        (tmp_path / stamp).mkdir()
        (tmp_path / stamp / "tls.crt").write_bytes(made.pem)
        (tmp_path / stamp / "tls.key").write_bytes(made.key_pem())
        (tmp_path / "..data_tmp").symlink_to(stamp)
        os.replace(tmp_path / "..data_tmp", tmp_path / "..data")

    issue("..2026_01_01", ONE)
    for name in ("tls.crt", "tls.key"):
        (tmp_path / name).symlink_to(f"..data/{name}")
    found = certificates((str(tmp_path / "tls.crt"), str(tmp_path / "tls.key")))
    issue("..2026_03_01", OTHER)
    found.check()
    assert served(found) == der(OTHER)


def test_the_end_is_told_once_a_day(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    found = certificates(ONE.write(tmp_path), clock=clock)
    end = found.pairs[0].certificate.not_after
    for now, told in (
        (end - EXPIRY_NOTICE - 1, 0),
        (end - EXPIRY_NOTICE + 1, 1),
        (end - EXPIRY_NOTICE + DAY - 1, 1),
        (end - EXPIRY_NOTICE + DAY + 2, 2),
        (end + 1, 3),
    ):
        clock.now = now
        found.check()
        assert caplog.text.count("the certificate ") == told
    assert "has expired on" in caplog.text


def test_the_keys_of_tickets_are_renewed_in_time(tmp_path: Path) -> None:
    clock = Clock()
    found = certificates(ONE.write(tmp_path), clock=clock)
    context = found.context_for(b"")
    clock.now += TICKET_LIFE - 1
    found.check()
    assert found.context_for(b"") is context
    clock.now += 1
    found.check()
    assert found.context_for(b"") is not context


def test_sessions_without_tickets_do_not_gather(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = certificates(ONE.write(tmp_path))
    monkeypatch.setattr("evloop.tls.certificates.MAX_SESSIONS", -1)
    context = found.context_for(b"")
    found.check()
    assert found.context_for(b"") is not context


def test_old_versions_and_weak_options_are_off(tmp_path: Path) -> None:
    settings = ContextSettings(("h2", "http/1.1"), TlsVersion.TLS_1_3)
    context = Certificates([Files(*ONE.write(tmp_path))], settings).context_for(b"")
    assert context.minimum_version is ssl.TLSVersion.TLSv1_3
    assert context.options & ssl.OP_NO_COMPRESSION
    assert context.options & ssl.OP_NO_RENEGOTIATION
    assert context.num_tickets == 1
    assert all(cipher["aead"] for cipher in context.get_ciphers())


def test_a_renewal_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    found = certificates(ONE.write(tmp_path))
    OTHER.write(tmp_path)
    found.check()
    assert "server.pem: a new certificate, valid until" in caplog.text
