"""Which hashes are taken, and that the right password alone is right."""

import re

import bcrypt
import pytest

from evloop.site.access.crypt import sha256_crypt
from evloop.site.access.hashes import MAX_PASSWORD_SIZE, _has_bcrypt, check_hash, verify

PASSWORDS = {
    # The salts and rounds of the test vectors of SHA-crypt.txt, as OpenSSL hashes them.
    "$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5": "Hello world!",
    "$5$rounds=10000$saltstringsaltst$3xv.VbSHBb41AL9AvLeujZkZRBAwqFMz2.opqey6IcA": "Hello world!",
    "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnI"
    "FNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1": "Hello world!",
    "$6$rounds=10000$saltstringsaltst$OW1/O6BYHV6BcXZu8QVeXbDWra3"
    "Oeqh0sbHbbMCVNSnCM/UrjmM0Dp8vOuZeHBy/YTBmSK6H9qs/y3RnOaw5v.": "Hello world!",
    # openssl passwd -6 (-5, -apr1) -salt sAlt12; one longer than a block of SHA-256.
    "$6$sAlt12$nxvgU8APq2GBGYaPom1uxsKUjETcaz8gWEygrGpJeIfcDUuTBw"
    "0.ZEAgFKlJPs1wR./AANAwjCzvII6rZ6BXE1": "a",
    "$5$sAlt12$mskgBpKIXypxOynjUw8IQVyt3e8PKP/E06yzpDefSn.": "a",
    "$apr1$sAlt12$MLQmAFKUxwspRysjqBo5S/": "a",
    "$6$sAlt12$WVljwMenNfUl/1OO6aObWFgJrKKBNbq/fV4.Pp67zLOFXf7fdZ"
    "CGgJo5Qb8ZvI9m6Z6ueyMoYEqn1KH.tMIjy.": "päss wört",
    "$5$sAlt12$/NmuxzOAl7rf9YXfAITqp9DpEwhcsBPTdmrFmgUbnu5": "päss wört",
    "$apr1$sAlt12$///6t4LUfTFYpc96uayTD/": "päss wört",
    "$6$sAlt12$UhXHbUkOlYO5bdt.r/NpkC61OvaaJy8jZs2gAIfAl9VoOl/GRS"
    "ca6lrRiQHBq/9Hq2mvi4vGAYL8fN5VF9FLf/": "x" * 65,
    "$5$sAlt12$barl1kRu9sMSfQcODavoMgw/64eRrf4hZ.Hc8LKHfZ2": "x" * 65,
    "$apr1$sAlt12$ybIgx9/N77ip2OFQs3JbS1": "x" * 65,
    "$6$sAlt12$lGyEG9cJmMaO/ONTd.rP9PNfFzEs7CTqt4lwiwJiLMygD7/IoU"
    "0aFm0OW890s5iqPDlPjzMKMduGIhzVczfUt.": "y" * 72,
    "$5$sAlt12$qS7EV/fFKOL5kwXENDsVvFDO6LFIShPSy9oI4EKJXy9": "y" * 72,
    "$apr1$sAlt12$5diA9VYujd4t0aUrvDhR40": "y" * 72,
}

# 16 bytes of salt are 21 characters and two bits: the 22nd is one of four.
_SALT = b"a" * 21
TAKEN = [
    b"$2y$05$" + _SALT + b"e" + b"a" * 31,
    b"$2a$04$" + _SALT + b"." + b"a" * 31,
    b"$2b$04$" + _SALT + b"O" + b"z" * 31,
    b"$2b$14$" + b"./aZ0" + b"a" * 16 + b"u" + b"a" * 31,
    b"$5$$" + b"a" * 43,
    b"$6$rounds=1000$abc$" + b"a" * 86,
    b"$6$rounds=500000$abc$" + b"a" * 86,
    b"$apr1$abcdefgh$" + b"a" * 22,
]

