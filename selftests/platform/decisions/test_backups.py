"""The decisions over vaults and extensions: what holds, what fails and with which words, what cannot be decided."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backup_compliance.model.verdicts import NotApplicable, Undetermined, Unreadable
from backup_compliance.platform.decisions.backup_errors import (
    AGENT_OR_SNAPSHOT,
    UNRELATED,
    find_explanation,
    is_unrelated,
)
from backup_compliance.platform.decisions.backups import backup_failure, policy_size_failure, protection_failure
from backup_compliance.platform.decisions.extensions import (
    extension_failure,
    handler_version_failure,
    missing_handler_failure,
    snapshot_versions,
)
from backup_compliance.platform.estate.backup import BackupError, BackupJob, BackupPolicy, ProtectedItem
from backup_compliance.platform.estate.compute import parse_instance_view
from backup_compliance.platform.estate.facts import (
    AgentView,
    ExtensionView,
    HandlerView,
    InstanceView,
    Power,
    Profile,
    Status,
)
from backup_compliance.platform.estate.protection import Protection
from selftests.builders import arm

STATUS, CANCELLED = BackupError("400", "GuestAgentSnapshotTaskStatusError", "no status"), "Cancelled"
GONE = BackupError("400136", "UserErrorVmNotFoundV2", "gone")
ODD = BackupError("499999", "UserErrorNobodyHasSeen", "odd")
VAULT = arm.vault_id().lower()


def at(day: int, hour: int = 22) -> datetime:
    """A time in November 2026."""
    return datetime(2026, 11, day, hour, 0, tzinfo=UTC)


ITEM = ProtectedItem(
    id=f"{arm.vault_id()}/backupFabrics/Azure/protectionContainers/c/protectedItems/i",
    name="sample",
    vault_id=VAULT,
    vm_id=arm.vm_id("sample"),
    policy_id=f"{arm.vault_id()}/backupPolicies/daily-2200",
    protection_state="Protected",
    protection_status="Healthy",
    health_status="Passed",
    last_backup_status="Completed",
    last_backup_time=at(22),
    last_recovery_point=at(22),
    failures=(),
    is_scheduled_for_deferred_delete=False,
    container_name="iaasvmcontainerv2;rg-sample;sample",
)


def item(**told: Any) -> ProtectedItem:
    """An item backed up last night, with other fields."""
    return replace(ITEM, **told)


def job(number: int, status: str, day: int | None, *errors: BackupError) -> BackupJob:
    """A backup job that ran for an hour."""
    start, end = (at(day), at(day, 23)) if day else (None, None)
    return BackupJob(
        f"{VAULT}/backupJobs/job-{number}", VAULT, "Backup", status, start, end, errors, ITEM.container_name, "sample"
    )


def undated(job: BackupJob) -> BackupJob:
    """The job without its start."""
    return replace(job, start=None)


def newest(*jobs: BackupJob) -> tuple[BackupJob, ...]:
    """Jobs as `find_jobs` sorts them."""
    return tuple(sorted(jobs, key=lambda j: j.start or at(1), reverse=True))


NEVER = {"last_backup_time": None, "last_recovery_point": None, "last_backup_status": "", "never_ran": True}
ALARMED = {"protection_state": "ProtectionError", "protection_status": "Unhealthy", "health_status": "ActionRequired"}
UNKNOWN_TIME = {"last_backup_time": None, "last_recovery_point": None}


@pytest.mark.parametrize(
    ("subject", "jobs"),
    [
        (item(), (job(1, "Completed", 22),)),
        (item(), ()),
        (item(), newest(job(2, "InProgress", 23), job(1, "Completed", 22))),
        (item(), newest(job(3, "cancelling", 23), job(2, CANCELLED, 22, ODD), job(1, "Completed", 21))),
        (item(), newest(job(2, "Completed", 22), job(1, "Failed", 21, STATUS))),
        (item(), newest(job(2, "Completed", 22), job(1, "Failed", 21))),
        (item(), (job(1, "Completed", 22), job(2, "Completed", None))),
        (item(), (job(1, "Failed", 22, GONE),)),
        (item(last_backup_status="Failed"), (job(1, "Failed", 22, GONE),)),
        (item(last_backup_status="Failed", failures=(GONE,)), ()),
        (item(last_backup_status="CompletedWithWarnings", failures=(GONE,)), ()),
        (item(last_backup_status="Failed", failures=(BackupError("400158", "", ""),)), ()),
        (item(last_backup_status="Failed", failures=(BackupError("", "usererrorKEYVAULTpermissionsNotConfigured", ""),)), ()),
        (item(**NEVER), (job(1, "Completed", 22),)),
        (item(), (job(1, "Completed", 22), undated(job(2, "Failed", 21, STATUS)))),
        (item(), (job(1, "Completed", 22, GONE),)),
        (item(last_backup_time=at(23), last_recovery_point=at(23)), (job(1, "CompletedWithWarnings", 22, GONE),)),
        (item(last_backup_time=at(23), last_backup_status="InProgress"), (job(1, "Completed", 22),)),
        (item(last_backup_status="Failed", last_backup_time=at(21)), (job(1, "Failed", 22, GONE),)),
        (item(**ALARMED, failures=(GONE,)), ()),
        (item(**ALARMED), (job(1, "Failed", 22, GONE),)),
        (item(protection_status="", health_status=""), ()),
        (item(health_status="Healthy", backup_health="Healthy"), ()),
    ],
)  # fmt: skip
def test_backup_without_agent_or_snapshot_failure_holds(subject: ProtectedItem, jobs: tuple[BackupJob, ...]) -> None:
    """Completed, passed over, or known to have failed for something else."""
    assert backup_failure(Protection(subject), jobs) is None


@pytest.mark.parametrize(
    ("subject", "jobs", "words"),
    [
        (item(), (job(1, "Failed", 22, STATUS),),
         r"the last backup job job-1 of 2026-11-22 22:00 UTC ended Failed: GuestAgentSnapshotTaskStatusError \(code 400\) 'no status': the agent did not tell .*AVB-101.*AVB-405\); no backup is known to have succeeded since, the last recovery point is of 2026-11-22"),
        (item(), newest(job(2, "InProgress", 23), job(1, "Failed", 22, STATUS)), "job-1"),
        (item(), newest(job(2, CANCELLED, 23), job(1, "CompletedWithWarnings", 22, GONE, STATUS)), "CompletedWithWarnings: Guest"),
        (item(), (job(1, "Completed", 22, STATUS),), "job-1 of 2026-11-22 22:00 UTC completed with the warning Guest"),
        (item(), (undated(job(2, "Failed", 23, STATUS)), job(1, "Completed", 22)), "job-2 of 2026-11-23 23:00 UTC ended Failed: Guest"),
        (item(), (job(1, "Completed", 22), undated(job(2, "Failed", 23, STATUS))), "job-2"),
        (item(**UNKNOWN_TIME), (job(1, "", 22, STATUS),), "ended without a status: Guest"),
        (item(), (job(1, "Exotic", 22, STATUS),), "ended Exotic: Guest"),
        (item(last_recovery_point=at(23)), (job(1, "Failed", 21, STATUS),), "a backup has succeeded since: the last recovery point is of 2026-11-23"),
        (item(last_recovery_point=None), (job(1, "Failed", 21, STATUS),), "the last recovery point is missing"),
        (item(failures=(STATUS,), last_recovery_point=None), (),
         r"^the protected item, last backed up 2026-11-22 22:00 UTC, reports GuestAgent.*recovery point is missing"),
        (item(failures=(GONE, ODD, STATUS)), (), "GuestAgent"),
        (item(failures=(STATUS,), last_backup_time=at(21)), newest(job(2, "Completed", 22)), "job job-2 of 2026-11-22 22:00 UTC has completed since"),
        (item(failures=(STATUS,), last_recovery_point=at(22, 23)), (), "no backup is known"),
        (item(failures=(STATUS,), last_recovery_point=at(23, 0)), (), "a backup has succeeded since"),
        (item(**NEVER, protection_state="IRPending", failures=(BackupError("380008", "", ""),)), (), r"an error without a title \(code 380008\): the VM did not run.*AVB-411"),
        (item(failures=(BackupError("", "EXTENSIONSNAPSHOTFAILEDNONETWORK", ""),)), (), r"\(code missing\): the backup extension has no way out .*AVB-114"),
        (item(failures=(BackupError("UserErrorRpCollectionLimitReached", "Too many", ""),)), (), "AVB-502"),
        (item(failures=(BackupError("400158", "ExtensionStuckInDeletionState", ""),)), (), "AVB-312"),
        (item(failures=(BackupError("1", "UserErrorRequestDisallowedByPolicy", ""),)), (), "an Azure Policy denies what the snapshot creates; no"),
    ],
)  # fmt: skip
def test_agent_or_snapshot_failure_is_told_with_its_meaning(
    subject: ProtectedItem, jobs: tuple[BackupJob, ...], words: str
) -> None:
    """What failed, when, what that means, where to look, and whether a backup has succeeded since."""
    assert re.search(words, backup_failure(Protection(subject), jobs) or "holds")


@pytest.mark.parametrize(
    ("subject", "jobs", "words"),
    [
        (item(), (job(1, "Failed", 22),), "job-1 ended Failed and does not say why"),
        (item(), (job(1, "CompletedWithWarnings", 22),), "does not say why"),
        (item(), (job(1, "Exotic", 22),), "job-1 ended Exotic"),
        (item(), (job(1, "Exotic", 22, GONE),), "job-1 ended Exotic"),
        (item(), (job(1, "", 22),), "without a status"),
        (item(), (job(1, "Failed", 22, ODD),), "UserErrorNobodyHasSeen .code 499999. 'odd'"),
        (item(), (job(1, "Failed", 22, GONE, BackupError("", "", "")),), "an error without a title"),
        (item(), (job(1, "Completed", 22), job(2, "Failed", None, GONE)), "job-2 ended Failed"),
        (item(failures=(ODD,)), (job(1, "Completed", 22),), "UserErrorNobodyHasSeen"),
        (item(**NEVER, failures=(ODD,)), (), "UserErrorNobodyHasSeen"),
        (item(last_backup_status="Failed"), (), "neither job nor item says why"),
        (item(last_backup_status="Failed"), (job(1, "Completed", 21),), "neither job nor item says why"),
        (item(last_backup_status="InProgress"), (), "no job is listed"),
        (item(last_backup_status=""), (job(1, CANCELLED, 22),), "without a status"),
        (item(protection_state="Exotic"), (job(1, "Completed", 22),), "protection state of sample is Exotic"),
        (item(), (job(1, "Completed", 22), job(2, "Failed", None, STATUS)), "job-2 ended Failed and may be the last"),
        (item(), (job(1, "Completed", 22), job(2, "Completed", None, STATUS)), "job-2 ended Completed and may be the last"),
        (item(), (undated(job(2, "Completed", 22)), job(1, "Failed", 22, STATUS)), "job-1 ended Failed and may be the last"),
        (item(), (undated(job(2, "Completed", 22)), job(1, "Failed", 21, STATUS)), "job-1 ended Failed and may be the last"),
        (item(), (job(2, "Completed", 22), job(1, "Failed", 22, GONE)), "job-1 ended Failed and may be the last"),
        (item(), (job(1, "Completed", 22, ODD),), "UserErrorNobodyHasSeen"),
        (item(last_backup_status="Failed", last_backup_time=at(23, 5)), (job(1, "CompletedWithWarnings", 22, GONE),), "neither job nor item says why"),
        (item(last_backup_status="Failed", last_backup_time=None), (job(1, "Failed", 22, GONE),), "neither job nor item says why"),
        (item(last_backup_status="", last_backup_time=at(23)), (job(1, "Completed", 22),), "its job is not listed"),
        (item(last_backup_status="unreadable", last_backup_time=at(23)), (job(1, "Completed", 22),), "ended unreadable"),
        (item(last_backup_status="Failed", **UNKNOWN_TIME), (), "neither job nor item says why"),
        (item(last_backup_status="", **UNKNOWN_TIME), (), "at a time that is not known, and no job is listed"),
        (item(**UNKNOWN_TIME), (), "ended Completed at a time that is not known"),
        (item(**ALARMED), (), "protection state of sample is ProtectionError, and neither job nor item says why"),
        (item(**ALARMED, last_backup_time=at(23, 5)), (job(1, "Failed", 22, GONE),), "protection state"),
        (item(protection_status="Unhealthy"), (job(1, "Completed", 22),), "protection status of sample is Unhealthy"),
        (item(health_status="ActionRequired"), (job(1, "Completed", 22),), "health of sample is ActionRequired"),
        (item(health_status="unreadable"), (job(1, "Completed", 22),), "health of sample is unreadable"),
        (item(backup_health="PersistentUnhealthy"), (job(1, "Completed", 22),), "health of backups of sample is Persistent"),
        (item(**NEVER, health_status="ActionRequired"), (), "health of sample"),
    ],
)  # fmt: skip
def test_backup_that_is_not_explained_is_undetermined(
    subject: ProtectedItem, jobs: tuple[BackupJob, ...], words: str
) -> None:
    """Neither a success nor a failure that anybody knows."""
    with pytest.raises(Undetermined, match=words):
        backup_failure(Protection(subject), jobs)


@pytest.mark.parametrize(
    ("protection", "jobs", "words"),
    [
        (None, (), "no vault backs this VM up"),
        (Protection(item(protection_state="ProtectionStopped", failures=(STATUS,))), (), "AVB-501"),
        (Protection(item(is_scheduled_for_deferred_delete=True)), (), "AVB-501"),
        (Protection(item(**NEVER, protection_state="IRPending")), (), "has run yet"),
        (Protection(item(**NEVER)), (job(1, "InProgress", 22),), "has run yet"),
        (Protection(item(**NEVER)), (job(1, CANCELLED, 22),), "has run yet"),
        (Protection(item(**NEVER, failures=(GONE,))), (), "has run yet"),
    ],
)
def test_backup_that_never_ran_is_not_judged(
    protection: Protection | None, jobs: tuple[BackupJob, ...], words: str
) -> None:
    """The same facts that say so are what was read."""
    with pytest.raises(NotApplicable, match=words):
        backup_failure(protection, jobs)


def test_every_error_is_either_explained_or_unrelated() -> None:
    """No title is in both tables, and the controls are ids."""
    assert not AGENT_OR_SNAPSHOT.keys() & UNRELATED
    assert len(AGENT_OR_SNAPSHOT) > 25
    for title, explanation in AGENT_OR_SNAPSHOT.items():
        error = BackupError("1", title.upper(), "")
        assert find_explanation(error) is explanation
        assert not is_unrelated(error)
        assert explanation.meaning
        assert all(re.fullmatch(r"AVB-\d{3}", c) for c in explanation.controls)
        assert not is_unrelated(BackupError(title, "UserErrorVmNotFoundV2", ""))
    for title in UNRELATED:
        assert is_unrelated(BackupError("1", title, ""))


@pytest.mark.parametrize(
    ("protection", "words"),
    [
        (None, "no Recovery Services vault protects this VM"),
        (Protection(item(protection_state="ProtectionStopped")), r"vault sample-vault is stopped \(ProtectionStopped\); the last recovery point is of 2026-11-22 22:00 UTC"),
        (Protection(item(protection_state="BackupsSuspended", last_recovery_point=None)), "there is no recovery point"),
        (Protection(item(is_scheduled_for_deferred_delete=True)), "scheduled for deletion"),
    ],
)  # fmt: skip
def test_machine_that_is_not_backed_up_any_more_is_unprotected(protection: Protection | None, words: str) -> None:
    """No item, or one that is stopped."""
    assert re.search(words, protection_failure(protection) or "holds")


def test_protected_machine_holds_and_an_unknown_state_is_undetermined() -> None:
    """A first backup that is due counts as protection."""
    assert protection_failure(Protection(item(**NEVER, protection_state="IRPending"))) is None
    with pytest.raises(Undetermined):
        protection_failure(Protection(item(protection_state="")))


def policy(count: int | None, kind: str = "AzureIaasVM") -> BackupPolicy:
    """A policy that declares so many items."""
    return BackupPolicy(ITEM.policy_id or "", "daily-2200", VAULT, kind, count, {})


STOPPED, EXOTIC = item(protection_state="ProtectionStopped"), item(protection_state="Exotic")


@pytest.mark.parametrize(
    ("declared", "items", "count"),
    [
        (0, (), None),
        (3, (ITEM,) * 3, None),
        (3, None, None),
        (None, (ITEM,) * 3, None),
        (None, (*(ITEM,) * 3, STOPPED), None),
        (2, (ITEM, EXOTIC), None),
        (4, (ITEM,), 4),
        (1, (ITEM,) * 4, 4),
        (4, None, 4),
        (None, (*(ITEM,) * 5, EXOTIC), 5),
    ],
)
def test_policy_size_is_the_larger_of_count_and_declaration(
    declared: int | None, items: tuple[ProtectedItem, ...] | None, count: int | None
) -> None:
    """Stopped items are no longer under the policy; exactly the limit still holds."""
    failure = policy_size_failure(policy(declared), items, 3)
    words = f"{count} VMs are under policy daily-2200 of vault sample-vault, the limit is 3"
    assert failure == (words if count else None)


def test_policy_size_that_is_not_known_is_not_judged() -> None:
    """Neither number, only unknown states, no workload, or another one."""
    with pytest.raises(Unreadable, match="declares no number"):
        policy_size_failure(policy(None), None, 3)
    with pytest.raises(Undetermined, match="2 items"):
        policy_size_failure(policy(2), (ITEM, ITEM, EXOTIC, EXOTIC), 3)
    with pytest.raises(Undetermined, match="which workload"):
        policy_size_failure(policy(0, ""), (), 3)
    with pytest.raises(Undetermined, match="Dreaming, which is not known"):
        policy_size_failure(policy(0, "Dreaming"), (), 3)
    with pytest.raises(NotApplicable, match="AzureWorkload"):
        policy_size_failure(policy(500, "AzureWorkload"), None, 3)


READY = Status("ProvisioningState/succeeded", "Ready", "", at(22))
LINUX = Profile("Linux", "Succeeded", True, True, (), None, (), None, None, None, {})
UNKNOWN_POWER = Power("unknown", READY, False, "test")
RUNNING, DEALLOCATED = Power("running", READY, False, "test"), Power("deallocated", READY, False, "test")
NO_POWER = Power(None, READY, False, "test")
UNREADY = Status("ProvisioningState/Unavailable", "Not Ready", "not yet populated", at(22))


def snapshot(version: str = "1.0.9220.0", status: Status | None = READY, kind: str = arm.SNAPSHOT) -> HandlerView:
    """The handler of the backup extension."""
    return HandlerView(kind, version, status)


def status(code: str, message: str = "") -> Status:
    """An instance view status."""
    return Status(code, "", message, at(22))


def view(*handlers: HandlerView, agent: Status = READY, extensions: tuple[ExtensionView, ...] = ()) -> InstanceView:
    """An instance view with an agent block."""
    return InstanceView(AgentView("2.15.0.1", (agent,), handlers), extensions)


def extension(name: str, *statuses: Status, kind: str = "Publisher.Custom", version: str = "1.0") -> ExtensionView:
    """An extension with its statuses."""
    return ExtensionView(name, kind, version, statuses)


NO_AGENT = InstanceView(None, ())


@pytest.mark.parametrize(
    ("instance", "expected"),
    [
        (view(snapshot("1.0.91.0")), ("1.0.91.0",)),
        (view(snapshot("1.0.91.0"), snapshot("1.0.9220.0")), ("1.0.91.0", "1.0.9220.0")),
        (view(snapshot(kind="VMSNAPSHOTLINUX")), ("1.0.9220.0",)),
        (view(snapshot(kind="Microsoft.Azure.RecoveryServices.VMSnapshot"), snapshot(kind="NotVMSnapshotLinux")), ()),
        (view(extensions=(extension("any", kind=arm.SNAPSHOT, version="1.0.9150.0"),)), ("1.0.9150.0",)),
        (
            view(snapshot("1.0.80.0"), extensions=(extension("any", kind=arm.SNAPSHOT, version="1.0.9220.0"),)),
            ("1.0.80.0",),
        ),
        (
            view(snapshot("1.0.9220.0"), extensions=(extension("any", kind=arm.SNAPSHOT, version="1.0.80.0"),)),
            ("1.0.9220.0",),
        ),
        (view(snapshot(""), extensions=(extension("any", kind=arm.SNAPSHOT, version="1.0.9220.0"),)), ("",)),
        (NO_AGENT, ()),
    ],
)
def test_versions_of_the_backup_extension_are_found_by_type(instance: InstanceView, expected: tuple[str, ...]) -> None:
    """Of the handler, which is what runs, else of the extension; the extension for Windows is another one."""
    assert snapshot_versions(instance, LINUX) == expected


def test_version_is_only_asked_of_linux() -> None:
    """VMSnapshot for Windows has another line of versions; an unknown system is told by the handler."""
    with pytest.raises(NotApplicable):
        snapshot_versions(view(snapshot()), replace(LINUX, operating_system="Windows"))
    unknown = replace(LINUX, operating_system=None)
    assert snapshot_versions(view(snapshot()), unknown)
    with pytest.raises(Undetermined):
        snapshot_versions(view(), unknown)


@pytest.mark.parametrize(
    ("versions", "fails"),
    [
        (("1.0.91.0",), False),
        (("1.0.91",), False),
        (("1.0.9102.0",), False),
        (("1.0.9220.0",), False),
        (("1.0.90.0", "1.0.9220.0"), True),
        (("1.0.9220.0", "1.0.80.0"), True),
        (("1.0.90.9999",), True),
        (("1.0.9.0",), True),
        (("0.9.9220.0",), True),
    ],
)
def test_versions_compare_as_numbers(versions: tuple[str, ...], *, fails: bool) -> None:
    """As text 1.0.9102 would be below 1.0.91.0's successor 1.0.92; the lowest that is reported counts."""
    failure = handler_version_failure(versions, "1.0.91.0")
    assert (failure is not None) is fails
    assert failure is None or "minimum is 1.0.91.0" in failure


