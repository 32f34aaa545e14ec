"""A backup policy of ARM, as a subject of its own."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from backup_compliance.arm_json import last_segment, text_at
from backup_compliance.observed import evidence
from backup_compliance.platform.estate import Estate, Resource
from backup_compliance.untrusted import printable


@dataclass(frozen=True)
class Policy:
    """What ARM says of one backup policy. Attributes raise `Unreadable` where it was not read."""

    estate: Estate
    record: Resource
    id: str
    name: str
    parsed: dict[str, Any] = field(default_factory=dict)
    seen: list[str] = field(default_factory=list)

    def observed(self) -> Policy:
        """The same policy with an empty memory of what was asked: one for every test."""
        return replace(self, seen=[])

    def evidence(self) -> dict[str, Any]:
        """The facts that were asked for so far, by name."""
        return evidence(self)


def open_policy(estate: Estate, record: Resource) -> Policy:
    """The policy behind an entry of the list of backup policies."""
    resource_id = text_at(record, "id")
    return Policy(estate, record, printable(resource_id, 400), last_segment(resource_id))
