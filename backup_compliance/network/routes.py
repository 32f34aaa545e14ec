"""`next_hop`: where the routes of a subnet send a destination, after Network Watcher's operation of that name.

Azure takes the longest prefix; among equal ones user-defined routes before those of a gateway (BGP) before its own.
System routes of the virtual network, of peerings and of service endpoints are preferred to those of a gateway, however
long a gateway's prefix is; routes of service endpoints cannot be overridden at all.
Among user-defined routes of equal prefix an explicit one goes before a service tag, a regional tag before a wider one.
Source: Virtual network traffic routing (virtual-networks-udr-overview, 2023-05-27), "How Azure selects a route".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final

from backup_compliance.model.arm_json import NOTHING, as_record, items_of, name_of, properties_of, text_at, texts_at
from backup_compliance.model.sanitize import printable
from backup_compliance.model.verdicts import Undetermined, Unreadable
from backup_compliance.network.addresses import EVERYTHING, NOWHERE, AddressSet, Destination, Interval, parse_prefix
from backup_compliance.network.ip_flow import Access, FlowVerdict, judged
from backup_compliance.network.partition import Candidate, Piece, partition
from backup_compliance.network.service_tags import ServiceTags, Unknown

LOCAL: Final = "VnetLocal"
DROPPED: Final = "None"
GATEWAY: Final = "VirtualNetworkGateway"
INTERNET: Final = "Internet"
SERVICE_ENDPOINT: Final = "VirtualNetworkServiceEndpoint"
APPLIANCES: Final = frozenset({GATEWAY, "VirtualAppliance", "VirtualApplianceEcmp"})
"""Next hops behind which somebody else decides."""
ADDRESSED: Final = APPLIANCES - {GATEWAY}
"""Next hops that have an address (nextHopIpAddress)."""
UNPLACED: Final = "VirtualAppliance at an address whose place is not known"
"""What a route may do whose next hop's address may be there or nowhere; a name of ours, no reply holds it."""
REACHES: Final = frozenset({LOCAL, INTERNET, SERVICE_ENDPOINT, "VNetPeering", "VNetGlobalPeering", "InterfaceEndpoint"})
_HOPS: Final = {hop.lower(): hop for hop in (*REACHES, *APPLIANCES, DROPPED)}
# documented as always there; Azure's effective tables hold a few ranges more that no service tag touches
_SYSTEM_DROPS: Final = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10")


class RouteSource(IntEnum):
    """Who made a route; the lower goes first among equal prefixes."""

    USER = 0
    GATEWAY = 10
    NETWORK = 20
    SYSTEM = 30


_SOURCES: Final = {
    "user": RouteSource.USER,
    "virtualnetworkgateway": RouteSource.GATEWAY,
    "default": RouteSource.NETWORK,
}


@dataclass(frozen=True, slots=True)
class Route:
    """One route; `prefixes` (service tags among them) None: unreadable. A `problem` makes it one that may not apply."""

    name: str
    source: RouteSource
    prefixes: tuple[str, ...] | None
    hop: str
    problem: str = ""
    addresses: tuple[str, ...] | None = ()
    """Where the next hop is, as ARM tells it; None: unreadable."""
    effect: str = ""
    """What the route does, where that is not its next hop type: `DROPPED` or `UNPLACED`."""
    reason: str = ""
    """Why it has that effect."""

    @property
    def effects(self) -> frozenset[str]:
        """Where the route leads."""
        return frozenset({self.effect or self.hop})

    def __str__(self) -> str:
        kinds = {RouteSource.USER: "user-defined route", RouteSource.GATEWAY: "gateway route"}
        where = " ".join([self.hop, *(printable(a, 50) for a in (self.addresses or ())[:3])])
        why = f", {self.reason}" if self.reason else ""
        return f"{kinds.get(self.source, 'system route')} {self.name} to next hop {where}{why}"


@dataclass(frozen=True, slots=True)
class RouteTable:
    """User-defined routes; `gateway_propagation` None: the table does not say whether gateway routes are added."""

    name: str
    routes: tuple[Route, ...]
    gateway_propagation: bool | None


@dataclass(frozen=True, slots=True)
class NextHops:
    """Every next hop type some part of the destination may take, by ARM's names, and the verdict on them.

    `pieces`: the parts, each with the next hop types it may take.
    """

    hop_types: frozenset[str]
    verdict: FlowVerdict
    pieces: tuple[Piece, ...]


