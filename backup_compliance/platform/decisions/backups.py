"""Decisions over what vaults say: each says what holds, or names the first thing that does not.

Every function returns the explanation of the failure, or None where the precondition holds; pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from backup_compliance.model.verdicts import Failure, NotApplicable, Undetermined, Unreadable
from backup_compliance.platform.decisions.backup_errors import find_explanation, is_unrelated
from backup_compliance.platform.estate.backup import BackupError, BackupJob, BackupPolicy, ProtectedItem, vault_name
from backup_compliance.platform.estate.protection import CANCELLED, COMPLETED, UNFINISHED, Protection

OWN_RECOVERY_POINT: Final = timedelta(hours=1)
"""A backup that fails later may leave a recovery point; it dates from soon after that backup's start."""
MARGIN: Final = timedelta(minutes=10)
"""The vault dates an item's last backup some seconds after its job; two backups of one machine are hours apart."""
_WARNED: Final = "completedwithwarnings"
_FAILED: Final = "failed"
_HEALTHY: Final = {"", "healthy", "passed"}
_LIVE: Final = {"protected", "irpending"}
_LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)


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
        Undetermined: its workload is not named or not known, or only items in a state that is not known make it too large.
    """
    if not policy.management_type:
        raise Undetermined(f"policy {policy.name} does not say for which workload it is")
    if policy.is_of_vms is None:
        raise Undetermined(f"policy {policy.name} is for {policy.management_type}, which is not known here")
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


def backup_failure(protection: Protection | None, jobs: Sequence[BackupJob]) -> Failure | None:
    """Neither the last finished backup job nor the protected item carries an agent or snapshot failure.

    The failure names the controls that look for the cause of the error.
    Jobs in progress and cancelled ones are passed over. A job without a start counts by its end. The errors of a
    completed job are warnings; one about agent or snapshot is the symptom all the same.

    Raises:
        NotApplicable: no vault backs the virtual machine up, or no backup has run yet.
        Undetermined: a failure is not explained or not known, or the state of the protection is not, or which job is the last.
    """
    if protection is None or not protection.is_live:
        raise NotApplicable("no vault backs this VM up; AVB-501 judges that")
    item = protection.item
    finished = [j for j in jobs if j.status.lower() not in UNFINISHED | {CANCELLED}]
    last = max((j for j in finished if j.time), key=lambda j: j.time or _LONG_AGO, default=None)
    if last is not None and (failed := _explained(last.errors)):
        what = f"the last backup job {last.name} of {_day(last.time)} {_ended(last)}"
        return Failure(f"{what}{failed}; {_since(item, finished, last.time, last.end)}", failed.see)
    if failed := _explained(item.failures):
        what = f"the protected item, last backed up {_day(item.last_backup_time)}, reports"
        return Failure(f"{what} {failed}; {_since(item, finished, item.last_backup_time, None)}", failed.see)
    _require_known([*(last.errors if last is not None else ()), *item.failures])
    _require_healthy(item, last)
    if not finished and item.never_ran:
        raise NotApplicable("no backup of this VM has run yet")
    _require_last(last, finished)
    _require_explained(item, last)
    return None


def _require_known(errors: Iterable[BackupError]) -> None:
    """Raise `Undetermined` for an error that is not known to concern something else."""
    for error in errors:
        if not is_unrelated(error):
            raise Undetermined(f"whether {_named(error)} concerns agent or snapshot is not known here")


def _require_healthy(item: ProtectedItem, last: BackupJob | None) -> None:
    """Raise `Undetermined` for an alarm of the vault that no error explains."""
    told = (
        ("protection state", item.protection_state, _LIVE),
        ("protection status", item.protection_status, _HEALTHY),
        ("health", item.health_status, _HEALTHY),
        ("health of backups", item.backup_health, _HEALTHY),
    )
    odd = next((f"{what} of {item.name} is {word}" for what, word, fine in told if word.lower() not in fine), None)
    if odd is not None and not _is_told(item, last):
        raise Undetermined(f"the {odd}, and neither job nor item says why")


def _require_last(last: BackupJob | None, finished: Sequence[BackupJob]) -> None:
    """Raise `Undetermined` for the last job, or one that may be the last, that did not complete and does not say why."""
    if last is not None and last.status.lower() != COMPLETED and not (_is_failed(last.status) and last.errors):
        raise Undetermined(f"backup job {last.name} ended {last.status or 'without a status'} and does not say why")
    for job in finished:
        is_harmless = job.status.lower() == COMPLETED and all(map(is_unrelated, job.errors))
        if job is not last and not is_harmless and _may_be_last(job, finished):
            ended = f"ended {job.status or 'without a status'}"
            raise Undetermined(
                f"backup job {job.name} {ended} and may be the last one: it does not say when it started"
            )


def _may_be_last(job: BackupJob, finished: Iterable[BackupJob]) -> bool:
    """Whether no other job is known to have started later."""
    return job.time is None or all(j.start is None or j.start <= job.time for j in finished)


def _require_explained(item: ProtectedItem, last: BackupJob | None) -> None:
    """Raise `Undetermined` for a last backup of the item that did not complete and does not say why."""
    status = item.last_backup_status.lower()
    ended = f"the last backup of {item.name} ended {item.last_backup_status or 'without a status'}"
    if _is_failed(status):
        if not _is_told(item, last):
            raise Undetermined(f"{ended}, and neither job nor item says why")
    elif last is None:
        if status != COMPLETED or not item.has_backup:
            when = "" if item.has_backup else " at a time that is not known"
            raise Undetermined(f"{ended}{when}, and no job is listed")
    elif _is_newer(item, last) and status not in {COMPLETED, CANCELLED, *UNFINISHED}:
        raise Undetermined(f"{ended}, and its job is not listed")


def _is_failed(status: str) -> bool:
    return status.lower() in (_FAILED, _WARNED)


def _is_told(item: ProtectedItem, last: BackupJob | None) -> bool:
    """Whether the item's own errors, or those of a job that is no older than its last backup, say what went wrong."""
    if item.failures:
        return True
    return last is not None and bool(last.errors) and item.last_backup_time is not None and not _is_newer(item, last)


def _is_newer(item: ProtectedItem, job: BackupJob) -> bool:
    """Whether the item's last backup is known to be newer than a job."""
    end = job.end or job.start
    return bool(item.last_backup_time and end and item.last_backup_time > end + MARGIN)


def _ended(job: BackupJob) -> str:
    if job.status.lower() == COMPLETED:
        return "completed with the warning "
    return f"ended {job.status or 'without a status'}: "


def _explained(errors: Iterable[BackupError]) -> Failure | None:
    """The first error that concerns agent or snapshot, its meaning and the controls that look for the cause."""
    for error in errors:
        explanation = find_explanation(error)
        if explanation is not None:
            see = f" (see {', '.join(explanation.controls)})" if explanation.controls else ""
            return Failure(f"{_named(error)}: {explanation.meaning}{see}", explanation.controls)
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
