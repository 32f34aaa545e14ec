"""Network interfaces, their subnets, groups and routes, joined from ARM's JSON."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from backup_compliance.model.recorded import ReadProblem
from backup_compliance.model.verdicts import Undetermined, Unreadable
from backup_compliance.network.addresses import AddressSet
from backup_compliance.network.egress import Routing
from backup_compliance.network.ip_flow import Access
from backup_compliance.platform.decisions.egress import find_egress, find_flow
from backup_compliance.platform.decisions.routing import find_next_hops, find_routing, regional, route_failure
from backup_compliance.platform.estate.interfaces import find_interfaces, primary_interface
from backup_compliance.platform.estate.virtual_networks import find_subnet
from selftests.builders.arm import (
    SUBSCRIPTION,
    Subscription,
    machine,
    network_id,
    nic,
    route_table,
    rule,
    security_group,
    subnet,
    subnet_id,
    subscription,
    virtual_network,
)
from selftests.builders.platform_network import (
    ASG,
    CONFIGURATION,
    DENY_STORAGE,
    SUBNET,
    egress,
    exchanged,
    interface_of,
    next_hops,
    opened,
    outbound,
    peering,
    places,
    with_rules,
    with_subnet,
)

Json = dict[str, Any]
GATEWAY = subnet("GatewaySubnet", "10.20.255.0/27", ipConfigurations=[{"id": "/gateway"}])


def _two(*primary: int, marked: tuple[int, ...] = ()) -> Subscription:
    """The sample with two interfaces: which of them call themselves primary, and which the model calls so."""
    vm = machine("sample", 4, nics=("one", "two"))
    for index in marked:
        vm["properties"]["networkProfile"]["networkInterfaces"][index]["properties"] = {"primary": True}
    nics = [nic(name, f"10.20.0.{n + 4}") for n, name in enumerate(("one", "two"))]
    for n, each in enumerate(nics):
        each["properties"]["primary"] = n in primary
    return subscription().put("virtualMachines", vm).put("networkInterfaces", *nics)


def test_interface_is_found_with_its_configuration() -> None:
    """The sample's only interface, its address, method and subnet."""
    found = interface_of(subscription())
    (only,) = found.configurations
    assert (found.name, found.security_group_id, only.address, only.version) == ("sample-nic", None, "10.20.0.4", 4)
    assert (only.method, only.is_primary, only.subnet_id, only.public_ip_id) == (
        "Static",
        True,
        subnet_id("apps"),
        None,
    )


def test_ids_that_differ_in_case_are_joined() -> None:
    """ARM's own replies differ in case."""
    sample = subscription()
    upper = sample.set("networkInterfaces", "sample-nic", "id", network_id("networkInterfaces", "sample-nic").upper())
    upper = upper.set("networkInterfaces", "sample-nic", f"{CONFIGURATION}.subnet.id", subnet_id("apps").upper())
    assert egress(upper).access is Access.ALLOW
    assert next_hops(upper).hop_types == {"Internet"}


@pytest.mark.parametrize(
    ("sample", "name"),
    [(_two(0), "one"), (_two(1), "two"), (_two(0, marked=(1,)), "two"), (_two(0, 1, marked=(0,)), "one")],
)
def test_primary_interface_is_what_the_model_says_else_the_interface_itself(sample: Subscription, name: str) -> None:
    """The model goes first."""
    estate, vm, profile = opened(sample)
    assert primary_interface(estate, profile, vm).name == name
    assert [i.name for i in find_interfaces(estate, profile, vm)] == ["one", "two"]


@pytest.mark.parametrize(
    ("sample", "error", "text"),
    [
        (_two(), Undetermined, "none is primary"),
        (_two(0, 1), Undetermined, "several is primary"),
        (subscription().set("virtualMachines", "sample", "properties.networkProfile.networkInterfaces", []),
         Undetermined, "sample has no network interface"),
        (subscription().cut("virtualMachines", "sample", "properties.networkProfile"), Unreadable, "networkInterfaces"),
        (subscription().put("networkInterfaces"), Unreadable, "sample-nic"),
        (subscription().refused("networkInterfaces"), Unreadable, "403"),
        (subscription().set("networkInterfaces", "sample-nic", "properties", None), Unreadable, "sample-nic"),
        (subscription().set("networkInterfaces", "sample-nic", "properties.ipConfigurations", [None]), Unreadable,
         "sample-nic has no properties"),
        (subscription().set("networkInterfaces", "sample-nic", "properties.ipConfigurations", []), Undetermined,
         "0 IP configurations"),
        (subscription().set("networkInterfaces", "sample-nic", f"{CONFIGURATION}.subnet", None), Unreadable,
         "names no subnet"),
    ],
)  # fmt: skip
def test_unusable_interface_is_named(sample: Subscription, error: type[Exception], text: str) -> None:
    """Nothing is guessed, and nobody is dropped."""
    with pytest.raises(error, match=text):
        egress(sample)