def parse_route_table(resource: Any) -> RouteTable:
    """A `Microsoft.Network/routeTables` resource; raises `Unreadable` when it has no list of routes."""
    record = as_record(resource) or NOTHING
    properties = properties_of(record)
    routes = items_of(properties, "routes", "a route table's properties")
    disabled = (properties or NOTHING).get("disableBgpRoutePropagation")
    return RouteTable(
        name=name_of(record, "without a name"),
        routes=tuple(_user_route(r, f"routes[{i}]") for i, r in enumerate(routes)),
        gateway_propagation=not disabled if isinstance(disabled, bool) else None,
    )


def _user_route(entry: Any, otherwise: str) -> Route:
    record = as_record(entry) or NOTHING
    body = properties_of(record) or NOTHING
    return Route(
        name=name_of(record, otherwise),
        source=RouteSource.USER,
        prefixes=texts_at(body, "addressPrefix") or None,
        hop=_hop(body),
        addresses=texts_at(body, "nextHopIpAddress"),
    )


def parse_effective_routes(reply: Any) -> tuple[Route, ...]:
    """The active routes of an `effectiveRouteTable` reply.

    Raises `Unreadable` when it is no such reply or only its first page, `Undetermined` when it has no route at all.
    """
    entries = items_of(reply, "value", "the reply with effective routes")
    if reply.get("nextLink") not in (None, ""):
        raise Unreadable("the reply with effective routes is the first page only: nextLink was not followed")
    found = [_effective_route(as_record(e) or NOTHING, f"value[{i}]") for i, e in enumerate(entries)]
    routes = tuple(r for r in found if r is not None)
    if not routes:
        raise Undetermined("the reply with effective routes holds no active route")
    return routes


def _effective_route(record: Mapping[str, Any], otherwise: str) -> Route | None:
    state = text_at(record, "state").lower()
    if state == "invalid":
        return None
    source = _SOURCES.get(text_at(record, "source").lower())
    prefixes = texts_at(record, "addressPrefix")
    if prefixes == ():
        prefixes = texts_at(record, "destinationServiceTags")
    problems = {"its state is unknown": state != "active", "its source is unknown": source is None}
    name = text_at(record, "name") or ", ".join((prefixes or ())[:2]) or otherwise
    return Route(
        name=printable(name, 80),
        source=RouteSource.USER if source is None else source,
        prefixes=prefixes or None,
        hop=_hop(record),
        problem=next((text for text, holds in problems.items() if holds), ""),
        addresses=texts_at(record, "nextHopIpAddress"),
    )


def _hop(body: Mapping[str, Any]) -> str:
    """The next hop type as ARM spells it; one that ARM does not know decides nothing later on."""
    text = text_at(body, "nextHopType")
    return _HOPS.get(text.lower(), f"of unknown type {printable(text, 40)}".rstrip())


def system_routes(
    address_space: Iterable[str], peers: Iterable[str] = (), service_endpoints: Iterable[str] = ()
) -> tuple[Route, ...]:
    """Azure's own routes for a virtual network's prefixes, its peers' and the service tags of its service endpoints."""
    return (
        *(Route(p, RouteSource.NETWORK, (p,), LOCAL) for p in address_space),
        *(Route(p, RouteSource.NETWORK, (p,), "VNetPeering") for p in peers),
        *(Route(t, RouteSource.NETWORK, (t,), SERVICE_ENDPOINT) for t in service_endpoints),
        *(Route(p, RouteSource.SYSTEM, (p,), DROPPED) for p in _SYSTEM_DROPS),
        *(Route(p, RouteSource.SYSTEM, (p,), INTERNET) for p in ("0.0.0.0/0", "::/0")),
    )


def next_hop(
    routes: Sequence[Route], destination: Destination, tags: ServiceTags, *, gateway_routes_unknown: bool = False
) -> NextHops:
    """Where `routes` (of an effective table, or user-defined ones and `system_routes`) send the destination.

    `gateway_routes_unknown`: a gateway propagates routes and no effective table was read, so that a longer prefix may
    lead to the gateway anywhere outside the virtual network.
    """
    local = _local(routes)
    unknown = [_gateway(local)] if gateway_routes_unknown else []
    candidates = [*_first(routes, tags), *unknown, *_ranked(routes, tags, local)]
    pieces = partition(destination.addresses, candidates, frozenset({"not known"}), "no route leads there")
    fates = [fate for piece in pieces for fate in _fates(piece, local)]
    hops = frozenset[str]().union(*(p.effects for p in pieces))
    return NextHops(hops, judged(f"routes to {destination.name}", destination, fates), pieces)


