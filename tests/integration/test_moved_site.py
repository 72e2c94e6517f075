"""A site that moves here from a host: its rules as they are, its requests, and what they get."""

from collections.abc import Iterator

import pytest

from evloop import Server
from tests.support.bench import write
from tests.support.client import Client
from tests.support.serving import call, serving

HTML = "Accept: text/html"

REDIRECTS = """\
# 24 rules
/home                      /
/blog/index.php            /blog/                        301
/blog/:year/:month/:slug   /blog/:slug                   301
/feed                      /rss.xml                      302
/feed/*                    /rss.xml                      302
/news                      /blog/                        303
/old-shop/*                /shop/:splat
/shop/item id=:id          /shop/items/:id               301
/shop/item                 /shop/                        302
/search q=:q lang=de       /de/suche?begriff=:q          302
/search q=:q               /find?q=:q                    302
/docs/v1/*                 https://v1.docs.example/:splat 301
/docs/latest/*             /docs/v2/:splat               307
/download                  https://cdn.example/app.zip?v=2 302
/team/:name                /about/:name.html             200
/app/*                     /app/index.html               200
/legacy.html               /about/                       301
/pricing.html              /prices.html                  302!
/secret/*                  /login                        302!
/closed/*                  /closed.html                  410
/banned                    /law.html                     451
/de/*                      /de/404.html                  404
/loop                      /loop                         301
/api/*                     https://api.example/:splat    200
"""
HEADERS = """\
# 16 rules
/*
  X-Frame-Options: DENY
  Referrer-Policy: same-origin
/assets/*
  Cache-Control: max-age=31536000, immutable
/assets/*.map
  X-Robots-Tag: noindex
/fonts/*
  Access-Control-Allow-Origin: *
/index.html
  Cache-Control: no-cache
/app/index.html
  Content-Security-Policy: default-src 'self'
  Cache-Control: no-cache
/about/:name
  X-Section: team
/blog/*
  Link: </a.css>; rel=preload
  Link: </b>; rel=next
/blog/first.html
  X-Frame-Options: SAMEORIGIN
/rss.xml
  Content-Type: application/rss+xml
/data/*
  Vary: Accept-Language
/404.html
  X-Missing: yes
  Cache-Control: public, max-age=60
/shop/
  Set-Cookie: seen=1; Path=/shop
/DOWNLOADS/*
  Content-Disposition: attachment
/closed.html
  X-Closed: yes
/prices.html
  ETag: "mine"
  Content-Length: 5
  X-Prices: net
"""
FILES = """
    index.html blog/index.html blog/first.html rss.xml shop/index.html shop/items/7.html
    about/index.html about/ann.html app/index.html legacy.html pricing.html prices.html
    secret/plan.html closed.html law.html de/404.html 404.html assets/app.js assets/app.js.map
    fonts/a.woff2 data/a.json downloads/a.pdf find
"""

