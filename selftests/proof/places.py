"""Where the proof keeps what it found out: resumable, and none of it part of the project."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import msgspec

from selftests.builders.product import ROOT

STATE: Final = ROOT / ".proof"
"""Ignored by git; removing it starts from nothing."""
JUDGES: Final = ("backup_compliance", "tests_guest", "tests_platform")
"""What comes to verdicts."""


def digest(*folders: str, suffixes: tuple[str, ...] = (".py", ".toml", ".sh", ".ps1", ".cmd", ".ini")) -> str:
    """What the files below these folders say, in sixteen characters: what rests on other files counts no more."""
    return digest_of(p for f in folders for p in sorted((ROOT / f).rglob("*")) if p.suffix in suffixes and p.is_file())


def digest_of(paths: Iterable[Path]) -> str:
    """Of single files, by name and text."""
    found = hashlib.sha256()
    for path in paths:
        found.update(f"{path.relative_to(ROOT)}\0".encode() + path.read_bytes() + b"\0")
    return found.hexdigest()[:16]


class Journal:
    """Results by name, one line each, added as they come: a run that is ended goes on from there."""

    def __init__(self, name: str, version: str) -> None:
        """`version`: what the results rest on; those of another version are forgotten."""
        STATE.mkdir(exist_ok=True)
        self.path = STATE / f"{name}.jsonl"
        self.known: dict[str, Any] = {}
        lines = self.path.read_bytes().splitlines() if self.path.exists() else []
        if lines and lines[0] == version.encode():
            for line in lines[1:]:
                self._take(line)
        else:
            self.path.write_bytes(version.encode() + b"\n")

    def _take(self, line: bytes) -> None:
        try:
            key, value = msgspec.json.decode(line)
        except (msgspec.DecodeError, ValueError):
            return  # the last line of a run that was killed
        self.known[key] = value

    def add(self, key: str, value: Any) -> None:
        """Keep one result."""
        self.known[key] = value
        with self.path.open("ab") as file:
            file.write(msgspec.json.encode((key, value)) + b"\n")
