"""`--check-access`: which hosts can be read and which ARM permissions work, told before a long reading needs them."""

from __future__ import annotations

from collections.abc import Callable
from itertools import groupby
from typing import Final

from backup_compliance.catalogue.configuration import ConfigurationError
from backup_compliance.fleet.workers import Fleet
from backup_compliance.gathering.live import Request, arm_endpoint, engine_for, guests_of
from backup_compliance.model.recorded import RecordedGuest
from backup_compliance.platform.request import AzureRequest

WORKS: Final = 0
IS_MISSING: Final = 1
"""Exit statuses, as pytest's for passed and failed."""


def check_access(request: Request, say: Callable[[str], None]) -> int:
    """Tell about every host and every permission; 0 where all work, 1 where something is missing.

    Raises:
        ConfigurationError: nothing can be read at all: no credential, no such subscription, nothing named.
    """
    if not request.targets and request.azure is None:
        raise ConfigurationError("--check-access: name what to try: --hosts=, --hosts-file= or --subscription=")
    if request.expected:
        raise ConfigurationError("--expect-hosts: nothing is judged here; --hosts-file= tries the hosts")
    works = True
    with engine_for(request) as fleet:
        if request.targets:
            works &= _tell_hosts(request, fleet, say)
        if request.azure is not None:
            works &= _tell_rights(request.azure, fleet, say)
    return WORKS if works else IS_MISSING


def _tell_hosts(request: Request, fleet: Fleet | None, say: Callable[[str], None]) -> bool:
    guests = guests_of(request, fleet)
    say("hosts")
    for guest in guests:
        say(f"  {_told(guest)}")
    return all(guest.problem is None for guest in guests)


def _told(guest: RecordedGuest) -> str:
    if guest.problem is None:
        return f"works    {guest.name}"
    return f"MISSING  {guest.name}: {guest.problem.reason}; {guest.problem.remedy}"


def _tell_rights(request: AzureRequest, fleet: Fleet | None, say: Callable[[str], None]) -> bool:
    if fleet is not None:
        say(fleet.who_asks())
    rights = fleet.check_rights(request) if fleet is not None and fleet.asks_azure else _rights(request)
    for subscription, found in groupby(rights, lambda right: right[0]):
        say(f"subscription {subscription}")
        for _, told, _ in found:
            say(f"  {told}")
    return all(works for _, _, works in rights)


def _rights(request: AzureRequest) -> list[tuple[str, str, bool]]:
    """Each right in each subscription: the subscription, what is said of it, whether nothing is wrong with it."""
    from backup_compliance.platform.arm.pace import ArmLimits
    from backup_compliance.platform.arm.read import Scope
    from backup_compliance.platform.arm.rights import check_rights

    scope = Scope(request.subscriptions, request.management_groups, request.verify_live)
    found = check_rights(scope, arm_endpoint(request), ArmLimits())
    return [(right.subscription, str(right), right.problem is None) for right in found]
