"""Whether the last backup of a virtual machine proves that the backup extension's handler was there; pure.

A Standard policy (V1) backs a running machine up through agent and extension. An Enhanced one (V2) goes on without them,
crash-consistent, and so does every backup of a machine that does not run (FAQ of VM backup, 2025-12-09).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from backup_compliance.model.verdicts import NotApplicable
from backup_compliance.platform.decisions.ages import told
from backup_compliance.platform.decisions.load import CPU, GRAIN, LENGTH, find_points
from backup_compliance.platform.estate.attempts import COMPLETED
from backup_compliance.platform.estate.backup import BackupJob, ProtectedItem
from backup_compliance.platform.estate.facts import VmIdentity
from backup_compliance.platform.estate.lookup import Estate
from backup_compliance.platform.estate.protection import Protection, find_policy, is_crash_consistent, is_enhanced


def handler_doubt(estate: Estate, vm: VmIdentity, protection: Protection, jobs: Sequence[BackupJob]) -> str:
    """Why the last backup proves no handler, in words; "" where it does.

    Raises:
        NotApplicable: the policy takes crash-consistent snapshots only, without the extension.
        Unreadable: policy or metrics were not read.
    """
    policy = find_policy(estate, protection)
    if is_crash_consistent(policy):
        raise NotApplicable("its policy takes crash-consistent snapshots only, without the extension")
    enhanced = is_enhanced(policy)
    if enhanced is None:
        return "the type of its policy is not known"
    if enhanced:
        return "an Enhanced policy goes on without agent and extension, crash-consistent"
    start = _last_success(protection.item, jobs)
    if start is None:
        return "when that was is not known"
    values = find_points(estate, vm).get(CPU, ())
    if not any(start - GRAIN < time < start + LENGTH for time, _ in values):
        return f"no metrics show that the VM ran during the backup of {told(start)}, and one that is off is backed up without them"
    return ""


def _last_success(item: ProtectedItem, jobs: Sequence[BackupJob]) -> datetime | None:
    """When the last backup that is known to have succeeded began."""
    starts = [j.start for j in jobs if j.start is not None and j.status.lower() == COMPLETED]
    if starts:
        return max(starts)
    completed = item.last_backup_status.lower() == COMPLETED
    return item.last_backup_time if completed and item.last_backup_time else item.last_recovery_point
