"""A virtual machine of ARM: its facts, each joined and parsed when a control first asks for it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from backup_compliance.model.lazy_facts import FactHolder, fact, inner_fact
from backup_compliance.network.egress import EgressDecision
from backup_compliance.network.routes import NextHops
from backup_compliance.platform.decisions.egress import find_egress
from backup_compliance.platform.decisions.extensions import missing_handler_failure
from backup_compliance.platform.decisions.handler_proof import handler_doubt
from backup_compliance.platform.decisions.load import BackupWindow, MetricsLoad, backup_windows, find_load
from backup_compliance.platform.decisions.outbound import Outbound, find_outbound
from backup_compliance.platform.decisions.routing import find_next_hops, regional
from backup_compliance.platform.decisions.schedule_groups import find_schedule
from backup_compliance.platform.estate.backup import BackupJob
from backup_compliance.platform.estate.compute import find_instance_view, find_power, parse_identity, parse_profile
from backup_compliance.platform.estate.facts import InstanceView, Power, Profile, VmIdentity
from backup_compliance.platform.estate.interfaces import Interface, primary_interface
from backup_compliance.platform.estate.lookup import Estate, Resource
from backup_compliance.platform.estate.protection import Protection, find_jobs, find_protection
from backup_compliance.platform.estate.restore_points import Collection, find_collections
from backup_compliance.schedules.policies import Schedule

LATER: Final = datetime.max.replace(tzinfo=UTC)
"""Stands in for an unknown time of reading: later than every time in the facts."""


@dataclass(frozen=True)
class Machine(FactHolder):
    """What ARM says of one virtual machine. Attributes raise `Unreadable` where it was not read."""

    estate: Estate
    record: Resource
    identity: VmIdentity

    @fact
    def profile(self) -> Profile:
        """What the model says of the VM."""
        return parse_profile(self.record)

    @fact
    def power(self) -> Power:
        """The power state."""
        return find_power(self.estate, self.identity)

    @fact
    def instance(self) -> InstanceView:
        """The instance view: agent and extensions."""
        return find_instance_view(self.estate, self.identity, self.power)

    @fact
    def protection(self) -> Protection | None:
        """The vault's protected item; None where no vault protects the VM."""
        return find_protection(self.estate, self.identity)

    @fact
    def jobs(self) -> tuple[BackupJob, ...]:
        """The jobs of the protected item, the newest first."""
        return find_jobs(self.estate, self.protection.item) if self.protection else ()

    @fact
    def schedule(self) -> Schedule | None:
        """When the backups of the VM and of its group start."""
        return find_schedule(self.estate, self.identity)

    @fact
    def interface(self) -> Interface:
        """The primary network interface."""
        return primary_interface(self.estate, self.profile, self.identity)

    @fact
    def outbound(self) -> Outbound:
        """The ways out that the subnet has."""
        return find_outbound(self.estate, self.interface, self.identity, self.profile)

    @fact
    def collections(self) -> tuple[Collection, ...]:
        """The restore point collections of the VM."""
        return find_collections(self.estate, self.identity)

    @fact
    def services(self) -> list[dict[str, Any]]:
        """What security rules say of the backup services, as evidence."""
        return [decision.evidence for decision in self.service_decisions]

    @inner_fact
    def service_decisions(self) -> list[EgressDecision]:
        """What security rules say of each backup service."""
        return [
            find_egress(self.estate, self.interface, self.identity, tag)
            for tag in (regional("AzureBackup", self.identity), "AzureActiveDirectory")
        ]

    @fact
    def security(self) -> dict[str, Any]:
        """What security rules say of storage, as evidence."""
        return self.egress_decision.evidence

    @inner_fact
    def egress_decision(self) -> EgressDecision:
        """What security rules say of each prefix of storage."""
        return find_egress(self.estate, self.interface, self.identity, self.storage)

    @fact
    def routes(self) -> dict[str, Any]:
        """Where routes lead for storage, as evidence."""
        return self.next_hops.verdict.evidence()

    @inner_fact
    def next_hops(self) -> NextHops:
        """Where routes lead for each prefix of storage."""
        return find_next_hops(self.estate, self.interface, self.identity, self.storage)

    @fact
    def load(self) -> tuple[MetricsLoad, ...]:
        """Processor and memory while backups ran, from Azure Monitor."""
        return find_load(self.estate, self.identity, self.windows)

    @inner_fact
    def windows(self) -> tuple[BackupWindow, ...]:
        """When the last backups ran."""
        return backup_windows(self.protection, self.jobs, self.read_at or LATER)

    @inner_fact
    def missing_handler(self) -> str:
        """What is wrong with an instance view without the backup extension's handler."""

        def doubt() -> str:
            return handler_doubt(self.estate, self.identity, self.protection, self.jobs) if self.protection else ""

        return missing_handler_failure(self.instance, self.power, self.protection, doubt)

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


def open_machine(estate: Estate, record: Resource) -> Machine:
    """The machine behind an entry of the list of virtual machines; nothing but its id is parsed yet."""
    return Machine(estate, record, parse_identity(record))
