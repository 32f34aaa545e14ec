"""Decisions over what vaults say: each says what holds, or names the first thing that does not.

Every function returns the explanation of the failure, or None where the precondition holds; pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Final

from backup_compliance.model.verdicts import Failure, NotApplicable, Undetermined, Unreadable
from backup_compliance.platform.decisions.ages import aged, told
from backup_compliance.platform.estate.attempts import (
    CANCELLED,
    COMPLETED,
    FAILED,
    MARGIN,
    OWN_RECOVERY_POINT,
    UNFINISHED,
    WARNED,
    has_own_point,
    is_attempt,
    is_finished,
    is_newer,
    is_of,
    last_backup_has_point,
)
from backup_compliance.platform.estate.backup import BackupError, BackupJob, BackupPolicy, ProtectedItem, vault_name
from backup_compliance.platform.estate.backup_errors import find_code, first_of, is_no_attempt
from backup_compliance.platform.estate.error_codes import ErrorKind
from backup_compliance.platform.estate.protection import Protection

_HEALTHY: Final = {"", "healthy", "passed"}
_LIVE: Final = {"protected", "irpending"}
_LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)
_FAILURES: Final = (ErrorKind.AGENT, ErrorKind.OTHER, ErrorKind.RESTORE)


def protection_failure(protection: Protection | None) -> str | None:
    """A vault protects the virtual machine, and backups are due. Raises `Undetermined` for an unknown state."""
    if protection is None:
        return "no Recovery Services vault protects this VM"
    if protection.is_live:
        return None
    item, point = protection.item, protection.item.last_recovery_point
    state = "scheduled for deletion" if item.is_scheduled_for_deferred_delete else item.protection_state
    return f"protection by vault {vault_name(item.id)} is stopped ({state}); {f'the last recovery point is of {told(point)}' if point else 'there is no recovery point'}"


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


def backup_failure(
    protection: Protection | None, jobs: Sequence[BackupJob], read_at: datetime | None
) -> Failure | None:
    """The last attempt at a backup did not fail, and neither job nor protected item carries an agent or snapshot failure.

    The failure names the controls that look for the cause of the error.

    1. Only attempts count: jobs in progress, cancelled jobs and rejected requests are passed over.
    2. A recovery point of the last attempt means that it succeeded, whatever its code.
    3. A failed last attempt whose code is known fails, whatever it was about; a completed one fails by a warning about
       agent or snapshot. The same of what the protected item says of its own last backup.
    4. Then whatever is not explained is undetermined: a code that nobody knows, an alarm, a job that may be the last.

    Args:
        protection: what protects the machine; None for nothing.
        jobs: the backup jobs of its item, newest first. One without a start counts by its end.
        read_at: when they were read; None where nobody recorded that.

    Raises:
        NotApplicable: no vault backs the virtual machine up, or no backup has run yet.
        Undetermined: a failure is not explained or not known, or the state of the protection is not, or which attempt is the last.
    """
    if protection is None or not protection.is_live:
        raise NotApplicable("no vault backs this VM up; AVB-501 judges that")
    item = protection.item
    ended = [j for j in jobs if is_finished(j)]
    finished = [j for j in ended if is_attempt(j)]
    passed_over = [j for j in ended if not is_attempt(j)]
    last = max((j for j in finished if j.time), key=lambda j: j.time or _LONG_AGO, default=None)
    succeeded = last is not None and has_own_point(last, item.last_recovery_point)
    if last is not None and not succeeded and (failed := _failed_job(last)):
        what = f"the last backup job {last.name} of {told(last.time)}{aged(last.time, read_at)} {_ended(last)}"
        return Failure(f"{what}{failed}; {_since(item, finished, last.time, last.end)}", failed.see)
    if failed := _failed_item(item, last):
        what = f"the protected item, last backed up {told(item.last_backup_time)}{aged(item.last_backup_time, read_at)}, reports"
        return Failure(f"{what} {failed}; {_since(item, finished, item.last_backup_time, None)}", failed.see)
    _require_known([*(last.errors if last is not None and not succeeded else ()), *_own_errors(item)])
    _require_healthy(item, last, passed_over)
    if not finished and item.never_ran:
        raise NotApplicable("no backup of this VM has run yet")
    if not succeeded:
        _require_last(item, last)
    _require_no_later(last, finished)
    _require_explained(item, last, passed_over)
    return None


def _failed_job(job: BackupJob) -> Failure | None:
    """Rule 3 for a job: what made it fail, and what that means."""
    status = job.status.lower()
    return _explained(job.errors, *(_FAILURES if status == FAILED else (ErrorKind.AGENT,)))


def _failed_item(item: ProtectedItem, last: BackupJob | None) -> Failure | None:
    """Rule 3 for the protected item: what it says of its last backup, or of agent and snapshot since then."""
    told_at, at = item.last_backup_time, last.time if last is not None else None
    is_outdated = told_at is not None and at is not None and at > told_at + MARGIN
    is_failed = item.last_backup_status.lower() == FAILED and not is_outdated
    return _explained(_own_errors(item), *((ErrorKind.AGENT, ErrorKind.OTHER) if is_failed else (ErrorKind.AGENT,)))


def _own_errors(item: ProtectedItem) -> tuple[BackupError, ...]:
    """The item's errors without those of a last backup that left a recovery point all the same (rule 2)."""
    if item.last_backup_status.lower() in (FAILED, WARNED) and last_backup_has_point(item):
        return ()
    return item.failures


def _require_known(errors: Iterable[BackupError]) -> None:
    """Raise `Undetermined` for an error that is not in the table."""
    for error in errors:
        if find_code(error) is None:
            raise Undetermined(f"whether {_named(error)} concerns agent or snapshot is not known here")