REFUSED = {
    b"": "this is no hash that is known, or plain text",
    b"secret": "this is no hash that is known, or plain text",
    b"{PLAIN}secret": "plain text",
    b"{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=": "{SHA} has no salt",
    b"{SSHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=": "{SSHA} is guessed in no time",
    b"rqXexS6ZhobKA": "DES crypt reads 8 characters",
    b"$1$abc$" + b"a" * 22: "MD5 crypt is not taken",
    b"$argon2id$v=19$m=65536,t=3,p=4$c2FsdA$aGFzaA": "a check of argon2 takes 64 MiB",
    b"$argon2i$v=19$m=8,t=1,p=1$c2FsdA$aGFzaA": "a check of argon2 takes 64 MiB",
    b"$2x$05$" + _SALT + b"e" + b"a" * 31: "bcrypt with a defect",
    b"$2y$03$" + _SALT + b"e" + b"a" * 31: "a cost of 4 to 14 is possible",
    b"$2y$15$" + _SALT + b"e" + b"a" * 31: "a cost of 4 to 14 is possible",
    b"$2y$31$" + _SALT + b"e" + b"a" * 31: "a cost of 4 to 14 is possible",
    b"$2y$05$" + b"a" * 52: "the hash is cut",
    b"$2y$05$" + _SALT + b"a" + b"a" * 31: "the hash is cut, or has characters that no hash has",
    b"$2y$05$" + _SALT + b"/" + b"a" * 31: "the hash is cut, or has characters that no hash has",
    b"$2y$05$" + b"a" * 54: "the hash is cut",
    b"$2y$05$" + b"a" * 52 + b"!": "the hash is cut",
    b"$5$abc$" + b"a" * 86: "the hash is cut, or of another kind",
    b"$6$abc$" + b"a" * 43: "the hash is cut, or of another kind",
    b"$6$abc$" + b"a" * 85: "the hash is cut",
    b"$6$" + b"s" * 17 + b"$" + b"a" * 86: "the hash is cut",
    b"$6$rounds=999$abc$" + b"a" * 86: "1000 to 500000 rounds are possible",
    b"$6$rounds=500001$abc$" + b"a" * 86: "1000 to 500000 rounds are possible",
    b"$6$rounds=999999999$abc$" + b"a" * 86: "1000 to 500000 rounds are possible",
    b"$6$rounds=9999999999$abc$" + b"a" * 86: "the hash is cut",
    b"$6$rounds=$abc$" + b"a" * 86: "the hash is cut",
    b"$apr1$abcdefghi$" + b"a" * 22: "the hash is cut",
    b"$apr1$abc$" + b"a" * 21: "the hash is cut",
}


@pytest.mark.parametrize("stored", TAKEN)
def test_it_is_taken(stored: bytes) -> None:
    check_hash(stored)
    if not stored.startswith(b"$2b$14"):  # a second and a half
        assert not verify(stored, b"x")


@pytest.mark.parametrize("stored", REFUSED)
def test_it_is_refused_with_the_reason(stored: bytes) -> None:
    with pytest.raises(ValueError, match=re.escape(REFUSED[stored])):
        check_hash(stored)


@pytest.mark.parametrize("stored", PASSWORDS)
def test_the_right_password_alone_is_right(stored: str) -> None:
    check_hash(stored.encode())
    password = PASSWORDS[stored].encode()
    assert verify(stored.encode(), password)
    for wrong in (b"", password[:-1], password + b" ", password.swapcase()):
        assert not verify(stored.encode(), wrong)


@pytest.mark.parametrize("version", [b"2a", b"2b", b"2y"])
@pytest.mark.parametrize("password", [b"", b"secret", "p\u00e4ss".encode(), b"x" * 72])
def test_bcrypt_as_htpasswd_writes_it(version: bytes, password: bytes) -> None:
    stored = b"$" + version + bcrypt.hashpw(password, bcrypt.gensalt(4))[3:]
    check_hash(stored)
    assert verify(stored, password)
    assert not verify(stored, password[:-1] + b"?")


@pytest.mark.parametrize("kind", ["bcrypt", "sha"])
def test_a_password_that_is_too_long_is_wrong_and_never_cut(kind: str) -> None:
    password = b"x" * MAX_PASSWORD_SIZE
    stored = bcrypt.hashpw(password, bcrypt.gensalt(4)) if kind == "bcrypt" else LONGEST
    assert verify(stored, password)
    assert not verify(stored, password + b"x")


LONGEST = b"$5$sAlt12$" + sha256_crypt(b"x" * MAX_PASSWORD_SIZE, b"sAlt12", 5000)


def test_bcrypt_is_looked_for_once_and_not_for_each_line(monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[str] = []
    monkeypatch.setattr("evloop.site.access.hashes.find_spec", looks.append)
    _has_bcrypt.cache_clear()
    for _ in range(3):
        with pytest.raises(ValueError, match="bcrypt is not installed"):
            check_hash(TAKEN[0])
    _has_bcrypt.cache_clear()
    assert looks == ["bcrypt"]


def test_without_bcrypt_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evloop.site.access.hashes._has_bcrypt", lambda: False)
    with pytest.raises(ValueError, match=r"pip install 'evloop-server\[auth\]'"):
        check_hash(TAKEN[0])
    check_hash(TAKEN[4])
