"""What security groups and admin rules let a virtual machine send; pure.

Network interfaces by the thousand share a few hundred security groups. A decision is made once for all whose groups,
virtual network, routes and answers to every rule's source are the same; its words are then made for each.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass, replace

from backup_compliance.model.verdicts import RECOLLECT_OR_LOOK, Undetermined, Unreadable
from backup_compliance.network.addresses import AddressSet, Destination
from backup_compliance.network.egress import EgressDecision, Routing, evaluate_egress
from backup_compliance.network.ip_flow import Access, Flow, FlowVerdict, verify_security_groups
from backup_compliance.network.routes import APPLIANCES, SERVICE_ENDPOINT, RouteSource
from backup_compliance.network.security_rules import (
    AppliedTo,
    SecurityGroup,
    parse_admin_rules,
    parse_security_group,
)
from backup_compliance.network.service_tags import Resolved, ServiceTags, Surroundings, Unknown, VirtualNetwork
from backup_compliance.platform.decisions.routing import find_routing, find_service_tags
from backup_compliance.platform.estate.application_groups import find_members
from backup_compliance.platform.estate.facts import VmIdentity
from backup_compliance.platform.estate.interfaces import Interface, attachment_of, primary_configuration
from backup_compliance.platform.estate.lookup import Estate, normalize_id, subscription_of
from backup_compliance.platform.estate.references import UNREADABLE, follow
from backup_compliance.platform.estate.resource_types import RESOURCE_TYPES
from backup_compliance.platform.estate.virtual_networks import Network, find_subnet, peer_space, space_of


@dataclass(frozen=True, slots=True)
class SecurityContext:
    """Everything that security rules of an interface are evaluated with: attached groups, what tags resolve to, and what could not be read."""

    groups: tuple[SecurityGroup, ...]
    surroundings: Surroundings
    sources: tuple[Resolved, ...]
    """What the prefixes and tags of every different source of an outbound rule stand for."""
    source_groups: frozenset[str]
    """The application security groups that are some rule's source, by lower-case id."""
    unread_network: Unreadable | None
    """Why the tags VirtualNetwork and Internet are not known."""
    unread_admin_rules: Unreadable | None


@dataclass(frozen=True, slots=True)
class Sender:
    """The address of an interface in its place."""

    place: SecurityContext
    source: AddressSet | None
    groups: frozenset[str]
    """Those application security groups of its configuration that some rule asks for."""
    likeness: tuple[Hashable, ...]
    """Equal for all that rules cannot tell apart."""


def find_egress(
    estate: Estate, interface: Interface, vm: VmIdentity, destination: str, port: int = 443
) -> EgressDecision:
    """Whether security groups and admin rules let the interface reach every prefix of a service tag on a TCP port.

    A denial stands whatever else was not read. Raises `Unreadable` where what was not read could change the verdict:
    an attached group, the service tags, the network behind a rule's tag, admin rules above groups that allow.
    """
    if not destination or destination.endswith("."):
        raise Unreadable(f"the region of virtual machine {vm.name} is not known", RECOLLECT_OR_LOOK)
    tags = find_service_tags(estate, vm)
    sender = find_sender(estate, interface, tags)
    found = _decided(estate, sender, destination, port)
    return _told(found, sender.place)


def find_flow(
    estate: Estate,
    interface: Interface,
    vm: VmIdentity,
    destination: str,
    port: int,
    *,
    outbound: bool = True,
    source: AddressSet | None = None,
) -> EgressDecision:
    """What the interface's security groups and admin rules do to one flow on a TCP port.

    Args:
        estate: where what is around the interface is looked up.
        interface: the sender's, or the receiver's of an inbound flow.
        vm: whose interface it is.
        destination: an address, or a tag that stands for what it would in a rule there: `Internet` too. Only what is
            in the tag for certain is judged: not those public prefixes that a user-defined route leads to an appliance.
        port: the destination's.
        outbound: whether the interface sends the flow, from its own address.
        source: where an inbound flow comes from; None where that is not known.

    Raises as `find_egress`, and `Undetermined` where no address of the sender's IP version is in the tag for certain.
    """
    tags = find_service_tags(estate, vm)
    place = _find_place(estate, interface, tags)
    reach = place.surroundings.resolve((destination,))
    target = Destination.whole(destination, reach.certain)
    flow = Flow(source, target, port, outbound=False)
    if outbound:
        sender = find_sender(estate, interface, tags)
        flow = Flow(sender.source, target, port, source_groups=sender.groups)
    if not flow.targets.addresses:
        if place.unread_network is not None:
            raise place.unread_network.again()
        raise Undetermined(f"what {destination} stands for at {interface} is not known: {reach.reason or 'nothing'}")
    verdict = verify_security_groups(place.groups, flow, place.surroundings)
    found = EgressDecision(verdict.access, verdict.explanation, verdict.evidence(), verdict.shares, verdict, None)
    return _told(found, place)