def _require_healthy(item: ProtectedItem, last: BackupJob | None, passed_over: Sequence[BackupJob]) -> None:
    """Raise `Undetermined` for an alarm of the vault that nothing explains."""
    words = (
        ("protection state", item.protection_state, _LIVE),
        ("protection status", item.protection_status, _HEALTHY),
        ("health", item.health_status, _HEALTHY),
        ("health of backups", item.backup_health, _HEALTHY),
    )
    odd = next((f"{what} of {item.name} is {word}" for what, word, fine in words if word.lower() not in fine), None)
    if odd is not None and not item.failures and not _is_told(item, last) and not _is_passed_over(item, passed_over):
        raise Undetermined(f"the {odd}, and neither job nor item says why")


def _require_last(item: ProtectedItem, last: BackupJob | None) -> None:
    """Raise `Undetermined` for a last attempt that did not complete, or not for certain, and does not say why."""
    if last is None or last.status.lower() == COMPLETED:
        return
    if last.status.lower() != WARNED or not last.errors:
        raise Undetermined(f"backup job {last.name} ended {last.status or 'without a status'} and does not say why")
    point = item.last_recovery_point
    if point is None or last.time is None or point < last.time:
        raise Undetermined(f"backup job {last.name} ended {last.status}, and no recovery point of it is known")


def _require_no_later(last: BackupJob | None, finished: Sequence[BackupJob]) -> None:
    """Raise `Undetermined` for another attempt that may be the last one, unless it is harmless."""
    for job in finished:
        codes = [find_code(e) for e in job.errors]
        is_harmless = job.status.lower() == COMPLETED and all(c and c.kind is not ErrorKind.AGENT for c in codes)
        if job is not last and not is_harmless and _may_be_last(job, finished):
            ended = f"ended {job.status or 'without a status'}"
            raise Undetermined(
                f"backup job {job.name} {ended} and may be the last one: it does not say when it started"
            )


def _may_be_last(job: BackupJob, finished: Iterable[BackupJob]) -> bool:
    """Whether no other job is known to have started later."""
    return job.time is None or all(j.start is None or j.start <= job.time for j in finished)


def _require_explained(item: ProtectedItem, last: BackupJob | None, passed_over: Sequence[BackupJob]) -> None:
    """Raise `Undetermined` for a last backup of the item that did not complete and does not say why."""
    status = item.last_backup_status.lower()
    ended = f"the last backup of {item.name} ended {item.last_backup_status or 'without a status'}"
    if last is not None and _is_passed_over(item, passed_over):
        return
    if status in (FAILED, WARNED):
        if last is None and is_no_attempt(item.failures):
            raise Undetermined(
                f"the last backup of {item.name} was not attempted or cancelled, and no job before it is listed"
            )
        has_point = last_backup_has_point(item)
        if not has_point and not _is_told(item, last):
            raise Undetermined(f"{ended}, and neither job nor item says why")
        if not has_point and last is None:
            raise Undetermined(f"{ended}, and no recovery point of it is known")
    elif last is None:
        if status != COMPLETED or not item.has_backup:
            when = "" if item.has_backup else " at a time that is not known"
            raise Undetermined(f"{ended}{when}, and no job is listed")
    elif is_newer(item, last) and status not in {COMPLETED, *CANCELLED, *UNFINISHED}:
        raise Undetermined(f"{ended}, and its job is not listed")


def _is_passed_over(item: ProtectedItem, passed_over: Iterable[BackupJob]) -> bool:
    """Whether the item's last backup is a job that attempted none: then its state says nothing of backups."""
    return any(is_of(item, job) for job in passed_over)


def _is_told(item: ProtectedItem, last: BackupJob | None) -> bool:
    """Whether the item's own errors, or those of a job that is no older than its last backup, say what went wrong.

    An error of a restore says nothing of the backup.
    """
    codes = [find_code(e) for e in item.failures]
    if any(c is None or c.kind is not ErrorKind.RESTORE for c in codes):
        return True
    return last is not None and bool(last.errors) and item.last_backup_time is not None and not is_newer(item, last)


def _ended(job: BackupJob) -> str:
    if job.status.lower() == COMPLETED:
        return "completed with the warning "
    return f"ended {job.status or 'without a status'}: "


def _explained(errors: Sequence[BackupError], *kinds: ErrorKind) -> Failure | None:
    """The first error of these kinds, its meaning and the controls that look for the cause."""
    found = first_of(errors, *kinds)
    if found is None:
        return None
    error, code = found
    see = f" (see {', '.join(code.controls)})" if code.controls else ""
    return Failure(f"{_named(error)}: {code.meaning}{see}", code.controls)


def _since(item: ProtectedItem, finished: Iterable[BackupJob], at: datetime | None, end: datetime | None) -> str:
    """Whether a backup has succeeded after one that began `at` and, where that is known, finished at `end`."""
    later = [j for j in finished if at and j.start and j.start > at and j.status.lower() == COMPLETED]
    point = item.last_recovery_point
    if later:
        return f"job {later[0].name} of {told(later[0].start)} has completed since"
    if point and at and (point > end if end else point - at > OWN_RECOVERY_POINT):
        return f"a backup has succeeded since: the last recovery point is of {told(point)}"
    return f"no backup is known to have succeeded since, the last recovery point is {f'of {told(point)}' if point else 'missing'}"


def _named(error: BackupError) -> str:
    named = f"{error.title or 'an error without a title'} (code {error.code or 'missing'})"
    return f"{named} {error.message!r}" if error.message else named
