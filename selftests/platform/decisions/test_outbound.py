"""Ways out of a subnet, and where private addresses are set."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from typing import Any

import pytest

from backup_compliance.model.verdicts import NotApplicable, Undetermined, Unreadable
from backup_compliance.platform.decisions.outbound import LOOKED_FOR, outbound_failure
from backup_compliance.platform.decisions.static_address import static_address_failure
from selftests.builders.arm import (
    Subscription,
    network_id,
    nic,
    route_table,
    subnet,
    subnet_id,
    subscription,
    virtual_network,
)
from selftests.builders.platform_network import (
    CONFIGURATION,
    PUBLIC,
    SUBNET,
    exchanged,
    interface_of,
    outbound,
    peering,
    places,
    with_subnet,
)

Json = dict[str, Any]
BALANCER = network_id("loadBalancers", "front")
POOL = f"{BALANCER}/backendAddressPools/pool"
FRONTEND = f"{BALANCER}/frontendIPConfigurations/public"
GATEWAY = subnet("GatewaySubnet", "10.20.255.0/27", ipConfigurations=[{"id": "/gateway"}])


def _closed(*others: Json, peerings: tuple[Json, ...] = (), **fields: Any) -> Subscription:
    """The sample in a private subnet without any way out, and more fields of that subnet."""
    sample = with_subnet(*others, peerings=peerings, **fields)
    return sample if "natGateway" in fields else sample.cut("virtualNetworks", "sample-net", f"{SUBNET}.natGateway")


def _balancer(sku: str = "Standard", *, public: bool = True, **more: Any) -> Json:
    address = {"publicIPAddress": {"id": PUBLIC}} if public else {"privateIPAddress": "10.20.0.9"}
    properties = {"frontendIPConfigurations": [{"id": FRONTEND, "name": "public", "properties": address}], **more}
    return {"id": BALANCER, "name": "front", "sku": {"name": sku}, "properties": properties}


def _rule(name: str = "web", **more: Any) -> Json:
    """A load-balancing rule."""
    frontend, pool = {"id": FRONTEND.upper()}, {"id": POOL}
    properties = {"protocol": "Tcp", "frontendIPConfiguration": frontend, "backendAddressPool": pool, **more}
    return {"name": name, "properties": properties}


def _out(protocol: Any = "All") -> Json:
    """An outbound rule."""
    frontends, pool = [{"id": FRONTEND}], {"id": POOL}
    properties = {"protocol": protocol, "frontendIPConfigurations": frontends, "backendAddressPool": pool}
    return {"name": "out", "properties": properties}


def _behind(balancer: Json, sample: Subscription | None = None) -> Subscription:
    base = (sample or _closed()).put("loadBalancers", balancer).add("publicIPAddresses", {"id": PUBLIC})
    pools = [{"id": POOL.replace("loadBalancers", "LOADbalancers")}]
    return base.set("networkInterfaces", "sample-nic", f"{CONFIGURATION}.loadBalancerBackendAddressPools", pools)


def _endpoint(network: str = "sample-net", group: str = "blob", status: Any = "Approved", **more: Any) -> Json:
    state = {"privateLinkServiceConnectionState": {"status": status}}
    connection = {"properties": {"groupIds": [group], **state, **more}}
    properties = {
        "subnet": {"id": subnet_id("apps", network)},
        "privateLinkServiceConnections": [connection],
        "manualPrivateLinkServiceConnections": [],
    }
    return {"id": network_id("privateEndpoints", "pe"), "name": "pe", "properties": properties}


def _service(service: Any, *locations: str, state: Any = "Succeeded") -> Json:
    return {"service": service, "locations": list(locations), "provisioningState": state}


def _routed(hop: str, *prefixes: str, **fields: Any) -> Subscription:
    routes = [("out", prefix, hop) for prefix in prefixes or ("0.0.0.0/0",)]
    return _closed(route_table="table", **fields).put("routeTables", route_table("table", *routes))


def _mixed(*routes: tuple[str, str, str], **fields: Any) -> Subscription:
    return _closed(route_table="table", **fields).put("routeTables", route_table("table", *routes))


def _tagged(sample: Subscription, **tags: list[str]) -> Subscription:
    """The sample with more service tags; `__` in a name stands for the dot."""
    document = json.loads(sample.raw["serviceTags"])
    document["values"] += [
        {"name": n.replace("__", "."), "properties": {"addressPrefixes": p}} for n, p in tags.items()
    ]
    return replace(sample, raw={**sample.raw, "serviceTags": json.dumps(document).encode()})


HALVES = ("0.0.0.0/1", "128.0.0.0/1")
PART = "20.60.88.0/22"
"""One prefix of several of Storage.WestEurope."""


def _unnamed(sku: Json) -> Subscription:
    """Default access is in force, unless the load balancer takes it away: a Basic one does not."""
    balancer = _balancer()
    del balancer["sku"]
    return _behind({**balancer, **sku}, _closed(defaultOutboundAccess=True))


WITH_ADDRESS = _closed().set("networkInterfaces", "sample-nic", f"{CONFIGURATION}.publicIPAddress", {"id": PUBLIC})


@pytest.mark.parametrize(
    ("sample", "method"),
    [
        (subscription(), "NAT gateway sample-nat"),
        (WITH_ADDRESS.add("publicIPAddresses", {"id": PUBLIC.upper()}), "public IP address sample-ip"),
        (_behind(_balancer(outboundRules=[_out()])), "outbound rule out of load balancer front"),
        (_behind(_balancer(outboundRules=[_out("tcp")])), "outbound rule out of load balancer front"),
        (_behind(_balancer(loadBalancingRules=[_rule(protocol="All")])), "load-balancing rule web"),
        (_behind(_balancer(loadBalancingRules=[_rule()])), "load-balancing rule web of load balancer front"),
        (_behind(_balancer(loadBalancingRules=[_rule(backendAddressPool=None, backendAddressPools=[{"id": POOL}])])),
         "load-balancing rule web"),
        (_routed("VirtualAppliance"), "user-defined route out"),
        (_routed("VirtualNetworkGateway", "Storage.WestEurope"), "user-defined route out"),
        (_routed("VirtualAppliance", *HALVES), "user-defined route out"),
        (_mixed(("a", HALVES[0], "VirtualAppliance"), ("b", HALVES[1], "VirtualNetworkGateway")), "route a"),
        (_mixed(("a", "0.0.0.0/0", "VirtualAppliance"), ("b", PART, "VirtualNetworkGateway")), "route"),
        (_mixed(("a", "0.0.0.0/0", "None"), ("b", "Storage", "VirtualAppliance")), "route b"),
        (_tagged(_routed("VirtualAppliance", "AzureCloud.centralfrance"), AzureCloud__centralfrance=["20.0.0.0/8", "57.0.0.0/8"]),
         "user-defined route out"),
        (_routed("VirtualAppliance", *HALVES).add("virtualNetworks", virtual_network(GATEWAY, name="other")), "route out"),
        (_mixed(("a", PART, "VirtualAppliance"), defaultOutboundAccess=True), "default outbound access"),
        (_mixed(("a", "0.0.0.0/0", "None"), ("b", "Storage", "Internet"), defaultOutboundAccess=True), "default outbound"),
        (_routed("Internet", *HALVES, defaultOutboundAccess=True), "default outbound access"),
        (_closed(serviceEndpoints=[_service("Microsoft.Sql", "x", state=None), _service("Microsoft.Storage", "westeurope")]),
         "service endpoint"),
        (_closed(serviceEndpoints=[_service("Microsoft.Storage", "northeurope", "West Europe")]), "service endpoint"),
        (_closed(serviceEndpoints=[_service("Microsoft.Storage.Global", "*")]), "service endpoint"),
        (_closed().add("privateEndpoints", _endpoint()), "private endpoint pe"),
        (_closed(peerings=(peering(),)).add("privateEndpoints", _endpoint("hub")), "private endpoint pe"),
        (_closed(defaultOutboundAccess=True), "default outbound access"),
        (_closed().cut("virtualNetworks", "sample-net", f"{SUBNET}.defaultOutboundAccess"), "default outbound access"),
        (_routed("Internet", defaultOutboundAccess=True), "default outbound access"),
        (_behind(_balancer("Basic"), _closed(defaultOutboundAccess=True)), "default outbound access"),
    ],
)  # fmt: skip
def test_way_out_is_named(sample: Subscription, method: str) -> None:
    """Any one is enough; of singular and plural fields ARM leaves one null."""
    found = outbound(sample)
    assert method in (found.method or "")
    assert outbound_failure(found) is None
    assert len(str(asdict(found))) < 400


@pytest.mark.parametrize(
    "sample",
    [
        _closed(),
        _behind(_balancer(loadBalancingRules=[_rule(disableOutboundSnat=True)])),
        _behind(_balancer(public=False, loadBalancingRules=[_rule()])),
        _behind(_balancer(loadBalancingRules=[_rule(backendAddressPool={"id": POOL + "2"})])),
        _behind(_balancer(outboundRules=[_out("Udp")])),
        _behind(_balancer(loadBalancingRules=[_rule(protocol="Udp")])),
        _behind(_balancer(), _closed(defaultOutboundAccess=True)),
        _routed("None", defaultOutboundAccess=True),
        _routed("None", *HALVES, defaultOutboundAccess=True),
        _routed("None", "Storage.WestEurope", defaultOutboundAccess=True),
        _routed("None", PART, defaultOutboundAccess=True),
        _mixed(("a", PART, "VirtualAppliance")),
        _mixed(("a", "0.0.0.0/0", "VirtualAppliance"), ("b", "Storage", "Internet")),
        _closed().without("serviceTags"),
        _routed("Internet"),
        _routed("VirtualAppliance", "10.0.0.0/8"),
        _closed(serviceEndpoints=[_service("Microsoft.Storage", "northeurope")]),
        _closed(serviceEndpoints=[_service("Microsoft.Storage", "westeurope", state="Failed")]),
        _closed(serviceEndpoints=[_service("Microsoft.Sql", "westeurope")]),
        _closed().add("privateEndpoints", _endpoint(group="vault")),
        _closed().add("privateEndpoints", _endpoint(status="Pending")),
        _closed().add("privateEndpoints", _endpoint(status="Disconnected")),
        _closed().add("privateEndpoints", _endpoint(groupIds=None, privateLinkServiceId="own.1.privatelinkservice")),
        _closed().add("privateEndpoints", _endpoint("elsewhere")),
        _closed(peerings=(peering(state="Disconnected"),)).add("privateEndpoints", _endpoint("hub")),
        _closed(natGateway={"id": network_id("natGateways", "sample-nat")}).set(
            "natGateways", "sample-nat", "properties.publicIpAddresses", []
        ),
    ],
)
def test_subnet_without_a_way_out_fails_naming_what_was_looked_for(sample: Subscription) -> None:
    """Everything was read, and nothing leads out."""
    failure = outbound_failure(outbound(sample)) or ""
    assert failure.startswith("subnet apps of virtual network sample-net gives no way out")
    assert all(each in failure for each in LOOKED_FOR)


@pytest.mark.parametrize(
    ("sample", "text"),
    [
        (WITH_ADDRESS, "sample-ip"),
        (WITH_ADDRESS.refused("publicIPAddresses"), "403"),
        (_closed(natGateway={"id": network_id("natGateways", "gone")}), "gone"),
        (_closed(natGateway=None), "natGateways"),
        (_behind(_balancer()).put("loadBalancers"), "front"),
        (_behind(_balancer(loadBalancingRules=[_rule(disableOutboundSnat="no")])), "rule web cannot be read"),
        (_behind(_balancer(outboundRules=None)), "outboundRules is no list"),
        (_behind(_balancer(outboundRules=[_out(None)])), "protocol of outbound rule out is not known"),
        (_behind(_balancer(outboundRules=[_out("Dreaming")])), "protocol of outbound rule out is not known"),
        (_behind(_balancer(loadBalancingRules=[_rule(protocol=None)])), "protocol of load-balancing rule web"),
        (_unnamed({}), "sku of load balancer front"),
        (_unnamed({"sku": None}), "sku of load balancer front"),
        (_unnamed({"sku": {"name": "Dreaming"}}), "sku of load balancer front"),
        (_routed("VirtualAppliance").without("serviceTags"), "serviceTags"),
        (_closed(defaultOutboundAccess=True).without("serviceTags"), "serviceTags"),
        (_closed().add("privateEndpoints", _endpoint(status="Dreaming")), "pe cannot be read"),
        (_closed().add("privateEndpoints", _endpoint(status=None)), "pe cannot be read"),
        (_closed().add("privateEndpoints", _endpoint(groupIds=None)), "pe cannot be read"),
        (_closed(serviceEndpoints=[_service("Microsoft.Storage", "westeurope", state=None)]), "provisioningState"),
        (
            _closed(serviceEndpoints=[_service("Microsoft.Storage", "westeurope", state="Dreaming")]),
            "provisioningState",
        ),
        (_closed(serviceEndpoints=[_service("Microsoft.Storage")]), "locations"),
        (_closed(serviceEndpoints=[_service(None, "westeurope")]), "service endpoints"),
        (_closed().without("privateEndpoints"), "privateEndpoints"),
        (
            _closed().add("privateEndpoints", {"id": network_id("privateEndpoints", "pe"), "properties": None}),
            "pe cannot be read",
        ),
        (_closed(peerings=(peering(state="New"),)), "peeringState"),
        (_closed(route_table="gone"), "gone"),
        (_routed("Elsewhere"), "route out"),
        (_closed(serviceEndpoints=[None]), "service endpoints"),
        (_closed(defaultOutboundAccess=None), "defaultOutboundAccess"),
        (_closed(defaultOutboundAccess="false"), "defaultOutboundAccess"),
    ],
)
def test_what_could_be_a_way_out_and_was_not_read_is_named(sample: Subscription, text: str) -> None:
    """No failure without having looked everywhere."""
    with pytest.raises(Unreadable, match=text):
        outbound(sample)


@pytest.mark.parametrize("kind", ["loadBalancers", "privateEndpoints", "effectiveRoutes"])
def test_unread_list_does_not_matter_once_a_way_is_certain(kind: str) -> None:
    """A NAT gateway is enough."""
    assert outbound(subscription().without(kind)).method == "NAT gateway sample-nat"


@pytest.mark.parametrize("kept", [subscription().put("publicIPAddresses"), subscription().without("publicIPAddresses")])
def test_address_of_a_nat_gateway_has_to_be_there(kept: Subscription) -> None:
    """A reference that leads nowhere is no way out; one to a prefix has to do, for those are in no list."""
    with pytest.raises(Unreadable, match="publicIPAddresses"):
        outbound(kept)
    prefixes = [{"id": network_id("publicIPPrefixes", "p")}]
    prefixed = kept.set("natGateways", "sample-nat", "properties.publicIpPrefixes", prefixes)
    assert outbound(prefixed).method == "NAT gateway sample-nat"


def test_address_of_a_load_balancer_has_to_be_there() -> None:
    """Its frontend refers to an address that was deleted."""
    with pytest.raises(Unreadable, match=r"frontend public refers to .*publicIPAddresses/sample-ip"):
        outbound(_behind(_balancer(outboundRules=[_out()])).put("publicIPAddresses"))


def test_routes_of_a_gateway_leave_it_open() -> None:
    """A route that nobody read may lead out."""
    with pytest.raises(Undetermined, match="gateway"):
        outbound(_closed(GATEWAY))
    assert outbound(_closed(GATEWAY, defaultOutboundAccess=True)).method


@pytest.mark.parametrize(
    "sample",
    [
        _routed("VirtualAppliance", "NoSuch.Tag"),
        _routed("None", "NoSuch.Tag", defaultOutboundAccess=True),
        _routed("VnetLocal", defaultOutboundAccess=True),
        _mixed(("a", "0.0.0.0/0", "VirtualAppliance"), ("b", "0.0.0.0/0", "None")),
        _closed(GATEWAY, route_table="loud", defaultOutboundAccess=True).put(
            "routeTables", route_table("loud", ("d", "0.0.0.0/0", "None"), propagation=True)
        ),
    ],
)
def test_routes_that_may_lead_out_or_not_leave_it_open(sample: Subscription) -> None:
    """A tag that is in no data, routes of equal prefix, a gateway's own routes."""
    with pytest.raises(Undetermined):
        outbound(sample)