def find_sender(estate: Estate, interface: Interface, tags: ServiceTags) -> Sender:
    """The interface as a sender, and everything around it; raises `Unreadable` as `find_egress`."""
    return estate.cached(
        ("sender", normalize_id(interface.id), id(tags)), lambda: _find_sender(estate, interface, tags)
    )


def _find_sender(estate: Estate, interface: Interface, tags: ServiceTags) -> Sender:
    place = _find_place(estate, interface, tags)
    configuration = primary_configuration(interface)
    if UNREADABLE in configuration.application_group_ids and place.source_groups:
        raise Unreadable(f"{interface} is in an application security group without an id", RECOLLECT_OR_LOOK)
    source = AddressSet.of(configuration.address) if configuration.address else None
    versions = source.versions() if source else None
    groups = place.source_groups.intersection(g.lower() for g in configuration.application_group_ids)
    return Sender(place, source, groups, (id(place), _answers(place, source), groups, versions))


def _decided(estate: Estate, sender: Sender, destination: str, port: int) -> EgressDecision:
    place, source = sender.place, sender.source
    target = place.surroundings.tags.lookup(destination)
    if isinstance(target, Unknown):
        return evaluate_egress(source, target, port, place.groups, place.surroundings)
    key = ("egress", sender.likeness, destination.lower(), port)
    shared: EgressDecision = estate.shared(
        key,
        lambda: evaluate_egress(source, target, port, place.groups, place.surroundings, source_groups=sender.groups),
    )
    verdict = FlowVerdict(str(Flow(source, target, port)), shared.security.destination, shared.shares)
    return EgressDecision(
        shared.access, verdict.explanation, dict(shared.evidence), shared.shares, verdict, shared.routing
    )


def _answers(place: SecurityContext, source: AddressSet | None) -> tuple[bool | None, ...] | None:
    """Whether the source is in each rule's source: yes, no, or perhaps. All that a rule asks of an address.

    Groups are not asked here: who is in one is told by the configuration, not by its address.
    """
    return None if source is None else tuple(_contains(each, source) for each in place.sources)


def _contains(reach: Resolved, source: AddressSet) -> bool | None:
    if reach.certain.contains(source):
        return True
    return None if reach.possible.overlaps(source) else False


def _told(found: EgressDecision, place: SecurityContext) -> EgressDecision:
    """The decision with what was not read, or the error that this makes of it."""
    if place.unread_network is not None and found.access is Access.UNDETERMINED:
        raise place.unread_network.again()
    unread = place.unread_admin_rules
    if unread is None:
        return found
    if found.access is Access.ALLOW:
        raise unread.again()
    return replace(
        found,
        explanation=f"{found.explanation}. Security admin rules are not considered: {unread.reason}",
        evidence={**found.evidence, "security admin rules": "not read"},
    )


def _find_place(estate: Estate, interface: Interface, tags: ServiceTags) -> SecurityContext:
    """Shared by all interfaces with the same groups, subnet and routes."""
    routing = _attempted_routing(estate, interface)
    routes = routing.reason if isinstance(routing, Unreadable) else id(routing)
    key = ("place of", attachment_of(interface), interface.security_group_id, routes, id(tags))
    found: SecurityContext = estate.shared(key, lambda: _place_in_subnet(estate, interface, routing, tags))
    return found


def _place_in_subnet(
    estate: Estate, interface: Interface, routing: Routing | Unreadable, tags: ServiceTags
) -> SecurityContext:
    network, subnet = find_subnet(estate, interface)
    groups = (
        *_group(estate, interface.security_group_id, AppliedTo.NETWORK_INTERFACE, str(interface)),
        *_group(estate, subnet.security_group_id, AppliedTo.SUBNET, f"{subnet} of {network}"),
    )
    routes = routing.reason if isinstance(routing, Unreadable) else id(routing)
    key = ("place", *map(id, groups), normalize_id(network.id), routes, id(tags))
    found: SecurityContext = estate.shared(key, lambda: _place(estate, groups, network, routing, tags))
    return found


