"""Where a virtual machine's traffic is sent: effective routes where they were read, else its subnet's route table; pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from backup_compliance.model.sanitize import printable
from backup_compliance.model.verdicts import RECOLLECT_OR_LOOK, Undetermined, Unreadable
from backup_compliance.network.addresses import NOWHERE, Destination
from backup_compliance.network.appliances import place_appliances
from backup_compliance.network.egress import Routing
from backup_compliance.network.ip_flow import Access
from backup_compliance.network.routes import (
    ADDRESSED,
    APPLIANCES,
    DROPPED,
    GATEWAY,
    REACHES,
    SERVICE_ENDPOINT,
    UNPLACED,
    NextHops,
    Route,
    RouteTable,
    next_hop,
    parse_effective_routes,
    parse_route_table,
    system_routes,
)
from backup_compliance.network.service_tags import ServiceTags, Unknown, parse_service_tags
from backup_compliance.platform.estate.facts import VmIdentity
from backup_compliance.platform.estate.interfaces import (
    Interface,
    attachment_of,
    parse_interface,
    primary_configuration,
)
from backup_compliance.platform.estate.lookup import (
    NO_ENTRY,
    Estate,
    Resource,
    normalize_id,
    subscription_of,
)
from backup_compliance.platform.estate.references import follow
from backup_compliance.platform.estate.virtual_networks import (
    Network,
    Subnet,
    find_subnet,
    peer_space,
    reachable_space,
    space_of,
)

EFFECTIVE_ROUTES: Final = "effectiveRoutes"
STORAGE: Final = "microsoft.storage"
WHAT_DECIDES: Final = (
    "let storage through behind the next hop that is named; facts of the guest (AVB-101) settle what an appliance does, "
    "effective routes what a gateway adds"
)
STORAGE_ANYWHERE: Final = "microsoft.storage.global"


def find_service_tags(estate: Estate, vm: VmIdentity) -> ServiceTags:
    """The service tags as the virtual machine's subscription gives them, parsed once."""
    subscription = vm.subscription_id.lower()
    return estate.cached(
        ("service tags", subscription),
        lambda: _service_tags(estate, subscription),
    )


def _service_tags(estate: Estate, subscription: str) -> ServiceTags:
    try:
        return parse_service_tags(estate.document(subscription, "serviceTags"))
    except Unreadable as error:
        if error.remedy:
            raise
        raise Unreadable(
            f"serviceTags.json of subscription {subscription}: {error.reason}",
            "store the reply of serviceTags, or Microsoft's file, as it is",
        ) from None


def regional(tag: str, vm: VmIdentity) -> str:
    """A service tag in the virtual machine's region: `Storage.westeurope`; `Unreadable` when ARM gave no location."""
    if not vm.location:
        raise Unreadable(
            f"virtual machine {vm.name} has no location: which {tag} is meant is not known", RECOLLECT_OR_LOOK
        )
    return f"{tag}.{vm.location}"


def versions_of(interface: Interface) -> frozenset[int]:
    """The IP versions of outgoing traffic; an unknown one counts as IPv4, which every interface has."""
    return frozenset({primary_configuration(interface).version or 4})


def find_route_table(estate: Estate, subnet: Subnet, network: Network) -> RouteTable | None:
    """The subnet's user-defined routes; None when it has no route table, `Unreadable` when that was not read."""
    if subnet.route_table_id is None:
        return None
    named_by = f"{subnet} of {network}"
    record = follow(estate, "routeTables", subnet.route_table_id, named_by)
    return estate.cached(("route table", normalize_id(subnet.route_table_id)), lambda: parse_route_table(record))


def find_routing(estate: Estate, interface: Interface) -> Routing:
    """All routes that apply to an interface; what a gateway adds is in them only where effective routes were read.

    Raises `Unreadable` naming what is missing. Equal answers are one object.
    """
    return estate.cached(("routing of", normalize_id(interface.id)), lambda: _routing(estate, interface))