def test_scale_set_instance_may_have_no_default_access() -> None:
    """Which kind of scale set it is was not read."""
    sample = _closed(defaultOutboundAccess=True).set(
        "virtualMachines", "sample", "properties.virtualMachineScaleSet", {"id": "/scaleSets/flex"}
    )
    with pytest.raises(Undetermined, match="scale set flex"):
        outbound(sample)


def test_network_wide_nat_gateway_is_a_way_out() -> None:
    """Where the subnet has none of its own."""
    sample = _closed().edit(
        "virtualNetworks",
        "sample-net",
        lambda n: n["properties"].update(defaultPublicNatGateway={"id": network_id("natGateways", "sample-nat")}),
    )
    assert outbound(sample).method == "NAT gateway sample-nat"


SHUT = _behind(
    _balancer(loadBalancingRules=[_rule(disableOutboundSnat=True)]),
    _routed(
        "None",
        peerings=(peering("hub", state="Disconnected", useRemoteGateways=True),),
        natGateway={"id": network_id("natGateways", "sample-nat")},
        serviceEndpoints=[_service("Microsoft.Sql", "westeurope")],
    )
    .set("natGateways", "sample-nat", "properties.publicIpAddresses", [])
    .add("privateEndpoints", _endpoint(status="Rejected"))
    .add("virtualNetworks", virtual_network(name="hub", space="10.30.0.0/16")),
)
KINDS = ("networkInterfaces", "virtualNetworks", "natGateways", "loadBalancers", "privateEndpoints", "routeTables")