@pytest.mark.parametrize(
    ("sample", "texts"),
    [
        (subscription().put("virtualNetworks", virtual_network()), ("sample-nic", "apps", "sample-net")),
        (subscription().put("virtualNetworks"), ("sample-nic", "sample-net")),
        (subscription().put("networkSecurityGroups"), ("subnet apps", "apps-nsg")),
        (subscription().refused("networkSecurityGroups"), ("networkSecurityGroups", "403")),
        (subscription().set("virtualNetworks", "sample-net", f"{SUBNET}.networkSecurityGroup", None),
         ("subnet apps", "without saying which")),
        (subscription().set("virtualNetworks", "sample-net", SUBNET[:-11], None), ("apps",)),
        (subscription().set("virtualNetworks", "sample-net", "properties.subnets", None), ("sample-net", "subnets")),
        (subscription().without("serviceTags"), ("serviceTags", "missing")),
        (subscription().set("virtualMachines", "sample", "location", ""), ("sample", "location")),
        (subscription().without("securityAdminRules"), ("securityAdminRules",)),
        (subscription().put("securityAdminRules"), ("securityAdminRules", "sample-net")),
        (subscription().refused("securityAdminRules", network_id("virtualNetworks", "sample-net")), ("403",)),
    ],
)  # fmt: skip
def test_missing_part_is_named(sample: Subscription, texts: tuple[str, ...]) -> None:
    """A dangling reference or an unread list names who refers to what."""
    with pytest.raises(Unreadable) as error:
        egress(sample)
    assert all(text in str(error.value) for text in texts)


@pytest.mark.parametrize("properties", [{}, {"id": None}, {"addressPrefix": None}, {"addressPrefix": "x"},
                                        {"addressPrefixes": []}, {"addressPrefixes": ["10.0.0.0/8", 7]}])  # fmt: skip
def test_subnet_without_a_prefix_is_not_readable(properties: Json) -> None:
    """Its other fields would be missing too, and a missing security group or route table is none."""
    sample = subscription().set("virtualNetworks", "sample-net", SUBNET, properties)
    for judge in (egress, next_hops, outbound):
        with pytest.raises(Unreadable, match="subnet apps, which has no readable address prefix"):
            judge(sample)


@pytest.mark.parametrize("space", [None, {}, {"addressPrefixes": []}, {"addressPrefixes": ["x"]}])
def test_network_without_address_space_is_an_error_where_it_matters(space: Any) -> None:
    """For routes, for a way out by them, and for rules that name the network or the Internet."""
    private = with_subnet(security_group="apps-nsg", defaultOutboundAccess=True)
    private = private.cut("virtualNetworks", "sample-net", f"{SUBNET}.natGateway")
    sample = private.set("virtualNetworks", "sample-net", "properties.addressSpace", space)
    for judge in (egress, next_hops, outbound):
        with pytest.raises(Unreadable, match="sample-net has no readable address space"):
            judge(sample)
    assert egress(sample.put("networkSecurityGroups", security_group("apps-nsg", DENY_STORAGE))).access is Access.DENY


def test_deleted_subnet_is_named_with_its_network() -> None:
    """The interface still refers to it."""
    estate, vm, profile = opened(
        subscription().put("virtualNetworks", virtual_network(subnet("other", "10.20.9.0/24")))
    )
    with pytest.raises(Unreadable, match=r"sample-nic is in subnet apps, which is not in virtual network sample-net"):
        find_subnet(estate, primary_interface(estate, profile, vm))


@pytest.mark.parametrize(
    ("rules", "access", "by"),
    [
        ((), Access.ALLOW, "AllowInternetOutBound"),
        ((DENY_STORAGE,), Access.DENY, "deny-storage"),
        ((rule("some", 100, "Deny", destination="20.60.88.0/22"),), Access.PARTIAL, "some"),
        ((rule("other", 100, "Deny", source="10.20.9.0/24"),), Access.ALLOW, "AllowInternetOutBound"),
        ((rule("mine", 100, "Deny", source="10.20.0.4"),), Access.DENY, "mine"),
        ((rule("tag", 100, "Deny", destination="Unknown.Tag"),), Access.UNDETERMINED, "Unknown.Tag"),
        ((rule("odd", 100, "Perhaps"),), Access.UNDETERMINED, "odd"),
    ],
)
def test_subnet_group_decides(rules: tuple[Json, ...], access: Access, by: str) -> None:
    """Allowed, denied, in part, or not known: always naming the rule."""
    found = egress(with_rules(*rules))
    assert found.access is access
    assert by in found.explanation
    assert "from 10.20.0.4 to Storage.westeurope" in found.explanation


