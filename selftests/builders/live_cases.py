"""Subscriptions for which Azure itself was asked: effective rules and routes, and Network Watcher's answers."""

from __future__ import annotations

from typing import Any

from selftests.builders.arm import (
    Json,
    Subscription,
    network_id,
    route_table,
    rule,
    security_group,
    subnet,
    subscription,
    virtual_network,
    vm_id,
)

NIC = network_id("networkInterfaces", "sample-nic")
BLOCKED = "20.38.108.0"
"""The first address of storage in the region."""
WATCHER = {
    "id": network_id("networkWatchers", "watcher"),
    "name": "watcher",
    "location": "westeurope",
    "properties": {},
}
DENY = rule("DenyStorage", 200, "Deny", destination="Storage", port="443")


def ip_flow(access: str, name: str, remote: str = BLOCKED) -> Json:
    """Network Watcher's word on the flow, with the question."""
    asked = {"localIPAddress": "10.20.0.4", "remoteIPAddress": remote, "remotePort": "443", "protocol": "TCP"}
    return {"id": vm_id("sample"), "value": [{**asked, "access": access, "ruleName": name}]}


def next_hop(kind: str, remote: str = BLOCKED) -> Json:
    """Network Watcher's word on the route, with the question."""
    asked = {"sourceIPAddress": "10.20.0.4", "destinationIPAddress": remote}
    return {"id": vm_id("sample"), "value": [{**asked, "nextHopType": kind, "routeTableId": "System Route"}]}


def effective_rules(*rules: tuple[str, int, str, str]) -> Json:
    """The rules that Azure applies at the subnet: name, priority, access, destination."""
    entries = [
        {
            "name": f"securityRules/{name}",
            "protocol": "All",
            "sourcePortRange": "0-65535",
            "destinationPortRange": "0-65535",
            "sourceAddressPrefix": "0.0.0.0/0",
            "destinationAddressPrefix": destination,
            "access": access,
            "priority": priority,
            "direction": "Outbound",
        }
        for name, priority, access, destination in rules
    ]
    group = {
        "networkSecurityGroup": {"id": network_id("networkSecurityGroups", "apps-nsg")},
        "association": {"subnet": {"id": "x"}},
        "effectiveSecurityRules": entries,
    }
    return {"id": NIC, "value": [group]}


def effective_routes(*routes: tuple[str, str, str]) -> Json:
    """The routes that Azure applies: source, prefix, next hop."""
    value = [
        {"source": s, "state": "Active", "addressPrefix": [p], "nextHopType": h, "nextHopIpAddress": []}
        for s, p, h in routes
    ]
    return {"id": NIC, "value": value}


DENYING = (
    subscription()
    .put("networkSecurityGroups", security_group("apps-nsg", DENY))
    .put("networkWatchers", WATCHER)
    .put("ipFlows", ip_flow("Deny", "UserRule_DenyStorage"))
    .put("nextHops", next_hop("Internet"))
    .put("effectiveSecurityGroups", effective_rules(("DenyStorage", 200, "Deny", "Storage")))
    .put("effectiveRoutes", effective_routes(("Default", "0.0.0.0/0", "Internet")))
)
"""A denial that Azure confirms."""
DROPPING = (
    DENYING.put("networkSecurityGroups", security_group("apps-nsg"))
    .put("virtualNetworks", virtual_network(subnet("apps", "10.20.0.0/24", security_group="apps-nsg", route_table="t")))
    .put("routeTables", route_table("t", ("drop", "20.38.108.0/23", "None")))
    .put("ipFlows", ip_flow("Allow", "DefaultRule_AllowInternetOutBound"))
    .put("nextHops", next_hop("None"))
    .put("effectiveSecurityGroups", effective_rules(("AllowAll", 65001, "Allow", "0.0.0.0/0")))
    .put("effectiveRoutes", effective_routes(("User", "20.38.108.0/23", "None"), ("Default", "0.0.0.0/0", "Internet")))
)
"""A route that drops, which Azure confirms."""
APPS = subnet("apps", "10.20.0.0/24", security_group="apps-nsg")
GATEWAY = subnet("GatewaySubnet", "10.20.255.0/27", ipConfigurations=[{"id": "/x"}])
BEHIND_A_GATEWAY = (
    subscription()
    .put("virtualNetworks", virtual_network(APPS, GATEWAY))
    .put(
        "effectiveRoutes",
        effective_routes(
            ("VirtualNetworkGateway", "20.0.0.0/8", "VirtualNetworkGateway"), ("Default", "0.0.0.0/0", "Internet")
        ),
    )
)
"""Routes that no list tells: a gateway announces them."""
ODD: tuple[Any, ...] = (None, 5, [], [None], [{}], {"a": 1}, [{"access": 7, "remoteIPAddress": None}])
LIVE_CASES: tuple[tuple[str, str, Subscription, str, str], ...] = (
    ("AVB-111", "live-agrees", DENYING, "non_compliant", "DenyStorage"),
    (
        "AVB-111",
        "live-flow-disagrees",
        DENYING.put("ipFlows", ip_flow("Allow", "UserRule_Other")),
        "error",
        "IP flow verify, TCP 443 to 20.38.108.0: Azure says allow by UserRule_Other, computed is",
    ),
    (
        "AVB-111",
        "live-rules-disagree",
        DENYING.put("effectiveSecurityGroups", effective_rules(("AllowAll", 100, "Allow", "0.0.0.0/0"))),
        "error",
        "effective security groups, TCP 443 to 20.38.108.0",
    ),
    ("AVB-111", "live-route-disagrees", DENYING.put("nextHops", next_hop("None")), "non_compliant", "DenyStorage"),
    ("AVB-113", "live-agrees", DROPPING, "non_compliant", "20.38.108.0/23 to next hop None"),
    ("AVB-113", "live-hop-is-local", DROPPING.put("nextHops", next_hop("VirtualNetwork")), "error", "next hop to"),
    (
        "AVB-113",
        "live-hop-disagrees",
        DROPPING.put("nextHops", next_hop("Internet")),
        "error",
        "next hop to 20.38.108.0",
    ),
    (
        "AVB-113",
        "live-table-disagrees",
        DROPPING.put("effectiveRoutes", effective_routes(("Default", "0.0.0.0/0", "Internet"))),
        "error",
        "effective routes to 20.38.108.0: Azure says Internet",
    ),
    (
        "AVB-113",
        "live-flow-disagrees",
        DROPPING.put("ipFlows", ip_flow("Deny", "X")),
        "non_compliant",
        "20.38.108.0/23 to next hop None",
    ),
    *(
        (
            "AVB-111",
            f"live-odd-{number}",
            DENYING.set("ipFlows", "sample", "value", odd),
            "non_compliant",
            "DenyStorage",
        )
        for number, odd in enumerate(ODD)
    ),
    *(
        (
            "AVB-113",
            f"live-odd-{number}",
            DROPPING.set("nextHops", "sample", "value", odd),
            "non_compliant",
            "20.38.108.0/23 to next hop None",
        )
        for number, odd in enumerate(ODD)
    ),
    ("AVB-111", "live-refused", DENYING.refused("ipFlows", vm_id("sample")), "non_compliant", "DenyStorage"),
    (
        "AVB-111",
        "live-rules-empty",
        DENYING.put("effectiveSecurityGroups", {"id": NIC, "value": []}),
        "non_compliant",
        "DenyStorage",
    ),
)
