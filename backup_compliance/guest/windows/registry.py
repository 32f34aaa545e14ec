"""What `reg query` prints, as typed values: the same in every language of Windows, for it names types and not words.

A text without any key is a message of reg.exe, whatever language that is in. Beside keys, a line that is neither a key
nor a value is what is left of one: the key that it lies in is unreadable, or all of them where that cannot be told.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from backup_compliance.model.sanitize import printable
from backup_compliance.model.verdicts import Unreadable

Value: TypeAlias = str | int | bytes | tuple[str, ...]
DEFAULT: Final = ""
"""The name under which a key's unnamed value is found; reg.exe shows it in its own language, in brackets."""

_KEY = re.compile(r"HK(?:EY_[A-Z_]+|LM|U|CU|CR|CC)(?:\\[^\r\n]*)?")
_VALUE = re.compile(r" {4}(.*?) {4}(REG_[A-Z_]+)(?: {4}(.*))?")
_NUMBER = re.compile(r"0x[0-9a-fA-F]{1,16}")
_HEX = re.compile(r"(?:[0-9a-fA-F]{2})*")
_NUMBERS: Final = frozenset({"REG_DWORD", "REG_QWORD", "REG_DWORD_BIG_ENDIAN"})
_BYTES: Final = frozenset({"REG_BINARY", "REG_NONE"})
_TEXTS: Final = frozenset({"REG_SZ", "REG_EXPAND_SZ", "REG_MULTI_SZ", "REG_LINK"})
_RESOURCES: Final = frozenset(
    {"REG_RESOURCE_LIST", "REG_FULL_RESOURCE_DESCRIPTOR", "REG_RESOURCE_REQUIREMENTS_LIST", "REG_DWORD_LITTLE_ENDIAN"}
)
_KINDS: Final = _NUMBERS | _BYTES | _TEXTS | _RESOURCES
_VALUE_LIMIT: Final = 65536


@dataclass(frozen=True, slots=True)
class Key:
    """One key: its values by lower-case name, and the names of the keys below it that were shown."""

    path: str
    read: Mapping[str, Value] = field(default_factory=dict)
    children: tuple[str, ...] = ()
    damage: str | None = None
    """The first line among its values that is none."""

    @property
    def values(self) -> Mapping[str, Value]:
        """Its values; `Unreadable` where one of them is damaged, for it could be any."""
        if self.damage is not None:
            raise damaged(self.damage, f"{printable(self.path, 120)} in the registry")
        return self.read

    def text(self, name: str) -> str | None:
        """A REG_SZ or REG_EXPAND_SZ; None where there is none, or one of another type."""
        found = self.values.get(name.casefold())
        return found if isinstance(found, str) else None

    def number(self, name: str) -> int | None:
        """A REG_DWORD or REG_QWORD; None where there is none, or one of another type."""
        found = self.values.get(name.casefold())
        return found if isinstance(found, int) else None

    def data(self, name: str) -> bytes | None:
        """A REG_BINARY; None where there is none, or one of another type."""
        found = self.values.get(name.casefold())
        return found if isinstance(found, bytes) else None

    def strings(self, name: str) -> tuple[str, ...]:
        """A REG_MULTI_SZ, or a REG_SZ as one string; empty strings are kept, they may mean something."""
        found = self.values.get(name.casefold())
        return found if isinstance(found, tuple) else (found,) if isinstance(found, str) else ()


def parse_keys(text: str) -> dict[str, Key]:
    """Every key in `text` by its path as reg.exe spells it, in lower case; empty where reg.exe only spoke.

    Without `/s` the keys below the one that was asked for are shown as bare names: they are its children, and
    keys of their own without values.

    Raises:
        Unreadable: a line that is neither a key nor a value, and that may be what is left of a key's name.
    """
    lines = [line.rstrip("\r") for line in text.split("\n")]
    if not any(_KEY.fullmatch(line) for line in lines):
        return {}
    values: dict[str, dict[str, Value]] = {}
    spelt: dict[str, str] = {}
    damages: dict[str, str] = {}
    current: str | None = None
    is_among_values = False
    for line in lines:
        if _KEY.fullmatch(line):
            current, is_among_values = line.casefold(), False
            spelt.setdefault(current, line)
            values.setdefault(current, {})
        elif not line.strip():
            is_among_values = False
        elif current is not None and (value := _value(line)) is not None:
            values[current].update([value])
            is_among_values = True
        elif current is not None and is_among_values:
            damages.setdefault(current, line)
        else:
            raise damaged(line, "what reg.exe printed")
    _check_kinship(list(spelt.values()))
    return {key: Key(spelt[key], found, _children(key, spelt), damages.get(key)) for key, found in values.items()}


def damaged(line: str, where: str) -> Unreadable:
    """What to raise for a line of Windows' own tools that is none of those they print."""
    return Unreadable(
        f"{where} holds a line that cannot be read: {printable(line, 120)!r}",
        "collect again; nothing of it may be edited",
    )


def _check_kinship(paths: list[str]) -> None:
    """One query shows one key and what lies below it, or, where the key itself is empty, its children only."""
    family = min(paths, key=len).rpartition("\\")[0].casefold()
    stranger = next((p for p in paths if not p.casefold().startswith(f"{family}\\")), None)
    if stranger is not None:
        raise damaged(stranger, "what reg.exe printed")


def _value(line: str) -> tuple[str, Value] | None:
    """A value by its name in lower case; None where the line is none, or its data are not of its type."""
    found = _VALUE.fullmatch(line)
    if found is None or found.group(2) not in _KINDS:
        return None
    data = _typed(found.group(2), found.group(3) or "")
    return None if data is None else (_name(found.group(1)), data)


def _name(shown: str) -> str:
    # (Default), (Standard), (기본값), (既定): a name that is really in brackets is not one of ours
    return DEFAULT if shown.startswith("(") and shown.endswith(")") else shown.casefold()


def _children(key: str, spelt: Mapping[str, str]) -> tuple[str, ...]:
    below = (path[len(key) + 1 :] for other, path in spelt.items() if other.startswith(f"{key}\\"))
    return tuple(name for name in below if "\\" not in name)


def _typed(kind: str, data: str) -> Value | None:
    if kind in _NUMBERS:
        return int(data, 16) if _NUMBER.fullmatch(data) else None
    if kind in _BYTES:
        return bytes.fromhex(data) if _HEX.fullmatch(data) else None
    if kind == "REG_MULTI_SZ":
        return tuple(data[:_VALUE_LIMIT].removesuffix(r"\0").split(r"\0")) if data else ()
    return data[:_VALUE_LIMIT]