def test_interface_group_goes_before_the_subnet_and_both_must_allow() -> None:
    """A denial of either is enough."""
    sample = subscription().put("networkInterfaces", nic("sample-nic", "10.20.0.4", security_group="own"))
    found = egress(sample.add("networkSecurityGroups", security_group("own", DENY_STORAGE)))
    assert found.access is Access.DENY
    assert "group own (network interface)" in found.explanation


def test_no_group_allows_with_that_reason() -> None:
    """Azure filters nothing then."""
    found = egress(with_subnet())
    assert found.access is Access.ALLOW
    assert "no network security group" in found.explanation


def test_admin_rules_are_judged_first() -> None:
    """The network manager's rules of this virtual network."""
    deny = {
        "kind": "Custom",
        "id": "/x/networkManagers/central/securityAdminConfigurations/c/ruleCollections/r/rules/no-storage",
        "properties": {
            "protocol": "Tcp",
            "direction": "Outbound",
            "access": "Deny",
            "priority": 5,
            "sources": [{"addressPrefix": "*", "addressPrefixType": "IPPrefix"}],
            "destinations": [{"addressPrefix": "Storage", "addressPrefixType": "ServiceTag"}],
            "sourcePortRanges": ["0-65535"],
            "destinationPortRanges": ["443"],
        },
    }
    entry = {"id": network_id("virtualNetworks", "SAMPLE-net"), "value": [deny]}
    found = egress(subscription().put("securityAdminRules", entry))
    assert found.access is Access.DENY
    assert "network manager central" in found.explanation


@pytest.mark.parametrize("more", [{"nextLink": "https://next"}, {"skipToken": "x"}, {"nextLink": {}}])
def test_first_page_of_admin_rules_is_not_all_of_them(more: Json) -> None:
    """However few rules it holds."""
    entry = {"id": network_id("virtualNetworks", "sample-net"), "value": [], **more}
    found = egress(subscription().put("securityAdminRules", entry))
    assert found.access is Access.UNDETERMINED
    assert "first page" in found.explanation
    last = {**entry, **dict.fromkeys(more, None)}
    assert egress(subscription().put("securityAdminRules", last)).access is Access.ALLOW


def test_denial_stands_without_admin_rules_and_says_so() -> None:
    """An allow is an error then, a denial is not."""
    found = egress(with_rules(DENY_STORAGE).without("securityAdminRules"))
    assert found.access is Access.DENY
    assert "Security admin rules are not considered" in found.explanation
    assert found.evidence["security admin rules"] == "not read"


@pytest.mark.parametrize(("members", "access"), [([{"id": ASG.upper()}], Access.DENY), ([], Access.ALLOW)])
def test_application_security_group_is_its_members(members: list[Json], access: Access) -> None:
    """A rule for a group applies to the interfaces that name it."""
    deny = rule("deny-web", 100, "Deny")
    del deny["properties"]["sourceAddressPrefix"]
    deny["properties"]["sourceApplicationSecurityGroups"] = [{"id": ASG}]
    sample = with_rules(deny).set(
        "networkInterfaces", "sample-nic", f"{CONFIGURATION}.applicationSecurityGroups", members
    )
    assert egress(sample).access is access


@pytest.mark.parametrize(("members", "access"), [([{"id": ASG}], Access.DENY), ([], Access.ALLOW)])
@pytest.mark.parametrize("side", ["source", "destination"])
def test_inbound_flow_knows_application_security_groups(side: str, members: list[Json], access: Access) -> None:
    """A rule for a group applies to whoever sends in it and to the receiver in it, also where no outbound rule names one."""
    deny = rule("deny-web", 100, "Deny", direction="Inbound")
    del deny["properties"][f"{side}AddressPrefix"]
    deny["properties"][f"{side}ApplicationSecurityGroups"] = [{"id": ASG}]
    sample = (
        with_rules(deny).add("virtualMachines", machine("b", 5)).add("networkInterfaces", nic("b-nic", "10.20.0.5"))
    )
    member = "sample-nic" if side == "destination" else "b-nic"
    sample = sample.set("networkInterfaces", member, f"{CONFIGURATION}.applicationSecurityGroups", members)
    estate, vm, profile = opened(sample)
    interface, source = primary_interface(estate, profile, vm), AddressSet.of("10.20.0.5")
    assert find_flow(estate, interface, vm, "10.20.0.4", 3128, outbound=False, source=source).access is access


