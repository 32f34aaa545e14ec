"""Made-up security groups, tags and routes in ARM's shapes, for the self-tests of `backup_compliance.network`."""

from __future__ import annotations

from typing import Any, Final

from backup_compliance.network.addresses import AddressSet, Destination
from backup_compliance.network.ip_flow import Flow, FlowVerdict, verify_security_groups
from backup_compliance.network.security_rules import AppliedTo, SecurityGroup, parse_security_group
from backup_compliance.network.service_tags import (
    Resolved,
    ServiceTags,
    Surroundings,
    VirtualNetwork,
    parse_service_tags,
)

NORTH = ("20.60.0.0/24", "20.60.2.0/23", "52.239.128.0/20", "2603:1020:5::/48")
SOUTH = ("20.61.0.0/24", "20.61.4.0/24")
VM = AddressSet.of("10.1.0.4")
SPACE = AddressSet.of("10.1.0.0/16")


def tag_document(**tags: Any) -> dict[str, Any]:
    """The weekly file with these tags; `__` in a name stands for the dot."""
    values = [
        {"name": n.replace("__", "."), "id": n.replace("__", "."), "properties": {"region": "", "addressPrefixes": p}}
        for n, p in tags.items()
    ]
    return {"changeNumber": 12, "cloud": "Public", "values": values}


NO_TAGS: Final = ServiceTags("", {})
"""No service tag data was read: every tag is unknown."""


def tags() -> ServiceTags:
    """Storage in two regions."""
    document = tag_document(
        Storage=[*NORTH, *SOUTH],
        Storage__NorthSea=list(NORTH),
        Storage__SouthSea=list(SOUTH),
        AzureBackup=["51.10.0.0/24"],
    )
    return parse_service_tags(document)


def surroundings(network: VirtualNetwork | None = None, **groups: AddressSet) -> Surroundings:
    """A virtual network 10.1.0.0/16 and the tags above; `groups` are application security groups by id."""
    members = {f"/asg/{k}": Resolved(v) for k, v in groups.items()}
    return Surroundings(tags(), network or VirtualNetwork(SPACE), members)


def rule(priority: Any, access: Any, destination: Any = "*", **fields: Any) -> dict[str, Any]:
    """An outbound rule of a security group as ARM gives it; a field None is null, as ARM writes it."""
    properties = {
        "priority": priority,
        "access": access,
        "direction": "Outbound",
        "protocol": "Tcp",
        "sourceAddressPrefix": "*",
        "sourcePortRange": "*",
        "destinationAddressPrefix": destination,
        "destinationPortRange": "443",
        "sourceAddressPrefixes": [],
        "destinationAddressPrefixes": [],
        "sourcePortRanges": [],
        "destinationPortRanges": [],
    } | fields
    return {"name": f"r{priority}", "id": f"/nsg/securityRules/r{priority}", "properties": properties}


def defaults() -> list[dict[str, Any]]:
    """The three outbound default rules of every security group."""
    every = {"protocol": "*", "destinationPortRange": "*"}
    rows = [
        rule(65000, "Allow", "VirtualNetwork", **(every | {"sourceAddressPrefix": "VirtualNetwork"})),
        rule(65001, "Allow", "Internet", **every),
        rule(65500, "Deny", "*", **every),
    ]
    for row, name in zip(rows, ("AllowVnetOutBound", "AllowInternetOutBound", "DenyAllOutBound"), strict=True):
        row["name"] = name
    return rows


def group(*rules: Any, name: str = "nsg-app", applied_to: AppliedTo = AppliedTo.SUBNET) -> SecurityGroup:
    """A parsed security group with these rules and the default ones."""
    resource = {
        "name": name,
        "id": f"/subscriptions/0/networkSecurityGroups/{name}",
        "properties": {"securityRules": list(rules), "defaultSecurityRules": defaults()},
    }
    return parse_security_group(resource, applied_to)


def storage(name: str = "Storage.NorthSea") -> Destination:
    """A tag as destination."""
    found = tags().lookup(name)
    assert isinstance(found, Destination)
    return found


def verdict(*groups: SecurityGroup, around: Surroundings | None = None, to: Destination | None = None) -> FlowVerdict:
    """What `groups` do to TCP 443 from the VM to Storage in the north."""
    return verify_security_groups(groups, Flow(VM, to or storage(), 443), around or surroundings())
