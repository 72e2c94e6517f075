"""Settings: one table for the library, the command line and the environment."""

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from evloop.settings.choices import LogFormat, PreloadMode, Symlinks, Transfer
from evloop.settings.config import (
    OPTIONS,
    Config,
    ConfigError,
    default_text,
    option_name,
    variable_name,
)
from evloop.settings.printable import printable
from evloop.settings.reading import read_config
from evloop.settings.site_options import media_types

KIB, MIB = 1024, 1024**2

READ = {
    ("port", "0"): 0,
    ("port", "65535"): 65535,
    ("max_in_memory_size", "0"): 0,
    ("max_in_memory_size", "2MiB"): 2 * MIB,
    ("max_in_memory_size", "1000TiB"): 1000 * 1024**4,
    ("chunk_size", "512"): 512,
    ("chunk_size", "16M"): 16 * MIB,
    ("memory_budget", "0"): 0,
    ("preload", "private"): PreloadMode.PRIVATE,
    ("transfer", "sendfile"): Transfer.SENDFILE,
    ("send_queue", "4K"): 4 * KIB,
    ("revalidate", "0"): 0.0,
    ("revalidate", "500ms"): 0.5,
    ("cache_control", "no-store"): "no-store",
    ("cache_control", "max-age=0, must-revalidate"): "max-age=0, must-revalidate",
    ("symlinks", "deny"): Symlinks.DENY,
    ("symlinks", "follow"): Symlinks.FOLLOW,
    ("dev", "on"): True,
    ("verbose", "off"): False,
    ("hidden", "on"): True,
    ("hidden", "off"): False,
    ("idle_timeout", "10ms"): 0.01,
    ("send_timeout", "2m"): 120.0,
    ("send_timeout", "24h"): 86400.0,
    ("shutdown_timeout", "0"): 0.0,
    ("max_head_size", "1MiB"): MIB,
    ("max_connections", "5"): 5,
    ("max_connections_per_ip", "5"): 5,
    ("min_rate", "1KiB"): KIB,
    ("memory_limit", "64MiB"): 64 * MIB,
    ("user", "nobody"): "nobody",
    ("access_log", "-"): "-",
    ("access_log", "/var/log/x"): "/var/log/x",
    ("log_format", "json"): LogFormat.JSON,
    ("htpasswd", "/etc/pw"): "/etc/pw",
    ("isolate", "on"): True,
    ("open", "on"): True,
    ("limit_rate", "1MiB"): MIB,
    ("cors", "*"): ("*",),
    ("cors", "https://a.example"): ("https://a.example",),
    ("cors", "http://localhost:3000"): ("http://localhost:3000",),
    ("cors", "http://[::1]:3000"): ("http://[::1]:3000",),
    ("cors", "http://a.example:443"): ("http://a.example:443",),
    ("cors", "chrome-extension://abcdef"): ("chrome-extension://abcdef",),
    ("type", ".wasm=application/wasm"): (".wasm=application/wasm",),
    ("type", ".log=text/plain; charset=iso-8859-1"): (".log=text/plain; charset=iso-8859-1",),
    ("type", '.x=a/b; c="d e"'): ('.x=a/b; c="d e"',),
}