def test_flow_into_an_unread_network_is_an_error_where_a_tag_is_meant() -> None:
    """An address is one whatever is around it; Internet is not known without the routes."""
    sample = with_subnet(route_table="gone")
    estate, vm, profile = opened(sample)
    interface = primary_interface(estate, profile, vm)
    assert find_flow(estate, interface, vm, "10.20.0.9", 3128).access is Access.ALLOW
    with pytest.raises(Unreadable, match="routeTables/gone"):
        find_flow(estate, interface, vm, "Internet", 443)


def _denying_group(*fields: tuple[str, Any], side: str = "source") -> Subscription:
    """A rule denies an application security group; more fields of the sample's configuration."""
    deny = rule("deny-web", 100, "Deny")
    del deny["properties"][f"{side}AddressPrefix"]
    deny["properties"][f"{side}ApplicationSecurityGroups"] = [{"id": ASG.upper()}]
    found = with_rules(deny)
    for key, value in fields:
        found = found.set("networkInterfaces", "sample-nic", f"{CONFIGURATION}.{key}", value)
    return found


MEMBER = ("applicationSecurityGroups", [{"id": ASG}])


@pytest.mark.parametrize("address", [None, "", "garbage", 7, {}])
def test_membership_stands_without_a_readable_address(address: Any) -> None:
    """A configuration that names a group is in it, whatever address ARM gives; one that does not name it is not."""
    assert egress(_denying_group(MEMBER, ("privateIPAddress", address))).access is Access.DENY
    other = ("applicationSecurityGroups", [{"id": f"{ASG}-other"}])
    assert "deny-web" not in egress(_denying_group(other, ("privateIPAddress", address))).explanation


def test_unread_addresses_in_different_groups_are_two_decisions() -> None:
    """Machines whose addresses nobody read share no decision unless their groups are the same."""
    sample = _denying_group(("privateIPAddress", None)).add("virtualMachines", machine("b", 5))
    other = nic("b-nic", "garbage")
    other["properties"]["ipConfigurations"][0]["properties"] |= dict([MEMBER])
    sample = sample.add("networkInterfaces", other)
    estate, vm, profile = opened(sample)
    _, second, its = opened(sample, 1)
    found = [
        find_egress(estate, primary_interface(estate, p, v), v, "Storage.westeurope").access
        for v, p in ((vm, profile), (second, its))
    ]
    assert found[1] is Access.DENY
    assert found[0] is not Access.DENY


@pytest.mark.parametrize(
    ("other", "access"),
    [
        (nic("b-nic", "10.20.0.9"), Access.ALLOW),
        (nic("b-nic", "garbage"), Access.UNDETERMINED),
        ({"id": network_id("networkInterfaces", "b-nic"), "properties": None}, Access.UNDETERMINED),
        ("no resource", Access.UNDETERMINED),
    ],
)
def test_group_with_an_unread_member_may_be_any_address_of_the_network(other: Any, access: Access) -> None:
    """As the destination of a rule, in a network that Storage's addresses lie in; elsewhere it decides nothing."""
    if isinstance(other, dict) and other["properties"]:
        other["properties"]["ipConfigurations"][0]["properties"] |= dict([MEMBER])
    sample = _denying_group(side="destination").add("networkInterfaces", other)
    assert egress(sample).access is Access.ALLOW
    wide = sample.set("virtualNetworks", "sample-net", "properties.addressSpace.addressPrefixes", ["20.60.0.0/16"])
    wide = wide.edit(
        "networkSecurityGroups",
        "apps-nsg",
        lambda g: g["properties"]["securityRules"].append(rule("rest", 200, "Allow")),
    )
    assert egress(wide).access is access


def test_unreadable_membership_is_an_error_where_a_rule_asks_for_it() -> None:
    """And nowhere else."""
    deny = rule("deny-web", 100, "Deny", source="")
    deny["properties"]["sourceApplicationSecurityGroups"] = [{"id": ASG}]
    path = f"{CONFIGURATION}.applicationSecurityGroups"
    with pytest.raises(Unreadable, match="application security group without an id"):
        egress(with_rules(deny).set("networkInterfaces", "sample-nic", path, None))
    assert egress(subscription().set("networkInterfaces", "sample-nic", path, None)).access is Access.ALLOW


def test_shared_decision_names_each_source() -> None:
    """Two machines behind one group: decided once, told for each; a rule for one of them parts them."""
    sample = with_rules(rule("second", 100, "Deny", source="10.20.0.6")).put(
        "virtualMachines", *(machine(n, i) for i, n in enumerate(("sample", "b", "c")))
    )
    sample = sample.put(
        "networkInterfaces", *(nic(f"{n}-nic", f"10.20.0.{i + 4}") for i, n in enumerate(("sample", "b", "c")))
    )
    estate, vm, _ = opened(sample)
    found = []
    for index in range(3):
        _, vm, profile = opened(sample, index)
        found.append(find_egress(estate, primary_interface(estate, profile, vm), vm, "Storage.westeurope"))
    assert [f.access for f in found] == [Access.ALLOW, Access.ALLOW, Access.DENY]
    assert [f"from 10.20.0.{i + 4} " in f.explanation for i, f in enumerate(found)] == [True] * 3
    assert found[0].shares is found[1].shares
    assert found[0].evidence is not found[1].evidence


