"""A virtual machine of ARM: its facts, each joined and parsed when a control first asks for it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from backup_compliance.observed import evidence, fact
from backup_compliance.platform.compute import find_instance_view, find_power, parse_identity, parse_profile
from backup_compliance.platform.estate import Estate, Resource
from backup_compliance.platform.facts import Identity
from backup_compliance.platform.protection import find_jobs, find_policy, find_protection, is_crash_consistent


@dataclass(frozen=True)
class Machine:
    """What ARM says of one virtual machine. Attributes raise `Unreadable` where it was not read."""

    estate: Estate
    record: Resource
    identity: Identity
    parsed: dict[str, Any] = field(default_factory=dict)
    seen: list[str] = field(default_factory=list)

    profile = fact(lambda machine: parse_profile(machine.record))
    power = fact(lambda machine: find_power(machine.estate, machine.identity))
    instance = fact(lambda machine: find_instance_view(machine.estate, machine.identity, machine.power))
    protection = fact(lambda machine: find_protection(machine.estate, machine.identity))
    jobs = fact(lambda machine: find_jobs(machine.estate, machine.protection.item) if machine.protection else ())
    is_crash_consistent = fact(lambda machine: is_crash_consistent(find_policy(machine.estate, machine.protection)))

    @property
    def read_at(self) -> datetime | None:
        """When ARM was read, UTC; None where nobody recorded that."""
        return self.estate.read_at(self.identity.subscription_id)

    def observed(self) -> Machine:
        """The same machine with an empty memory of what was asked: one for every test."""
        return replace(self, seen=[])

    def evidence(self) -> dict[str, Any]:
        """The facts that were asked for so far, by name; unreadable ones are left out."""
        return evidence(self)


def open_machine(estate: Estate, record: Resource) -> Machine:
    """The machine behind an entry of the list of virtual machines; nothing but its id is parsed yet."""
    return Machine(estate, record, parse_identity(record))
