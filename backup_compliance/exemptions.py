"""Exemptions: a control that is knowingly not met, for a reason and until a day."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import UTC, date, datetime
from fnmatch import fnmatchcase
from pathlib import Path

import msgspec

from backup_compliance.configuration import convert, read_toml, wrong


class Exemption(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One entry of the exemptions file; it holds through `expires_on`, that day in UTC included."""

    control: str
    resource: str
    """Glob over the host id, case-insensitive."""
    reason: str
    expires_on: date
    approved_by: str = ""

    def is_live(self, today: date) -> bool:
        """Whether it still holds on `today` (UTC)."""
        return today <= self.expires_on

    def matches(self, control: str, names: Iterable[str]) -> bool:
        """Whether it speaks of `control` on a resource that goes by one of `names`."""
        pattern = self.resource.casefold()
        return control == self.control and any(fnmatchcase(n.casefold(), pattern) for n in names if n)


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    exemption: list[Exemption] = []


class Exemptions:
    """The entries of one file, and which of them were of use in this run."""

    def __init__(self, entries: Iterable[Exemption] = (), today: date | None = None) -> None:
        self.entries = tuple(entries)
        self.today = today or datetime.now(UTC).date()

    def find(self, control: str, names: Collection[str]) -> Exemption | None:
        """The entry that speaks of this control and resource, a live one before an expired one."""
        matching = [e for e in self.entries if e.matches(control, names)]
        return max(matching, key=lambda e: e.expires_on, default=None)


def load_exemptions(path: Path, known_controls: Collection[str], today: date | None = None) -> Exemptions:
    """Every entry of a TOML file with `[[exemption]]` tables.

    Raises:
        ConfigurationError: naming file, line and key: a missing reason or day, an unknown control.
    """
    text, data = read_toml(path)
    known = f"; an exemption has {', '.join(Exemption.__struct_fields__)}"
    entries = convert(data, _File, path, text, lambda m: known if "field" in m else "").exemption
    for number, entry in enumerate(entries):
        if entry.control not in known_controls:
            raise wrong(
                path,
                text,
                ["exemption", number, "control"],
                f"unknown control id {entry.control!r}; `pytest --controls` lists them",
            )
        for key in ("reason", "resource"):
            if not getattr(entry, key).strip():
                raise wrong(path, text, ["exemption", number, key], "must not be empty")
    return Exemptions(entries, today)