def test_dangling_group_names_each_interface_that_has_it() -> None:
    """What is shared is never told in another machine's name."""
    nics = [nic(f"{n}-nic", "10.20.0.4", security_group="gone") for n in ("sample", "b")]
    sample = subscription().put("networkInterfaces", *nics).add("virtualMachines", machine("b", 5))
    estate, _, _ = opened(sample)
    for index, name in enumerate(("sample-nic", "b-nic")):
        _, vm, profile = opened(sample, index)
        with pytest.raises(Unreadable, match=rf"network interface {name} refers to .*gone"):
            find_egress(estate, primary_interface(estate, profile, vm), vm, "Storage.westeurope")


INTERNET = (rule("internet", 100, "Allow", destination="Internet"), rule("rest", 200, "Deny"))


@pytest.mark.parametrize(
    ("sample", "access"),
    [
        (with_subnet(security_group="apps-nsg"), Access.ALLOW),
        (with_subnet(security_group="apps-nsg", route_table="table"), Access.UNDETERMINED),
        (with_subnet(GATEWAY, security_group="apps-nsg"), Access.ALLOW),
    ],
)
def test_user_routes_to_an_appliance_make_internet_doubtful(sample: Subscription, access: Access) -> None:
    """Whether Internet still holds what such routes lead away is documented nowhere."""
    sample = sample.put("networkSecurityGroups", security_group("apps-nsg", *INTERNET))
    sample = sample.put("routeTables", route_table("table", ("default", "0.0.0.0/0", "VirtualAppliance")))
    assert egress(sample).access is access


@pytest.mark.parametrize(
    "sample",
    [
        with_subnet(security_group="apps-nsg", route_table="gone"),
        with_subnet(security_group="apps-nsg", peerings=(peering(state="Newly"),)),
        with_subnet(security_group="apps-nsg", peerings=(peering(remoteAddressSpace=None),)),
        with_subnet(security_group="apps-nsg").set("virtualNetworks", "sample-net", "properties.addressSpace", None),
        with_subnet(security_group="apps-nsg", route_table="table").put(
            "routeTables", route_table("table", ("r", "0.0.0.0/0", "Elsewhere"))
        ),
    ],
)
def test_unread_surroundings_matter_only_to_rules_that_name_them(sample: Subscription) -> None:
    """An unread route table or peering is an error where a tag depends on it; a rule by prefix decides without."""
    with pytest.raises(Unreadable):
        egress(sample)
    assert egress(sample.put("networkSecurityGroups", security_group("apps-nsg", DENY_STORAGE))).access is Access.DENY
    allow = rule("allow", 100, "Allow", destination="Storage.WestEurope")
    assert egress(sample.put("networkSecurityGroups", security_group("apps-nsg", allow))).access is Access.ALLOW


def test_peer_belongs_to_the_virtual_network() -> None:
    """By what the peering says, or by the peer's own record; a disconnected one does not count."""
    deny = rule("deny-net", 100, "Deny", destination="VirtualNetwork")
    space = {"addressPrefixes": ["20.60.0.0/16"]}
    for fields, access in (
        ({"remoteAddressSpace": space}, Access.DENY),
        ({"remoteAddressSpace": None, "remoteVirtualNetworkAddressSpace": space}, Access.DENY),
        ({"remoteAddressSpace": None}, Access.DENY),
        ({"remoteAddressSpace": space, "peeringState": "Disconnected"}, Access.ALLOW),
        ({"remoteAddressSpace": space, "allowVirtualNetworkAccess": False}, Access.ALLOW),
    ):
        sample = with_subnet(security_group="apps-nsg", peerings=(peering(**fields),))
        sample = sample.add("virtualNetworks", virtual_network(name="hub", space="20.60.0.0/16"))
        found = egress(sample.put("networkSecurityGroups", security_group("apps-nsg", deny)))
        assert (found.access is Access.ALLOW) is (access is Access.ALLOW), fields


