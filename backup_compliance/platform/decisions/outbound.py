"""Whether a virtual machine has any way out of its subnet that can carry traffic to storage; pure.

Source: Default outbound access in Azure, Azure NAT gateway, Outbound rules of Azure Load Balancer (2025-2026).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from backup_compliance.model.arm_json import NOTHING, as_record, last_segment
from backup_compliance.model.verdicts import RECOLLECT_OR_LOOK, Undetermined, Unreadable
from backup_compliance.network.routes import APPLIANCES, DROPPED, INTERNET, SERVICE_ENDPOINT, NextHops, RouteSource
from backup_compliance.platform.decisions.routing import (
    STORAGE,
    STORAGE_ANYWHERE,
    find_next_hops,
    find_routing,
    regional,
)
from backup_compliance.platform.estate.facts import Profile, VmIdentity
from backup_compliance.platform.estate.interfaces import Interface, IpConfiguration, primary_configuration
from backup_compliance.platform.estate.load_balancers import find_load_balancer
from backup_compliance.platform.estate.lookup import Estate
from backup_compliance.platform.estate.private_endpoints import find_blob_endpoint
from backup_compliance.platform.estate.references import UNREADABLE, follow, references_at
from backup_compliance.platform.estate.virtual_networks import Network, ServiceEndpoint, Subnet, find_subnet

LOOKED_FOR: Final = (
    "public IP",
    "NAT gateway",
    "load balancer",
    "route to an appliance or gateway",
    "service endpoint",
    "private endpoint for blobs",
    "default outbound access",
)
_ONWARD: Final = APPLIANCES | {SERVICE_ENDPOINT, "InterfaceEndpoint"}
"""Next hops that need no public address of the machine's own."""
_NO_WAY: Final = frozenset({DROPPED, INTERNET})
"""Next hops that are no way out of their own."""
_ADDRESSES: Final = ("publicIpAddresses", "publicIpAddressesV6")
_PREFIXES: Final = ("publicIpPrefixes", "publicIpPrefixesV6")


@dataclass(frozen=True, slots=True)
class Outbound:
    """The first way out that was found; None: none of those that were looked for."""

    method: str | None
    subnet: str
    looked_for: tuple[str, ...] = ()
    """Everything that is not there; empty where something is."""
    dead_end: str = ""
    """A route that would be a way out, and leads nowhere."""


@dataclass(frozen=True, slots=True)
class _Setting:
    """Where a machine's traffic leaves."""

    estate: Estate
    vm: VmIdentity
    profile: Profile
    interface: Interface
    configuration: IpConfiguration
    network: Network
    subnet: Subnet

    @property
    def place(self) -> str:
        return f"{self.subnet} of {self.network}"


def find_outbound(estate: Estate, interface: Interface, vm: VmIdentity, profile: Profile) -> Outbound:
    """The way out of a virtual machine's primary interface.

    Whatever is certain is enough. When nothing is, raises `Unreadable` for what was not read and could have been a way
    out, then `Undetermined` for what can be known nowhere.
    """
    network, subnet = find_subnet(estate, interface)
    setting = _Setting(estate, vm, profile, interface, primary_configuration(interface), network, subnet)
    unread: list[Unreadable] = []
    unknown: list[Undetermined] = []
    for look in _METHODS:
        try:
            found = look(setting)
        except Unreadable as error:
            unread.append(error)
            continue
        except Undetermined as error:
            unknown.append(error)
            continue
        if found:
            return Outbound(found, setting.place)
    if unread:
        raise unread[0].again()
    if unknown:
        raise Undetermined(str(unknown[0]))
    return Outbound(None, setting.place, LOOKED_FOR, _dead_end(setting))


def outbound_failure(outbound: Outbound) -> str | None:
    """What is missing, or None."""
    if outbound.method is not None:
        return None
    dead_end = f"; {outbound.dead_end}" if outbound.dead_end else ""
    return f"{outbound.subnet} gives no way out: no {', no '.join(outbound.looked_for)}{dead_end}"


def _public_address(setting: _Setting) -> str | None:
    reference = setting.configuration.public_ip_id
    if reference is None:
        return None
    follow(setting.estate, "publicIPAddresses", reference, str(setting.interface))
    return f"public IP address {last_segment(reference)} on {setting.interface}"


def _nat_gateway(setting: _Setting) -> str | None:
    own, networks = setting.subnet.nat_gateway_id, setting.network.nat_gateway_id
    reference = own if own is not None else networks
    if reference is None:
        return None
    record = follow(setting.estate, "natGateways", reference, setting.place)
    name = last_segment(reference)
    properties = as_record(record.get("properties"))
    addresses, prefixes = (
        [i for key in keys for i in references_at(properties or NOTHING, key)] for keys in (_ADDRESSES, _PREFIXES)
    )
    if properties is None or UNREADABLE in (*addresses, *prefixes):
        raise Unreadable(f"the public addresses of NAT gateway {name} cannot be read", RECOLLECT_OR_LOOK)
    if not prefixes:  # which are in no list that is read: their reference has to do
        for address in addresses:
            follow(setting.estate, "publicIPAddresses", address, f"NAT gateway {name}")
    return f"NAT gateway {name}" if addresses or prefixes else None