REFUSED = {
    ("port", "-1"): "a whole number is wanted",
    ("port", "65536"): "at most 65535 is possible",
    ("port", "http"): "a whole number is wanted",
    ("port", "80.0"): "a whole number is wanted",
    ("port", ""): "a whole number is wanted",
    ("port", "\u00b2"): "a whole number is wanted",
    ("port", "9" * 5000): "",
    ("max_in_memory_size", "-1"): "a size is a whole number",
    ("max_in_memory_size", "1.5M"): "a size is a whole number",
    ("max_in_memory_size", "big"): "a size is a whole number",
    ("chunk_size", "511"): "at least 512 B is wanted",
    ("chunk_size", "0"): "at least 512 B is wanted",
    ("chunk_size", "17M"): "at most 16 MiB is possible",
    ("send_queue", "1"): "at least 4 KiB is wanted",
    ("send_queue", "2G"): "at most 1 GiB is possible",
    ("preload", "never"): "one of shared, private is wanted",
    ("transfer", "splice"): "one of copy, sendfile is wanted",
    ("symlinks", "INSIDE"): "one of inside, deny, follow is wanted",
    ("hidden", "yes"): "on or off is wanted",
    ("hidden", "true"): "on or off is wanted",
    ("idle_timeout", "0"): "at least 10ms is wanted",
    ("idle_timeout", "-1s"): "a duration is a number",
    ("idle_timeout", "forever"): "a duration is a number",
    ("idle_timeout", "9" * 400): "is possible",
    ("send_timeout", "1000000000h"): "is possible",
    ("max_head_size", "255"): "at least 256 B is wanted",
    ("max_head_size", "2M"): "at most 1 MiB is possible",
    ("max_connections", "many"): "a whole number is wanted",
    ("index", ""): "the name of a file is wanted",
    ("index", "a/b"): "the name of a file is wanted",
    ("host", ""): "it is empty",
    ("host", "8080"): "a port alone goes to --port",
    ("host", ":8080"): "a port alone goes to --port",
    ("host", "127.0.0.1:"): "a port alone goes to --port",
    ("host", "127.0.0.1:http"): "a port alone goes to --port",
    ("host", "[::1"): "a name or an address is wanted",
    ("host", "http://localhost/"): "a port alone goes to --port",
    ("host", "::1/64"): "a name or an address is wanted",
    ("max_in_memory_size", "1MB"): "MB may be 1000^2 or 1024^2; MiB = 1024^2: write 1MiB",
    ("cache_control", ""): "printable ASCII is wanted",
    ("cache_control", "a\r\nSet-Cookie: b"): "printable ASCII is wanted",
    ("cache_control", "a\n"): "printable ASCII is wanted",
    ("cache_control", " a"): "printable ASCII is wanted",
    ("cache_control", "\u00fc"): "printable ASCII is wanted",
    ("access_log", ""): "it is empty",
    ("log_format", "xml"): "one of combined, json is wanted",
    ("user", "-x"): "a name is wanted",
    ("htpasswd", "a\0"): "a path has no zero byte",
    # What a shell makes of a variable that is not set must not open the site to everybody.
    ("htpasswd", ""): "it is empty; leave it out where it is not wanted",
    ("tls_client_ca", ""): "it is empty; leave it out where it is not wanted",
    ("limit_rate", "2PiB"): "a size is a whole number",
    ("limit_rate", "1025GiB"): "at most 1 TiB is possible",
    # Origins as no browser sends them.
    ("cors", ""): "scheme://host or scheme://host:port is wanted",
    ("cors", "app.example"): "scheme://host or scheme://host:port is wanted",
    ("cors", "https://"): "scheme://host or scheme://host:port is wanted",
    ("cors", "https://*.example"): "scheme://host or scheme://host:port is wanted",
    ("cors", "https://a b"): "scheme://host or scheme://host:port is wanted",
    ("cors", "https://a.example\r\nX: y"): "scheme://host or scheme://host:port is wanted",
    ("cors", "https://user@a.example"): "scheme://host or scheme://host:port is wanted",
    ("cors", "https://-a.example:0"): "scheme://host or scheme://host:port is wanted",
    ("cors", "https://b\u00fccher.example"): "scheme://host or scheme://host:port is wanted",
    ("cors", "https://a.example/"): "an origin has no path, not even a slash",
    ("cors", "https://a.example/x"): "an origin has no path, not even a slash",
    ("cors", "https://A.example"): "a browser sends it in lower case",
    ("cors", "HTTPS://a.example"): "a browser sends it in lower case",
    ("cors", "https://a.example:443"): "a browser leaves out the usual port",
    ("cors", "http://a.example:80"): "a browser leaves out the usual port",
    ("cors", "http://a.example:65536"): "a port is at most 65535",
    ("cors", "null"): "null is every sandboxed page",
    # Types.
    ("type", ""): "a type is written as .EXT=TYPE",
    ("type", "wasm=application/wasm"): "a type is written as .EXT=TYPE",
    ("type", ".wasm"): "a type is written as .EXT=TYPE",
    ("type", ".=text/plain"): "a type is written as .EXT=TYPE",
    ("type", ".tar.gz=application/gzip"): "a type is written as .EXT=TYPE, with the last ending",
    ("type", ".a/b=text/plain"): "a type is written as .EXT=TYPE",
    ("type", ".a=text"): "the type is written as text/plain",
    ("type", ".a=/plain"): "the type is written as text/plain",
    ("type", ".a=text/plain;"): "the type is written as text/plain",
    ("type", ".a=text/plain; charset"): "the type is written as text/plain",
    ("type", ".a=text/plain\r\nX: y"): "the type is written as text/plain",
    ("type", ".a=text/\u00fc"): "the type is written as text/plain",
}