@pytest.mark.parametrize("kind", KINDS)
def test_damaged_value_never_makes_a_way_out(kind: str) -> None:
    """Every value exchanged for nonsense: a named error, undetermined, or still none."""
    assert outbound(SHUT).method is None
    first, *others = SHUT.lists[kind]
    for way in places(first):
        for other in (None, "x" * 50_000, -7, {"id": None}, [None], {}):
            try:
                found = outbound(SHUT.put(kind, exchanged(first, way, other), *others))
            except (Unreadable, Undetermined):
                continue
            assert found.method is None, (way, str(other)[:20])


def _addresses(*entries: tuple[str, Any], version: Any = "IPv4") -> Subscription:
    """The sample's interface with these (address, method); the first one is primary."""
    made = nic("sample-nic", "10.20.0.4")
    made["properties"]["ipConfigurations"] = [
        {
            "name": f"c{n}",
            "properties": {
                "primary": n == 0,
                "privateIPAddress": address,
                "privateIPAllocationMethod": method,
                "privateIPAddressVersion": version,
                "subnet": {"id": subnet_id("apps")},
            },
        }
        for n, (address, method) in enumerate(entries)
    ]
    return subscription().put("networkInterfaces", made)


ONE = _addresses(("10.20.0.4", "Static"))
TWO = _addresses(("10.20.0.4", "Static"), ("10.20.0.5", "static"))
DYNAMIC = _addresses(("10.20.0.4", "Dynamic"))


