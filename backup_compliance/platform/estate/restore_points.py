"""Restore point collections of a virtual machine, and the locks that keep Azure Backup from cleaning them up; pure.

Source: troubleshooting articles of 2025: a lock on the group of the restore points ends in
UserErrorRpCollectionLimitReached once 18 of them are there, over all collections and groups of a virtual machine.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from backup_compliance.model.arm_json import NOTHING, as_record, last_segment, text_at
from backup_compliance.model.recorded import Problem
from backup_compliance.model.sanitize import printable
from backup_compliance.model.verdicts import RECOLLECT, NotApplicable, Undetermined, Unreadable
from backup_compliance.platform.estate.facts import VmIdentity
from backup_compliance.platform.estate.lookup import Estate, Listing, Resource, normalize_id, segment
from backup_compliance.platform.estate.references import id_of

COLLECTIONS: Final = "restorePointCollections"
POINTS: Final = "restorePoints"
LOCKS: Final = "locks"
_OF_BACKUP: Final = "azurebackup_"
_LEVELS: Final = {"cannotdelete": "CanNotDelete", "readonly": "ReadOnly"}
_INSIDE: Final = "/restorepoints/"
_LOCK: Final = "/providers/microsoft.authorization/locks/"


@dataclass(frozen=True, slots=True)
class Lock:
    """A management lock; `scope` is what it lies on, a normalize_id id: a subscription, a group or a resource."""

    name: str
    level: str
    scope: str


@dataclass(frozen=True, slots=True)
class Collection:
    """Azure Backup's restore points of one virtual machine."""

    name: str
    resource_group: str
    points: int | None
    """None where the list was read without them."""
    locks: tuple[Lock, ...]
    """Those on it, on its group and on its subscription."""
    problem: Problem | None = None
    """Why its points were not listed, where they were asked for."""


def find_collections(estate: Estate, vm: VmIdentity) -> tuple[Collection, ...]:
    """The collections whose source is the virtual machine; `Unreadable` where they or the locks were not read."""
    listing = estate.listing(vm.subscription_id, COLLECTIONS)
    by_source: Mapping[str, list[Resource]] = estate.cached(
        (COLLECTIONS, vm.subscription_id), lambda: _by_source(listing)
    )
    found = by_source.get(normalize_id(vm.id), [])
    unsourced = by_source.get("", [])
    _refuse(listing, COLLECTIONS)
    if unsourced:
        raise Unreadable(f"{_name(unsourced[0])} does not say of which virtual machine it is", RECOLLECT)
    if not found:
        return ()
    locks = estate.listing(vm.subscription_id, LOCKS)
    _refuse(locks, LOCKS)
    every = estate.cached((LOCKS, vm.subscription_id), lambda: tuple(map(parse_lock, locks.resources.values())))
    subscription = vm.subscription_id
    there = [r for r in found if not _is_deleted(estate, subscription, normalize_id(text_at(r, "id")))]
    return tuple(_collection(estate, subscription, record, every) for record in there)


def points_by_collection(estate: Estate, subscription: str) -> Mapping[str, int]:
    """How many restore points were listed of each collection, by normalize_id id; nothing of those of which none was.

    Rows of Resource Graph are points; collections that were asked themselves bring theirs along, and count instead.
    None in Resource Graph may be true, or a sign that it was not allowed to see them: nothing rests on it.
    """
    found: Mapping[str, int] = estate.cached((POINTS, subscription), lambda: _count(estate, subscription))
    return found


def _count(estate: Estate, subscription: str) -> Mapping[str, int]:
    try:
        listing = estate.listing(subscription, POINTS)
    except Unreadable:
        return {}
    if listing.damaged:
        return {}
    found = dict(Counter(key.partition(_INSIDE)[0] for key in listing.resources if _INSIDE in key))
    for key, record in listing.resources.items():
        points = record.get("restorePoints")
        if _INSIDE not in key and isinstance(points, list):
            found[key] = len(points)
    return found


def _is_deleted(estate: Estate, subscription: str, collection: str) -> bool:
    """Whether ARM said that the collection is gone when it was asked for its points."""
    try:
        record = estate.listing(subscription, POINTS).resources.get(collection)
    except Unreadable:
        return False
    return record is not None and record.get("deleted") is True


def _problem(estate: Estate, subscription: str, collection: str) -> Problem | None:
    """Why the points of a collection were not listed."""
    for problem in estate.subscriptions[subscription].problems:
        if problem.type == POINTS and normalize_id(problem.scope) == collection:
            return Problem(printable(problem.reason), printable(problem.remedy))
    return None