@pytest.mark.parametrize(("name", "text"), READ)
def test_a_text_is_read(name: str, text: str) -> None:
    assert getattr(read_config(".", {name: [text]}, {}), name) == READ[name, text]
    environment = {variable_name(name): text}
    assert getattr(read_config(".", {}, environment), name) == READ[name, text]


@pytest.mark.parametrize(("name", "text"), REFUSED)
def test_a_text_that_makes_no_sense_is_refused_by_name(name: str, text: str) -> None:
    shown = printable(text) or "''"  # one line, whatever is in the text
    with pytest.raises(ConfigError) as refused:
        read_config(".", {name: [text]}, {})
    assert str(refused.value).startswith(f"{option_name(name)} {shown}: ")
    assert REFUSED[name, text] in str(refused.value)
    if not text and OPTIONS[name].may_be_empty:
        return  # an empty variable is a list of none
    with pytest.raises(ConfigError) as refused:
        read_config(".", {}, {variable_name(name): text})
    assert str(refused.value).startswith(f"{variable_name(name)} {shown}: ")


def test_what_is_given_goes_before_the_environment() -> None:
    environment = {"EVLOOP_PORT": "1", "EVLOOP_CHUNK_SIZE": "1K", "PORT": "2", "EVLOOP_X": "3"}
    config = read_config("/srv", {"port": ["7", "8"]}, environment)
    assert (config.root, config.port, config.chunk_size) == ("/srv", 8, 1024)
    # What goes unused is not even read.
    assert read_config(".", {"port": ["7"]}, {"EVLOOP_PORT": "nonsense"}).port == 7


def test_some_settings_may_be_repeated() -> None:
    given = {"host": ["127.0.0.1", "::1"], "index": ["index.html", "home.html"]}
    config = read_config(".", given, {})
    assert config.host == ("127.0.0.1", "::1")
    assert config.index == ("index.html", "home.html")


def test_in_the_environment_they_are_a_list() -> None:
    environment = {"EVLOOP_HOST": "0.0.0.0, ::1", "EVLOOP_INDEX": "a.html,b.html"}
    config = read_config(".", {}, environment)
    assert config.host == ("0.0.0.0", "::1")
    assert config.index == ("a.html", "b.html")
    with pytest.raises(ConfigError, match="EVLOOP_HOST '': it is empty"):
        read_config(".", {}, {"EVLOOP_HOST": "127.0.0.1,"})


ADDRESSES: list[tuple[list[str], list[str], tuple[str, ...], int]] = [
    # --host, --port; the hosts and the port
    (["127.0.0.1:80"], [], ("127.0.0.1",), 80),
    (["localhost:0"], [], ("localhost",), 0),
    (["[::1]"], [], ("::1",), 8080),
    (["[::1]:80"], [], ("::1",), 80),
    (["[fe80::1%eth0]:80"], [], ("fe80::1%eth0",), 80),
    (["::1"], ["80"], ("::1",), 80),
    (["::1:80"], [], ("::1:80",), 8080),  # an address, too
    (["127.0.0.1:80", "[::1]:80"], [], ("127.0.0.1", "::1"), 80),
    (["127.0.0.1:80", "::1"], [], ("127.0.0.1", "::1"), 80),
    (["127.0.0.1:80"], ["80"], ("127.0.0.1",), 80),
]


