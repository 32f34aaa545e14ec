"""Protected items, jobs and policies of Recovery Services vaults, from ARM's JSON to records; pure.

Shapes as the REST API gives them (`backupProtectedItems`, `backupJobs`, `backupPolicies`); times are UTC. What ARM
writes for "never" (the years 1 and 2001) is None.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from backup_compliance.arm_json import NOTHING, as_record, integer_at, last_segment, text_at
from backup_compliance.platform.compute import parse_time
from backup_compliance.platform.estate import Resource, normal, segment
from backup_compliance.untrusted import printable
from backup_compliance.verdicts import Unreadable

ID_LIMIT: Final = 1000
"""The id of a protected item names group and machine twice and may reach 700 characters."""
_NEVER: Final = datetime(2001, 1, 1, tzinfo=UTC)
_VAULTS: Final = "/providers/microsoft.recoveryservices/vaults/"
_MANAGEMENT: Final = "azureiaasvm"
_ITEM_TYPES: Final = {
    "microsoft.compute/virtualmachines",
    "microsoft.classiccompute/virtualmachines",
    "azureiaasvmprotecteditem",
}
_LIVE: Final = {"protected", "irpending", "protectionerror"}
_STOPPED: Final = {"protectionstopped", "protectionpaused", "backupssuspended", "invalid"}


@dataclass(frozen=True, slots=True)
class BackupError:
    """An error of a job, or a health detail of a protected item, as the vault words it."""

    code: str
    """Decimal digits in all known recordings; "" when there is none."""
    title: str
    message: str


@dataclass(frozen=True, slots=True)
class ProtectedItem:
    """What a vault says of one virtual machine under its protection; states as ARM spells them, "" for none."""

    id: str
    name: str
    """The friendly name; for people, never to find anything by."""
    vault_id: str
    vm_id: str
    policy_id: str | None
    protection_state: str
    protection_status: str
    health_status: str
    last_backup_status: str
    last_backup_time: datetime | None
    last_recovery_point: datetime | None
    failures: tuple[BackupError, ...]
    """Health details that are not green; one that is no object has neither code nor title."""
    is_scheduled_for_deferred_delete: bool
    container_name: str

    @property
    def live(self) -> bool | None:
        """Whether backups are due; None for a state that is not known."""
        state = self.protection_state.lower()
        if state in _STOPPED or self.is_scheduled_for_deferred_delete:
            return False
        return True if state in _LIVE else None

    @property
    def has_backup(self) -> bool:
        """Whether there is a recovery point, or the last backup completed."""
        completed = self.last_backup_status.lower() in {"completed", "completedwithwarnings"}
        return self.last_recovery_point is not None or (self.last_backup_time is not None and completed)


@dataclass(frozen=True, slots=True)
class BackupJob:
    """A job of a vault; real jobs name no virtual machine by id, only their container."""

    id: str
    vault_id: str
    operation: str
    status: str
    start: datetime | None
    end: datetime | None
    errors: tuple[BackupError, ...]
    container_name: str
    item_name: str
    """entityFriendlyName."""

    @property
    def name(self) -> str:
        """The id under which the portal shows the job."""
        return last_segment(self.id)


@dataclass(frozen=True, slots=True)
class BackupPolicy:
    """A backup policy; its schedule stays in `resource`."""

    id: str
    name: str
    vault_id: str
    management_type: str
    protected_items_count: int | None
    resource: Resource = field(repr=False, compare=False)

    @property
    def is_of_vms(self) -> bool:
        """Whether virtual machines can be under this policy."""
        return self.management_type.lower() == _MANAGEMENT


def parse_protected_item(record: Resource) -> ProtectedItem | None:
    """A protected virtual machine; None for an item of another workload.

    Raises:
        Unreadable: it cannot be told whether the item is a virtual machine's, or whose.
    """
    properties = as_record(record.get("properties")) or NOTHING
    item_id = printable(text_at(record, "id"), ID_LIMIT)
    kind = text_at(properties, "protectedItemType").lower()
    management = text_at(properties, "backupManagementType").lower()
    # databases inside a virtual machine are items with that machine's id: the workload must be named
    if not kind and not management:
        raise Unreadable(f"protected item {last_segment(item_id)} names no workload", "collect again")
    if (kind and kind not in _ITEM_TYPES) or (management and management != _MANAGEMENT):
        return None
    vm_id = text_at(properties, "sourceResourceId") or text_at(properties, "virtualMachineId")
    if not vm_id:
        raise Unreadable(f"protected item {last_segment(item_id)} names no virtual machine by id", "collect again")
    container = container_of(text_at(properties, "containerName") or segment(item_id, "protectionContainers"))
    return ProtectedItem(
        id=item_id,
        name=printable(text_at(properties, "friendlyName") or container.rsplit(";", 1)[-1], 80),
        vault_id=vault_of(item_id),
        vm_id=printable(vm_id, ID_LIMIT),
        policy_id=printable(text_at(properties, "policyId"), ID_LIMIT) or None,
        protection_state=printable(text_at(properties, "protectionState"), 60),
        protection_status=printable(text_at(properties, "protectionStatus"), 60),
        health_status=printable(text_at(properties, "healthStatus"), 60),
        last_backup_status=printable(text_at(properties, "lastBackupStatus"), 60),
        last_backup_time=_time(properties, "lastBackupTime"),
        last_recovery_point=_time(properties, "lastRecoveryPoint"),
        failures=_failures(properties),
        is_scheduled_for_deferred_delete=properties.get("isScheduledForDeferredDelete") is True,
        container_name=container,
    )


def parse_job(record: Resource) -> BackupJob | None:
    """A job about virtual machines, of either job type; None for a job of another workload."""
    properties = as_record(record.get("properties")) or NOTHING
    kind, management = text_at(properties, "jobType").lower(), text_at(properties, "backupManagementType").lower()
    if (kind and not kind.startswith("azureiaasvmjob")) or (management and management != _MANAGEMENT):
        return None
    job_id = printable(text_at(record, "id"), ID_LIMIT)
    return BackupJob(
        id=job_id,
        vault_id=vault_of(job_id),
        operation=printable(text_at(properties, "operation"), 60),
        status=printable(text_at(properties, "status"), 60),
        start=_time(properties, "startTime"),
        end=_time(properties, "endTime"),
        errors=_errors(properties.get("errorDetails"), "errorCode", "errorTitle", "errorString"),
        container_name=container_of(text_at(properties, "containerName")),
        item_name=printable(text_at(properties, "entityFriendlyName"), 80),
    )


def parse_policy(record: Resource) -> BackupPolicy:
    """A policy of any workload."""
    properties = as_record(record.get("properties")) or NOTHING
    policy_id = printable(text_at(record, "id"), ID_LIMIT)
    return BackupPolicy(
        id=policy_id,
        name=last_segment(policy_id),
        vault_id=vault_of(policy_id),
        management_type=printable(text_at(properties, "backupManagementType"), 60),
        protected_items_count=integer_at(properties, "protectedItemsCount", 0, 10**6),
        resource=record,
    )


def vault_of(resource_id: str) -> str:
    """The id of the vault that a resource is part of, lower case; "" when it is part of none."""
    head, found, rest = normal(resource_id).partition(_VAULTS)
    return f"{head}{found}{rest.split('/')[0]}" if found else ""


def vault_name(resource_id: str) -> str:
    """The name of the vault that a resource is part of, as it is spelt there, safe to print."""
    return printable(segment(resource_id, "vaults"), 80)


def container_of(name: str) -> str:
    """A container's name as jobs spell it (`iaasvmcontainerv2;group;machine`), lower case.

    Resource ids put the container's type before it: `IaasVMContainer;iaasvmcontainerv2;group;machine`.
    """
    lower = printable(name, 300).lower()
    bare = lower.removeprefix("iaasvmcontainer;")
    return bare if bare.startswith("iaasvmcontainer") else lower


def _time(record: Mapping[str, Any], key: str) -> datetime | None:
    found = parse_time(text_at(record, key)[:40])
    return found if found is not None and found > _NEVER else None


def _failures(properties: Mapping[str, Any]) -> tuple[BackupError, ...]:
    """Health of the backup operation and of the item, each detail once; the vault tends to say it in both places."""
    health = as_record(properties.get("kpisHealths")) or NOTHING
    backup = as_record(health.get("BackupOperationStatusKPI")) or NOTHING
    told = (backup.get("resourceHealthDetails"), properties.get("healthDetails"))
    found = {(e.code, e.title): e for details in told for e in _errors(details, "code", "title", "message")}
    return tuple(e for e in found.values() if not _is_green(e))


def _is_green(error: BackupError) -> bool:
    return error.title.lower() in {"success", "iaasvmhealthgreendefault"} or (
        not error.title and error.code in {"0", "400239"}
    )


def _errors(details: Any, code: str, title: str, message: str) -> tuple[BackupError, ...]:
    """A list of errors; what stands in its place is one error that nobody knows, for it may hide a real one."""
    if details is None:
        return ()
    records = [as_record(d) or NOTHING for d in details] if isinstance(details, list) else [NOTHING]
    return tuple(
        BackupError(_code(r.get(code)), printable(text_at(r, title), 120), printable(text_at(r, message), 300))
        for r in records
    )


def _code(value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value) if abs(value) < 10**12 else ""
    return printable(value.strip(), 80) if isinstance(value, str) else ""
