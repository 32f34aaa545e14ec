"""Routes against our own reading of Microsoft's documentation, one address at a time.

Virtual network traffic routing (virtual-networks-udr-overview): the longest prefix; among equal ones user-defined routes,
then BGP, then system routes; an explicit prefix before a service tag, regional tags before others, then AzureCloud's
regions, then AzureCloud; routes of service endpoints cannot be overridden. Private ranges that nobody uses are dropped.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import cache
from ipaddress import ip_address, ip_network
from typing import Any, Final

from backup_compliance.network.addresses import AddressSet, Destination
from backup_compliance.network.ip_flow import Access
from backup_compliance.network.routes import Route, next_hop, parse_effective_routes, parse_route_table, system_routes
from backup_compliance.network.service_tags import parse_service_tags
from selftests.builders.network import tag_document

TAGS: Final = {
    "Storage": ("20.0.0.0/28", "20.0.0.32/29"),
    "Storage.North": ("20.0.0.0/28",),
    "AzureCloud": ("20.0.0.0/26", "20.0.0.0/28"),
    "AzureCloud.north": ("20.0.0.0/28", "20.0.0.32/29"),
}
TARGETS: Final = (
    "20.0.0.0/26",
    "10.1.0.0/29",
    "10.9.0.0/29",
    "172.16.0.0/30",
    "192.168.1.1/32",
    "100.64.0.1/32",
    "8.8.8.8/32",
)
EVERY: Final = tuple(str(a) for t in TARGETS for a in ip_network(t))
PREFIXES: Final = (
    *(
        "0.0.0.0/0",
        "20.0.0.0/26",
        "20.0.0.0/28",
        "20.0.0.16/28",
        "20.0.0.33/32",
        "20.0.0.32/29",
        "0.0.0.0/1",
        "8.8.8.8/32",
    ),
    *("10.1.0.0/16", "10.1.0.0/30", "10.9.0.0/24", "10.0.0.0/8", "172.16.0.0/12", "172.16.0.1/32", "192.168.1.0/24"),
)
HOPS: Final = ("None", "Internet", "VirtualAppliance", "VirtualNetworkGateway", "none", "internet")
KNOWN: Final = {"none": "None", "internet": "Internet"}
FATES: Final = {
    "None": Access.DENY,
    **dict.fromkeys(("VirtualAppliance", "VirtualNetworkGateway"), Access.UNDETERMINED),
    **dict.fromkeys(("Internet", "VnetLocal", "VNetPeering", "VirtualNetworkServiceEndpoint"), Access.ALLOW),
}
SYSTEM: Final = (
    ("0.0.0.0/0", "Internet"),
    *((p, "None") for p in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10")),
)
TAG_ORDER: Final = ("", "Storage.North", "Storage", "AzureCloud.north", "AzureCloud")
"""The order among user-defined routes of one prefix; an explicit one has no tag."""


@cache
def _holds(prefix: str, address: str) -> bool:
    return ip_address(address) in ip_network(prefix)


@cache
def _length(prefix: str) -> int:
    return ip_network(prefix).prefixlen


@dataclass(frozen=True)
class Table:
    """Everything that routes a subnet's packets."""

    space: tuple[str, ...]
    peers: tuple[str, ...]
    endpoints: tuple[str, ...]
    user: tuple[tuple[str, str], ...]
    bgp: tuple[str, ...]

    def hop(self, address: str) -> str:
        """The next hop type of one address."""
        if any(_holds(p, address) for tag in self.endpoints for p in TAGS[tag]):
            return "VirtualNetworkServiceEndpoint"
        rivals: list[tuple[int, int, int, str]] = []
        for name, hop in self.user:
            rank = TAG_ORDER.index(name if name in TAGS else "")
            rivals += [
                (-_length(p), 0, rank, KNOWN.get(hop, hop)) for p in TAGS.get(name, (name,)) if _holds(p, address)
            ]
        for rank, routes in (
            (1, [(p, "VirtualNetworkGateway") for p in self.bgp]),
            (2, [(p, "VnetLocal") for p in self.space] + [(p, "VNetPeering") for p in self.peers]),
            (3, SYSTEM),
        ):
            rivals += [(-_length(p), rank, 0, hop) for p, hop in routes if _holds(p, address)]
        return min(rivals)[3]