def _routing(estate: Estate, interface: Interface) -> Routing:
    effective = _effective_routes(estate, interface)
    if effective is None:
        computed = computed_routing(estate, interface)
        effective = _of_neighbour(estate, interface) if computed.gateway_routes_unknown else None
        if effective is None:
            return computed
    found = Routing(placed_routes(estate, interface, effective))
    shared: Routing = estate.cached(("routing", found), lambda: found)
    return shared


def placed_routes(estate: Estate, interface: Interface, routes: tuple[Route, ...]) -> tuple[Route, ...]:
    """Effective routes, each to an appliance with what it really does: Azure's table lists a hop that is nowhere, too."""
    if not any(r.hop in ADDRESSED for r in routes):
        return routes
    try:
        reachable, unread = reachable_space(estate, find_subnet(estate, interface)[0])
    except Unreadable as error:
        reachable, unread = NOWHERE, error.reason
    return place_appliances(routes, reachable, unread)


def computed_routing(estate: Estate, interface: Interface) -> Routing:
    """The routes by the subnet's route table and the network alone, whatever effective routes were read.

    Raises as `find_routing`.
    """
    network, subnet = find_subnet(estate, interface)
    key = ("routing in", normalize_id(network.id), normalize_id(subnet.id or subnet.name))
    return estate.cached(key, lambda: _computed(estate, network, subnet))


def _of_neighbour(estate: Estate, interface: Interface) -> tuple[Route, ...] | None:
    """The effective routes of another interface of the same subnet, which are the same; None where none were read.

    Raises `Unreadable` where the right to read them was missing.
    """
    subscription, subnet = subscription_of(interface.id), normalize_id(attachment_of(interface))
    return estate.cached(("effective routes in", subnet), lambda: _effective_routes_in(estate, subscription, subnet))


def _effective_routes_in(estate: Estate, subscription: str, subnet: str) -> tuple[Route, ...] | None:
    recorded = estate.subscriptions[subscription]
    if EFFECTIVE_ROUTES not in recorded.documents and not recorded.problems:
        return None
    listed = estate.listing(subscription, "networkInterfaces").resources
    entries = estate.listing(subscription, EFFECTIVE_ROUTES).resources if EFFECTIVE_ROUTES in recorded.documents else {}
    for key, record in entries.items():
        if _is_in(listed.get(key), subnet):
            return parse_effective_routes(record)
    for problem in recorded.problems:
        missing = problem.reason.startswith(("401", "403")) and problem.type == EFFECTIVE_ROUTES
        if missing and _is_in(listed.get(normalize_id(problem.scope)), subnet):
            raise Unreadable(
                f"routes of a gateway are not known: {printable(problem.reason)}", printable(problem.remedy)
            )
    return None


def _is_in(record: Resource | None, subnet: str) -> bool:
    try:
        return record is not None and normalize_id(attachment_of(parse_interface(record))) == subnet
    except (Unreadable, Undetermined):
        return False


def _effective_routes(estate: Estate, interface: Interface) -> tuple[Route, ...] | None:
    """None where nobody read them, or Azure refused: it gives them for running machines only.

    Raises `Unreadable` for what is there and cannot be read: the route table tells less.
    """
    kind, key = EFFECTIVE_ROUTES, normalize_id(interface.id)
    recorded = estate.subscriptions.get(subscription_of(interface.id))
    if recorded is None or kind not in recorded.documents:
        return None
    listing = estate.listing(recorded.id, kind)
    record = listing.resources.get(key)
    problem = listing.problems.get(key)
    if record is None and problem is not None:
        if any(p.type == kind and normalize_id(p.scope) == key for p in recorded.problems):
            return None
        raise Unreadable(f"effective routes of {interface}: {problem.reason}", problem.remedy)
    if record is None and listing.damaged:
        raise Unreadable(f"effective routes of {interface} may be what is damaged: {listing.damaged[0]}", NO_ENTRY)
    try:
        return parse_effective_routes(record) if record is not None else None
    except Undetermined:
        return None
    except Unreadable as error:
        raise Unreadable(f"effective routes of {interface}: {error.reason}", RECOLLECT_OR_LOOK) from None


