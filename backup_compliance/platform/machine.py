"""A virtual machine of ARM: its facts, each joined and parsed when a control first asks for it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Final

from backup_compliance.model.lazy_facts import evidence, fact
from backup_compliance.network.egress import EgressDecision
from backup_compliance.network.routes import NextHops
from backup_compliance.platform.decisions.egress import find_egress
from backup_compliance.platform.decisions.load import backup_windows, find_load
from backup_compliance.platform.decisions.outbound import find_outbound
from backup_compliance.platform.decisions.routing import find_next_hops, regional
from backup_compliance.platform.decisions.schedule_groups import find_schedule
from backup_compliance.platform.estate.compute import find_instance_view, find_power, parse_identity, parse_profile
from backup_compliance.platform.estate.facts import Identity
from backup_compliance.platform.estate.interfaces import primary_interface
from backup_compliance.platform.estate.lookup import Estate, Resource
from backup_compliance.platform.estate.protection import find_jobs, find_policy, find_protection, is_crash_consistent
from backup_compliance.platform.estate.restore_points import find_collections

LATER: Final = datetime.max.replace(tzinfo=UTC)
"""When facts of unknown date were read: after everything that they tell."""


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
    schedule = fact(lambda machine: find_schedule(machine.estate, machine.identity))
    interface = fact(lambda machine: primary_interface(machine.estate, machine.profile, machine.identity))
    outbound = fact(lambda machine: find_outbound(machine.estate, machine.interface, machine.identity, machine.profile))
    collections = fact(lambda machine: find_collections(machine.estate, machine.identity))
    services = fact(lambda machine: [decision.evidence for decision in machine.service_decisions])
    service_decisions = fact(
        lambda machine: [
            find_egress(machine.estate, machine.interface, machine.identity, tag)
            for tag in (regional("AzureBackup", machine.identity), "AzureActiveDirectory")
        ],
        evidence=False,
    )
    security = fact(lambda machine: machine.egress_decision.evidence)
    egress_decision = fact(
        lambda machine: find_egress(machine.estate, machine.interface, machine.identity, machine.storage),
        evidence=False,
    )
    routes = fact(lambda machine: machine.next_hops.verdict.evidence())
    next_hops = fact(
        lambda machine: find_next_hops(machine.estate, machine.interface, machine.identity, machine.storage),
        evidence=False,
    )
    load = fact(lambda machine: find_load(machine.estate, machine.identity, machine.windows))
    windows = fact(
        lambda machine: backup_windows(machine.protection, machine.jobs, machine.read_at or LATER), evidence=False
    )
    is_crash_consistent = fact(lambda machine: is_crash_consistent(find_policy(machine.estate, machine.protection)))

    @property
    def read_at(self) -> datetime | None:
        """When ARM was read, UTC; None where nobody recorded that."""
        return self.estate.read_at(self.identity.subscription_id)

    @property
    def storage(self) -> str:
        """The service tag of Azure Storage in the machine's region; `Unreadable` where ARM gave no location."""
        return regional("Storage", self.identity)

    @property
    def storage_egress(self) -> EgressDecision:
        """What security groups do to HTTPS to storage."""
        _ = self.security  # evidence: the decision holds every prefix of the tag
        return self.egress_decision

    @property
    def service_egress(self) -> list[EgressDecision]:
        """What security groups do to HTTPS to Azure Backup's own service and to Entra ID."""
        _ = self.services
        return self.service_decisions

    @property
    def storage_next_hops(self) -> NextHops:
        """Where routes send traffic to storage."""
        _ = self.routes  # evidence, likewise
        return self.next_hops

    def keep(self, name: str, value: Any) -> None:
        """Show `value` as evidence: a fact that depends on the baseline's choices."""
        self.parsed[name] = value
        self.seen.append(name)

    def observed(self) -> Machine:
        """The same machine with an empty memory of what was asked: one for every test."""
        return replace(self, seen=[])

    def evidence(self) -> dict[str, Any]:
        """The facts that were asked for so far, by name; unreadable ones are left out."""
        return evidence(self)


def open_machine(estate: Estate, record: Resource) -> Machine:
    """The machine behind an entry of the list of virtual machines; nothing but its id is parsed yet."""
    return Machine(estate, record, parse_identity(record))
