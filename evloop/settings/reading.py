"""The settings that texts make: those of the command line, and those of the environment."""

from collections.abc import Mapping
from typing import Any

from evloop.settings.bind import split_port
from evloop.settings.config import (
    OPTIONS,
    Config,
    ConfigError,
    option_name,
    read_setting,
    variable_name,
)
from evloop.settings.options import Option


def read_config(
    root: str, given: Mapping[str, list[str]], environment: Mapping[str, str]
) -> Config:
    """Return the settings that *given* (texts by setting) and the environment make.

    What is given goes before the environment. A repeatable variable is a list with commas. An
    address may have brackets, and a port behind it, which is then that of all.

    Raises ConfigError that names the option or the variable, and the value.
    """
    values: dict[str, Any] = {"root": root}
    for name, (source, texts) in _sources(given, environment).items():
        option = OPTIONS[name]
        if option.guards and not texts[-1]:
            raise ConfigError(source, "", "it is empty; leave it out where it is not wanted")
        values[name] = read_setting(source, texts if option.repeatable else texts[-1], option)
    return Config(**values)


_Source = tuple[str, list[str]]  # what an error calls it, and the texts


def _sources(given: Mapping[str, list[str]], environment: Mapping[str, str]) -> dict[str, _Source]:
    """Return where each setting comes from that is not left at its default."""
    sources: dict[str, _Source] = {}
    variables = {
        name: text for name, text in _from_variables(environment).items() if name not in given
    }
    for texts, call in ((variables, variable_name), (given, option_name)):
        here = {name: (call(name), list(texts[name])) for name in OPTIONS if name in texts}
        _move_port(here)
        sources.update(here)
    return sources


def _from_variables(environment: Mapping[str, str]) -> dict[str, list[str]]:
    texts = {name: environment.get(variable_name(name)) for name in OPTIONS}
    return {
        name: _split(text, OPTIONS[name]) if OPTIONS[name].repeatable else [text]
        for name, text in texts.items()
        if text is not None
    }


def _move_port(sources: dict[str, _Source]) -> None:
    """Let a port that stands behind an address be the port. Raises ConfigError for two ports."""
    if "host" not in sources:
        return
    source, texts = sources["host"]
    for index, text in enumerate(texts):
        texts[index], port = split_port(text)
        if port is None:
            continue
        other, others = sources.setdefault("port", (f"{source} {texts[index]}: the port", [port]))
        if others[-1] != port:
            raise ConfigError(source, text, f"{other} {others[-1]} says otherwise; all share one")


def _split(text: str, option: Option) -> list[str]:
    if option.may_be_empty and not text.strip():
        return []
    return [part.strip() for part in text.split(",")]
