"""The sample subscription as the network controls see it, for their self-tests."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from backup_compliance.network.egress import EgressDecision
from backup_compliance.network.routes import NextHops
from backup_compliance.platform.decisions.egress import find_egress
from backup_compliance.platform.decisions.outbound import Outbound, find_outbound
from backup_compliance.platform.decisions.routing import find_next_hops, regional
from backup_compliance.platform.estate.compute import parse_identity, parse_profile
from backup_compliance.platform.estate.facts import Profile, VmIdentity
from backup_compliance.platform.estate.interfaces import Interface, primary_interface
from backup_compliance.platform.estate.lookup import Estate, open_estate
from selftests.builders.arm import Subscription, network_id, rule, security_group, subnet, subscription, virtual_network

Json = dict[str, Any]
ASG = network_id("applicationSecurityGroups", "web")
PUBLIC = network_id("publicIPAddresses", "sample-ip")
CONFIGURATION = "properties.ipConfigurations.0.properties"
SUBNET = "properties.subnets.0.properties"


def opened(sample: Subscription, index: int = 0) -> tuple[Estate, VmIdentity, Profile]:
    """The estate and one virtual machine of it."""
    estate = open_estate([sample.recorded()])
    record = list(estate.every("virtualMachines"))[index]
    return estate, parse_identity(record), parse_profile(record)


def interface_of(sample: Subscription) -> Interface:
    """The primary interface of the sample machine."""
    estate, vm, profile = opened(sample)
    return primary_interface(estate, profile, vm)


def egress(sample: Subscription, tag: str = "Storage") -> EgressDecision:
    """What security groups do to the sample machine's traffic to storage of its region."""
    estate, vm, profile = opened(sample)
    return find_egress(estate, primary_interface(estate, profile, vm), vm, regional(tag, vm))


def next_hops(sample: Subscription) -> NextHops:
    """Where the sample machine's traffic to storage is routed."""
    estate, vm, profile = opened(sample)
    return find_next_hops(estate, primary_interface(estate, profile, vm), vm, regional("Storage", vm))


def outbound(sample: Subscription) -> Outbound:
    """The sample machine's way out."""
    estate, vm, profile = opened(sample)
    return find_outbound(estate, primary_interface(estate, profile, vm), vm, profile)


def with_rules(*rules: Json) -> Subscription:
    """The sample with other rules in its subnet's security group."""
    return subscription().put("networkSecurityGroups", security_group("apps-nsg", *rules))


def with_subnet(*others: Json, peerings: tuple[Json, ...] = (), **fields: Any) -> Subscription:
    """The sample with other fields of its subnet; without a security group, unless one is named."""
    network = virtual_network(subnet("apps", "10.20.0.0/24", **fields), *others, peerings=peerings)
    return subscription().put("virtualNetworks", network)


def peering(name: str = "hub", *, state: str = "Connected", **fields: Any) -> Json:
    """A peering of the sample network to 10.30.0.0/16."""
    properties = {
        "remoteVirtualNetwork": {"id": network_id("virtualNetworks", name)},
        "remoteAddressSpace": {"addressPrefixes": ["10.30.0.0/16"]},
        "peeringState": state,
        "allowVirtualNetworkAccess": True,
        "useRemoteGateways": False,
        **fields,
    }
    return {"name": name, "properties": properties}


DENY_STORAGE = rule("deny-storage", 100, "Deny", destination="Storage.WestEurope", port="443")


def places(value: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every value inside JSON."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in inside:
        yield (*way, key)
        yield from places(each, (*way, key))


def exchanged(value: Any, way: tuple[Any, ...], other: Any) -> Any:
    """A copy of JSON with the value at one path exchanged."""
    if not way:
        return other
    if isinstance(value, dict):
        return {k: exchanged(v, way[1:], other) if k == way[0] else v for k, v in value.items()}
    return [exchanged(v, way[1:], other) if k == way[0] else v for k, v in enumerate(value)]
