"""A backup policy of ARM, as a subject of its own."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from backup_compliance.model.arm_json import last_segment, text_at
from backup_compliance.model.lazy_facts import evidence, fact
from backup_compliance.model.sanitize import printable
from backup_compliance.platform.estate.backup import ProtectedItem, parse_policy
from backup_compliance.platform.estate.lookup import Estate, Resource
from backup_compliance.platform.estate.protection import find_policy_items


@dataclass(frozen=True, slots=True)
class Size:
    """How many virtual machines a policy has."""

    declared: int | None
    """By its own word."""
    counted: int | None
    """By the items that name it; None where not all of them were read."""


@dataclass(frozen=True)
class Policy:
    """What ARM says of one backup policy. Attributes raise `Unreadable` where it was not read."""

    estate: Estate
    record: Resource
    id: str
    name: str
    parsed: dict[str, Any] = field(default_factory=dict)
    seen: list[str] = field(default_factory=list)

    model = fact(lambda policy: parse_policy(policy.record), evidence=False)
    size = fact(lambda policy: Size(policy.model.protected_items_count, _count(policy.found)))
    found = fact(lambda policy: find_policy_items(policy.estate, policy.model), evidence=False)

    @property
    def items(self) -> tuple[ProtectedItem, ...] | None:
        """The virtual machines under it; None where not every item of its vault was read."""
        _ = self.size  # evidence: hundreds of items as a number
        return self.found

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


def _count(items: tuple[ProtectedItem, ...] | None) -> int | None:
    return None if items is None else len(items)