@pytest.mark.parametrize("version", ["", "Unknown", "1", "1.0.91.0-rc1", "1.0.9" + "9" * 40, "1..0", "١.٠.٩١"])
def test_version_that_is_no_number_is_undetermined(version: str) -> None:
    """Nothing is guessed from it."""
    with pytest.raises(Undetermined):
        handler_version_failure(("1.0.9220.0", version), "1.0.91.0")


PROTECTED = Protection(ITEM)


def test_missing_handler_of_a_machine_that_was_backed_up_fails() -> None:
    """Its agent is ready and would report it."""
    assert "vault sample-vault has backed this VM up" in (missing_handler_failure(view(), RUNNING, PROTECTED) or "")


@pytest.mark.parametrize(
    ("instance", "power", "protection", "verdict"),
    [
        (view(), RUNNING, None, NotApplicable),
        (view(), RUNNING, Protection(item(protection_state="ProtectionStopped")), NotApplicable),
        (view(), RUNNING, Protection(item(**NEVER)), NotApplicable),
        (view(), RUNNING, Protection(item(last_backup_status="Failed", **UNKNOWN_TIME)), Undetermined),
        (view(), DEALLOCATED, PROTECTED, NotApplicable),
        (NO_AGENT, DEALLOCATED, PROTECTED, NotApplicable),
        (NO_AGENT, RUNNING, PROTECTED, Undetermined),
        (NO_AGENT, RUNNING, None, Undetermined),
        (view(agent=UNREADY), RUNNING, PROTECTED, Undetermined),
        (view(), NO_POWER, PROTECTED, Undetermined),
        (view(), UNKNOWN_POWER, PROTECTED, Undetermined),
        (NO_AGENT, UNKNOWN_POWER, PROTECTED, Undetermined),
        (view(), RUNNING, Protection(item(protection_state="Exotic")), Undetermined),
    ],
)
def test_missing_handler_proves_nothing_elsewhere(
    instance: InstanceView, power: Power, protection: Protection | None, verdict: type[Exception]
) -> None:
    """Not installed yet, or nobody who would report it."""
    with pytest.raises(verdict):
        missing_handler_failure(instance, power, protection)