def _attempted_routing(estate: Estate, interface: Interface) -> Routing | Unreadable:
    try:
        return find_routing(estate, interface)
    except Unreadable as error:
        return error


def _place(
    estate: Estate,
    groups: tuple[SecurityGroup, ...],
    network: Network,
    routing: Routing | Unreadable,
    tags: ServiceTags,
) -> SecurityContext:
    unread_admin_rules = None
    try:
        groups = (*groups, *_admin_rules(estate, network))
    except Unreadable as error:
        unread_admin_rules = error
    around = _around(estate, network, routing, tags)
    unread, known = (around, None) if isinstance(around, Unreadable) else (None, around)
    rules = [rule for group in groups for rule in group.rules]
    uses_groups = any(rule.source.groups or rule.destination.groups for rule in rules)
    surroundings = Surroundings(tags, known, find_members(estate, network) if uses_groups else {})
    sources = dict.fromkeys(rule.source for rule in rules if rule.outbound is not False)
    return SecurityContext(
        groups,
        surroundings,
        tuple(surroundings.resolve(s.names or ()) for s in sources),
        frozenset(g.lower() for s in sources for g in s.groups),
        unread,
        unread_admin_rules,
    )


def _group(estate: Estate, reference: str | None, applied_to: AppliedTo, named_by: str) -> Iterator[SecurityGroup]:
    """The group of a network interface or subnet, parsed once; nothing when none is attached."""
    if reference is not None:
        record = follow(estate, "networkSecurityGroups", reference, named_by)
        key = ("security group", normalize_id(reference))
        found = estate.cached(key, lambda: parse_security_group(record, AppliedTo.SUBNET))
        attached: SecurityGroup = estate.shared((*key, applied_to), lambda: replace(found, applied_to=applied_to))
        yield attached


def _admin_rules(estate: Estate, network: Network) -> tuple[SecurityGroup, ...]:
    """The network manager's rules for a virtual network; `Unreadable` when they were not read for it."""
    return estate.cached(("admin rules", normalize_id(network.id)), lambda: _parsed_admin_rules(estate, network))


def _parsed_admin_rules(estate: Estate, network: Network) -> tuple[SecurityGroup, ...]:
    kind = "securityAdminRules"
    listing = estate.listing(subscription_of(network.id), kind)
    record = listing.resources.get(normalize_id(network.id))
    if record is None:
        problem = listing.problems.get(normalize_id(network.id))
        why = problem.reason if problem else "it is not in the list"
        remedy = problem.remedy if problem else f"grant {RESOURCE_TYPES[kind]} and collect again"
        raise Unreadable(f"{kind} of {network} were not read: {why}", remedy)
    found = parse_admin_rules(record)
    return (found,) if found is not None else ()


def _around(
    estate: Estate, network: Network, routing: Routing | Unreadable, tags: ServiceTags
) -> VirtualNetwork | Unreadable:
    """What VirtualNetwork and Internet stand for here, or why that is not known."""
    if isinstance(routing, Unreadable):
        return routing
    try:
        own = AddressSet.of(*space_of(network), *peer_space(estate, network, with_access=True))
    except Unreadable as error:
        return error
    # whether a service endpoint is in force says nothing about appliances
    others = (r for r in routing.routes if r.hop != SERVICE_ENDPOINT)
    doubtful = [r for r in others if r.problem or r.prefixes is None or r.hop.startswith("of unknown type")]
    leading = [r for r in routing.routes if r.source <= RouteSource.GATEWAY and r.hop in APPLIANCES]
    resolved = Surroundings(tags, None).resolve(tuple(dict.fromkeys(p for r in leading for p in r.prefixes or ())))
    if doubtful or resolved.reason:
        why = resolved.reason or f"{doubtful[0]} may lead to an appliance or not"
        return Unreadable(
            f"what VirtualNetwork and Internet stand for in {network} is not known: {why}", RECOLLECT_OR_LOOK
        )
    return VirtualNetwork(own, resolved.certain, routing.gateway_routes_unknown)
