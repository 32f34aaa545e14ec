"""What is asked of ARM: which operation of which azure-mgmt client gives each recorded type.

Each `ask` returns raw JSON entries, all pages of them, or raises: `Unreadable` for what ARM refused or garbled, an
`AzureError` for what never arrived. Actions and files are those of `resource_types`.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from azure.mgmt.network.models import QueryRequestOptions

from backup_compliance.model.arm_json import NOTHING, as_record, last_segment, text_at
from backup_compliance.model.recorded import ReadProblem
from backup_compliance.model.verdicts import RECOLLECT, Unreadable
from backup_compliance.platform.arm.client import Clients
from backup_compliance.platform.arm.replies import entry_with, object_of, redact, redact_vm
from backup_compliance.platform.estate.compute import find_power, parse_identity
from backup_compliance.platform.estate.lookup import Estate, segment
from backup_compliance.platform.estate.restore_points import (
    COLLECTIONS,
    POINTS,
    is_of_backup,
    points_by_collection,
    source_of,
)

JOBS_WINDOW: Final = timedelta(days=14)
MANY: Final = 10
"""From this number of a virtual machine's restore points on ARM is asked as well: Resource Graph is minutes late, and the limit is 18."""
_VMS_ONLY: Final = "backupManagementType eq 'AzureIaasVM'"

LISTS: Final[dict[str, Callable[[Clients], Callable[..., Any]]]] = {
    "virtualMachines": lambda c: c.compute.virtual_machines.list_all,
    "virtualMachineStatuses": lambda c: partial(c.compute.virtual_machines.list_all, status_only="true"),
    "networkInterfaces": lambda c: c.network.network_interfaces.list_all,
    "networkSecurityGroups": lambda c: c.network.network_security_groups.list_all,
    "virtualNetworks": lambda c: c.network.virtual_networks.list_all,
    "routeTables": lambda c: c.network.route_tables.list_all,
    "publicIPAddresses": lambda c: c.network.public_ip_addresses.list_all,
    "natGateways": lambda c: c.network.nat_gateways.list_all,
    "loadBalancers": lambda c: c.network.load_balancers.list_all,
    "privateEndpoints": lambda c: c.network.private_endpoints.list_by_subscription,
    "restorePointCollections": lambda c: c.compute.restore_point_collections.list_all,
    "locks": lambda c: c.locks.management_locks.list_at_subscription_level,
    "vaults": lambda c: c.vaults.vaults.list_by_subscription_id,
}
"""One list of the whole subscription each."""


@dataclass(frozen=True, slots=True)
class ArmQuery:
    """One thing to ask, and what it is about."""

    kind: str
    scopes: tuple[str, ...]
    """The resources it is asked about; empty for a list of everything."""
    ask: Callable[[], list[bytes]]

    def problems(self, reason: str, remedy: str) -> list[ReadProblem]:
        """What is not known now: one problem for each resource, or one of the whole list."""
        return [ReadProblem(self.kind, reason, remedy, scope) for scope in self.scopes or ("",)]


def list_questions(clients: Clients) -> Iterator[ArmQuery]:
    """Every list of the subscription."""
    for kind, operation in LISTS.items():
        yield pages_question(clients, kind, operation(clients))


def pages_question(clients: Clients, kind: str, operation: Callable[..., Any]) -> ArmQuery:
    """One list of everything."""
    return ArmQuery(kind, (), partial(_pages, clients, kind, operation))


def instance_view_questions(clients: Clients, estate: Estate, subscription: str) -> Iterator[ArmQuery]:
    """One for each machine that is known to run; `Unreadable` where the lists do not tell."""
    estate.listing(subscription, "virtualMachineStatuses")
    for record in estate.listing(subscription, "virtualMachines").resources.values():
        identity = parse_identity(record)
        try:
            running = find_power(estate, identity).is_running
        except Unreadable:
            continue  # made since the list of machines, or damaged: the controls say so
        if running:
            vm = text_at(record, "id")
            yield ArmQuery("instanceViews", (vm,), partial(_instance_view, clients, vm))


def vault_questions(clients: Clients, vault: str, now: datetime) -> Iterator[ArmQuery]:
    """Items, policies and the jobs of the last two weeks of one vault; `now` in UTC."""
    start, end = (f"{t:%Y-%m-%d %I:%M:%S %p}" for t in (now - JOBS_WINDOW, now))
    asked: dict[str, tuple[Callable[..., Any], str]] = {
        "backupProtectedItems": (clients.backup.backup_protected_items.list, f"{_VMS_ONLY} and itemType eq 'VM'"),
        "backupPolicies": (clients.backup.backup_policies.list, _VMS_ONLY),
        # `eq` is how this API spells the ends of a range; its clock has twelve hours
        "backupJobs": (
            clients.backup.backup_jobs.list,
            f"startTime eq '{start}' and endTime eq '{end}' and {_VMS_ONLY}",
        ),
    }
    for kind, (operation, condition) in asked.items():
        yield ArmQuery(
            kind, (vault,), partial(_pages, clients, kind, partial(operation, *_names(vault), filter=condition))
        )


