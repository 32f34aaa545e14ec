"""Who can be judged in an estate: virtual machines and backup policies, and what of their lists could not be read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from backup_compliance.model.arm_json import NOTHING, as_record, text_at
from backup_compliance.model.recorded import Problem
from backup_compliance.model.verdicts import RECOLLECT, Unreadable
from backup_compliance.platform.estate.lookup import Estate, Resource
from backup_compliance.platform.machine import Machine, open_machine
from backup_compliance.platform.policy import Policy, open_policy

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
            found[where] = Problem(error.reason, error.remedy)
            continue
        found.update({key: make(estate, record) for key, record in listing.resources.items()})
        found.update(listing.problems)
        if listing.damaged:
            told = f"{kind}.json: {'; '.join(listing.damaged[:3])}"
            more = f" and {len(listing.damaged) - 3} more" if len(listing.damaged) > 3 else ""
            found[where] = Problem(f"{told}{more}", RECOLLECT)
    return found


def readable_of_type(found: Mapping[str, Any], kind: type[T]) -> dict[str, T]:
    """Those that are no problems."""
    return {key: each for key, each in found.items() if isinstance(each, kind)}