@pytest.mark.parametrize(
    ("routes", "hops"),
    [
        ((), {"Internet"}),
        ((("d", "0.0.0.0/0", "None"),), {"None"}),
        ((("d", "0.0.0.0/0", "VirtualAppliance"),), {"VirtualAppliance"}),
        ((("d", "0.0.0.0/0", "None"), ("s", "Storage.WestEurope", "Internet")), {"Internet"}),
    ],
)
def test_route_table_decides_next_hops(routes: tuple[tuple[str, str, str], ...], hops: set[str]) -> None:
    """The subnet's user-defined routes over Azure's own."""
    sample = with_subnet(route_table="table").put("routeTables", route_table("table", *routes))
    assert next_hops(sample).hop_types == hops


def test_service_endpoint_goes_before_a_default_route() -> None:
    """For the region it is in."""
    endpoint = {"service": "Microsoft.Storage", "locations": ["westeurope"], "provisioningState": "Succeeded"}
    sample = with_subnet(route_table="table", serviceEndpoints=[endpoint])
    sample = sample.put("routeTables", route_table("table", ("d", "0.0.0.0/0", "None")))
    assert next_hops(sample).hop_types == {"VirtualNetworkServiceEndpoint"}
    failed = sample.set("virtualNetworks", "sample-net", f"{SUBNET}.serviceEndpoints.0.provisioningState", "Failed")
    assert next_hops(failed).hop_types == {"None"}


@pytest.mark.parametrize(
    "fields", [{"provisioningState": None}, {"provisioningState": "Dreaming"}, {"locations": None}]
)
def test_service_endpoint_of_unknown_state_may_apply_or_not(fields: Json) -> None:
    """It decides nothing where storage gets out either way."""
    endpoint = {"service": "Microsoft.Storage", "locations": ["westeurope"], "provisioningState": "Succeeded", **fields}
    sample = with_subnet(security_group="apps-nsg", route_table="table", serviceEndpoints=[endpoint])
    for hop, access in (("None", Access.UNDETERMINED), ("Internet", Access.ALLOW)):
        routed = sample.put("routeTables", route_table("table", ("d", "0.0.0.0/0", hop)))
        assert next_hops(routed).verdict.access is access
        assert egress(routed).access is Access.ALLOW


@pytest.mark.parametrize(
    ("sample", "unknown"),
    [
        (with_subnet(GATEWAY), True),
        (with_subnet(subnet("GatewaySubnet", "10.20.255.0/27")), False),
        (with_subnet(peerings=(peering(useRemoteGateways=True),)), True),
        (with_subnet(peerings=(peering(useRemoteGateways=True, peeringState="Disconnected"),)), False),
        (with_subnet(GATEWAY, route_table="quiet"), False),
        (with_subnet(GATEWAY, route_table="loud"), True),
        (with_subnet(GATEWAY, route_table="silent"), True),
    ],
)
def test_gateway_routes_are_unknown_where_a_gateway_propagates_them(sample: Subscription, *, unknown: bool) -> None:
    """Off only where the route table says so for certain."""
    silent = route_table("silent")
    del silent["properties"]["disableBgpRoutePropagation"]
    sample = sample.put("routeTables", route_table("quiet"), route_table("loud", propagation=True), silent)
    found = next_hops(sample)
    assert ("VirtualNetworkGateway" in found.hop_types) is unknown
    assert route_failure(found, storage_answers=True) is None
    if unknown:
        with pytest.raises(Undetermined, match="gateway"):
            route_failure(found, storage_answers=None)


def _effective(*routes: tuple[str, str, str], **fields: Any) -> Json:
    value = [
        {"source": s, "state": "Active", "addressPrefix": [p], "nextHopType": h, "nextHopIpAddress": []}
        for s, p, h in routes
    ]
    return {"id": network_id("networkInterfaces", "SAMPLE-NIC"), "value": value, **fields}


def test_effective_routes_go_before_the_route_table() -> None:
    """They hold what a gateway added."""
    sample = with_subnet(GATEWAY).add(
        "effectiveRoutes", _effective(("VirtualNetworkGateway", "0.0.0.0/0", "VirtualNetworkGateway"))
    )
    assert next_hops(sample).hop_types == {"VirtualNetworkGateway"}
    sample = with_subnet(GATEWAY).add("effectiveRoutes", _effective(("Default", "0.0.0.0/0", "Internet")))
    assert next_hops(sample).hop_types == {"Internet"}


def test_empty_effective_routes_are_not_read() -> None:
    """Azure answers so for a machine that does not run."""
    assert next_hops(with_subnet().add("effectiveRoutes", _effective())).hop_types == {"Internet"}
    with pytest.raises(Unreadable, match="effective routes of network interface sample-nic"):
        next_hops(with_subnet().add("effectiveRoutes", _effective(value=None)))