def restore_point_questions(clients: Clients, estate: Estate, subscription: str) -> Iterator[ArmQuery]:
    """One for each collection of Azure Backup of which Resource Graph knows no point, or whose VM has so many that some more matter."""
    known = points_by_collection(estate, subscription)
    listed = estate.listing(subscription, COLLECTIONS).resources
    of_machine: Counter[str] = Counter()
    for key, record in listed.items():
        of_machine[source_of(record)] += known.get(key, 0)
    for key, record in listed.items():
        collection = text_at(record, "id")
        if is_of_backup(collection) and (not known.get(key) or of_machine[source_of(record)] >= MANY):
            yield ArmQuery(POINTS, (collection,), partial(_restore_points, clients, collection))


def admin_rules_question(clients: Clients, network: str) -> ArmQuery:
    """The security admin rules that Virtual Network Manager puts before a network's own."""
    return ArmQuery("securityAdminRules", (network,), partial(_admin_rules, clients, network))


def service_tags_questions(clients: Clients, estate: Estate, subscription: str) -> Iterator[ArmQuery]:
    """The service tags as the region of most machines has them; nothing where there is no machine to need them."""
    machines = estate.listing(subscription, "virtualMachines").resources.values()
    regions = Counter(parse_identity(record).location for record in machines)
    regions.pop("", None)
    for region in sorted(regions, key=lambda name: (-regions[name], name))[:1]:
        yield ArmQuery("serviceTags", (), partial(_service_tags, clients, region))


def _pages(clients: Clients, kind: str, operation: Callable[..., Any]) -> list[bytes]:
    replies = clients.replies(kind)
    while True:
        take_reply(partial(_page, operation, replies.next), replies.take_page)
        if not replies.next or clients.connection.limits.first_page_only:
            return replies.entries


def _page(operation: Callable[..., Any], link: str, **hooks: Any) -> None:
    next(operation(**hooks).by_page(continuation_token=link or None))


class _Taken(Exception):  # no error
    """Ends a client's call: nobody needs the models that it would make of the reply, which cost more than all else."""


def take_reply(operation: Callable[..., Any], take: Callable[[int, bytes], Any]) -> None:
    """Send an operation's one request; `take` gets its reply, the client does not."""

    def taken(response: Any) -> None:
        hook(take)(response)
        raise _Taken

    try:
        operation(raw_response_hook=taken)
    except _Taken:
        return
    raise Unreadable("the client kept its reply to itself", "install the packages of requirements.lock")


def hook(take: Callable[[int, bytes], Any]) -> Callable[[Any], None]:
    """What a client calls with each reply before it makes models of it."""
    return lambda response: take(response.http_response.status_code, response.http_response.read())


def _instance_view(clients: Clients, vm: str) -> list[bytes]:
    names = segment(vm, "resourceGroups"), segment(vm, "virtualMachines")
    operation = partial(clients.compute.virtual_machines.get, *names, expand="instanceView")
    return [redact_vm(_one(clients, "instanceViews", operation, vm))]


def _restore_points(clients: Clients, collection: str) -> list[bytes]:
    """The collection with the ids of its points, and nothing else of them: they hold the machine's user data."""
    names = segment(collection, "resourceGroups"), last_segment(collection)
    operation = partial(clients.compute.restore_point_collections.get, *names, expand="restorePoints")
    try:
        found = object_of(_one(clients, POINTS, operation, collection))
    except Unreadable as error:
        if error.reason in ("404 ResourceNotFound", "404 NotFound"):  # cleaned up since the list was made
            return [json.dumps({"id": collection, "deleted": True}).encode()]
        raise
    points = (as_record(found.get("properties")) or NOTHING).get("restorePoints")
    if not isinstance(points, list):
        raise Unreadable("the reply holds no restorePoints", RECOLLECT)
    ids = [{"id": text_at(as_record(point) or NOTHING, "id")} for point in points]
    return [json.dumps({"id": collection, "restorePoints": ids}).encode()]


def _one(clients: Clients, kind: str, operation: Callable[..., Any], resource: str = "") -> bytes:
    """A reply that is one object: about `resource`, where one is given."""
    replies = clients.replies(kind)
    take_reply(operation, partial(replies.take_object, about=resource))
    return replies.entries[0]


def _admin_rules(clients: Clients, network: str) -> list[bytes]:
    replies = clients.replies("securityAdminRules")
    names = segment(network, "resourceGroups"), last_segment(network)
    while True:
        options = QueryRequestOptions(skip_token=replies.next) if replies.next else QueryRequestOptions()
        ask = clients.network.list_network_manager_effective_security_admin_rules
        take_reply(partial(ask, *names, options), replies.take_page)
        if not replies.next:
            return [entry_with(network, replies.entries)]


def _service_tags(clients: Clients, region: str) -> list[bytes]:
    reply = _one(clients, "serviceTags", partial(clients.network.service_tags.list, region))
    found = object_of(reply)
    if not isinstance(found.get("values"), list):
        raise Unreadable("the reply is no list of service tags: it has no `values`", RECOLLECT)
    if found.get("nextLink"):
        raise Unreadable("the reply is one page of several", "store Microsoft's weekly service tag file instead")
    return [redact(reply)]


def _names(vault: str) -> tuple[str, str]:
    """Vault and resource group, in the order of the Backup client."""
    return segment(vault, "vaults"), segment(vault, "resourceGroups")
