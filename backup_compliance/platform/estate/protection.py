"""What protects a virtual machine: joins of protected items, policies and jobs by resource id; pure.

Every index is made once per subscription. A vault lies in the subscription of the machines it protects.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from typing import Final

from backup_compliance.model.arm_json import NOTHING, as_record, last_segment, text_at
from backup_compliance.model.verdicts import RECOLLECT, NotApplicable, Undetermined, Unreadable
from backup_compliance.platform.estate.attempts import COMPLETED, UNFINISHED, is_attempt, is_finished
from backup_compliance.platform.estate.backup import (
    CONTAINER,
    BackupJob,
    BackupPolicy,
    ProtectedItem,
    machine_of,
    parse_job,
    parse_protected_item,
    vault_name,
    vault_of,
)
from backup_compliance.platform.estate.facts import VmIdentity
from backup_compliance.platform.estate.lookup import Estate, Listing, Resource, normalize_id, subscription_of

ITEMS: Final = "backupProtectedItems"
JOBS: Final = "backupJobs"
POLICIES: Final = "backupPolicies"
_LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Protection:
    """The protected item of a virtual machine, and further ones where vaults keep several."""

    item: ProtectedItem
    """The live one; without such, one whose state is not known; else the one backed up last."""
    others: tuple[ProtectedItem, ...] = ()

    @property
    def is_live(self) -> bool:
        """Whether backups are due. Raises `Undetermined` where that is not known."""
        if self.item.live is None:
            if self.item.is_scheduled_for_deferred_delete is None:
                raise Undetermined(f"whether {self.item.name} is scheduled for deletion is not told by a boolean")
            state = self.item.protection_state or "missing"
            raise Undetermined(f"the protection state of {self.item.name} is {state}, which is not known here")
        return self.item.live

    @property
    def has_backup(self) -> bool:
        """Whether the item has a recovery point or a completed last backup."""
        return self.item.has_backup


@dataclass(frozen=True, slots=True)
class _Gap:
    """A part of a list that is missing; of every vault, or virtual machine, when it is not known of which."""

    vault_id: str
    reason: Unreadable
    vm_id: str = ""
    """Of the virtual machine that an item names, lower case."""

    def concerns(self, vault_id: str) -> bool:
        return self.vault_id in ("", vault_id)


@dataclass(frozen=True, slots=True)
class _Items:
    by_vm: Mapping[str, list[ProtectedItem]]
    by_policy: Mapping[str, list[ProtectedItem]]
    gaps: tuple[_Gap, ...]


@dataclass(frozen=True, slots=True)
class _Jobs:
    by_container: Mapping[tuple[str, str], list[BackupJob]]
    """Backups by vault and container, newest first."""
    doubtful: Mapping[str, list[BackupJob]]
    """Jobs by vault that do not say for certain whether they are backups, or of which container; "" for no vault."""


def find_protection(estate: Estate, vm: VmIdentity) -> Protection | None:
    """The protection of a virtual machine by resource id; None where every item was read and none is its own.

    Raises:
        Unreadable: the vaults, their items, those of one vault, or one that may be the machine's, were not read, and
            no live item of the machine was found.
    """
    index = _items(estate, vm.subscription_id)
    found = sorted(index.by_vm.get(normalize_id(vm.id), ()), key=_preference)
    if not (found and found[0].live):
        what = f"whether a vault protects {vm.name}"
        _refuse((gap for gap in index.gaps if gap.vm_id in ("", normalize_id(vm.id))), what)
        # without the list of vaults nobody can say that every vault was asked
        vaults = estate.listing(vm.subscription_id, "vaults")
        _refuse(_gaps(vaults, "vaults"), what)
        for vault in vaults.resources:
            _require_collected(estate, vault, what)
    return Protection(found[0], tuple(found[1:])) if found else None


def _require_collected(estate: Estate, vault_id: str, what: str) -> None:
    """Raise `Unreadable` for a vault without any policy in a list that was read: Azure gives every vault some."""
    subscription = subscription_of(vault_id)
    try:
        listing = estate.listing(subscription, POLICIES)
    except Unreadable:
        return
    seen = estate.cached(("vaults", subscription), lambda: {vault_of(key) for key in listing.resources})
    if vault_id not in seen and not any(gap.concerns(vault_id) for gap in _gaps(listing, POLICIES)):
        name = vault_name(vault_id)
        raise Unreadable(
            f"{what} cannot be told: {POLICIES} hold no policy of vault {name}, and every vault has some",
            f"collect items, policies and jobs of vault {name} too",
        )


def _preference(item: ProtectedItem) -> tuple[int, float, str]:
    rank = {True: 0, None: 1, False: 2}[item.live]
    return rank, -(item.last_backup_time or _LONG_AGO).timestamp(), item.id.lower()


def find_policy(estate: Estate, protection: Protection) -> Resource:
    """The policy that a protected item names.

    Raises:
        NotApplicable: protection is stopped, which takes the policy away.
        Undetermined: backups are due, and the item names no policy.
        Unreadable: the policies of that vault were not read, or the one named is not among them.
    """
    item = protection.item
    if item.policy_id is None:
        if protection.is_live:
            raise Undetermined(f"protected item {item.name} is {item.protection_state} and names no policy")
        raise NotApplicable(f"protection of {item.name} is stopped, no policy applies to it")
    listing = estate.listing(subscription_of(item.policy_id), POLICIES)
    if normalize_id(item.policy_id) not in listing.resources:
        _refuse(_gaps(listing, POLICIES), f"the policy of {item.name}", vault_of(item.policy_id))
    return estate.find(POLICIES, item.policy_id, f"protected item {item.name}")


def is_crash_consistent(policy: Resource) -> bool:
    """Whether a policy takes snapshots without agent and extension."""
    properties = as_record(policy.get("properties")) or NOTHING
    return text_at(properties, "snapshotConsistencyType").lower() == "onlycrashconsistent"


def is_enhanced(policy: Resource) -> bool | None:
    """Whether a policy is an Enhanced one (V2); None for a type that is not known.

    Policies from before there were two types name none, and their schedule is of the first kind.
    """
    properties = as_record(policy.get("properties")) or NOTHING
    kind = text_at(properties, "policyType").upper()
    schedule = text_at(as_record(properties.get("schedulePolicy")) or NOTHING, "schedulePolicyType").lower()
    if kind == "V2" or schedule == "simpleschedulepolicyv2":
        return True
    is_untold = properties.get("policyType") is None and schedule == "simpleschedulepolicy"
    return False if kind == "V1" or is_untold else None


def find_policy_items(estate: Estate, policy: BackupPolicy) -> tuple[ProtectedItem, ...] | None:
    """The virtual machines that name a policy; None where not every item of its vault was read."""
    try:
        index = _items(estate, subscription_of(policy.id))
    except Unreadable:
        return None
    if any(gap.concerns(policy.vault_id) for gap in index.gaps):
        return None
    return tuple(index.by_policy.get(normalize_id(policy.id), ()))


def find_jobs(estate: Estate, item: ProtectedItem) -> tuple[BackupJob, ...]:
    """The backup jobs of a protected item, newest first by start or else by end; undated ones last.

    A job is joined by vault and container, the only reference that jobs carry. One that may be a backup of the item
    is passed over while its outcome is harmless or a later backup has finished.

    Raises:
        Unreadable: the jobs, or those of the item's vault, were not read.
        Undetermined: a job that may be the item's has ended otherwise, and nothing newer has finished.
    """
    subscription = subscription_of(item.vault_id)
    listing = estate.listing(subscription, JOBS)
    what = f"the backup jobs of {item.name}"
    _refuse(_gaps(listing, JOBS), what, item.vault_id)
    index: _Jobs = estate.cached((JOBS, subscription), lambda: _index_jobs(listing))
    found = index.by_container.get((item.vault_id, item.container_name), [])
    for job in chain(index.doubtful.get(item.vault_id, ()), index.doubtful.get("", ())):
        if _may_be_of(item, job) and _would_matter(job, found):
            raise Undetermined(
                f"job {job.name} ended {job.status or 'without a status'} and does not say whether it backed up {item.name}"
            )
    if not found:
        _require_collected(estate, item.vault_id, what)
    return tuple(found)


def _names_container(job: BackupJob) -> bool:
    return job.container_name.startswith(CONTAINER)


def _may_be_of(item: ProtectedItem, job: BackupJob) -> bool:
    if _names_container(job):
        return job.container_name == item.container_name
    return job.item_name.lower() in ("", item.name.lower())


def _would_matter(job: BackupJob, certain: list[BackupJob]) -> bool:
    if job.status.lower() in UNFINISHED | {COMPLETED} or not is_attempt(job):
        return False
    starts = [j.start for j in certain if j.start and is_finished(j) and is_attempt(j)]
    return job.time is None or not starts or job.time >= max(starts)


def _items(estate: Estate, subscription: str) -> _Items:
    listing = estate.listing(subscription, ITEMS)
    made: _Items = estate.cached((ITEMS, subscription.lower()), lambda: _index_items(listing))
    return made


def _index_items(listing: Listing) -> _Items:
    by_vm: dict[str, list[ProtectedItem]] = defaultdict(list)
    by_policy: dict[str, list[ProtectedItem]] = defaultdict(list)
    gaps = list(_gaps(listing, ITEMS))
    for item_id, record in listing.resources.items():
        try:
            item = parse_protected_item(record)
        except Unreadable as error:
            gaps.append(_Gap(vault_of(item_id), error, normalize_id(machine_of(record))))
            continue
        if item is not None:
            by_vm[normalize_id(item.vm_id)].append(item)
            by_policy[normalize_id(item.policy_id or "")].append(item)
    return _Items(by_vm, by_policy, tuple(gaps))


def _index_jobs(listing: Listing) -> _Jobs:
    by_container: dict[tuple[str, str], list[BackupJob]] = defaultdict(list)
    doubtful: dict[str, list[BackupJob]] = defaultdict(list)
    parsed = [job for record in listing.resources.values() if (job := parse_job(record)) is not None]
    for job in sorted(parsed, key=lambda j: j.time or _LONG_AGO, reverse=True):
        if job.is_backup and job.vault_id and _names_container(job):
            by_container[job.vault_id, job.container_name].append(job)
        elif job.is_backup is not False:
            doubtful[job.vault_id].append(job)
    return _Jobs(by_container, doubtful)


def _gaps(listing: Listing, kind: str) -> Iterable[_Gap]:
    """What is missing of a list: entries that are no resource, and vaults (or single resources) with a problem."""
    for entry in listing.damaged:
        yield _Gap("", Unreadable(f"{kind} hold damaged entries, {entry}", RECOLLECT))
    for scope, problem in listing.problems.items():
        yield _Gap(vault_of(scope), Unreadable(f"{kind} of {last_segment(scope)}: {problem.reason}", problem.remedy))


def _refuse(gaps: Iterable[_Gap], what: str, vault_id: str | None = None) -> None:
    """Raise `Unreadable` for the first gap, or for the first that concerns a vault."""
    for gap in gaps:
        if vault_id is None or gap.concerns(vault_id):
            raise Unreadable(f"{what} cannot be told: {gap.reason.reason}", gap.reason.remedy)
