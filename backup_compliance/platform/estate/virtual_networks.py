"""Virtual networks, their subnets and peerings, joined by resource id; pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from backup_compliance.model.arm_json import NOTHING, as_record, last_segment, name_of, text_at, texts_at
from backup_compliance.model.sanitize import printable
from backup_compliance.model.verdicts import RECOLLECT_OR_LOOK, Unreadable
from backup_compliance.network.addresses import AddressSet, parse_prefix
from backup_compliance.platform.estate.interfaces import Interface, attachment_of
from backup_compliance.platform.estate.lookup import Estate, Resource, normalize_id
from backup_compliance.platform.estate.references import follow, reference_at

_ROUTING_SUBNETS: Final = frozenset({"gatewaysubnet", "routeserversubnet"})
"""Where whatever announces routes to a virtual network lives; both names are fixed by Azure."""
_STATES: Final = frozenset({"connected", "initiated", "disconnected"})
_UNFINISHED: Final = frozenset({"creating", "updating", "deleting", "failed", "canceled"})
"""Provisioning states, other than Succeeded, of a service endpoint that is therefore not in force."""


@dataclass(frozen=True, slots=True)
class ServiceEndpoint:
    """A service endpoint that is in force or may be; locations in lower case, `*` for everywhere."""

    service: str
    locations: tuple[str, ...]
    """Empty: not known."""
    problem: str = ""
    """Why it may not be in force, or not in a region."""


@dataclass(frozen=True, slots=True)
class Subnet:
    """A subnet; references as in `platform.references`."""

    id: str
    name: str
    prefixes: tuple[str, ...]
    security_group_id: str | None
    route_table_id: str | None
    nat_gateway_id: str | None
    service_endpoints: tuple[ServiceEndpoint, ...] | None
    default_outbound_access: bool | None
    """None: ARM does not mention it, as for every subnet from before it could be switched off."""
    is_in_use: bool
    unreadable: tuple[str, ...]
    """Fields that are there and make no sense."""

    def __str__(self) -> str:
        return f"subnet {self.name}"


@dataclass(frozen=True, slots=True)
class Peering:
    """A peering as this side sees it; `address_space` None: the record does not give it."""

    name: str
    network_id: str | None
    state: str
    allows_access: bool
    may_use_remote_gateway: bool
    address_space: tuple[str, ...] | None

    @property
    def is_connected(self) -> bool:
        """Both sides have made it."""
        return self.state == "connected"


@dataclass(frozen=True, slots=True)
class Network:
    """A virtual network; None in `address_space` or `peerings`: there, but not readable."""

    id: str
    name: str
    address_space: tuple[str, ...] | None
    nat_gateway_id: str | None
    subnets: Mapping[str, Subnet | None]
    """By lower-case id; None for one without a readable address prefix: whatever else it has may be missing too."""
    peerings: tuple[Peering, ...] | None
    may_have_gateway: bool
    """A gateway or route server in it or at a peer may announce routes that are in no list."""

    def __str__(self) -> str:
        return f"virtual network {self.name}"


def parse_network(record: Resource) -> Network:
    """A `Microsoft.Network/virtualNetworks` resource; `Unreadable` when it has no list of subnets."""
    name = name_of(record, "without a name")
    properties = as_record(record.get("properties"))
    entries = properties.get("subnets", []) if properties is not None else None
    if properties is None or not isinstance(entries, list):
        raise Unreadable(f"virtual network {name} has no list of subnets", RECOLLECT_OR_LOOK)
    resource_id = printable(text_at(record, "id"), 400)
    subnets = _subnets(entries, resource_id)
    peerings = _peerings(properties)
    has_gateway = any(s is None or (s.is_in_use and s.name.lower() in _ROUTING_SUBNETS) for s in subnets.values())
    return Network(
        id=resource_id,
        name=name,
        address_space=_prefixes(as_record(properties.get("addressSpace")) or NOTHING),
        nat_gateway_id=reference_at(properties, "defaultPublicNatGateway"),
        subnets=subnets,
        peerings=peerings,
        may_have_gateway=has_gateway or peerings is None or any(map(_may_lead_to_gateway, peerings)),
    )


def _may_lead_to_gateway(peering: Peering) -> bool:
    return peering.may_use_remote_gateway and (peering.is_connected or peering.state not in _STATES)


def _subnets(entries: list[Any], network_id: str) -> dict[str, Subnet | None]:
    found: dict[str, Subnet | None] = {}
    for index, entry in enumerate(entries):
        record = as_record(entry) or NOTHING
        name = name_of(record, f"subnets[{index}]")
        key = normalize_id(text_at(record, "id")) or normalize_id(f"{network_id}/subnets/{name}")
        # two of one name cannot both be right
        found[key] = _subnet(record, name) if key not in found else None
    return found


def _subnet(record: Resource, name: str) -> Subnet | None:
    properties = as_record(record.get("properties")) or NOTHING
    prefixes = _prefixes(properties)
    if prefixes is None:
        return None
    access = properties.get("defaultOutboundAccess")
    damaged = "defaultOutboundAccess" in properties and not isinstance(access, bool)
    return Subnet(
        id=printable(text_at(record, "id"), 400),
        name=name,
        prefixes=prefixes,
        security_group_id=reference_at(properties, "networkSecurityGroup"),
        route_table_id=reference_at(properties, "routeTable"),
        nat_gateway_id=reference_at(properties, "natGateway"),
        service_endpoints=_service_endpoints(properties),
        default_outbound_access=access if isinstance(access, bool) else None,
        is_in_use=properties.get("ipConfigurations", []) != [],
        unreadable=("defaultOutboundAccess",) if damaged else (),
    )


def _prefixes(record: Mapping[str, Any]) -> tuple[str, ...] | None:
    """In CIDR notation; None when there is none, or one that is no prefix."""
    found = texts_at(record, "addressPrefix", "addressPrefixes") or ()
    readable = all("/" in text and parse_prefix(text) for text in found)
    return found if found and readable else None


def _service_endpoints(properties: Mapping[str, Any]) -> tuple[ServiceEndpoint, ...] | None:
    """Those that are not known to be unfinished; None when the list makes no sense."""
    entries = properties.get("serviceEndpoints", [])
    found = []
    for record in map(as_record, entries) if isinstance(entries, list) else (None,):
        locations = texts_at(record, "locations") if record is not None else None
        service = printable(text_at(record, "service"), 80) if record is not None else ""
        if record is None or locations is None or not service:
            return None
        state = text_at(record, "provisioningState").lower()
        if state not in _UNFINISHED:
            problems = {"provisioningState": state != "succeeded", "locations": not locations}
            unknown = " and ".join(key for key, holds in problems.items() if holds)
            problem = f"its {unknown} cannot be read" if unknown else ""
            found.append(ServiceEndpoint(service, tuple(_location(text) for text in locations), problem))
    return tuple(found)


def _location(text: str) -> str:
    return printable("".join(text.split()).lower(), 60)


def _peerings(properties: Mapping[str, Any]) -> tuple[Peering, ...] | None:
    entries = properties.get("virtualNetworkPeerings", [])
    if not isinstance(entries, list):
        return None
    return tuple(_peering(as_record(e) or NOTHING, f"virtualNetworkPeerings[{i}]") for i, e in enumerate(entries))


def _peering(record: Resource, otherwise: str) -> Peering:
    properties = as_record(record.get("properties")) or NOTHING
    # what was synchronized is what Azure routes to; the other field is the peer's space of today
    spaces = (
        _prefixes(as_record(properties.get(key)) or NOTHING)
        for key in ("remoteAddressSpace", "remoteVirtualNetworkAddressSpace")
    )
    return Peering(
        name=name_of(record, otherwise),
        network_id=reference_at(properties, "remoteVirtualNetwork"),
        state=printable(text_at(properties, "peeringState"), 40).lower(),
        allows_access=properties.get("allowVirtualNetworkAccess", True) is True,
        may_use_remote_gateway=properties.get("useRemoteGateways", False) is not False,
        address_space=next((s for s in spaces if s), None),
    )


def find_network(estate: Estate, reference: str, named_by: str) -> Network:
    """The virtual network with that resource id, parsed once."""
    record = follow(estate, "virtualNetworks", reference, named_by)
    return estate.cached(("network", normalize_id(reference)), lambda: parse_network(record))


def find_subnet(estate: Estate, interface: Interface) -> tuple[Network, Subnet]:
    """The subnet an interface's traffic leaves by; `Unreadable` naming both when it is not there."""
    reference = attachment_of(interface)
    found: tuple[Network, Subnet] = estate.shared(
        ("subnet", reference), lambda: _find_subnet(estate, interface, reference)
    )
    return found


