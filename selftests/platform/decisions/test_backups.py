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

from backup_compliance.catalogue.controls import load_catalogue
from backup_compliance.model.verdicts import NotApplicable, Undetermined, Unreadable
from backup_compliance.platform.decisions.backups import backup_failure, policy_size_failure, protection_failure
from backup_compliance.platform.decisions.extensions import (
    extension_failure,
    handler_version_failure,
    missing_handler_failure,
    snapshot_versions,
)
from backup_compliance.platform.estate.attempts import is_attempt, is_finished
from backup_compliance.platform.estate.backup import BackupError, BackupJob, BackupPolicy, ProtectedItem
from backup_compliance.platform.estate.backup_errors import find_code, is_no_attempt
from backup_compliance.platform.estate.compute import parse_instance_view, stored_extensions
from backup_compliance.platform.estate.error_codes import ERROR_CODES, ErrorCode, ErrorKind
from backup_compliance.platform.estate.facts import (
    AgentView,
    ExtensionView,
    HandlerView,
    InstanceView,
    Power,
    Profile,
    Status,
    StoredExtension,
)
from backup_compliance.platform.estate.protection import Protection
from selftests.builders import arm
from selftests.builders.product import ROOT

STATUS, CANCELLED = BackupError("400", "GuestAgentSnapshotTaskStatusError", "no status"), "Cancelled"
GONE = BackupError("400136", "UserErrorVmNotFoundV2", "gone")
BUSY = BackupError("400249", "UserErrorBackupOperationInProgress", "another backup is under way")
WITHDRAWN = BackupError("400158", "UserErrorJobSuccessfullyCancelled", "cancelled")
RESTORED = BackupError("400003", "RestoreOperationFailed", "internal error")
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
    last_recovery_point=at(20),
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


NOW = at(23, 23)
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
        (item(last_backup_status="CompletedWithWarnings", last_recovery_point=at(22), failures=(GONE,)), ()),
        (item(last_recovery_point=at(22)), (job(1, "Failed", 22, STATUS),)),
        (item(last_recovery_point=at(22, 23)), (job(1, "Failed", 22, ODD),)),
        (item(last_recovery_point=at(22)), (job(1, "Failed", 22),)),
        (item(last_recovery_point=at(22)), (job(1, "CompletedWithWarnings", 22),)),
        (item(last_recovery_point=at(22)), (job(1, "Completed", 22, STATUS),)),
        (item(last_recovery_point=at(22)), (replace(job(1, "Failed", 22, STATUS), end=None),)),
        (item(last_recovery_point=at(22), last_backup_status="Failed", failures=(STATUS,)), ()),
        (item(last_recovery_point=at(22), last_backup_status="CompletedWithWarnings", failures=(ODD,)), ()),
        (item(), newest(job(2, "Failed", 23, BUSY), job(1, "Completed", 22))),
        (item(), newest(job(3, "Failed", 23, BackupError("0", "SystemBackupOperationInProgress", "")), job(1, "Completed", 22))),
        (item(), newest(job(3, "Failed", 23, BackupError("400249", "", "")), job(2, "Failed", 23, WITHDRAWN), job(1, "Completed", 22))),
        (item(last_backup_status="Failed", last_backup_time=at(23)), newest(job(2, "Failed", 23, BUSY), job(1, "Completed", 22))),
        (item(**ALARMED, last_backup_status="Failed", last_backup_time=at(23), failures=(WITHDRAWN,)), newest(job(2, CANCELLED, 23), job(1, "Completed", 22))),
        (item(health_status="ActionRequired", failures=(RESTORED,)), (job(1, "Completed", 22),)),
        (item(**NEVER), (job(1, "Completed", 22),)),
        (item(), (job(1, "Completed", 22), undated(job(2, "Failed", 21, STATUS)))),
        (item(), (job(1, "Completed", 22, GONE),)),
        (item(last_backup_time=at(23), last_recovery_point=at(23)), (job(1, "CompletedWithWarnings", 22, GONE),)),
        (item(last_backup_time=at(23), last_backup_status="InProgress"), (job(1, "Completed", 22),)),
        (item(**ALARMED, failures=(GONE,)), ()),
        (item(protection_status="", health_status=""), ()),
        (item(health_status="Healthy", backup_health="Healthy"), ()),
    ],
)  # fmt: skip
def test_backup_whose_last_attempt_succeeded_holds(subject: ProtectedItem, jobs: tuple[BackupJob, ...]) -> None:
    """Completed, passed over, or proven by a recovery point of its own."""
    assert backup_failure(Protection(subject), jobs, NOW) is None


