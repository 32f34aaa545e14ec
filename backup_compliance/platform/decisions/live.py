"""What Azure itself says about one flow of a virtual machine, beside what is computed here; pure.

Recorded by `--verify-live`: Network Watcher's answers (`ipFlows`, `nextHops`; each with the flow that was asked), and the
rules and routes that Azure applies to an interface (`effectiveSecurityGroups`, `effectiveRoutes`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Any, Final

from backup_compliance.model.arm_json import NOTHING, as_record, text_at
from backup_compliance.model.sanitize import printable
from backup_compliance.model.verdicts import Undetermined, Unreadable
from backup_compliance.network.addresses import AddressSet, Destination
from backup_compliance.network.ip_flow import Access, Flow, Share, verify_security_groups
from backup_compliance.network.routes import (
    DROPPED,
    GATEWAY,
    INTERNET,
    LOCAL,
    SERVICE_ENDPOINT,
    NextHops,
    next_hop,
    parse_effective_routes,
)
from backup_compliance.network.security_rules import parse_effective_groups
from backup_compliance.network.service_tags import Unknown
from backup_compliance.platform.decisions.egress import find_egress, find_flow, find_sender
from backup_compliance.platform.decisions.routing import (
    EFFECTIVE_ROUTES,
    computed_routing,
    find_service_tags,
    placed_routes,
    regional,
    versions_of,
)
from backup_compliance.platform.estate.facts import VmIdentity
from backup_compliance.platform.estate.interfaces import Interface
from backup_compliance.platform.estate.lookup import Estate, Resource, normalize_id, subscription_of
from backup_compliance.platform.estate.resource_types import ON_REQUEST

IP_FLOWS: Final = "ipFlows"
NEXT_HOPS: Final = "nextHops"
EFFECTIVE_GROUPS: Final = "effectiveSecurityGroups"
WATCHERS: Final = "networkWatchers"
HTTPS: Final = 443
_UNSURE: Final = (Access.DENY, Access.UNDETERMINED)
# the operation tells fewer kinds than a table of effective routes does
_SAME_HOP: Final = {
    SERVICE_ENDPOINT: INTERNET,
    "InterfaceEndpoint": LOCAL,
    "VNetPeering": LOCAL,
    "VNetGlobalPeering": LOCAL,
    "HyperNetGateway": GATEWAY,
    "VirtualNetwork": LOCAL,
}


@dataclass(frozen=True, slots=True)
class WatcherAnswer:
    """One question that was asked of Azure, its answer, and the one computed from the lists."""

    asked: str
    azure: str
    computed: str
    agrees: bool | None
    """None where one of the two decides nothing."""

    def __str__(self) -> str:
        return f"{self.asked}: Azure says {self.azure}, computed is {self.computed}"


@dataclass(frozen=True, slots=True)
class FlowSubject:
    """Whose flow it is: a virtual machine and its primary interface."""

    estate: Estate
    vm: VmIdentity
    interface: Interface


def address_to_verify(subject: FlowSubject) -> str | None:
    """An IPv4 address of storage that security groups or the route table may stop; None where both let everything through.

    Raises `Unreadable` and `Undetermined` where the lists do not even tell what is asked about.
    """
    estate, vm, interface = subject.estate, subject.vm, subject.interface
    storage = regional("Storage", vm)
    rules = find_egress(estate, interface, vm, storage)
    target = find_service_tags(estate, vm).lookup(storage)
    shares = rules.shares
    if not isinstance(target, Unknown):
        shares = (*shares, *_computed_hops(subject, target.limited_to(versions_of(interface))).verdict.shares)
    for access in _UNSURE:
        for share in shares:
            if share.access is access and (address := _first(share)):
                return address
    return None


def _computed_hops(subject: FlowSubject, target: Destination) -> NextHops:
    """From the route table: the effective routes are Azure's own word."""
    routing = computed_routing(subject.estate, subject.interface)
    tags = find_service_tags(subject.estate, subject.vm)
    return next_hop(routing.routes, target, tags, gateway_routes_unknown=routing.gateway_routes_unknown)


def _first(share: Share) -> str:
    intervals = share.addresses.family(4).intervals
    return str(IPv4Address(intervals[0][0])) if intervals else ""


def find_security_answers(subject: FlowSubject) -> list[WatcherAnswer]:
    """What Azure says of security groups; empty where it was not asked."""
    return [
        *_each(subject, IP_FLOWS, subject.vm.id, _ip_flow),
        *_effective(subject, EFFECTIVE_GROUPS, _effective_groups),
    ]


def find_route_answers(subject: FlowSubject) -> list[WatcherAnswer]:
    """What Azure says of routes; empty where it was not asked."""
    return [
        *_each(subject, NEXT_HOPS, subject.vm.id, _next_hop),
        *_effective(subject, EFFECTIVE_ROUTES, _effective_hop),
    ]


def check_agreement(answers: Sequence[WatcherAnswer]) -> None:
    """Raise `Unreadable`, which always gates, for the first answer that contradicts what is computed here."""
    for answer in answers:
        if answer.agrees is False:
            raise Unreadable(
                f"two answers to one question disagree - {answer}",
                "believe Azure's answer, collect again in case something changed in between, and report it with the facts that --save-facts keeps",
            )


def _recorded(subject: FlowSubject, kind: str, resource: str) -> Resource | None:
    """What was recorded about a resource; None where nothing was, for whatever reason."""
    recorded = subject.estate.subscriptions[subscription_of(resource)]
    if kind not in recorded.documents:
        return None
    return subject.estate.listing(recorded.id, kind).resources.get(normalize_id(resource))


