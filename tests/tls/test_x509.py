"""Reading certificates: what they say, and that nothing else than ValueError comes of garbage."""

import random

import pytest

from evloop.tls.x509 import read_certificate, read_chain
from tests.support.certificates import NOW, make

MADE = make("example.org", "*.Example.org", subject="host.test")


def der() -> bytes:
    return read_chain(MADE.pem.decode())[0][1]


def test_it_tells_names_and_times() -> None:
    found = read_certificate(der())
    assert found.names == ("example.org", "*.example.org")
    assert found.not_before == int(NOW.timestamp()) - 86400
    assert found.not_after == int(NOW.timestamp()) + 90 * 86400
    assert found.issuer == found.subject


def test_a_common_name_stands_in_where_there_are_no_others() -> None:
    ((found, _),) = read_chain(make(subject="Host.test").pem.decode())
    assert found.names == ("host.test",)


def test_kinds_of_keys_differ() -> None:
    ((rsa, _),) = read_chain(make(is_rsa=True).pem.decode())
    assert rsa.key_type != read_certificate(der()).key_type


def test_a_chain_is_read_in_its_order() -> None:
    authority = make(is_authority=True, subject="authority")
    leaf = make("a.test", signer=authority)
    (first, _), (second, _) = read_chain((leaf.pem + authority.pem).decode())
    assert first.issuer == second.subject


@pytest.mark.parametrize("pem", ["", "no certificate", MADE.pem.decode()[:-30]])
def test_what_is_none_is_refused(pem: str) -> None:
    with pytest.raises(ValueError, match=r"no certificate|no end"):
        read_chain(pem)


def test_mutations_raise_nothing_else() -> None:
    chance, data = random.Random(5280), der()
    for _ in range(3000):
        mutated = bytearray(data)
        for _ in range(chance.randrange(1, 4)):
            mutated[chance.randrange(len(data))] = chance.randrange(256)
        try:
            read_certificate(bytes(mutated[: chance.randrange(1, len(data) + 1)]))
        except ValueError:
            pass