def drawn(chosen: random.Random) -> Table:
    """Routes by chance; none of BGP inside the network's own space, which Azure does not take."""
    names = chosen.sample((*PREFIXES, *TAGS), chosen.randint(0, 6))
    outside = [p for p in PREFIXES if not p.startswith(("10.1.", "10.9."))]
    return Table(
        ("10.1.0.0/16",),
        ("10.9.0.0/24",) if chosen.random() < 0.5 else (),
        ("Storage.North",) if chosen.random() < 0.2 else (),
        tuple((n, chosen.choice(HOPS)) for n in names),
        tuple(chosen.sample(outside, chosen.choice((0, 0, 1, 3)))),
    )


def parsed(table: Table, chosen: random.Random) -> tuple[Route, ...]:
    """The same as a route table beside Azure's own routes, or as an effective table."""
    if chosen.random() < 0.5 and not any(n in TAGS for n, _ in table.user):
        return parse_effective_routes({"value": chosen.sample(entries := _effective(table), len(entries))})
    routes = [
        {"name": f"r{i}", "properties": {"addressPrefix": n, "nextHopType": h}} for i, (n, h) in enumerate(table.user)
    ]
    own = parse_route_table({"name": "t", "properties": {"routes": routes, "disableBgpRoutePropagation": False}}).routes
    learned = [_entry(p, "VirtualNetworkGateway", "VirtualNetworkGateway") for p in table.bgp]
    gateway = parse_effective_routes({"value": learned}) if learned else ()
    return (*own, *gateway, *system_routes(table.space, table.peers, table.endpoints))


def _effective(table: Table) -> list[dict[str, Any]]:
    entries = [_entry(p, h, "User") for p, h in table.user]
    entries += [_entry(p, "VirtualNetworkGateway", "VirtualNetworkGateway") for p in table.bgp]
    entries += [_entry(p, "VnetLocal", "Default") for p in table.space] + [
        _entry(p, "VNetPeering", "Default") for p in table.peers
    ]
    entries += [_entry(list(TAGS[t]), "VirtualNetworkServiceEndpoint", "Default") for t in table.endpoints]
    entries += [_entry(p, h, "Default") for p, h in SYSTEM]
    overridden = [_entry(p, "Internet", "Default", "Invalid") for p, _ in table.user]
    return entries + overridden


def _entry(prefix: str | list[str], hop: str, source: str, state: str = "Active") -> dict[str, Any]:
    prefixes = prefix if isinstance(prefix, list) else [prefix]
    return {"addressPrefix": prefixes, "nextHopType": hop, "source": source, "state": state, "nextHopIpAddress": []}


def differences(seed: int) -> tuple[int, list[str]]:
    """How many addresses one seed's table was asked for, and where both readings differ."""
    chosen = random.Random(seed)
    table = drawn(chosen)
    tags = parse_service_tags(tag_document(**{k.replace(".", "__"): list(v) for k, v in TAGS.items()}))
    found = next_hop(parsed(table, chosen), Destination.of("d", *TARGETS), tags)
    told = []
    for address in EVERY:
        hop = table.hop(address)
        here = AddressSet.of(address)
        hops = [sorted(p.effects) for p in found.pieces if p.addresses.contains(here)]
        shares = [s.access for s in found.verdict.shares if s.addresses.contains(here)]
        if hops != [[hop]] or shares != [FATES[hop]]:
            told.append(f"seed {seed}: {address}: {hops} {shares}, by the documentation {hop}")
    if found.hop_types != {table.hop(a) for a in EVERY}:
        told.append(f"seed {seed}: next hops {sorted(found.hop_types)}")
    return len(EVERY), told