def _each(
    subject: FlowSubject, kind: str, resource: str, compare: Callable[[FlowSubject, Mapping[str, Any]], WatcherAnswer]
) -> Iterator[WatcherAnswer]:
    record = _recorded(subject, kind, resource)
    values = record.get("value") if record is not None else None
    for value in values if isinstance(values, list) else ():
        yield compare(subject, as_record(value) or NOTHING)


def _effective(
    subject: FlowSubject, kind: str, compare: Callable[[FlowSubject, Resource, str], WatcherAnswer]
) -> Iterator[WatcherAnswer]:
    """The effective rules or routes, for the address that is in doubt without them."""
    record = _recorded(subject, kind, subject.interface.id)
    if record is None:
        return
    try:
        address = address_to_verify(subject)
    except (Unreadable, Undetermined):
        return  # the controls say so themselves
    if address is not None:
        yield compare(subject, record, address)


def unanswered(subject: FlowSubject) -> list[str]:
    """What was asked of Azure about this machine and not answered, with what to do about it."""
    scopes = {normalize_id(subject.vm.id), normalize_id(subject.interface.id)}
    problems = subject.estate.subscriptions[subscription_of(subject.vm.id)].problems
    return [
        f"{p.type}: {printable(p.reason)} ({printable(p.remedy)})"
        for p in problems
        if p.type in ON_REQUEST and (not p.scope or normalize_id(p.scope) in scopes)
    ]


def _ip_flow(subject: FlowSubject, value: Mapping[str, Any]) -> WatcherAnswer:
    remote, access = printable(text_at(value, "remoteIPAddress"), 60), text_at(value, "access").lower()
    rule = printable(text_at(value, "ruleName"), 120)
    computed, told = _computed_access(subject, remote)
    return WatcherAnswer(
        f"IP flow verify, TCP {HTTPS} to {remote}",
        f"{access or 'nothing'} by {rule or 'no rule'}",
        told,
        _same_access(access, computed),
    )


def _computed_access(subject: FlowSubject, remote: str) -> tuple[Access, str]:
    try:
        found = find_flow(subject.estate, subject.interface, subject.vm, remote, HTTPS)
    except (Unreadable, Undetermined) as error:
        return Access.UNDETERMINED, str(error)
    return found.access, found.explanation


def _same_access(azure: str, computed: Access) -> bool | None:
    known = {"allow": Access.ALLOW, "deny": Access.DENY}.get(azure)
    return None if known is None or computed is Access.UNDETERMINED else known is computed


def _effective_groups(subject: FlowSubject, record: Resource, remote: str) -> WatcherAnswer:
    asked = f"effective security groups, TCP {HTTPS} to {remote}"
    computed, told = _computed_access(subject, remote)
    try:
        groups = parse_effective_groups(record)
        sender = find_sender(subject.estate, subject.interface, find_service_tags(subject.estate, subject.vm))
        flow = Flow(sender.source, Destination.whole(remote, AddressSet.of(remote)), HTTPS, source_groups=sender.groups)
        verdict = verify_security_groups(groups, flow, sender.place.surroundings)
    except (Unreadable, Undetermined) as error:
        return WatcherAnswer(asked, str(error), told, None)
    return WatcherAnswer(asked, verdict.explanation, told, _same_access(verdict.access.value, computed))


def _next_hop(subject: FlowSubject, value: Mapping[str, Any]) -> WatcherAnswer:
    remote, hop = printable(text_at(value, "destinationIPAddress"), 60), printable(text_at(value, "nextHopType"), 60)
    computed, told = _computed_hop(subject, remote)
    return WatcherAnswer(f"next hop to {remote}", hop or "nothing", told, _same_hop(hop, computed))


def _computed_hop(subject: FlowSubject, remote: str) -> tuple[frozenset[str], str]:
    try:
        hops = _computed_hops(subject, Destination.whole(remote, AddressSet.of(remote)))
    except (Unreadable, Undetermined) as error:
        return frozenset(), str(error)
    return hops.hop_types, f"{' or '.join(sorted(hops.hop_types))}: {hops.verdict.explanation}"


def _same_hop(azure: str, computed: frozenset[str]) -> bool | None:
    known = {name.lower() for name in (LOCAL, DROPPED, GATEWAY, INTERNET, "VirtualAppliance", *_SAME_HOP)}
    hops = {_SAME_HOP.get(hop, hop).lower() for hop in computed}
    if azure.lower() not in known or len(hops) != 1 or not hops <= known:
        return None
    shared = {name.lower(): same.lower() for name, same in _SAME_HOP.items()}
    return shared.get(azure.lower(), azure.lower()) in hops


def _effective_hop(subject: FlowSubject, record: Resource, remote: str) -> WatcherAnswer:
    asked = f"effective routes to {remote}"
    computed, told = _computed_hop(subject, remote)
    try:
        target = Destination.whole(remote, AddressSet.of(remote))
        routes = placed_routes(subject.estate, subject.interface, parse_effective_routes(record))
        found = next_hop(routes, target, find_service_tags(subject.estate, subject.vm))
    except (Unreadable, Undetermined) as error:
        return WatcherAnswer(asked, str(error), told, None)
    azure = sorted(found.hop_types)
    return WatcherAnswer(asked, " or ".join(azure), told, _same_hop(azure[0], computed) if len(azure) == 1 else None)
