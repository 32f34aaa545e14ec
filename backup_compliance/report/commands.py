"""Commands to copy for each control: templates that the page fills in with a VM's own names."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import msgspec

from backup_compliance.catalogue.configuration import convert, read_toml

FILE = Path(__file__).with_name("commands.toml")


class Commands(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to type inside a Linux guest, and where `az login` was done."""

    guest: list[str] = []
    azure: list[str] = []


@cache
def load_commands() -> dict[str, Commands]:
    """Commands by control id; a control may have none."""
    text, data = read_toml(FILE)
    return convert(data, dict[str, Commands], FILE, text)
