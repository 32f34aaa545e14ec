"""Versions of agents and extensions, compared as numbers by `packaging`."""

from __future__ import annotations

import re

from packaging.version import Version

_VERSION = re.compile(r"(?<![0-9])[0-9]{1,9}(?:\.[0-9]{1,9}){1,4}(?![0-9])")


def parse_version(text: str) -> Version | None:
    """The first dotted number in `text` (`b'2.2.20'`, `WALinuxAgent-2.14.0.1-py3.12.egg`), or None."""
    found = _VERSION.search(text)
    return Version(found.group()) if found else None


def leading_version(text: str) -> Version | None:
    """The version that `text` begins with (`2.14.0.1-py3.12.egg`), or None."""
    found = _VERSION.match(text)
    return Version(found.group()) if found else None


def exact_version(text: str) -> Version | None:
    """The version that `text` is, in numbers and dots only; None for anything else."""
    return Version(text) if _VERSION.fullmatch(text) else None