def _computed(estate: Estate, network: Network, subnet: Subnet) -> Routing:
    table = find_route_table(estate, subnet, network)
    own, peers = space_of(network), peer_space(estate, network)
    problems = _endpoint_tags(subnet, network)
    system = (
        replace(r, problem=problems[r.name]) if r.hop == SERVICE_ENDPOINT else r
        for r in system_routes(own, peers, problems)
    )
    propagates = table is None or table.gateway_propagation is not False
    users = table.routes if table else ()
    if any(r.hop in ADDRESSED for r in users):
        users = place_appliances(users, *reachable_space(estate, network))
    return Routing((*users, *system), network.may_have_gateway and propagates)


def _endpoint_tags(subnet: Subnet, network: Network) -> dict[str, str]:
    """The tags whose addresses the subnet's service endpoints for Storage route, and why each may not."""
    if subnet.service_endpoints is None:
        raise Unreadable(f"the service endpoints of {subnet} of {network} are no readable list", RECOLLECT_OR_LOOK)
    found: dict[str, str] = {}
    # those in force come last: they count before doubtful ones
    for endpoint in sorted(subnet.service_endpoints, key=lambda e: not e.problem):
        service = endpoint.service.lower()
        if service == STORAGE_ANYWHERE or (service == STORAGE and "*" in (endpoint.locations or "*")):
            found["Storage"] = endpoint.problem
        elif service == STORAGE:
            found.update(dict.fromkeys((f"Storage.{location}" for location in endpoint.locations), endpoint.problem))
    return found


def find_next_hops(estate: Estate, interface: Interface, vm: VmIdentity, destination: str) -> NextHops:
    """Where the service tag `destination` is routed, decided once for all interfaces with the same routes.

    Raises `Unreadable` where routes or service tags were not read, `Undetermined` for an unknown tag.
    """
    tags = find_service_tags(estate, vm)
    target = tags.lookup(destination)
    if isinstance(target, Unknown):
        raise Undetermined(target.reason)
    routing = find_routing(estate, interface)
    versions = versions_of(interface)
    key = ("next hops", vm.subscription_id.lower(), destination.lower(), versions, id(routing))
    found: NextHops = estate.cached(key, lambda: _next_hops(routing, target.limited_to(versions), tags))
    return found


def _next_hops(routing: Routing, targets: Destination, tags: ServiceTags) -> NextHops:
    return next_hop(routing.routes, targets, tags, gateway_routes_unknown=routing.gateway_routes_unknown)


def route_failure(next_hops: NextHops, storage_answers: bool | None) -> str | None:  # noqa: FBT001 - a fact, not a switch
    """How routes lose traffic to storage, or None.

    `storage_answers`: what the guest of the same virtual machine says, None when that is not known. It settles what
    an appliance or gateway does; it settles nothing about routes that could not be read. Raises `Undetermined`.
    """
    verdict = next_hops.verdict
    if any(share.access is Access.DENY for share in verdict.shares):
        return verdict.explanation
    if verdict.access is Access.ALLOW or (storage_answers is True and _ends_elsewhere(next_hops.hop_types)):
        return None
    told = {True: "answers, which does not settle this", False: "does not answer", None: "was not asked"}
    raise Undetermined(f"{verdict.explanation}. Storage {told[storage_answers]} in the guest", WHAT_DECIDES)


def _ends_elsewhere(hops: frozenset[str]) -> bool:
    """Whether all doubt is about what an appliance does, or about routes of a gateway that may go before a dropping one."""
    elsewhere = APPLIANCES | {UNPLACED}
    certain = hops - {DROPPED} if GATEWAY in hops else hops
    return bool(hops & elsewhere) and certain <= REACHES | elsewhere
