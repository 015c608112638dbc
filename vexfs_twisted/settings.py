"""Declaration and parsing of single settings: from text, the environment and YAML files."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from ipaddress import ip_address
from math import inf, nan
from pathlib import Path
from typing import Any

from attrs import frozen

_PREFIX = "QDRANT__"

_DECIMAL = re.compile("0|[1-9][0-9]{0,18}")
"""What YAML takes for a decimal number, too; with a leading zero it is octal."""

_METRIC_PREFIX = re.compile("(?:[A-Za-z_:][A-Za-z0-9_:]*)?")


class ConfigError(Exception):
    """An invalid setting; the text is one line for the operator."""


@frozen
class FoundSetting:
    """A raw value of a setting, and its origin."""

    value: Any
    origin: str


Parser = Callable[[Any], Any]


@frozen
class Setting:
    """Declaration of one field of `Config`: its key, its parser, and its other names.

    `variables` are environment variables beside the QDRANT__SECTION__KEY that follows from `key`.
    `option` is the name on the command line, and `help` its help text. `nullable`: null is a valid
    value; elsewhere it means unset. `is_switch`: the command line option takes no value and means
    true. `is_repeated`: the option may be given several times; the values are then lines of one
    text.
    """

    key: str
    parse: Parser
    variables: tuple[str, ...] = ()
    option: str | None = None
    help: str = ""
    nullable: bool = False
    is_switch: bool = False
    is_repeated: bool = False


def whole_number(minimum: int, maximum: int | None = None) -> Parser:
    """A parser of integers within the bounds, from a number or its digits."""

    def parse(value: Any) -> int:
        text = str(value).strip()
        number = int(text) if text.removeprefix("-").isdecimal() else None
        is_within = number is not None and number >= minimum
        if number is None or not is_within or (maximum is not None and number > maximum):
            bounds = f"{minimum} or more" if maximum is None else f"from {minimum} to {maximum}"
            raise ValueError(f"{value!r} is not a whole number {bounds}")
        return number

    return parse


def number(minimum: float) -> Parser:
    """A parser of finite numbers from a minimum on."""

    def parse(value: Any) -> float:
        try:
            found = float(str(value).strip())
        except ValueError:
            found = nan
        if not minimum <= found < inf:
            raise ValueError(f"{value!r} is not a number {minimum:g} or more")
        return found

    return parse


def one_of(choices: Mapping[str, str]) -> Parser:
    """A parser of case-insensitive words into the values they map to."""

    def parse(value: Any) -> str:
        chosen = choices.get(str(value).strip().lower())
        if chosen is None:
            raise ValueError(f"{value!r} is none of {', '.join(choices)}")
        return chosen

    return parse


def or_none(parse: Parser) -> Parser:
    """A parser that also accepts null, or a word for it, and then returns None."""

    def parse_or_none(value: Any) -> Any:
        if value is None or str(value).strip().lower() in ("none", "null", "off"):
            return None
        return parse(value)

    return parse_or_none


def list_of(parse: Parser) -> Parser:
    """A parser of several values: a list, or a text that joins them with colons."""

    def parse_list(value: Any) -> tuple[Any, ...]:
        parts = value.split(":") if isinstance(value, str) else value
        if not isinstance(parts, list):
            raise ValueError(f"{value!r} is no list")
        return tuple(parse(part) for part in parts)

    return parse_list


def files_and_names(value: Any) -> tuple[tuple[str, str], ...]:
    """Parse lines, or a list, of `FILE:NAME` into pairs."""
    lines = value.splitlines() if isinstance(value, str) else value
    if not isinstance(lines, list):
        raise ValueError(f"{value!r} is no list")
    pairs = [str(line).rpartition(":")[::2] for line in lines]
    for line, (file, name) in zip(lines, pairs, strict=True):
        if not file or not name:
            raise ValueError(f"{line!r} is not FILE:COLLECTION")
    return tuple(pairs)


def lines(value: Any) -> tuple[str, ...]:
    """Parse a list of texts, or their lines."""
    parts = value.splitlines() if isinstance(value, str) else value
    if not isinstance(parts, list):
        raise ValueError(f"{value!r} is no list")
    return tuple(text(part) for part in parts)


def flag(value: Any) -> bool:
    """Parse a truth value."""
    meant = {"true": True, "1": True, "false": False, "0": False}.get(str(value).strip().lower())
    if meant is None:
        raise ValueError(f"{value!r} is neither true nor false")
    return meant


def address(value: Any) -> str:
    """Parse an IP address to listen on; `localhost` stands for 127.0.0.1."""
    if value == "localhost":
        return "127.0.0.1"
    try:
        return str(ip_address(str(value).strip()))
    except ValueError:
        raise ValueError(f"{value!r} is not an IP address") from None


def text(value: Any) -> str:
    """Parse a string that is not empty."""
    if not isinstance(value, str) or not value or "\0" in value:
        raise ValueError(f"{value!r} is not a text that can be used here")
    return value


def metric_prefix(value: Any) -> str:
    """Parse the begin of names of metrics; empty for none."""
    if not isinstance(value, str) or not _METRIC_PREFIX.fullmatch(value):
        raise ValueError(f"{value!r} cannot begin the name of a metric")
    return value


def secret(value: Any) -> str | None:
    """Parse a key; an empty one is None. Errors do not contain the key."""
    if value == "":
        return None
    if not isinstance(value, str):
        raise ValueError("this is not a text; a key that looks like a number needs quotes")
    if not value.isascii() or not value.isprintable() or value != value.strip():
        raise ValueError("a key is printable ASCII, without a space at either end")
    return value


def from_environment(environment: Mapping[str, str]) -> dict[str, FoundSetting]:
    """Values of QDRANT__SECTION__KEY by key. Variables that are set and empty count as unset."""
    return {
        name.removeprefix(_PREFIX).replace("__", ".").lower(): FoundSetting(value, name)
        for name, value in environment.items()
        if name.startswith(_PREFIX) and value
    }


def from_file(path: str) -> dict[str, FoundSetting]:
    """Values of a YAML file by key: nested names are joined with dots."""
    import yaml

    try:
        content = yaml.safe_load(Path(path).read_bytes())
    except OSError as error:
        raise ConfigError(f"--config-path: cannot read {path}: {error.strerror}") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" line {mark.line + 1}:" if mark is not None else ""
        problem = getattr(error, "problem", None) or "this is no text"
        raise ConfigError(f"{path}:{line} not valid YAML: {problem}") from None
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise ConfigError(f"{path}: the file must hold a mapping of sections")
    return dict(_flat(content, "", path))


def _flat(section: Mapping[Any, Any], prefix: str, path: str) -> Iterable[tuple[str, FoundSetting]]:
    for name, value in section.items():
        key = f"{prefix}{name}"
        if isinstance(value, dict):
            yield from _flat(value, f"{key}.", path)
        else:
            yield key, FoundSetting(value, f"{path}: {key}")


def scalar(value: Any) -> Any:
    """Convert a text from the environment to a number or truth value, where it is one."""
    if not isinstance(value, str):
        return value
    if _DECIMAL.fullmatch(value):
        return int(value)
    # Imported where it is needed: that takes longer than all else that is done with settings.
    import yaml

    try:
        return yaml.safe_load(value)
    except yaml.YAMLError:
        return value