def _by_source(listing: Listing) -> dict[str, list[Resource]]:
    """Azure Backup's own collections by the machine they are of; "" for those that do not say."""
    found: dict[str, list[Resource]] = {}
    for record in listing.resources.values():
        if is_of_backup(text_at(record, "id")):
            found.setdefault(source_of(record), []).append(record)
    return found


def source_of(collection: Resource) -> str:
    """The id of the virtual machine whose restore points a collection holds, lower case; "" where it does not say."""
    properties = as_record(collection.get("properties")) or NOTHING
    return normalize_id(id_of(properties.get("source")))


def is_of_backup(collection_id: str) -> bool:
    """Whether Azure Backup made the collection: it names them `AzureBackup_<vm>_<number>`."""
    return last_segment(collection_id).lower().startswith(_OF_BACKUP)


def _name(record: Resource) -> str:
    return last_segment(text_at(record, "id"))


def _refuse(listing: Listing, kind: str) -> None:
    """Raise for a list of which a part is missing: the part may be the one that matters."""
    if listing.damaged:
        raise Unreadable(f"{kind}: {listing.damaged[0]}", RECOLLECT)
    for scope, problem in listing.problems.items():
        raise Unreadable(f"{kind} of {last_segment(scope)}: {problem.reason}", problem.remedy)


def parse_lock(record: Resource) -> Lock:
    """A management lock; its scope is cut from its id, which is all that ARM gives."""
    resource_id = normalize_id(text_at(record, "id"))
    level = text_at(as_record(record.get("properties")) or NOTHING, "level")
    scope, found, _ = resource_id.rpartition(_LOCK)
    return Lock(last_segment(resource_id), _LEVELS.get(level.lower(), printable(level, 40)), scope if found else "")


def _collection(estate: Estate, subscription: str, record: Resource, locks: tuple[Lock, ...]) -> Collection:
    resource_id = normalize_id(text_at(record, "id"))
    points = (as_record(record.get("properties")) or NOTHING).get("restorePoints")
    return Collection(
        name=_name(record),
        resource_group=printable(segment(text_at(record, "id"), "resourceGroups"), 90),
        points=len(points) if isinstance(points, list) else points_by_collection(estate, subscription).get(resource_id),
        problem=_problem(estate, subscription, resource_id),
        locks=tuple(_above(resource_id, locks)),
    )


def _above(resource_id: str, locks: tuple[Lock, ...]) -> Iterator[Lock]:
    for lock in locks:
        if not lock.scope or resource_id == lock.scope or resource_id.startswith(f"{lock.scope}/"):
            yield lock


def restore_point_failure(collections: tuple[Collection, ...], limit: int) -> str | None:
    """No lock lies on Azure Backup's restore points, and fewer than `limit` are there in all collections; or what does.

    Raises `NotApplicable` for a machine without restore points, `Undetermined` for a lock of unknown level or reach and
    for points that were not listed.
    """
    if not collections:
        raise NotApplicable("Azure Backup keeps no restore points of this VM")
    for each in collections:
        certain = [lock for lock in each.locks if lock.scope and lock.level in _LEVELS.values()]
        if certain:
            where = f"{each.name} in {each.resource_group}"
            return f"lock {certain[0].name} ({certain[0].level}) lies on the restore points {where}: they cannot be cleaned up"
    if sum(each.points or 0 for each in collections) >= limit:
        return _too_many(collections, limit)
    for each in collections:
        if each.locks:
            raise Undetermined(
                f"lock {each.locks[0].name} is of level {each.locks[0].level or 'unknown'} or of unknown reach"
            )
        if each.points is None and each.problem is not None:
            raise Unreadable(f"the restore points of {each.name}: {each.problem.reason}", each.problem.remedy)
        if each.points is None:
            raise Undetermined(f"the restore points of {each.name} were not listed ($expand=restorePoints)")
    return None


def _too_many(collections: tuple[Collection, ...], limit: int) -> str:
    """How many restore points there are, and where."""
    held = [each for each in collections if each.points]
    if len(held) == 1:
        return f"{held[0].name} holds {held[0].points} restore points, fewer than {limit} are allowed"
    where = ", ".join(f"{each.points} in {each.name} ({each.resource_group})" for each in held[:5])
    total = sum(each.points or 0 for each in held)
    return f"{len(held)} collections of this VM hold {total} restore points, fewer than {limit} are allowed: {where}"