def _load_balancer(setting: _Setting) -> str | None:
    doubts: list[str] = []
    for pool in setting.configuration.backend_pool_ids:
        found = find_load_balancer(setting.estate, pool, str(setting.interface))
        rule = found.ways_out.get(pool.lower())
        if rule:
            return f"{rule} of load balancer {found.name}"
        doubts.extend(f"load balancer {found.name}: {doubt}" for doubt in found.doubts)
    if doubts:
        raise Unreadable(doubts[0], RECOLLECT_OR_LOOK)
    return None


def _route(setting: _Setting) -> str | None:
    """Routes that lead all of storage to an appliance, gateway or endpoint."""
    routing = find_routing(setting.estate, setting.interface)
    if all(r.source > RouteSource.GATEWAY for r in routing.routes) and not routing.gateway_routes_unknown:
        return None
    hops = _next_hops(setting)
    if _leads(setting, hops, _ONWARD):
        first = hops.pieces[0].deciders[-1].text
        return first if len(hops.pieces) == 1 else f"{first} and others"
    return None


def _dead_end(setting: _Setting) -> str:
    """The first route to an appliance that is nowhere."""
    try:
        routes = find_routing(setting.estate, setting.interface).routes
    except Unreadable:
        return ""
    return next((str(r) for r in routes if r.effect == DROPPED), "")


def _next_hops(setting: _Setting) -> NextHops:
    """Where storage is routed; `Undetermined` when it has no address of the interface's IP version."""
    storage = regional("Storage", setting.vm)
    found = find_next_hops(setting.estate, setting.interface, setting.vm, storage)
    if not found.pieces:
        raise Undetermined(f"{storage} has no address of the IP version of {setting.interface}")
    return found


def _leads(setting: _Setting, found: NextHops, hops: frozenset[str]) -> bool:
    """Whether every part of storage takes one of `hops`; False where some part does not for certain, else raises."""
    if found.hop_types <= hops:
        return True
    if any(piece.effects <= _NO_WAY - hops for piece in found.pieces):
        return False
    routing = find_routing(setting.estate, setting.interface)
    for route in routing.routes:
        if route.problem or route.prefixes is None or route.hop.startswith("of unknown type"):
            raise Unreadable(f"{route} of {setting.place} cannot be read", RECOLLECT_OR_LOOK)
    if routing.gateway_routes_unknown:
        raise Undetermined(
            f"{setting.place} takes routes from a gateway, and its effective routes were not read: "
            "whether one of them is a way out is not known"
        )
    raise Undetermined(found.verdict.explanation)


def _service_endpoint(setting: _Setting) -> str | None:
    endpoints = setting.subnet.service_endpoints
    if endpoints is None:
        raise Unreadable(f"the service endpoints of {setting.place} are no readable list", RECOLLECT_OR_LOOK)
    serving = [e for e in endpoints if _serves(setting, e)]
    for endpoint in serving:
        if not endpoint.problem:
            return f"service endpoint {endpoint.service} of {setting.subnet}"
    for endpoint in serving:
        raise Unreadable(
            f"service endpoint {endpoint.service} of {setting.place}: {endpoint.problem}", RECOLLECT_OR_LOOK
        )
    return None


def _serves(setting: _Setting, endpoint: ServiceEndpoint) -> bool:
    """Whether an endpoint is for storage in the machine's region, or may be."""
    service = endpoint.service.lower()
    if service != STORAGE:
        return service == STORAGE_ANYWHERE
    locations = endpoint.locations or ("*",)
    return "*" in locations or regional("Storage", setting.vm).partition(".")[2] in locations


def _private_endpoint(setting: _Setting) -> str | None:
    found = find_blob_endpoint(setting.estate, setting.network)
    return f"private endpoint {found} for blobs" if found else None


def _default_access(setting: _Setting) -> str | None:
    """Azure's own address for a machine without another, where that was not switched off."""
    if "defaultOutboundAccess" in setting.subnet.unreadable:
        raise Unreadable(f"defaultOutboundAccess of {setting.place} is neither true nor false", RECOLLECT_OR_LOOK)
    if setting.subnet.default_outbound_access is False or any(_excluding(setting)):
        return None
    if not _leads(setting, _next_hops(setting), _ONWARD | {INTERNET}):
        return None
    if setting.profile.scale_set:
        raise Undetermined(
            f"virtual machine {setting.vm.name} is in scale set {last_segment(setting.profile.scale_set)}: instances "
            "of a flexible one have no default outbound access, and which kind it is was not read"
        )
    return f"default outbound access of {setting.subnet}"


def _excluding(setting: _Setting) -> Iterator[bool]:
    """Which load balancers take default outbound access away from one machine."""
    for pool in setting.configuration.backend_pool_ids:
        balancer = find_load_balancer(setting.estate, pool, str(setting.interface))
        if not balancer.sku:
            raise Unreadable(f"the sku of load balancer {balancer.name} is not known", RECOLLECT_OR_LOOK)
        yield balancer.sku != "basic"


_METHODS: Final[tuple[Callable[[_Setting], str | None], ...]] = (
    _public_address,
    _nat_gateway,
    _load_balancer,
    _route,
    _service_endpoint,
    _private_endpoint,
    _default_access,
)