FINE = extension("Monitor", READY)


@pytest.mark.parametrize(
    ("instance", "names", "power"),
    [
        (view(snapshot()), (), RUNNING),
        (view(snapshot(), extensions=(FINE,)), ("monitor",), RUNNING),
        (view(extensions=(FINE,)), ("Monitor",), RUNNING),
        (view(snapshot(status=status("provisioningstate/SUCCEEDED"))), (), RUNNING),
        (view(snapshot(), extensions=(extension("m", status("ComponentStatus/StdErr/failed"), READY),)), ("m",), RUNNING),
        (view(snapshot()), ("Silent",), DEALLOCATED),
    ],
)  # fmt: skip
def test_ready_extensions_hold(instance: InstanceView, names: tuple[str, ...], power: Power) -> None:
    """All reported and succeeded; a machine that does not run cannot report more."""
    assert extension_failure(instance, replace(LINUX, extension_names=names), power) is None


@pytest.mark.parametrize(
    ("instance", "words"),
    [
        (view(snapshot(status=status("ProvisioningState/failed/1", "Enable failed"))), r"handler Microsoft\S+VMSnapshotLinux is failed \(ProvisioningState/failed/1\) since 2026-11-22 22:00 UTC: Enable failed"),
        (view(snapshot(status=UNREADY)), "is unavailable"),
        (view(snapshot(status=Status("", "Not Ready", "", None))), r"is notready \(\)$"),
        (view(extensions=(extension("Custom", status("ProvisioningState/failed/3/x")),)), "extension Custom is failed"),
        (view(snapshot(status=replace(READY, display="Not Ready"))), r"VMSnapshotLinux is notready \(ProvisioningState/succeeded, displayed as Not Ready\)"),
        (view(snapshot(status=replace(READY, level="Error"))), r"VMSnapshotLinux is succeeded \(ProvisioningState/succeeded, displayed as Ready, level Error\)"),
        (view(extensions=(extension("Custom", replace(READY, display="Provisioning failed")),)), "Custom is failed"),
        (view(extensions=(extension("Custom", replace(READY, level="error", message="no disk")),)), "Custom is succeeded .*level error.*: no disk"),
        *((view(extensions=(extension("Custom", status(f"ProvisioningState/{s}")),)), f"extension Custom is {s.lower()}")
          for s in ("Creating", "Updating", "Deleting", "transitioning")),
        (view(snapshot(status=None), extensions=(extension("Custom", status("ProvisioningState/failed")),)), "Custom is failed"),
        (InstanceView(None, (extension("Custom", status("ProvisioningState/failed")),)), "Custom is failed"),
        (view(extensions=tuple(extension(f"e{n}", status("ProvisioningState/failed")) for n in range(5))), "e2 is failed.*; 2 more$"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("power", [RUNNING, DEALLOCATED], ids=["running", "deallocated"])
def test_failed_or_stuck_extension_fails(instance: InstanceView, words: str, power: Power) -> None:
    """Named with state, time and message; it stays so while the machine is off."""
    assert re.search(words, extension_failure(instance, LINUX, power) or "holds")


@pytest.mark.parametrize(
    ("instance", "names", "power", "verdict"),
    [
        (view(), (), RUNNING, NotApplicable),
        (view(), (), DEALLOCATED, NotApplicable),
        (NO_AGENT, ("Custom",), DEALLOCATED, NotApplicable),
        (NO_AGENT, (), RUNNING, Undetermined),
        (InstanceView(None, (FINE,)), (), RUNNING, Undetermined),
        (view(agent=UNREADY), (), RUNNING, Undetermined),
        (view(snapshot(), agent=replace(READY, display="Not Ready")), (), RUNNING, Undetermined),
        (view(snapshot(), agent=replace(READY, level="Error")), (), RUNNING, Undetermined),
        (view(), (), NO_POWER, Undetermined),
        (view(snapshot()), (), NO_POWER, Undetermined),
        (view(snapshot()), (), UNKNOWN_POWER, Undetermined),
        (NO_AGENT, ("Custom",), UNKNOWN_POWER, Undetermined),
        (view(), ("Custom",), RUNNING, Undetermined),
        (view(snapshot()), ("Custom",), RUNNING, Undetermined),
        (view(snapshot(), extensions=(extension("Custom"),)), (), RUNNING, Undetermined),
        (view(snapshot(), extensions=(extension("Custom", status("failed")),)), (), RUNNING, Undetermined),
        (view(snapshot(status=None)), (), RUNNING, Undetermined),
        (view(snapshot(status=status("ProvisioningState/exotic"))), (), RUNNING, Undetermined),
        (view(snapshot(status=status("ProvisioningState/exotic"))), (), DEALLOCATED, Undetermined),
        (view(extensions=(extension("Custom", status("ProvisioningState/")),)), (), RUNNING, Undetermined),
    ],
)
def test_extensions_that_are_not_shown_are_not_judged(
    instance: InstanceView, names: tuple[str, ...], power: Power, verdict: type[Exception]
) -> None:
    """None at all, none that report now, or a state that nobody knows."""
    with pytest.raises(verdict):
        extension_failure(instance, replace(LINUX, extension_names=names), power)


def test_recorded_shape_of_a_healthy_machine_holds() -> None:
    """The made-up subscription's own instance view."""
    instance = parse_instance_view(arm.instance_view("sample")["properties"]["instanceView"])
    assert handler_version_failure(snapshot_versions(instance, LINUX), "1.0.91.0") is None
    assert extension_failure(instance, replace(LINUX, extension_names=("VMSnapshotLinux",)), RUNNING) is None


TIMES = st.none() | st.datetimes(timezones=st.just(UTC))
WORDS = st.sampled_from(["", "Completed", "Failed", "CompletedWithWarnings", "InProgress", CANCELLED, "Exotic"])
ERRORS = st.lists(st.sampled_from([STATUS, GONE, ODD, BackupError("", "", "")]), max_size=3).map(tuple)
BACKUPS = st.builds(
    lambda status, start, end, errors: replace(job(1, status, None, *errors), start=start, end=end),
    WORDS, TIMES, TIMES, ERRORS,
)  # fmt: skip


@given(st.lists(BACKUPS, max_size=4), WORDS, TIMES, TIMES, ERRORS)
@settings(max_examples=200, deadline=None)
def test_backup_passes_only_on_evidence(
    jobs: list[BackupJob], told: str, last: datetime | None, point: datetime | None, failures: tuple[BackupError, ...]
) -> None:
    """Whatever the times: no verdict of compliance beside an error that concerns the agent or that nobody knows."""
    subject = item(last_backup_status=told, last_backup_time=last, last_recovery_point=point, failures=failures)
    ordered = sorted(jobs, key=lambda j: j.start or datetime.min.replace(tzinfo=UTC), reverse=True)
    with suppress(Undetermined, NotApplicable):
        if backup_failure(Protection(subject), ordered) is None:
            assert all(e == GONE for e in failures)
            assert told == "Completed" or failures or any(j.status == "Completed" or j.errors for j in jobs)