@pytest.mark.parametrize(
    "sample",
    [
        subscription().add("effectiveRoutes", _effective(nextLink="https://next")),
        subscription().add(
            "effectiveRoutes", _effective(("Default", "0.0.0.0/0", "Internet"), nextLink="https://next")
        ),
        subscription().add("effectiveRoutes", _effective(value={})),
        subscription().add("effectiveRoutes", None),
        subscription().add("effectiveRoutes", {"value": []}),
        subscription().add("effectiveRoutes", {"id": "x", "value": []}),
        subscription().add("effectiveRoutes", _effective(), _effective(("Default", "0.0.0.0/0", "None"))),
        subscription().damaged("effectiveRoutes", b"{"),
        subscription().damaged("effectiveRoutes", b'{"value": null}'),
        subscription().damaged("effectiveRoutes", b'{"value": [], "nextLink": "https://next"}'),
    ],
)
def test_damaged_effective_routes_are_an_error(sample: Subscription) -> None:
    """The route table would tell less than what is there and cannot be read."""
    with pytest.raises(Unreadable, match=r"effective.?[rR]outes"):
        next_hops(sample)


@pytest.mark.parametrize(
    "sample",
    [
        subscription(),
        subscription().refused("effectiveRoutes"),
        subscription().refused("effectiveRoutes", network_id("networkInterfaces", "sample-nic")),
        subscription().put("effectiveRoutes"),
    ],
)
def test_effective_routes_that_nobody_could_read_leave_the_route_table(sample: Subscription) -> None:
    """Azure gives them for running machines only."""
    assert next_hops(sample).hop_types == {"Internet"}


@pytest.mark.parametrize(
    ("hop", "answers", "told"),
    [
        ("None", True, "to next hop None"),
        ("Internet", None, None),
        ("VirtualAppliance", True, None),
        ("VirtualAppliance", None, Undetermined),
        ("VirtualAppliance", False, Undetermined),
        ("Elsewhere", True, Undetermined),
    ],
)
def test_route_failure_depends_on_the_appliance(hop: str, *, answers: bool | None, told: Any) -> None:
    """A dropped prefix is a failure whatever the guest says; an appliance is fine when storage answers."""
    sample = with_subnet(route_table="table").put("routeTables", route_table("table", ("d", "0.0.0.0/0", hop)))
    found = next_hops(sample)
    if told is Undetermined:
        with pytest.raises(Undetermined, match=hop):
            route_failure(found, answers)
    elif told is None:
        assert route_failure(found, answers) is None
    else:
        assert told in (route_failure(found, answers) or "")


def test_unknown_tag_is_undetermined() -> None:
    """For rules and for routes."""
    assert egress(subscription(), "Strange").access is Access.UNDETERMINED
    estate, vm, profile = opened(subscription())
    with pytest.raises(Undetermined, match=r"Strange\.westeurope"):
        find_next_hops(estate, primary_interface(estate, profile, vm), vm, regional("Strange", vm))


OTHERS: tuple[Any, ...] = (None, "x" * 50_000, -7, True, {"id": None}, [None], {})
DENIED = with_rules(DENY_STORAGE).put("networkInterfaces", nic("sample-nic", "10.20.0.4", security_group="apps-nsg"))
DROPPED = with_subnet(GATEWAY, route_table="table", peerings=(peering(),)).put(
    "routeTables", route_table("table", ("d", "0.0.0.0/0", "None"))
)


def _mutants(sample: Subscription, kind: str) -> list[tuple[tuple[Any, ...], Any, Subscription]]:
    (resource,) = sample.lists[kind]
    return [
        (way, other, sample.put(kind, exchanged(resource, way, other)))
        for way in places(resource)
        if way != ("id",) or kind != "virtualMachines"
        for other in OTHERS
    ]


def _told(judge: Callable[[Subscription], Any], sample: Subscription) -> Any:
    """The judgement, or the text of the error that stands for it."""
    try:
        return judge(sample)
    except (Unreadable, Undetermined) as error:
        return str(error)


@pytest.mark.parametrize("kind", ["networkInterfaces", "virtualNetworks", "networkSecurityGroups", "virtualMachines"])
def test_damaged_value_never_turns_a_denial_into_an_allow(kind: str) -> None:
    """Every value of every resource on the way, exchanged for nonsense: a named error, undetermined, or still denied."""
    for way, other, sample in _mutants(DENIED, kind):
        found = _told(egress, sample)
        if isinstance(found, str):
            assert 0 < len(found) < 1500, way
        else:
            assert found.access is not Access.ALLOW, (way, str(other)[:20])


@pytest.mark.parametrize("kind", ["networkInterfaces", "virtualNetworks", "routeTables"])
def test_damaged_value_never_turns_a_dropping_route_into_a_passing_one(kind: str) -> None:
    """The same for routes."""
    for way, other, sample in _mutants(DROPPED, kind):
        told = _told(lambda each: route_failure(next_hops(each), storage_answers=None), sample)
        assert told, (way, str(other)[:20])
        assert len(told) < 1500, (way, str(other)[:20])