def _fates(piece: Piece, local: AddressSet) -> Iterator[tuple[Access, AddressSet, tuple[str, ...]]]:
    reasons = tuple(map(str, piece.deciders))
    stray = piece.addresses - local if piece.effects == {LOCAL} else NOWHERE
    if stray:
        yield Access.UNDETERMINED, stray, (*reasons, "these addresses are outside the virtual network")
    if piece.effects == {DROPPED}:
        access = Access.DENY
    else:
        access = Access.ALLOW if piece.effects <= REACHES else Access.UNDETERMINED
    if piece.effects & (APPLIANCES | {UNPLACED}):
        reasons = (*reasons, "what lies behind that next hop decides")
    yield access, piece.addresses - stray, reasons


def _local(routes: Sequence[Route]) -> AddressSet:
    own = (
        r for r in routes if r.source is RouteSource.NETWORK and r.hop in (LOCAL, "VNetPeering", "VNetGlobalPeering")
    )
    return AddressSet.merged(i for r in own for p in r.prefixes or () for i in parse_prefix(p) or ())


def _gateway(local: AddressSet) -> Candidate:
    text = "a route learned from the virtual network gateway"
    doubt = "the gateway propagates routes and the effective route table was not read"
    return Candidate(NOWHERE, EVERYTHING - local, frozenset({GATEWAY}), text, doubt)


def _prefixes(route: Route, tags: ServiceTags) -> tuple[Interval, ...] | str:
    """The route's intervals one by one, or why they are not known."""
    found: list[Interval] = []
    for name in route.prefixes or ():
        tag = None if (intervals := parse_prefix(name)) else tags.lookup(name)
        if isinstance(tag, Unknown):
            return tag.reason
        found.extend(tag.prefixes if tag is not None else intervals or ())
    return tuple(found) or "its address prefix is missing"


def _first(routes: Sequence[Route], tags: ServiceTags) -> Iterator[Candidate]:
    """What may go before all others: routes whose place is not known, then service endpoints."""
    endpoints = []
    for route in routes:
        prefixes = _prefixes(route, tags)
        doubt = prefixes if isinstance(prefixes, str) else route.problem
        addresses = EVERYTHING if isinstance(prefixes, str) else AddressSet.merged(prefixes)
        if doubt:
            yield Candidate(NOWHERE, addresses, route.effects, str(route), doubt)
        elif route.hop == SERVICE_ENDPOINT:
            endpoints.append(Candidate(addresses, NOWHERE, route.effects, str(route)))
    yield from endpoints


def _ranked(routes: Sequence[Route], tags: ServiceTags, local: AddressSet) -> Iterator[Candidate]:
    """The other routes by length of prefix, then by source; equal ones with different next hops may both apply.

    Those of a gateway decide nothing about `local` addresses.
    """
    equal: dict[tuple[int, int, Interval], list[Route]] = {}
    for route in routes:
        prefixes = _prefixes(route, tags)
        if isinstance(prefixes, str) or route.problem or route.hop == SERVICE_ENDPOINT:
            continue
        rank = route.source + _tag_rank(route)
        for low, high in prefixes:
            equal.setdefault((high - low, rank, (low, high)), []).append(route)
    together: dict[tuple[int, int, tuple[Route, ...]], list[Interval]] = {}
    for (size, rank, interval), rivals in equal.items():
        together.setdefault((size, rank, tuple(rivals)), []).append(interval)
    for (_, _, tied), intervals in sorted(together.items(), key=lambda entry: entry[0][:2]):
        hops = frozenset[str]().union(*(r.effects for r in tied))
        doubt = "routes of equal prefix lead elsewhere" if len(hops) > 1 else ""
        addresses = AddressSet.merged(intervals)
        certain = addresses - local if tied[0].source is RouteSource.GATEWAY else addresses
        yield Candidate(certain, NOWHERE, hops, " and ".join(map(str, tied[:2])), doubt)


def _tag_rank(route: Route) -> int:
    """0 for an explicit prefix, then regional tag, tag, AzureCloud's region, AzureCloud."""
    name = next((p.lower() for p in route.prefixes or () if parse_prefix(p) is None), "")
    if not name:
        return 0
    return 1 + ("." not in name) + 2 * name.startswith("azurecloud")
