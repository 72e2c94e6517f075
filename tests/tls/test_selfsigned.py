"""The certificate that is made at the start."""

import socket

from evloop.tls.certificates import Certificates
from evloop.tls.context import ContextSettings
from evloop.tls.selfsigned import make_pair, own_names


def test_it_is_for_this_machine() -> None:
    pair = make_pair(own_names(["127.0.0.1", "::"]))
    names = pair.certificate.names
    assert {"localhost", "127.0.0.1", "::1", socket.gethostname().lower()} <= set(names)
    assert len(pair.fingerprint) == 32 * 3 - 1
    found = Certificates([], ContextSettings(), made=pair)
    assert found.serves("localhost")
    found.check()  # there is no file to look at
    assert found.pairs == [pair]


def test_names_that_no_certificate_can_have_are_left_out() -> None:
    names = own_names(["no such host \xfc", "a.invalid", "::"])
    assert "::" not in names
    assert all(name.isascii() for name in names)
