"""Who can be judged in an estate: virtual machines and backup policies, and what of their lists could not be read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from backup_compliance.arm_json import NOTHING, as_record, last_segment, text_at
from backup_compliance.platform.estate import Estate, Resource, segment, subscription_of
from backup_compliance.platform.machine import Machine, open_machine
from backup_compliance.platform.policy import Policy, open_policy
from backup_compliance.recorded import Problem
from backup_compliance.verdicts import Unreadable

T = TypeVar("T")
WORKLOAD = "AzureIaasVM"


def find_machines(estate: Estate) -> dict[str, Machine | Problem]:
    """Every virtual machine by normal id; a list that was not read stands for its subscription, as a problem."""
    return _found(estate, "virtualMachines", open_machine)


def find_policies(estate: Estate) -> dict[str, Policy | Problem]:
    """Every backup policy for virtual machines by normal id; those of other workloads are nobody's subject here."""
    found = _found(estate, "backupPolicies", open_policy)
    return {key: each for key, each in found.items() if isinstance(each, Problem) or not _is_of_another(each.record)}


def _is_of_another(record: Resource) -> bool:
    kind = text_at(as_record(record.get("properties")) or NOTHING, "backupManagementType")
    return bool(kind) and kind.lower() != WORKLOAD.lower()


def _found(estate: Estate, kind: str, make: Callable[[Estate, Resource], T]) -> dict[str, T | Problem]:
    found: dict[str, T | Problem] = {}
    for subscription in estate.subscriptions:
        where = f"/subscriptions/{subscription}/{kind}"
        try:
            listing = estate.listing(subscription, kind)
        except Unreadable as error:
            found[where] = Problem(error.missing, error.remedy)
            continue
        found.update({key: make(estate, record) for key, record in listing.resources.items()})
        found.update(listing.problems)
        if listing.damaged:
            told = f"{kind}.json: {'; '.join(listing.damaged[:3])}"
            more = f" and {len(listing.damaged) - 3} more" if len(listing.damaged) > 3 else ""
            found[where] = Problem(f"{told}{more}", "collect again")
    return found


def short_names(ids: Iterable[str], names: Mapping[str, str]) -> dict[str, str]:
    """A name for people and test ids: the resource's own, with resource group and subscription where others share it.

    Args:
        ids: resource ids as keys of the result.
        names: the spelling of ARM for some of them.
    """
    chosen = {key: _levels(names.get(key, key)) for key in ids}
    level = dict.fromkeys(chosen, 0)
    for _ in range(3):
        taken = Counter(chosen[key][level[key]].casefold() for key in chosen)
        for key in chosen:
            if taken[chosen[key][level[key]].casefold()] > 1:
                level[key] = min(level[key] + 1, 3)
    return {key: chosen[key][level[key]] for key in chosen}


def _levels(resource_id: str) -> tuple[str, str, str, str]:
    name = last_segment(resource_id)
    if resource_id.count("/") == 3:  # a list that was not read, not a resource
        whole = f"{name} of subscription {subscription_of(resource_id)}"
        return whole, whole, whole, resource_id
    group = f"{segment(resource_id, 'resourceGroups')}/{name}"
    return name, group, f"{subscription_of(resource_id)}/{group}", resource_id


def of_kind(found: Mapping[str, Any], kind: type[T]) -> dict[str, T]:
    """Those that are no problems."""
    return {key: each for key, each in found.items() if isinstance(each, kind)}