@pytest.mark.parametrize(
    ("sample", "addresses", "dhcp", "told"),
    [
        (ONE, None, None, None),
        (ONE, ("10.20.0.4/24", "fe80::1/64"), True, None),
        (ONE, ("10.20.0.4",), False, "must use DHCP"),
        (ONE, ("10.20.0.7",), True, "holds 10.20.0.7, which network interface sample-nic does not have"),
        (ONE, None, False, "DHCP switched off"),
        (TWO, ("10.20.0.4", "10.20.0.5"), False, None),
        (TWO, ("10.20.0.4",), True, None),
        (TWO, ("10.20.0.5",), False, "without the primary address 10.20.0.4"),
        (DYNAMIC, ("10.20.0.4",), False, "dynamic address 10.20.0.4"),
        (_addresses(("10.20.0.4", "Static"), ("10.20.0.5", "Dynamic")), None, None, "dynamic: c1 (10.20.0.5)"),
    ],
)
def test_static_address_is_set_on_the_interface(
    sample: Subscription, addresses: tuple[str, ...] | None, *, dhcp: bool | None, told: str | None
) -> None:
    """And agrees with what the guest holds."""
    failure = static_address_failure(interface_of(sample), addresses, dhcp)
    assert (failure is None) is (told is None), failure
    if told is not None:
        assert told in (failure or "")


