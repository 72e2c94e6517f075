"""The words of the grammars: what mutations put into an input, since chance rarely spells."""

_SEPARATOR = b"~"

WORDS = (
    # bytes that mean something
    b'\r\n~\n~\r~\r\n\r\n~\0~\t~ ~\x7f~\xff~\xc3\xa4~\x16\x03\x01~/~//~?~#~:~,~;~=~-~*~|~"~%~'
    # paths
    b".~..~/../~%2e~%2F~%00~%25~%c0%ae~link~sub~up~index.html~a b.txt~.hidden~http://a~\\~"
    # numbers
    b"0~1~9~16~60~400~255~65535~4294967296~18446744073709551615~18446744073709551616~"
    # request lines
    b"GET ~HEAD ~POST ~OPTIONS ~CONNECT ~PRI ~BREW ~ HTTP/1.1~ HTTP/1.0~ HTTP/2.0~ RTSP/1.0~"
    b"/page/10~/content/3000~/body/3000~/slow/3000~/late/10~/gone/10~/window/3000~/broken/3000~"
    b"GET /body/3000 HTTP/1.1\r\nHost: a\r\n\r\n~GET /late/10 HTTP/1.1\r\nHost: a\r\n\r\n~"
    # field lines
    b"Host: a\r\n~Connection: close\r\n~Connection: keep-alive\r\n~Content-Length: 3\r\n~"
    b"Transfer-Encoding: chunked\r\n~Upgrade: h2c\r\n~Expect: 100-continue\r\n~X: y\r\n~ : ~"
    b"0\r\n\r\n~3;a=b\r\nabc\r\n~"
    # values
    b'bytes=~0-0~-1~1-~0-1,3-4~W/~"v1"~"v0"~Sun, 06 Nov 1994 08:49:37 GMT~'
    b"Sunday, 06-Nov-94 08:49:37 GMT~Sun Nov  6 08:49:37 1994~29 Feb ~Feb 29 ~:60~text/html~;q=0~"
    b"\nif-match: ~\nif-none-match: ~\nif-range: ~\nif-modified-since: ~\nif-unmodified-since: ~"
    # frames of HTTP/2, and parts of header blocks
    b"\0\0\0\4\1\0\0\0\0~\0\0\0\4\0\0\0\0\0~\0\0\x08\6\0\0\0\0\0~\0\0\4\x08\0\0\0\0\1~\0\0\4\3\0\0\0\0\1~"
    b"\0\0\3\1\5\0\0\0\1\x82\x86\x84~\0\0\1\0\1\0\0\0\1~\x3f\xe1\x1f~\xbe~\x7f\x80~\x40\1x\1y~\x81\x1f~"
    # who may come in
    b"\r\nAuthorization: Basic ~YW5uYTpzZXNhbWU=~YW5uYTo=~Og==~==~ Basic~, ~\r\nOrigin: ~null~"
    b"https://a.example~http://localhost:3000~$2y$05$~$6$rounds=~$5$~$apr1$~{SHA}~anna:~\n#~"
    # rules of a site
    b"\n/a /b~\n/* /:splat~/:x/:y ~ 301!~ 200!~ 410~ id=:id ~https://h.test/*~\n/*\n X-A: ~\n! X-A"
    b"~\nCache-Control: ~\nVary: ~Sec-Fetch-Mode: navigate~\r\nAccept: text/html~ :splat~?id=7~"
    # schedules
    b"rs~rsrs~rd~rsze~oooo~rsx~rsf~ppp~ep"
).split(_SEPARATOR)
