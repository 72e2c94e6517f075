"""Settings: one table for the library, the command line and the environment."""

import re

import pytest

from evloop.config import (
    OPTIONS,
    Config,
    ConfigError,
    Transfer,
    default_text,
    option_name,
    read_config,
    variable_name,
)
from evloop.files.cache import Sharing
from evloop.files.root import Symlinks
from evloop.observe.accesslog import LogFormat

READ = {
    ("port", "0"): 0,
    ("max_in_memory_size", "2M"): 2 * 1024 * 1024,
    ("max_in_memory_size", "0"): 0,
    ("chunk_size", "64KiB"): 64 * 1024,
    ("revalidate", "0"): 0.0,
    ("idle_timeout", "500ms"): 0.5,
    ("send_timeout", "2m"): 120.0,
    ("hidden", "on"): True,
    ("symlinks", "deny"): Symlinks.DENY,
    ("transfer", "sendfile"): Transfer.SENDFILE,
    ("preload", "private"): Sharing.PRIVATE,
    ("log_format", "json"): LogFormat.JSON,
}

REFUSED = {
    ("port", "65536"): "at most 65535",
    ("port", "-1"): "a whole number",
    ("port", ""): "a whole number",
    ("chunk_size", "1"): "at least 512 B",
    ("chunk_size", "3Q"): "a size is",
    ("idle_timeout", "0"): "at least 10ms",
    ("idle_timeout", "soon"): "a duration is",
    ("hidden", "yes"): "on or off",
    ("symlinks", "maybe"): "one of inside, deny, follow",
    ("index", "a/b"): "without a slash",
    ("index", ""): "without a slash",
    ("cache_control", "a\r\nSet-Cookie: b"): "printable ASCII",
    ("cache_control", ""): "printable ASCII",
    ("host", ""): "empty",
    ("user", "-x"): "a name",
}


@pytest.mark.parametrize(("given", "value"), READ.items())
def test_a_text_is_read(given: tuple[str, str], value: object) -> None:
    name, text = given
    assert getattr(read_config(".", {name: [text]}, {}), name) == value


@pytest.mark.parametrize(("given", "reason"), REFUSED.items())
def test_a_wrong_text_is_named_with_its_option(given: tuple[str, str], reason: str) -> None:
    name, text = given
    with pytest.raises(ConfigError, match=re.escape(reason)) as caught:
        read_config(".", {name: [text]}, {})
    assert str(caught.value).startswith(f"{option_name(name)} {text or repr(text)}: ")


@pytest.mark.parametrize("name", OPTIONS)
def test_each_default_is_what_its_text_says(name: str) -> None:
    option, texts = OPTIONS[name], default_text(name)
    if texts:
        given = {name: texts.split(" ") if option.repeatable else [texts]}
        assert getattr(read_config(".", given, {}), name) == getattr(Config(), name)


def test_the_last_of_repeated_texts_counts_and_lists_gather_them() -> None:
    config = read_config(".", {"port": ["1", "2"], "index": ["a", "b"]}, {})
    assert (config.port, config.index) == (2, ("a", "b"))


def test_the_environment_is_read_where_nothing_is_given() -> None:
    environment = {"EVLOOP_PORT": "81", "EVLOOP_CHUNK_SIZE": "1K", "EVLOOP_INDEX": "a, b"}
    config = read_config(".", {"port": ["82"]}, environment)
    assert (config.port, config.chunk_size, config.index) == (82, 1024, ("a", "b"))


def test_a_wrong_variable_is_named() -> None:
    with pytest.raises(ConfigError, match=r"^EVLOOP_PORT x: a whole number"):
        read_config(".", {}, {variable_name("port"): "x"})


def test_the_library_checks_what_it_is_given() -> None:
    with pytest.raises(ConfigError, match=r"^--port 70000: at most 65535"):
        Config(port=70000)
    with pytest.raises(ConfigError, match=r"^--host"):
        Config(host=())


@pytest.mark.parametrize(
    ("config", "strategy"),
    [
        (Config(), "preload up to 1 MiB within 64 MiB, stream larger in 32 KiB chunks"),
        (Config(max_in_memory_size=0), "stream everything in 32 KiB chunks"),
        (
            Config(preload=Sharing.PRIVATE, max_in_memory_size=1024**4, memory_budget=1024**4),
            "preload up to 1 TiB within 1 TiB, a copy for each request,"
            " stream larger in 32 KiB chunks",
        ),
    ],
)
def test_the_strategy_is_told_in_a_line(config: Config, strategy: str) -> None:
    assert config.strategy == strategy
