"""Protected items, jobs and policies of Recovery Services vaults, from ARM's JSON to records; pure.

Shapes as the REST API gives them (`backupProtectedItems`, `backupJobs`, `backupPolicies`); times are UTC. What ARM
writes for "never" (the years 1 and 2001) is None, and so is a time that cannot be read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from backup_compliance.model.arm_json import NOTHING, as_record, integer_at, last_segment, text_at
from backup_compliance.model.sanitize import printable
from backup_compliance.model.verdicts import RECOLLECT, Unreadable
from backup_compliance.platform.estate.compute import parse_time
from backup_compliance.platform.estate.lookup import Resource, normalize_id, segment
from backup_compliance.platform.estate.workloads import is_backup, is_of_vms, item_is_of_vm, job_is_of_vm

ID_LIMIT: Final = 1000
"""The id of a protected item names group and machine twice and may reach 700 characters."""
CONTAINER: Final = "iaasvmcontainer"
"""How the names of containers of virtual machines begin."""
_NEVER: Final = (datetime(2001, 1, 1, tzinfo=UTC), datetime(1, 1, 1, tzinfo=UTC))
_BEGUN: Final = {"", "irpending", "inprogress"}
"""States of the last backup before the first one has finished."""
_UNREADABLE: Final = "unreadable"
_MACHINES: Final = "/virtualmachines/"
_VAULTS: Final = "/providers/microsoft.recoveryservices/vaults/"
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
    is_scheduled_for_deferred_delete: bool | None
    """None where ARM gave something that is no boolean."""
    container_name: str
    backup_health: str = ""
    """resourceHealthStatus of the backup operation: `Healthy`, `PersistentUnhealthy` ..."""
    never_ran: bool = False
    """Whether the last backup's time is the one that ARM writes for never, and nothing else tells of a backup."""

    @property
    def live(self) -> bool | None:
        """Whether backups are due; None where that is not known."""
        state = self.protection_state.lower()
        if state in _STOPPED or self.is_scheduled_for_deferred_delete:
            return False
        return True if state in _LIVE and self.is_scheduled_for_deferred_delete is False else None

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
    is_certain: bool = True
    """Whether it is known to be about a virtual machine."""

    @property
    def is_backup(self) -> bool | None:
        """Whether this is a backup of a virtual machine; None where it may be one."""
        found = is_backup(self.operation)
        return None if found and not self.is_certain else found

    @property
    def time(self) -> datetime | None:
        """When it started; not later than its end, where only that is known."""
        return self.start or self.end

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
    def is_of_vms(self) -> bool | None:
        """Whether virtual machines can be under this policy; None for a workload that is not known."""
        return is_of_vms(self.management_type)


def parse_protected_item(record: Resource) -> ProtectedItem | None:
    """A protected virtual machine; None for an item that is known to be of another workload.

    Raises:
        Unreadable: it cannot be told whether the item is a virtual machine's, or whose.
    """
    properties = as_record(record.get("properties")) or NOTHING
    item_id = printable(text_at(record, "id"), ID_LIMIT)
    named = [text_at(properties, key) for key in ("protectedItemType", "backupManagementType")]
    # databases inside a virtual machine are items with that machine's id: the workload must be named
    is_of_vm = item_is_of_vm(*named)
    if is_of_vm is None:
        told = " and ".join(printable(n, 60) for n in named if n) or "none"
        raise Unreadable(f"protected item {last_segment(item_id)} names no known workload: {told}", RECOLLECT)
    if not is_of_vm:
        return None
    vm_id = machine_of(record)
    if not vm_id:
        raise Unreadable(f"protected item {last_segment(item_id)} names no virtual machine by id", RECOLLECT)
    container = container_of(text_at(properties, "containerName") or segment(item_id, "protectionContainers"))
    return ProtectedItem(
        id=item_id,
        name=printable(text_at(properties, "friendlyName") or container.rsplit(";", 1)[-1], 80),
        vault_id=vault_of(item_id),
        vm_id=printable(vm_id, ID_LIMIT),
        policy_id=printable(text_at(properties, "policyId"), ID_LIMIT) or None,
        protection_state=printable(text_at(properties, "protectionState"), 60),
        protection_status=_word(properties, "protectionStatus"),
        health_status=_word(properties, "healthStatus"),
        last_backup_status=_word(properties, "lastBackupStatus"),
        last_backup_time=_time(properties, "lastBackupTime"),
        last_recovery_point=_time(properties, "lastRecoveryPoint"),
        failures=_failures(properties),
        is_scheduled_for_deferred_delete=_flag(properties, "isScheduledForDeferredDelete"),
        container_name=container,
        backup_health=_word(_backup_health(properties), "resourceHealthStatus"),
        never_ran=_never_ran(properties),
    )