def _find_subnet(estate: Estate, interface: Interface, reference: str) -> tuple[Network, Subnet]:
    network = find_network(estate, network_of(reference), str(interface))
    key = normalize_id(reference)
    found = network.subnets.get(key)
    if found is None:
        what = "has no readable address prefix or is listed twice" if key in network.subnets else f"is not in {network}"
        raise Unreadable(f"{interface} is in subnet {last_segment(reference)}, which {what}", RECOLLECT_OR_LOOK)
    return network, found


def network_of(subnet_id: str) -> str:
    """The id of a subnet's virtual network; "" when it is no subnet's id."""
    head, marker, _ = subnet_id.lower().rpartition("/subnets/")
    return subnet_id[: len(head)] if marker else ""


def space_of(network: Network) -> tuple[str, ...]:
    """The prefixes of a virtual network; `Unreadable` when it has none."""
    if not network.address_space:
        raise Unreadable(f"{network} has no readable address space", RECOLLECT_OR_LOOK)
    return network.address_space


def connected_peerings(network: Network) -> tuple[Peering, ...]:
    """Peerings in force; `Unreadable` naming one whose state is unknown."""
    if network.peerings is None:
        raise Unreadable(f"the peerings of {network} are no list", RECOLLECT_OR_LOOK)
    for peering in network.peerings:
        if peering.state not in _STATES:
            raise Unreadable(f"peering {peering.name} of {network} has no known peeringState", RECOLLECT_OR_LOOK)
    return tuple(p for p in network.peerings if p.is_connected)


def peer_space(estate: Estate, network: Network, *, with_access: bool = False) -> tuple[str, ...]:
    """The prefixes of every peer; `with_access`: of those alone that count as part of the tag VirtualNetwork."""
    found: list[str] = []
    for peering in connected_peerings(network):
        if with_access and not peering.allows_access:
            continue
        named_by = f"peering {peering.name} of {network}"
        found.extend(peering.address_space or space_of(find_network(estate, peering.network_id or "", named_by)))
    return tuple(dict.fromkeys(found))


def reachable_space(estate: Estate, network: Network) -> tuple[AddressSet, str]:
    """Where a next hop can be: the addresses of a virtual network and its connected peers; and what was not read of them.

    A peer that was not read may have grown beyond the addresses that the peering tells.
    """
    found = list(network.address_space or ())
    unread = "" if found else f"{network} has no readable address space"
    try:
        peerings = connected_peerings(network)
    except Unreadable as error:
        return AddressSet.of(*found), error.reason
    for peering in peerings:
        found.extend(peering.address_space or ())
        try:
            found.extend(
                space_of(find_network(estate, peering.network_id or "", f"peering {peering.name} of {network}"))
            )
        except Unreadable as error:
            unread = unread or error.reason
    return AddressSet.of(*found), unread