# Each request, and what is said and sent: status, address or file, and fields.
TABLE = """
/                      | 200 index.html             | cache-control: no-cache
/index.html            | 200 index.html             | cache-control: no-cache
/home?from=mail        | 301 /?from=mail            |
/blog/index.php        | 301 /blog/                 |
/blog/2019/07/first    | 301 /blog/first            |
/blog/2019/07          | 404 404.html               | x-missing: yes
/blog/first.html       | 200 blog/first.html        | x-frame-options: SAMEORIGIN
/blog/                 | 200 blog/index.html        | link: </a.css>; rel=preload, </b>; rel=next
/feed                  | 302 /rss.xml               |
/feed/atom/            | 302 /rss.xml               |
/rss.xml               | 200 rss.xml                | content-type: application/rss+xml
/news                  | 303 /blog/                 | cache-control: no-cache
/old-shop/items/7.html | 301 /shop/items/7.html     |
/old-shop              | 301 /shop/                 |
/shop/item?id=7        | 301 /shop/items/7?id=7     |
/shop/item             | 302 /shop/                 |
/shop/                 | 200 shop/index.html        | set-cookie: seen=1; Path=/shop
/shop                  | 308 ./shop/                |
/search?q=a%20b&lang=de| 302 /de/suche?begriff=a%20b|
/search?q=x+y          | 302 /find?q=x%20y          |
/search                | 404 404.html               |
/docs/v1/a/b?c         | 301 https://v1.docs.example/a/b?c|
/docs/latest/x         | 307 /docs/v2/x             |
/download?v=1          | 302 https://cdn.example/app.zip?v=2|
/team/ann              | 200 about/ann.html         | x-section: team
/team/bob              | 404 404.html               |
/about/ann.html        | 200 about/ann.html         | x-section: team
/app/users/7           | 200 app/index.html         | content-security-policy: default-src 'self'
/app                   | 308 ./app/                 |
/legacy.html           | 200 legacy.html            | referrer-policy: same-origin
/pricing.html          | 302 /prices.html           |
/prices.html           | 200 prices.html            | x-prices: net
/secret/plan.html      | 302 /login                 |
/closed/2012           | 410 closed.html            | x-closed: yes
/banned                | 451 law.html               | cache-control: no-store
/de/nichts             | 404 de/404.html            | cache-control: no-store
/loop                  | 404 404.html               |
/api/v1/users          | 404 404.html               |
/nothing               | 404 404.html               | cache-control: no-store
/assets/app.js         | 200 assets/app.js          | cache-control: max-age=31536000, immutable
/assets/app.js.map     | 200 assets/app.js.map      | x-robots-tag: noindex
/assets/gone.js        | 404 404.html               | cache-control: no-store
/fonts/a.woff2         | 200 fonts/a.woff2          | access-control-allow-origin: *
/data/a.json           | 200 data/a.json            | vary: Accept-Language
/downloads/a.pdf       | 200 downloads/a.pdf        | content-disposition: attachment
/_headers              | 404 404.html               |
/_redirects            | 404 404.html               |
"""
ROWS = [tuple(cell.strip() for cell in row.split("|")) for row in TABLE.strip().splitlines()]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    root = tmp_path_factory.mktemp("moved")
    for name in FILES.split():
        write(root / name, name.encode())
    write(root / "_redirects", REDIRECTS.encode())
    write(root / "_headers", HEADERS.encode())
    with serving(root) as server:
        yield server


@pytest.fixture
def client(server: Server) -> Iterator[Client]:
    with call(server) as client:
        yield client


def test_there_are_forty_rules(server: Server, client: Client) -> None:
    lines = [line for line in REDIRECTS.splitlines() if not line.startswith("#")]
    blocks = [line for line in HEADERS.splitlines() if line.startswith("/")]
    assert len(lines) + len(blocks) == 40
    assert {row[1].partition(" ")[0] for row in ROWS} >= {"200", "301", "302", "303", "307"}


@pytest.mark.parametrize(("target", "answer", "field"), ROWS)
def test_each_request_gets_what_the_host_would_send(
    client: Client, target: str, answer: str, field: str
) -> None:
    reply = client.get(target, HTML)
    status, _, what = answer.partition(" ")
    assert reply.status == int(status)
    if reply.status // 100 == 3:
        assert reply.fields["location"] == what
    else:
        assert reply.body.decode() == what
        assert reply.fields["x-frame-options"] in {"DENY", "SAMEORIGIN"}
    if field:
        name, _, value = field.partition(": ")
        assert reply.fields[name] == value
    again = client.get(target, HTML)  # from what is remembered
    assert (again.status, again.body) == (reply.status, reply.body)
    assert client.get(target, HTML, method="HEAD").fields.keys() == reply.fields.keys()


def test_what_is_the_servers_own_stays_so(client: Client) -> None:
    fields = client.get("/prices.html").fields
    assert fields["content-length"] == str(len("prices.html"))
    assert fields["etag"] != '"mine"'