def test_subscription_of_the_sample_is_told_once() -> None:
    """A reference into a subscription that nobody read names it."""
    other = subnet_id("apps").replace(SUBSCRIPTION, "other")
    with pytest.raises(Unreadable, match="subscription other"):
        egress(subscription().set("networkInterfaces", "sample-nic", f"{CONFIGURATION}.subnet.id", other))


def test_megabyte_of_name_stays_a_line() -> None:
    """In every name that an explanation or an error tells."""
    long = "x" * 1_000_000
    sample = with_rules(rule(long, 100, "Deny", destination="Storage.WestEurope"))
    assert len(egress(sample.set("networkSecurityGroups", "apps-nsg", "name", long)).explanation) < 600
    for kind, name, path in (
        ("networkInterfaces", "sample-nic", f"{CONFIGURATION}.subnet.id"),
        ("virtualNetworks", "sample-net", f"{SUBNET}.networkSecurityGroup.id"),
        ("virtualNetworks", "sample-net", "id"),
    ):
        with pytest.raises(Unreadable) as error:
            egress(sample.set(kind, name, path, long))
        assert len(str(error.value)) < 1500


def beside(name: str = "b-nic", subnet_name: str = "apps", **fields: Any) -> Subscription:
    """The sample behind a gateway, another interface, and the effective routes of that one alone."""
    routes = _effective(
        ("VirtualNetworkGateway", "20.0.0.0/6", "VirtualNetworkGateway"), ("Default", "0.0.0.0/0", "Internet")
    )
    sample = with_subnet(GATEWAY, subnet("other", "10.20.7.0/24")).add(
        "networkInterfaces", nic(name, "10.20.0.9", subnet=subnet_name)
    )
    return sample.put("effectiveRoutes", {**routes, "id": network_id("networkInterfaces", name.upper()), **fields})


def test_effective_routes_of_a_neighbour_tell_what_a_gateway_adds() -> None:
    """All interfaces of a subnet have the same routes; those of another subnet tell nothing."""
    assert next_hops(beside()).hop_types == {"VirtualNetworkGateway", "Internet"}
    assert not find_routing_of(beside()).gateway_routes_unknown
    assert find_routing_of(beside(subnet_name="other")).gateway_routes_unknown


def test_routes_of_a_neighbour_do_not_count_where_the_table_tells_all() -> None:
    """Without a gateway the route table is whole."""
    sample = beside().put("virtualNetworks", virtual_network(subnet("apps", "10.20.0.0/24")))
    assert next_hops(sample).hop_types == {"Internet"}


@pytest.mark.parametrize("value", [{}, None, "x"])
def test_damaged_routes_of_a_neighbour_are_an_error(value: Any) -> None:
    """They were read, and cannot be read."""
    with pytest.raises(Unreadable, match="effective routes"):
        next_hops(beside(value=value))


@pytest.mark.parametrize(
    ("missing", "kind", "interface", "is_error"),
    [
        ("403 AuthorizationFailed", "effectiveRoutes", "sample-nic", True),
        ("401 InvalidAuthenticationToken", "effectiveRoutes", "sample-nic", True),
        ("403 AuthorizationFailed", "effectiveRoutes", "b-nic", True),
        ("403 AuthorizationFailed", "effectiveRoutes", "far-nic", False),
        ("403 AuthorizationFailed", "effectiveSecurityGroups", "sample-nic", False),
        ("400 NetcfgInvalidState", "effectiveRoutes", "sample-nic", False),
    ],
)
def test_refused_effective_routes_behind_a_gateway_are_an_error(
    missing: str, kind: str, interface: str, *, is_error: bool
) -> None:
    """A missing right can be granted; a machine that does not run has none to give."""
    sample = with_subnet(GATEWAY, subnet("other", "10.20.7.0/24"))
    sample = sample.add("networkInterfaces", nic("b-nic", "10.20.0.9"), nic("far-nic", "10.20.7.9", subnet="other"))
    problem = ReadProblem(kind, missing, scope=network_id("networkInterfaces", interface))
    sample = replace(sample, problems=(problem,))
    if is_error:
        with pytest.raises(Unreadable, match=f"routes of a gateway are not known: {missing}"):
            next_hops(sample)
    else:
        assert find_routing_of(sample).gateway_routes_unknown


def find_routing_of(sample: Subscription) -> Routing:
    """The routes of the sample's primary interface."""
    estate, vm, profile = opened(sample)
    return find_routing(estate, primary_interface(estate, profile, vm))