@pytest.mark.parametrize(("hosts", "ports", "kept", "port"), ADDRESSES)
def test_an_address_may_have_its_port(
    hosts: list[str], ports: list[str], kept: tuple[str, ...], port: int
) -> None:
    config = read_config(".", {"host": hosts, **({"port": ports} if ports else {})}, {})
    assert (config.host, config.port) == (kept, port)


CONFLICTS: list[tuple[dict[str, list[str]], dict[str, str], str]] = [
    (
        {"host": ["127.0.0.1:80"], "port": ["81"]},
        {},
        "--host 127.0.0.1:80: --port 81 says otherwise; all share one",
    ),
    (
        {"host": ["a:80", "b:81"]},
        {},
        "--host b:81: --host a: the port 80 says otherwise; all share one",
    ),
    (
        {},
        {"EVLOOP_HOST": "a:80", "EVLOOP_PORT": "81"},
        "EVLOOP_HOST a:80: EVLOOP_PORT 81 says otherwise; all share one",
    ),
    ({"host": ["a:99999"]}, {}, "--host a: the port 99999: at most 65535 is possible"),
]


@pytest.mark.parametrize(("given", "environment", "message"), CONFLICTS)
def test_two_ports_are_refused(
    given: dict[str, list[str]], environment: dict[str, str], message: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        read_config(".", given, environment)
    assert str(refused.value) == message


@pytest.mark.parametrize(
    ("given", "environment", "host", "port"),
    [
        ({"host": ["a"]}, {"EVLOOP_HOST": "b:70"}, "a", 8080),  # nor is its port read
        ({"port": ["5"]}, {"EVLOOP_HOST": "b:70"}, "b", 5),
        ({"host": ["a:5"]}, {"EVLOOP_PORT": "70"}, "a", 5),
        ({"host": ["a"]}, {"EVLOOP_PORT": "70"}, "a", 70),
        ({"port": ["5"]}, {"EVLOOP_HOST": "b:70", "EVLOOP_PORT": "71"}, "b", 5),
    ],
)
def test_a_port_that_is_given_goes_before_one_of_the_environment(
    given: dict[str, list[str]], environment: dict[str, str], host: str, port: int
) -> None:
    config = read_config(".", given, environment)
    assert (config.host, config.port) == ((host,), port)


@pytest.mark.parametrize("name", OPTIONS)
def test_a_default_can_be_written_and_read(name: str) -> None:
    option, default = OPTIONS[name], getattr(Config(), name)
    shown = default_text(name)
    for each in default if option.repeatable else (default,):
        assert option.parse(option.show(each)) == each
        assert option.show(each) in shown


@pytest.mark.parametrize(
    "setting",
    [
        {"port": 70000},
        {"port": -1},
        {"chunk_size": 1},
        {"idle_timeout": 0.0},
        {"host": ()},
        {"index": ()},
        {"index": ("",)},
        {"cache_control": "a\r\nb"},
        {"send_timeout": float("inf")},
    ],
)
def test_the_library_checks_as_well(setting: dict[str, Any]) -> None:
    (name,) = setting
    with pytest.raises(ConfigError, match=option_name(name)):
        Config(**setting)


# What the library takes for each kind of setting, and what it keeps.
TAKEN: list[tuple[str, object, object]] = [
    ("root", Path("/srv"), "/srv"),
    ("root", b"/srv/\xff", "/srv/\udcff"),
    ("host", "127.0.0.1", ("127.0.0.1",)),
    ("host", ["127.0.0.1", "::1"], ("127.0.0.1", "::1")),
    ("host", "[::1]", ("::1",)),
    ("dev", True, True),
    ("index", "index.html", ("index.html",)),
    ("index", ["a.html"], ("a.html",)),
    ("port", "8080", 8080),
    ("port", 0, 0),
    ("chunk_size", "32KiB", 32 * KIB),
    ("memory_limit", 64 * MIB, 64 * MIB),
    ("idle_timeout", "10s", 10.0),
    ("idle_timeout", 10, 10.0),
    ("revalidate", 0.5, 0.5),
    ("hidden", "off", False),
    ("hidden", True, True),
    ("symlinks", "deny", Symlinks.DENY),
    ("symlinks", Symlinks.DENY, Symlinks.DENY),
    ("transfer", "sendfile", Transfer.SENDFILE),
    ("preload", "private", PreloadMode.PRIVATE),
    ("log_format", "json", LogFormat.JSON),
    ("max_connections", "5", 5),
]


@pytest.mark.parametrize(("name", "value", "kept"), TAKEN)
def test_the_library_takes_typed_values_and_texts(name: str, value: Any, kept: object) -> None:
    setting = getattr(Config(**{name: value}), name)
    assert setting == kept
    assert type(setting) is type(kept)


MISTAKEN: list[tuple[str, object, str]] = [
    # setting, value, the message
    ("root", "", "ROOT '': it is empty"),
    ("root", "a\0b", r"ROOT a\x00b: a path has no zero byte"),
    ("root", "\ud800", r"ROOT \ud800: this is no name that the file system could have"),
    ("root", None, "ROOT None: a path is wanted"),
    ("root", 3, "ROOT 3: a path is wanted"),
    ("host", None, "--host None: a text is wanted"),
    ("host", ("127.0.0.1", 1), "--host 1: a text is wanted"),
    ("host", "a\0b", r"--host a\x00b: a name or an address is wanted"),
    ("index", b"index.html", "--index b'index.html': a text is wanted"),
    ("index", "\ud800", r"--index \ud800: this is no name that the file system could have"),
    ("index", "..", "--index ..: the name of a file is wanted, without a slash"),
    ("index", {"a.html"}, "--index {'a.html'}: a text is wanted"),
    ("port", True, "--port True: a whole number is wanted"),
    ("port", 80.0, "--port 80.0: a whole number is wanted"),
    ("port", None, "--port None: a whole number is wanted"),
    ("port", ["80"], "--port ['80']: a whole number is wanted"),
    ("chunk_size", 32768.0, "--chunk-size 32768.0: a whole number is wanted"),
    ("chunk_size", "32 quarts", "--chunk-size 32 quarts: a size is a whole number"),
    ("memory_budget", 10**400, "is possible"),
    ("memory_budget", 10**5000, "--memory-budget <int>: at most"),
    ("idle_timeout", float("nan"), "--idle-timeout nan: a number of seconds is wanted"),
    ("idle_timeout", float("inf"), "--idle-timeout inf: a number of seconds is wanted"),
    ("idle_timeout", 10**400, "a number of seconds is wanted"),
    ("idle_timeout", True, "--idle-timeout True: a number of seconds is wanted"),
    ("idle_timeout", None, "--idle-timeout None: a number of seconds is wanted"),
    ("hidden", 0, "--hidden 0: on or off is wanted"),
    ("hidden", "false", "--hidden false: on or off is wanted"),
    ("hidden", None, "--hidden None: on or off is wanted"),
    ("symlinks", Transfer.COPY, "--symlinks <Transfer.COPY: 'copy'>: one of inside, deny, follow"),
    ("symlinks", True, "--symlinks True: one of inside, deny, follow is wanted"),
    ("transfer", "splice", "--transfer splice: one of copy, sendfile is wanted"),
    ("cache_control", None, "--cache-control None: a text is wanted"),
    ("access_log", Path("/log"), "--access-log PosixPath('/log'): a text is wanted"),
    ("access_log", "a\0b", r"--access-log a\x00b: a path has no zero byte"),
    ("user", 0, "--user 0: a text is wanted"),
]


@pytest.mark.parametrize(
    ("name", "value", "message"), MISTAKEN, ids=[f"{name}-{type(it)}" for name, it, _ in MISTAKEN]
)
def test_the_library_refuses_everything_else_by_name(name: str, value: Any, message: str) -> None:
    with pytest.raises(ConfigError) as refused:
        Config(**{name: value})
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_setting_that_does_not_exist_is_a_mistake_in_the_program() -> None:
    unknown: dict[str, Any] = {"chunksize": 1}
    with pytest.raises(TypeError, match="chunksize"):
        Config(**unknown)


def test_every_setting_but_the_root_is_an_option() -> None:
    assert [each.name for each in fields(Config)] == ["root", *OPTIONS]
    for name, option in OPTIONS.items():
        assert option.help, name
        assert option.metavar, name


DEFAULTS = {
    "host": "127.0.0.1 ::1",
    "port": "8080",
    "dev": "off",
    "max_in_memory_size": "1MiB",
    "chunk_size": "32KiB",
    "memory_budget": "64MiB",
    "preload": "shared",
    "transfer": "copy",
    "send_queue": "64KiB",
    "revalidate": "1s",
    "index": "index.html",
    "listing": "auto",
    "archives": "off",
    "cache_control": "public, max-age=3600",
    "symlinks": "inside",
    "hidden": "off",
    "fallback": "",
    "clean_urls": "off",
    "error_pages": "on",
    "rules": "netlify",
    "precompressed": "on",
    "compress": "off",
    "dictionaries": "off",
    "type": "",
    "cors": "",
    "isolate": "off",
    "htpasswd": "",
    "limit_rate": "0B",
    "limit_rate_after": "0B",
    "demo": "auto",
    "idle_timeout": "1m",
    "head_timeout": "10s",
    "send_timeout": "30s",
    "linger_timeout": "2s",
    "shutdown_timeout": "30s",
    "max_head_size": "16KiB",
    "max_connections": "0",
    "max_connections_per_ip": "0",
    "min_rate": "0B",
    "min_rate_grace": "10s",
    "http2": "on",
    "h2c": "off",
    "memory_limit": "0B",
    "user": "",
    "group": "",
    "access_log": "auto",
    "log_format": "combined",
    "verbose": "off",
    "tls_cert": "",
    "tls_key": "",
    "tls_key_password_file": "",
    "tls_min_version": "1.2",
    "tls_client_ca": "",
    "tls_self_signed": "off",
    "tls_allow_expired": "off",
    "http_redirect": "0",
    "hsts": "0s",
    "open": "off",
    "qr": "off",
}


def test_the_defaults_are_those_that_are_documented() -> None:
    assert {name: default_text(name) for name in OPTIONS} == DEFAULTS


@pytest.mark.parametrize(
    ("settings", "strategy"),
    [
        ({}, "preload up to 1 MiB within 64 MiB, stream larger in 32 KiB chunks"),
        ({"max_in_memory_size": 0}, "stream everything in 32 KiB chunks"),
        (
            {
                "max_in_memory_size": 1024**4,
                "memory_budget": 1024**4,
                "preload": PreloadMode.PRIVATE,
            },
            "preload up to 1 TiB within 1 TiB, a copy for each request,"
            " stream larger in 32 KiB chunks",
        ),
        ({"chunk_size": 4096}, "preload up to 1 MiB within 64 MiB, stream larger in 4 KiB chunks"),
    ],
)
def test_the_strategy_is_told_in_a_line(settings: dict[str, Any], strategy: str) -> None:
    assert Config(**settings).strategy == strategy


def test_types_are_kept_by_ending() -> None:
    texts = (".A=text/x-a", ".b=application/b", ".a=text/x-c; charset=x", ".d=TEXT/x-d")
    assert media_types(texts) == {
        b"a": b"text/x-c; charset=x",
        b"b": b"application/b",
        b"d": b"TEXT/x-d; charset=utf-8",
    }


def test_some_may_be_left_empty() -> None:
    assert Config(type=(), cors=(), htpasswd="").cors == ()


@pytest.mark.parametrize("text", ["", " "])
@pytest.mark.parametrize("name", ["cors", "type"])
def test_an_empty_variable_is_a_list_of_none(name: str, text: str) -> None:
    assert getattr(read_config(".", {}, {variable_name(name): text}), name) == ()
    with pytest.raises(ConfigError, match=r"^EVLOOP_INDEX '': "):
        read_config(".", {}, {"EVLOOP_INDEX": text})