def machine_of(record: Resource) -> str:
    """The id of the virtual machine that a protected item names, as ARM spells it; "" when it names none."""
    properties = as_record(record.get("properties")) or NOTHING
    named = (text_at(properties, key) for key in ("sourceResourceId", "virtualMachineId"))
    return next((n for n in named if _MACHINES in n.lower()), "")


def parse_job(record: Resource) -> BackupJob | None:
    """A job that is or may be about a virtual machine; None for one that is known to be of another workload."""
    properties = as_record(record.get("properties")) or NOTHING
    is_of_vm = job_is_of_vm(text_at(properties, "jobType"), text_at(properties, "backupManagementType"))
    if is_of_vm is False:
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
        is_certain=is_of_vm is True,
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
    head, found, rest = normalize_id(resource_id).partition(_VAULTS)
    return f"{head}{found}{rest.split('/')[0]}" if found else ""


def vault_name(resource_id: str) -> str:
    """The name of the vault that a resource is part of, as it is spelt there, safe to print."""
    return printable(segment(resource_id, "vaults"), 80)


def container_of(name: str) -> str:
    """A container's name as jobs spell it (`iaasvmcontainerv2;group;machine`), lower case.

    Resource ids put the container's type before it: `IaasVMContainer;iaasvmcontainerv2;group;machine`.
    """
    lower = printable(name, 300).lower()
    bare = lower.removeprefix(f"{CONTAINER};")
    return bare if bare.startswith(CONTAINER) else lower


def _time(record: Mapping[str, Any], key: str) -> datetime | None:
    found = parse_time(text_at(record, key)[:40])
    return found if found is not None and found > max(_NEVER) else None


def _never_ran(properties: Mapping[str, Any]) -> bool:
    last, point = (parse_time(text_at(properties, key)[:40]) for key in ("lastBackupTime", "lastRecoveryPoint"))
    has_no_point = point in _NEVER or properties.get("lastRecoveryPoint") in (None, "")
    return last in _NEVER and has_no_point and _word(properties, "lastBackupStatus").lower() in _BEGUN


def _flag(record: Mapping[str, Any], key: str) -> bool | None:
    """False where it is absent; None where it is no boolean."""
    value = record.get(key)
    return False if value is None else value if isinstance(value, bool) else None


def _word(record: Mapping[str, Any], key: str) -> str:
    """A state as ARM spells it; "" when there is none, and a word that is no state where it is no text."""
    value = record.get(key)
    return _UNREADABLE if not isinstance(value, str | None) else printable(text_at(record, key), 60)


def _backup_health(properties: Mapping[str, Any]) -> Mapping[str, Any]:
    """The indicator of backups; one with details that nobody knows where something else stands in its place."""
    indicators = properties.get("kpisHealths")
    found = indicators.get("BackupOperationStatusKPI") if isinstance(indicators, dict) else indicators
    if found is None:
        return NOTHING
    return found if isinstance(found, dict) else {"resourceHealthDetails": _UNREADABLE}


def _failures(properties: Mapping[str, Any]) -> tuple[BackupError, ...]:
    """Health of the backup operation and of the item, each detail once; the vault tends to say it in both places."""
    told = (_backup_health(properties).get("resourceHealthDetails"), properties.get("healthDetails"))
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
