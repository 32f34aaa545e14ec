"""Which jobs attempted a backup, and which of them left a recovery point; pure.

A request that was rejected and a job that was cancelled say nothing of backups: the newest job is not the newest attempt.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from backup_compliance.platform.estate.backup import BackupJob, ProtectedItem
from backup_compliance.platform.estate.backup_errors import is_no_attempt

UNFINISHED: Final = frozenset({"inprogress", "cancelling"})
CANCELLED: Final = frozenset({"cancelled", "canceled"})
COMPLETED: Final = "completed"
WARNED: Final = "completedwithwarnings"
FAILED: Final = "failed"
OWN_RECOVERY_POINT: Final = timedelta(hours=1)
"""A snapshot is taken soon after its backup's start; within this time where the end of the job is not known."""
MARGIN: Final = timedelta(minutes=10)
"""The vault dates an item's last backup some seconds after its job; two backups of one machine are hours apart."""


def is_attempt(job: BackupJob) -> bool:
    """Whether a job tried to back the machine up; one that runs counts, unless it is being cancelled."""
    status = job.status.lower()
    if status in CANCELLED or status == "cancelling":
        return False
    return status in (COMPLETED, WARNED) or not is_no_attempt(job.errors)


def is_finished(job: BackupJob) -> bool:
    """Whether a job has ended, however."""
    return job.status.lower() not in UNFINISHED


def has_own_point(job: BackupJob, point: datetime | None) -> bool:
    """Whether the recovery point `point` is that of this very job: it dates from between the job's start and its end."""
    if point is None or job.start is None:
        return False
    return job.start <= point <= (job.end or job.start + OWN_RECOVERY_POINT)


def last_backup_has_point(item: ProtectedItem) -> bool:
    """Whether the item's last recovery point is that of its last backup."""
    last, point = item.last_backup_time, item.last_recovery_point
    return last is not None and point is not None and last <= point <= last + OWN_RECOVERY_POINT


def is_of(item: ProtectedItem, job: BackupJob) -> bool:
    """Whether the item's last backup is this job, by its time."""
    end = job.end or job.start
    if item.last_backup_time is None or job.time is None or end is None:
        return False
    return job.time - MARGIN <= item.last_backup_time <= end + MARGIN


def is_newer(item: ProtectedItem, job: BackupJob) -> bool:
    """Whether the item's last backup is known to be newer than a job."""
    end = job.end or job.start
    return bool(item.last_backup_time and end and item.last_backup_time > end + MARGIN)
