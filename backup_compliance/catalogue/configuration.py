"""TOML files of the user: read, checked against a type, and wrong ones named by file, line and key."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import msgspec

T = TypeVar("T")
_PATH_PART = re.compile(r"\.([^.\[\]`]+)|\[(\d+|\.\.\.)\]")
_TABLE = re.compile(r"^\s*(\[\[?)\s*([^\]]+?)\s*\]\]?\s*(?:#.*)?$")
_KEY = re.compile(r"^\s*(?:\"([^\"]*)\"|'([^']*)'|([\w-]+))\s*[.=]")
_UNKNOWN_FIELD = re.compile(r"unknown field `([^`]+)`")


class ConfigurationError(Exception):
    """A file of the user is wrong; the text names the file, the line and the key."""


def read_toml(path: Path) -> tuple[str, dict[str, object]]:
    """The text of a TOML file and its data; `ConfigurationError` where it cannot be read."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path}: {getattr(error, 'strerror', None) or error}") from error
    try:
        return text, tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{path}: {error}") from error


def convert(data: object, kind: type[T], path: Path, text: str, hint: Callable[[str], str] = lambda message: "") -> T:
    """`data` as a `kind` (a msgspec Struct); unknown keys and wrong types are named with their line.

    `hint` may add to a message what would have been right.
    """
    try:
        return msgspec.convert(data, kind)
    except msgspec.ValidationError as error:
        keys = _named(data, kind, _location(str(error)))
        raise wrong(path, text, keys, f"{str(error).split(' - at ')[0]}{hint(str(error))}") from error


def _named(data: object, kind: type[T], keys: list[str | int]) -> list[str | int]:
    """Msgspec names the value of a table as `[...]`; the entry that fails alone is the one."""
    if "..." not in keys or not isinstance(data, dict) or not isinstance(table := data.get(str(keys[0])), dict):
        return keys
    for name, value in table.items():
        try:
            msgspec.convert({**data, keys[0]: {name: value}}, kind)
        except msgspec.ValidationError:
            return [keys[0], name]
    return keys


def wrong(path: Path, text: str, keys: list[str | int], reason: str) -> ConfigurationError:
    """The error for `keys` (a path into the file, array positions as numbers)."""
    line = line_of(text, keys)
    key = ".".join(str(k) for k in keys if not isinstance(k, int))
    where = f"{path}:{line}" if line else str(path)
    return ConfigurationError(f"{where}: {key or 'file'}: {reason}")


def _location(message: str) -> list[str | int]:
    """Msgspec says where as `$.exemption[0].control`; an unknown field it names in the text."""
    _, _, path = message.partition("`$")
    keys: list[str | int] = []
    for name, position in _PATH_PART.findall(path):
        keys.append(int(position) if position.isdigit() else name or position)
    unknown = _UNKNOWN_FIELD.search(message)
    return [*keys, unknown.group(1)] if unknown else keys


def line_of(text: str, keys: list[str | int]) -> int | None:
    """The line that sets `keys`, else the header of the table nearest to it; None for the file as a whole."""
    names = [k for k in keys if isinstance(k, str)]
    wanted = next((k for k in keys if isinstance(k, int)), None)
    table: list[str] = []
    seen = -1
    best: tuple[int, int] | None = None
    for number, line in enumerate(text.splitlines(), 1):
        header = _TABLE.match(line)
        if header:
            table = [part.strip().strip("\"'") for part in header.group(2).split(".")]
            seen += header.group(1) == "[["
            found = table
        elif key := _KEY.match(line):
            found = [*table, next(g for g in key.groups() if g is not None)]
        else:
            continue
        in_place = wanted is None or seen == wanted
        if in_place and found == names[: len(found)] and (best is None or len(found) > best[0]):
            best = (len(found), number)
    return best[1] if best else None
