"""What `reg query` prints, as typed values: the same in every language of Windows, for it names types and not words.

Lines that are neither a key nor a value are a message of reg.exe, whatever language that is in.
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
_NUMBERS: Final = frozenset({"REG_DWORD", "REG_QWORD", "REG_DWORD_BIG_ENDIAN"})
_BYTES: Final = frozenset({"REG_BINARY", "REG_NONE"})
_VALUE_LIMIT: Final = 65536


@dataclass(frozen=True, slots=True)
class Key:
    """One key: its values by lower-case name, and the names of the keys below it that were shown."""

    path: str
    values: Mapping[str, Value] = field(default_factory=dict)
    children: tuple[str, ...] = ()

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
    """
    values: dict[str, dict[str, Value]] = {}
    spelt: dict[str, str] = {}
    current: str | None = None
    for line in (each.rstrip("\r") for each in text.split("\n")):
        if _KEY.fullmatch(line):
            current = line.casefold()
            spelt.setdefault(current, line)
            values.setdefault(current, {})
        elif current is not None and (found := _VALUE.fullmatch(line)):
            name, kind, data = found.group(1), found.group(2), found.group(3) or ""
            values[current][_name(name)] = _typed(f"{spelt[current]}\\{name}", kind, data)
    return {key: Key(spelt[key], found, _children(key, spelt)) for key, found in values.items()}


def _name(shown: str) -> str:
    # (Default), (Standard), (기본값), (既定): a name that is really in brackets is not one of ours
    return DEFAULT if shown.startswith("(") and shown.endswith(")") else shown.casefold()


def _children(key: str, spelt: Mapping[str, str]) -> tuple[str, ...]:
    below = (path[len(key) + 1 :] for other, path in spelt.items() if other.startswith(f"{key}\\"))
    return tuple(name for name in below if "\\" not in name)


def _typed(where: str, kind: str, data: str) -> Value:
    try:
        if kind in _NUMBERS:
            return int(data, 16)
        if kind in _BYTES:
            return bytes.fromhex(data)
    except ValueError as error:
        raise Unreadable(f"{printable(where, 120)} is no {kind}: {printable(data, 60)!r}", "collect again") from error
    if kind == "REG_MULTI_SZ":
        return tuple(data[:_VALUE_LIMIT].removesuffix(r"\0").split(r"\0")) if data else ()
    return data[:_VALUE_LIMIT]
