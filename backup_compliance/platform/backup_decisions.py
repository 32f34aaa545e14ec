"""Decisions over what vaults say: each says what holds, or names the first thing that does not.

Every function returns the explanation of the failure, or None where the precondition holds; pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

from backup_compliance.platform.backup import BackupError, BackupJob, BackupPolicy, ProtectedItem, vault_name
from backup_compliance.platform.backup_errors import find_explanation, is_unrelated
from backup_compliance.platform.protection import CANCELLED, COMPLETED, UNFINISHED, Protection
from backup_compliance.verdicts import NotApplicable, Undetermined, Unreadable

OWN_RECOVERY_POINT: Final = timedelta(hours=1)
"""A backup that fails later may leave a recovery point; it dates from soon after that backup's start."""
_WARNED: Final = "completedwithwarnings"
_FAILED: Final = "failed"


def protection_failure(protection: Protection | None) -> str | None:
    """A vault protects the virtual machine, and backups are due. Raises `Undetermined` for an unknown state."""
    if protection is None:
        return "no Recovery Services vault protects this VM"
    if protection.is_live:
        return None
    item, point = protection.item, protection.item.last_recovery_point
    state = "scheduled for deletion" if item.is_scheduled_for_deferred_delete else item.protection_state
    return f"protection by vault {vault_name(item.id)} is stopped ({state}); {f'the last recovery point is of {_day(point)}' if point else 'there is no recovery point'}"


def policy_size_failure(policy: BackupPolicy, items: Iterable[ProtectedItem] | None, limit: int) -> str | None:
    """A policy has at most `limit` virtual machines: as counted among `items`, or as it declares itself.

    Raises:
        NotApplicable: the policy is for another workload.
        Unreadable: the items (None) were not read, and the policy declares no number.
        Undetermined: its workload is not named, or only items in a state that is not known make it too large.
    """
    if not policy.management_type:
        raise Undetermined(f"policy {policy.name} does not say for which workload it is")
    if not policy.is_of_vms:
        raise NotApplicable(f"policy {policy.name} is for {policy.management_type}, not for VMs")
    declared = policy.protected_items_count
    if items is None and declared is None:
        raise Unreadable(
            f"how many VMs are under policy {policy.name}: its vault's items were not read and it declares no number",
            "grant Microsoft.RecoveryServices/vaults/backupProtectedItems/read and collect again",
        )
    states = [item.live for item in items or ()]
    certain = max(states.count(True), declared or 0)
    if certain > limit:
        return f"{certain} VMs are under policy {policy.name} of vault {vault_name(policy.id)}, the limit is {limit}"
    if states.count(True) + states.count(None) > limit:
        raise Undetermined(f"{states.count(None)} items of policy {policy.name} are in a state that is not known here")
    return None


def backup_failure(protection: Protection | None, jobs: Sequence[BackupJob]) -> str | None:
    """Neither the last finished backup job (`jobs` newest first) nor the protected item carries an agent or snapshot failure.

    Jobs in progress and cancelled ones are passed over.

    Raises:
        NotApplicable: no vault backs the virtual machine up, or no backup has run yet.
        Undetermined: a failure is not explained or not known, or the state of the protection is not.
    """
    if protection is None or not protection.is_live:
        raise NotApplicable("no vault backs this VM up; AVB-501 judges that")
    item = protection.item
    finished = [j for j in jobs if j.status.lower() not in UNFINISHED | {CANCELLED}]
    last = next((j for j in finished if j.start or j.end), None)
    if last is not None and (failed := _explained(last.errors)):
        what = f"the last backup job {last.name} of {_day(last.start or last.end)} ended {last.status}"
        return f"{what}: {failed}; {_since(item, finished, last.start or last.end, last.end)}"
    if failed := _explained(item.failures):
        what = f"the protected item, last backed up {_day(item.last_backup_time)}, reports"
        return f"{what} {failed}; {_since(item, finished, item.last_backup_time, None)}"
    _require_known([*(last.errors if last is not None else ()), *item.failures])
    if not finished and item.last_backup_time is None:
        raise NotApplicable("no backup of this VM has run yet")
    _require_explained(item, last, finished)
    return None


def _require_known(errors: Iterable[BackupError]) -> None:
    """Raise `Undetermined` for an error that is not known to concern something else."""
    for error in errors:
        if not is_unrelated(error):
            raise Undetermined(f"whether {_named(error)} concerns agent or snapshot is not known here")


def _require_explained(item: ProtectedItem, last: BackupJob | None, finished: Sequence[BackupJob]) -> None:
    """Raise `Undetermined` for a backup that did not complete and does not say why."""
    for job in finished:
        status = job.status.lower()
        is_undated = not (job.start or job.end)  # so it may be the last one
        is_told = status in (_FAILED, _WARNED) and bool(job.errors) and not is_undated
        if (job is last or is_undated) and status != COMPLETED and not is_told:
            raise Undetermined(f"backup job {job.name} ended {job.status or 'without a status'} and does not say why")
    status = item.last_backup_status.lower()
    if status in (_FAILED, _WARNED) and not (item.failures or (last is not None and last.errors)):
        raise Undetermined(
            f"the last backup of {item.name} ended {item.last_backup_status}, and neither job nor item says why"
        )
    if last is None and status not in (COMPLETED, _FAILED, _WARNED):
        raise Undetermined(
            f"the last backup of {item.name} ended {item.last_backup_status or 'without a status'}, and no job is listed"
        )


def _explained(errors: Iterable[BackupError]) -> str | None:
    """The first error that concerns agent or snapshot, its meaning and the controls that look for the cause."""
    for error in errors:
        explanation = find_explanation(error)
        if explanation is not None:
            see = f" (see {', '.join(explanation.controls)})" if explanation.controls else ""
            return f"{_named(error)}: {explanation.meaning}{see}"
    return None


def _since(item: ProtectedItem, finished: Iterable[BackupJob], at: datetime | None, end: datetime | None) -> str:
    """Whether a backup has succeeded after one that began `at` and, where that is known, finished at `end`."""
    later = [j for j in finished if at and j.start and j.start > at and j.status.lower() == COMPLETED]
    point = item.last_recovery_point
    if later:
        return f"job {later[0].name} of {_day(later[0].start)} has completed since"
    if point and at and (point > end if end else point - at > OWN_RECOVERY_POINT):
        return f"a backup has succeeded since: the last recovery point is of {_day(point)}"
    return f"no backup is known to have succeeded since, the last recovery point is {f'of {_day(point)}' if point else 'missing'}"


def _named(error: BackupError) -> str:
    named = f"{error.title or 'an error without a title'} (code {error.code or 'missing'})"
    return f"{named} {error.message!r}" if error.message else named


def _day(time: datetime | None) -> str:
    return f"{time:%Y-%m-%d %H:%M} UTC" if time else "at an unknown time"
