"""A backup policy of ARM, as a subject of its own."""

from __future__ import annotations

from dataclasses import dataclass

from backup_compliance.model.arm_json import last_segment, text_at
from backup_compliance.model.lazy_facts import FactHolder, fact, inner_fact
from backup_compliance.model.sanitize import printable
from backup_compliance.platform.estate.backup import BackupPolicy, ProtectedItem, parse_policy
from backup_compliance.platform.estate.lookup import Estate, Resource
from backup_compliance.platform.estate.protection import find_policy_items


@dataclass(frozen=True, slots=True)
class Size:
    """How many virtual machines a policy has."""

    declared: int | None
    """Its own `protectedItemsCount`."""
    counted: int | None
    """By the items that name it; None where not all of them were read."""


@dataclass(frozen=True)
class Policy(FactHolder):
    """What ARM says of one backup policy. Attributes raise `Unreadable` where it was not read."""

    estate: Estate
    record: Resource
    id: str
    name: str

    @inner_fact
    def model(self) -> BackupPolicy:
        """The policy itself."""
        return parse_policy(self.record)

    @fact
    def size(self) -> Size:
        """How many virtual machines it has."""
        return Size(self.model.protected_items_count, _count(self.found))

    @inner_fact
    def found(self) -> tuple[ProtectedItem, ...] | None:
        """The protected items that name it; None where not all were read."""
        return find_policy_items(self.estate, self.model)

    @property
    def items(self) -> tuple[ProtectedItem, ...] | None:
        """The virtual machines under it; None where not every item of its vault was read."""
        _ = self.size  # evidence: hundreds of items as a number
        return self.found


def open_policy(estate: Estate, record: Resource) -> Policy:
    """The policy behind an entry of the list of backup policies."""
    resource_id = text_at(record, "id")
    return Policy(estate, record, printable(resource_id, 400), last_segment(resource_id))


def _count(items: tuple[ProtectedItem, ...] | None) -> int | None:
    return None if items is None else len(items)