@pytest.mark.parametrize(
    ("subject", "jobs", "words"),
    [
        (item(), (job(1, "Failed", 22, STATUS),),
         r"the last backup job job-1 of 2026-11-22 22:00 UTC ended Failed: GuestAgentSnapshotTaskStatusError \(code 400\) 'no status': the agent did not tell .*AVB-101.*AVB-405\); no backup is known to have succeeded since, the last recovery point is of 2026-11-20"),
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
        (item(), (job(1, "Failed", 22, GONE),), "UserErrorVmNotFoundV2 .code 400136. 'gone': the VM does not exist any more; no backup"),
        (item(last_backup_status="Failed"), (job(1, "Failed", 22, GONE),), "job-1 .* ended Failed: UserErrorVmNotFoundV2"),
        (item(last_backup_status="Failed", failures=(GONE,)), (), "the protected item, .* reports UserErrorVmNotFoundV2"),
        (item(last_backup_status="Failed", failures=(GONE,), last_backup_time=at(23)), (job(1, "Completed", 22),), "reports UserErrorVmNotFoundV2"),
        (item(last_backup_status="Failed", failures=(BackupError("", "usererrorKEYVAULTpermissionsNotConfigured", ""),)), (), "no rights on the key vault"),
        (item(**ALARMED), (job(1, "Failed", 22, GONE),), "ended Failed: UserErrorVmNotFoundV2"),
        (item(**ALARMED, last_backup_time=at(23, 5)), (job(1, "Failed", 22, GONE),), "ended Failed: UserErrorVmNotFoundV2"),
        (item(last_backup_status="Failed", last_backup_time=None), (job(1, "Failed", 22, GONE),), "ended Failed: UserErrorVmNotFoundV2"),
        (item(), (job(1, "Failed", 22, ODD, GONE),), "UserErrorVmNotFoundV2"),
        (item(), (job(1, "Failed", 22, GONE, STATUS),), "ended Failed: GuestAgent"),
        (item(), (job(1, "Failed", 22, BackupError("0", "UserErrorSharedDiskBackupNotSupported", "")),), "exclude the disk"),
        (item(), (job(1, "Failed", 22, BackupError("134607754", "", "")),), "known by number only"),
        (item(), newest(job(2, "Failed", 23, BUSY), job(1, "Failed", 22, STATUS)), "the last backup job job-1 .* ended Failed: GuestAgent"),
        (item(), newest(job(3, "Failed", 23, BUSY), job(2, "Failed", 23, WITHDRAWN), job(1, "Failed", 22, GONE)), "job-1"),
        (item(last_recovery_point=at(22, 21)), (job(1, "Failed", 22, STATUS),), "job-1"),
        (item(last_recovery_point=at(23, 0)), (job(1, "Failed", 22, STATUS),), "job-1 .*a backup has succeeded since"),
        (item(last_recovery_point=at(23, 0)), (replace(job(1, "Failed", 22, STATUS), end=None),), "job-1"),
        (item(last_recovery_point=at(22)), (undated(job(1, "Failed", 22, STATUS)),), "job-1"),
        (item(last_recovery_point=at(22)), newest(job(2, "Failed", 23, STATUS), job(1, "Completed", 22)), "job-2"),
        (item(last_backup_time=at(20), last_recovery_point=at(19)), (job(1, "Failed", 20, STATUS),), "job-1 of 2026-11-20 22:00 UTC, 3 days before the reading ended Failed"),
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
    assert re.search(words, backup_failure(Protection(subject), jobs, NOW) or "holds")


@pytest.mark.parametrize(
    ("subject", "jobs", "words"),
    [
        (item(), (job(1, "Failed", 22),), "job-1 ended Failed and does not say why"),
        (item(), (job(1, "CompletedWithWarnings", 22),), "does not say why"),
        (item(), (job(1, "Exotic", 22),), "job-1 ended Exotic"),
        (item(), (job(1, "Exotic", 22, GONE),), "job-1 ended Exotic"),
        (item(), (job(1, "", 22),), "without a status"),
        (item(), (job(1, "Failed", 22, ODD),), "UserErrorNobodyHasSeen .code 499999. 'odd'"),
        (item(), (job(1, "Failed", 22, BackupError("", "", "")),), "an error without a title"),
        (item(), newest(job(2, "Failed", 23, BUSY), job(1, "Failed", 22, ODD)), "UserErrorNobodyHasSeen"),
        (item(), newest(job(2, "Failed", 23, BUSY, ODD), job(1, "Completed", 22)), "UserErrorNobodyHasSeen"),
        (item(), (job(1, "CompletedWithWarnings", 22, GONE),), "no recovery point of it is known"),
        (item(last_recovery_point=None), (job(1, "CompletedWithWarnings", 22, GONE),), "no recovery point of it is known"),
        (item(last_backup_status="CompletedWithWarnings", failures=(GONE,)), (), "no recovery point of it is known"),
        (item(last_backup_status="Failed", failures=(WITHDRAWN,)), (), "no job before it is listed"),
        (item(last_backup_status="Failed", failures=(BackupError("400249", "", ""),)), (job(1, "Failed", 22, BUSY),), "no job before it is listed"),
        (item(last_backup_status="Failed", failures=(RESTORED,)), (), "neither job nor item says why"),
        (item(last_backup_status="Failed", last_backup_time=at(23, 12)), newest(job(2, "Failed", 23, BUSY), job(1, "Completed", 22)), "neither job nor item says why"),
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
        (item(last_backup_status="Failed", last_backup_time=at(23, 5)), (job(1, "CompletedWithWarnings", 22, GONE),), "no recovery point of it is known"),
        (item(last_backup_status="", last_backup_time=at(23)), (job(1, "Completed", 22),), "its job is not listed"),
        (item(last_backup_status="unreadable", last_backup_time=at(23)), (job(1, "Completed", 22),), "ended unreadable"),
        (item(last_backup_status="Failed", **UNKNOWN_TIME), (), "neither job nor item says why"),
        (item(last_backup_status="", **UNKNOWN_TIME), (), "at a time that is not known, and no job is listed"),
        (item(**UNKNOWN_TIME), (), "ended Completed at a time that is not known"),
        (item(**ALARMED), (), "protection state of sample is ProtectionError, and neither job nor item says why"),
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
        backup_failure(Protection(subject), jobs, NOW)


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
        backup_failure(protection, jobs, NOW)


def test_table_of_error_codes_is_sound() -> None:
    """Each name and number stands once; a meaning, a page and ids of controls in each line."""
    keys = [k.lower() for code in ERROR_CODES for k in (*code.names, *code.numbers)]
    assert len(keys) == len(set(keys)) > 90
    for code in ERROR_CODES:
        assert code.names or code.numbers
        assert code.meaning
        assert code.page
        assert all(re.fullmatch(r"AVB-\d{3}", c) for c in code.controls)
        assert all(re.fullmatch(r"\d+", n) for n in code.numbers)
    assert {c for code in ERROR_CODES for c in code.controls} <= set(load_catalogue(ROOT))


@pytest.mark.parametrize("code", ERROR_CODES, ids=lambda c: next(iter((*c.names, *c.numbers))))
def test_error_is_found_by_name_and_by_number(code: ErrorCode) -> None:
    """In any case, as title or as code; a contradiction between both is believed to be the worse."""
    for name in code.names:
        assert find_code(BackupError("1", name.upper(), "")) is code
        assert find_code(BackupError(name, "", "")) is code
        agent = find_code(BackupError(name, "GuestAgentSnapshotTaskStatusError", ""))
        assert agent is not None
        assert agent.kind is ErrorKind.AGENT
    for number in code.numbers:
        assert find_code(BackupError(number, "", "")) is code


@pytest.mark.parametrize(
    ("errors", "expected"),
    [
        ((BUSY,), True),
        ((BUSY, WITHDRAWN), True),
        ((BUSY, STATUS), False),
        ((BUSY, ODD), False),
        ((BackupError("400249", "GuestAgentSnapshotTaskStatusError", ""),), False),
        ((GONE,), False),
        ((), False),
    ],
)
def test_only_errors_that_all_say_so_make_a_job_no_attempt(errors: tuple[BackupError, ...], *, expected: bool) -> None:
    """One error of another kind, or that nobody knows, and something was tried."""
    assert is_no_attempt(errors) is expected


@pytest.mark.parametrize(
    ("protection", "words"),
    [
        (None, "no Recovery Services vault protects this VM"),
        (Protection(item(protection_state="ProtectionStopped")), r"vault sample-vault is stopped \(ProtectionStopped\); the last recovery point is of 2026-11-20 22:00 UTC"),
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
        (view(extensions=(extension("any", kind=arm.SNAPSHOT, version="1.0.9150.0"),)), ()),
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
    """Of the handler, which is what runs, never of an extension's record; the extension for Windows is another one."""
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
NO_LIST = AgentView("2.15.0.1", (READY,), (), lists_handlers=False)
OTHER_HANDLER = AgentView("2.15.0.1", (READY,), (HandlerView("Publisher.Custom", "1.0", READY),))


def proven() -> str:
    """Nothing speaks against what the last backup proves."""
    return ""


def test_missing_handler_of_a_machine_that_was_backed_up_fails() -> None:
    """Its agent is ready and would report it."""
    failure = missing_handler_failure(view(), RUNNING, PROTECTED, proven)
    assert "vault sample-vault has backed this VM up" in failure


def test_backup_that_proves_no_handler_leaves_a_missing_one_open() -> None:
    """Under an Enhanced policy, or while the machine was off."""
    with pytest.raises(Undetermined, match="does not prove that it was there: it was off"):
        missing_handler_failure(view(), RUNNING, PROTECTED, lambda: "it was off")


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
        missing_handler_failure(instance, power, protection, proven)


def gone() -> str:
    """A backup proves that the handler was there."""
    return "VMSnapshot was removed"


def unneeded() -> str:
    """No backup has needed the handler yet."""
    raise NotApplicable("not installed yet")


def unproven() -> str:
    """Nobody knows whether it was there."""
    raise Undetermined("not proven")


FINE = extension("Monitor", READY)


@pytest.mark.parametrize(
    ("instance", "names", "power"),
    [
        (view(snapshot()), (), RUNNING),
        (view(snapshot(), extensions=(FINE,)), ("monitor",), RUNNING),
        (view(extensions=(FINE,)), ("Monitor",), RUNNING),
        (view(HandlerView("Publisher.Custom", "1.0", READY)), (), RUNNING),
        (view(snapshot(kind="Microsoft.Azure.RecoveryServices.VMSnapshot")), (), RUNNING),
        (view(snapshot(status=status("provisioningstate/SUCCEEDED"))), (), RUNNING),
        (view(snapshot(), extensions=(extension("m", status("ComponentStatus/StdErr/failed"), READY),)), ("m",), RUNNING),
        (view(snapshot()), ("Silent",), DEALLOCATED),
    ],
)  # fmt: skip
def test_ready_extensions_hold(instance: InstanceView, names: tuple[str, ...], power: Power) -> None:
    """All reported and succeeded; a machine that does not run cannot report more."""
    assert extension_failure(instance, replace(LINUX, extension_names=names), power, unneeded) is None


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
    assert re.search(words, extension_failure(instance, LINUX, power, unproven, NOW) or "holds")


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
        extension_failure(instance, replace(LINUX, extension_names=names), power, unneeded)


def test_recorded_shape_of_a_healthy_machine_holds() -> None:
    """The made-up subscription's own instance view."""
    instance = parse_instance_view(arm.instance_view("sample")["properties"]["instanceView"])
    assert handler_version_failure(snapshot_versions(instance, LINUX), "1.0.91.0") is None
    assert extension_failure(instance, replace(LINUX, extension_names=("VMSnapshotLinux",)), RUNNING, unproven) is None


@pytest.mark.parametrize("agent", [AgentView("2.15.0.1", (READY,), ()), NO_LIST, OTHER_HANDLER])
@pytest.mark.parametrize("old", [(), (extension("VMSnapshotLinux", READY, kind=arm.SNAPSHOT),)], ids=["bare", "old"])
def test_backup_proves_that_a_handler_is_missing(agent: AgentView, old: tuple[ExtensionView, ...]) -> None:
    """Without a list, with an empty one, or with one of others: an old extension record never stands in."""
    instance = InstanceView(agent, old)
    assert extension_failure(instance, LINUX, RUNNING, gone) == "VMSnapshot was removed"
    with pytest.raises(Undetermined, match="not proven"):
        extension_failure(instance, LINUX, RUNNING, unproven)


@pytest.mark.parametrize("old", [(), (extension("VMSnapshotLinux", READY, kind=arm.SNAPSHOT),)], ids=["bare", "old"])
def test_agent_without_a_list_of_handlers_leaves_it_open(old: tuple[ExtensionView, ...]) -> None:
    """Also where no backup needs one: an absent list is not an empty one."""
    with pytest.raises(Undetermined, match="no list of handlers"):
        extension_failure(InstanceView(NO_LIST, old), LINUX, RUNNING, unneeded)
    with pytest.raises(NotApplicable):
        extension_failure(InstanceView(NO_LIST, ()), LINUX, DEALLOCATED, unneeded)


def stored(name: str, state: str | None) -> StoredExtension:
    """An extension of the stored body."""
    return StoredExtension(name, state)


@pytest.mark.parametrize("in_view", [True, False], ids=["of the view", "of the model"])
@pytest.mark.parametrize(
    ("state", "shown", "words"),
    [
        ("Updating", (), "extension Custom is updating .*stored provisioningState is Updating, the instance view says nothing of it"),
        ("Creating", (extension("Custom"),), "is creating .*says nothing"),
        ("FAILED", (extension("custom", READY),), "is failed .*the instance view says ProvisioningState/succeeded"),
        ("Deleting", (extension("Custom", READY),), "is deleting"),
        ("Canceled", (), "is canceled"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("power", [RUNNING, DEALLOCATED], ids=["running", "deallocated"])
def test_stored_state_of_an_extension_counts(
    state: str, shown: tuple[ExtensionView, ...], words: str, power: Power, *, in_view: bool
) -> None:
    """Whether the view is silent or says otherwise: a contradiction is no pass."""
    kept = (stored("Custom", state),)
    instance = replace(view(snapshot(), extensions=shown), stored_extensions=kept if in_view else ())
    profile = replace(LINUX, stored_extensions=() if in_view else kept)
    assert re.search(words, extension_failure(instance, profile, power, unneeded) or "holds")


@pytest.mark.parametrize(
    ("kept", "verdict"),
    [
        (None, Unreadable),
        ((stored("Custom", None),), Undetermined),
        ((stored("Custom", "Dreaming"),), Undetermined),
        ((stored("Silent", ""),), Undetermined),
    ],
)
@pytest.mark.parametrize("in_view", [True, False], ids=["of the view", "of the model"])
def test_stored_state_that_is_not_known_is_no_pass(
    kept: tuple[StoredExtension, ...] | None, verdict: type[Exception], *, in_view: bool
) -> None:
    """No list, no text, no state that anybody knows, or none at all beside a silent view."""
    instance = replace(view(snapshot()), stored_extensions=kept if in_view else ())
    profile = replace(LINUX, stored_extensions=() if in_view else kept, extension_names=("Silent",))
    with pytest.raises(verdict):
        extension_failure(instance, profile, RUNNING, unneeded)


def test_stored_success_speaks_for_a_silent_view() -> None:
    """It is ARM's own word on the extension."""
    profile = replace(LINUX, stored_extensions=(stored("Quiet", "Succeeded"),), extension_names=("Quiet",))
    assert extension_failure(view(snapshot()), profile, RUNNING, unneeded) is None


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        (None, ()),
        ([], ()),
        ([{"id": "/vm/extensions/A"}], (stored("A", ""),)),
        ([{"id": "/vm/extensions/A", "properties": None}], (stored("A", ""),)),
        ([{"id": "/vm/extensions/A", "properties": {}}], (stored("A", ""),)),
        ([{"name": "vm/A", "type": "Microsoft.Compute/virtualMachines/extensions", "properties": {"provisioningState": "Failed"}}],
         (stored("A", "Failed"),)),
        ([{"id": "/vm/extensions/A", "properties": {"provisioningState": 7}}], (stored("A", None),)),
        ([{"id": "/vm/extensions/A", "properties": {"provisioningState": None}}], (stored("A", None),)),
        ([{"id": "/vm/extensions/A", "properties": "x"}], (stored("A", None),)),
        ([{"id": "/vm/providers/other/B", "properties": {"provisioningState": "Failed"}}], ()),
        ([None], None),
        ("x", None),
        ({}, None),
    ],
)  # fmt: skip
def test_stored_extensions_are_read_from_the_body(resources: Any, expected: tuple[StoredExtension, ...] | None) -> None:
    """Ids only, as lists give them, or whole; what makes no sense is not nothing."""
    assert stored_extensions({"resources": resources}) == expected


TIMES = st.none() | st.datetimes(timezones=st.just(UTC))
WORDS = st.sampled_from(["", "Completed", "Failed", "CompletedWithWarnings", "InProgress", CANCELLED, "Exotic"])
ERRORS = st.lists(st.sampled_from([STATUS, GONE, ODD, BUSY, BackupError("", "", "")]), max_size=3).map(tuple)
BACKUPS = st.builds(
    lambda status, start, end, errors: replace(job(1, status, None, *errors), start=start, end=end),
    WORDS, TIMES, TIMES, ERRORS,
)  # fmt: skip


@given(st.lists(BACKUPS, max_size=4), WORDS, TIMES, TIMES, ERRORS)
@settings(max_examples=200, deadline=None)
def test_backup_passes_only_on_evidence(
    jobs: list[BackupJob], told: str, last: datetime | None, point: datetime | None, failures: tuple[BackupError, ...]
) -> None:
    """Whatever the times: compliance needs a recovery point, or a backup that completed, and no error that nobody knows."""
    subject = item(last_backup_status=told, last_backup_time=last, last_recovery_point=point, failures=failures)
    ordered = sorted(jobs, key=lambda j: j.start or datetime.min.replace(tzinfo=UTC), reverse=True)
    with suppress(Undetermined, NotApplicable):
        if backup_failure(Protection(subject), ordered, NOW) is None:
            completed = any(j.status in ("Completed", "CompletedWithWarnings") for j in jobs)
            assert point is not None or told == "Completed" or completed
            assert set(failures) <= {GONE, BUSY} or (point is not None and told in ("Failed", "CompletedWithWarnings"))
            attempts = [j for j in ordered if is_finished(j) and is_attempt(j) and j.time is not None]
            if attempts and attempts[0].start is not None and all(j.start is not None for j in attempts):
                assert attempts[0].status == "Completed" or point is not None