@pytest.mark.parametrize(
    ("sample", "addresses", "error"),
    [
        (DYNAMIC, None, NotApplicable),
        (DYNAMIC, ("10.20.0.4",), NotApplicable),
        (_addresses(("10.20.0.4", "Reserved")), None, Undetermined),
        (_addresses(("10.20.0.4", None)), None, Undetermined),
        (_addresses(("10.20.0.4", "x" * 1_000_000)), None, Undetermined),
        (_addresses(("fd00::4", "Static"), version="IPv6"), None, Undetermined),
        (_addresses(("10.20.0.4", "Static"), version="IPv5"), None, Undetermined),
        (_addresses(("10.20.0.4", "Static"), version=None), None, Undetermined),
        (_addresses(("", "Static")), ("10.20.0.4",), Undetermined),
        (ONE, (), Undetermined),
        (ONE, ("fe80::1",), Undetermined),
        (ONE, ("nonsense",), Undetermined),
    ],
)
def test_address_that_cannot_be_judged_is_not_judged(
    sample: Subscription, addresses: tuple[str, ...] | None, error: type[Exception]
) -> None:
    """A single dynamic address is no subject; an unknown one is undetermined."""
    with pytest.raises(error) as raised:
        static_address_failure(interface_of(sample), addresses, guest_uses_dhcp=None)
    assert len(str(raised.value)) < 300
