"""Whether a load balancer gives the machines behind it a way out; pure.

Outbound rules do, and so do load-balancing rules with a public frontend unless they disable outbound SNAT; either only
for its own protocol. Behind a
Standard load balancer, public or internal, Azure gives no default outbound access.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from backup_compliance.model.arm_json import NOTHING, as_record, name_of, text_at
from backup_compliance.model.verdicts import RECOLLECT_OR_LOOK, Unreadable
from backup_compliance.platform.estate.lookup import Estate, Resource, normalize_id
from backup_compliance.platform.estate.references import UNREADABLE, follow, id_of, reference_at, references_at

_POOLS: Final = "/backendaddresspools/"
_SKUS: Final = frozenset({"basic", "standard", "gateway"})
_PROTOCOLS: Final = {"tcp": True, "all": True, "udp": False}


@dataclass(frozen=True, slots=True)
class LoadBalancer:
    """What a load balancer does for outgoing traffic; pools by lower-case id."""

    name: str
    sku: str
    """`basic`, `standard` or `gateway`; "" when ARM names none of them."""
    ways_out: Mapping[str, str]
    """The rule that leads out, by backend pool."""
    doubts: tuple[str, ...]
    """Rules that could not be read."""


def find_load_balancer(estate: Estate, pool_id: str, named_by: str) -> LoadBalancer:
    """The load balancer of a backend pool, parsed once; `Unreadable` when it is not there."""
    head = pool_id[: max(pool_id.lower().find(_POOLS), 0)]
    record = follow(estate, "loadBalancers", head, named_by)
    return estate.cached(("load balancer", normalize_id(head)), lambda: parse_load_balancer(estate, record))


def parse_load_balancer(estate: Estate, record: Resource) -> LoadBalancer:
    """A `Microsoft.Network/loadBalancers` resource and its public addresses; `Unreadable` when it has no properties."""
    name = name_of(record, "without a name")
    properties = as_record(record.get("properties"))
    if properties is None:
        raise Unreadable(f"load balancer {name} has no properties", RECOLLECT_OR_LOOK)
    doubts: list[str] = []
    public = _public_frontends(estate, properties, doubts)
    ways = {p: rule for rule, p in _inbound(properties, public, doubts)}
    ways |= {p: rule for rule, p in _outbound(properties, public, doubts)}
    sku = text_at(as_record(record.get("sku")) or NOTHING, "name").lower()
    return LoadBalancer(name, sku if sku in _SKUS else "", ways, tuple(doubts))


def _public_frontends(estate: Estate, properties: Mapping[str, Any], doubts: list[str]) -> frozenset[str]:
    found = set()
    for record, body, name in _entries(properties, "frontendIPConfigurations", doubts):
        address, prefix = (reference_at(body, key) for key in ("publicIPAddress", "publicIPPrefix"))
        try:
            if address:
                follow(estate, "publicIPAddresses", address, f"frontend {name}")
            if address or prefix:
                found.add(normalize_id(id_of(record)))
        except Unreadable as error:
            doubts.append(error.reason)
        if UNREADABLE in (address, prefix) and not (address or prefix):
            doubts.append(f"the public address of frontend {name} cannot be read")
    return frozenset(found) - {""}


def _outbound(properties: Mapping[str, Any], public: frozenset[str], doubts: list[str]) -> Iterator[tuple[str, str]]:
    for _, body, name in _entries(properties, "outboundRules", doubts):
        rule = f"outbound rule {name}"
        if not _carries_tcp(body, rule, doubts):
            continue
        frontends = {normalize_id(i) for i in references_at(body, "frontendIPConfigurations")}
        pool = reference_at(body, "backendAddressPool")
        if not pool or not frontends or "" in frontends:
            doubts.append(f"{rule} names no backend pool or no frontend")
        elif frontends & public:
            yield rule, normalize_id(pool)


def _inbound(properties: Mapping[str, Any], public: frozenset[str], doubts: list[str]) -> Iterator[tuple[str, str]]:
    for _, body, name in _entries(properties, "loadBalancingRules", doubts):
        rule = f"load-balancing rule {name}"
        if not _carries_tcp(body, rule, doubts):
            continue
        disabled = body.get("disableOutboundSnat", False)
        pools = {*references_at(body, "backendAddressPools"), *filter(None, [reference_at(body, "backendAddressPool")])}
        frontend = reference_at(body, "frontendIPConfiguration")
        if not isinstance(disabled, bool) or not frontend or "" in pools:
            doubts.append(f"{rule} cannot be read")
        elif not disabled and normalize_id(frontend) in public:
            yield from ((rule, normalize_id(pool)) for pool in pools)


def _carries_tcp(body: Mapping[str, Any], rule: str, doubts: list[str]) -> bool:
    """Whether a rule is for TCP, which storage is reached by; an unknown protocol is a doubt."""
    protocol = text_at(body, "protocol").lower()
    if protocol not in _PROTOCOLS:
        doubts.append(f"the protocol of {rule} is not known")
    return _PROTOCOLS.get(protocol, False)


def _entries(
    properties: Mapping[str, Any], key: str, doubts: list[str]
) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any], str]]:
    """The objects of a list with their properties and names; what is neither absent nor such a list is a doubt."""
    entries = properties.get(key, [])
    if not isinstance(entries, list):
        doubts.append(f"{key} is no list")
        return
    for index, entry in enumerate(entries):
        record = as_record(entry) or NOTHING
        body = as_record(record.get("properties"))
        if body is None:
            doubts.append(f"{key}[{index}] has no properties")
        else:
            yield record, body, name_of(record, f"{key}[{index}]")
