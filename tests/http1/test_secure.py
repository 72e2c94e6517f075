"""HTTP/1 over TLS: what was agreed is known to the log, and nothing else differs."""

from fuzzing.stage import Stage
from fuzzing.walk import PEER, Ends

from evloop.http1.context import Context, Limits
from evloop.http1.headcache import HeadCache
from evloop.http1.secure import SecureHttp1Protocol
from evloop.net.protocol import Security
from evloop.observe.exchange import EndReason
from tests.http1.support import drain

SECURITY = Security("TLSv1.3", "TLS_AES_256_GCM_SHA384", "CN=Jo")
GET = b"GET /page/10 HTTP/1.1\r\nHost: a\r\n\r\n"


def test_each_exchange_says_what_was_agreed() -> None:
    ends = Ends()
    protocol = SecureHttp1Protocol(
        Context(Stage(), ends, HeadCache(), Limits()), PEER, 0.0, SECURITY
    )
    protocol.receive_data(GET + GET, 0.0)
    got = drain(protocol, 0.0)
    assert got.count(b"HTTP/1.1 200 ") == 2
    assert [each.security for each in ends.exchanges] == [SECURITY, SECURITY]


def test_without_a_log_there_is_no_exchange_to_tell_it() -> None:
    ends = Ends(logs=False)
    protocol = SecureHttp1Protocol(
        Context(Stage(), ends, HeadCache(), Limits()), PEER, 0.0, SECURITY
    )
    protocol.receive_data(GET, 0.0)
    protocol.lost(ConnectionResetError(), 0.0)
    assert ends.ends == [EndReason.CLIENT_RESET]
    assert not ends.exchanges
