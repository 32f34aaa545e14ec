"""Routes to an appliance that is somewhere, nowhere, or nobody knows where, and what AVB-113 and AVB-114 make of them."""

from __future__ import annotations

from typing import Any

from selftests.builders.arm import Json, Subscription, network_id, route_table, subnet, subscription, virtual_network

NOWHERE = "10.99.1.4"
PEER_SPACE = "10.99.0.0/16"


def peering(state: str = "Connected", space: str | None = PEER_SPACE, network: str = "hub") -> Json:
    """A peering of the sample's network to one that may hold `NOWHERE`."""
    properties: Json = {
        "remoteVirtualNetwork": {"id": network_id("virtualNetworks", network)},
        "peeringState": state,
        "allowVirtualNetworkAccess": True,
        "useRemoteGateways": False,
        **({"remoteAddressSpace": {"addressPrefixes": [space]}} if space else {}),
    }
    return {"name": "to-hub", "properties": properties}


def behind(hop: str, *peerings: Json, number: int = 4, hub: str | None = None, **fields: Any) -> Subscription:
    """The sample in a private subnet whose default route leads to `hop`; `hub` is a peer's space, None for no such network."""
    apps = subnet("apps", "10.20.0.0/24", security_group="apps-nsg", route_table="table", **fields)
    del apps["properties"]["natGateway"]
    networks = [virtual_network(apps, peerings=peerings)]
    networks += [virtual_network(name="hub", space=hub)] if hub else []
    found = subscription("sample", number).put("virtualNetworks", *networks)
    return found.put("routeTables", route_table("table", ("fw", "0.0.0.0/0", hop)))


def told(address: Any) -> Subscription:
    """The same with something else for the address of the next hop."""
    path = "properties.routes.0.properties.nextHopIpAddress"
    return behind("VirtualAppliance").set("routeTables", "table", path, address)


LOST = behind(f"VirtualAppliance {NOWHERE}")
AT_PEER = f"VirtualAppliance {NOWHERE}"
UNREAD_PEER = behind(AT_PEER, peering(space="10.50.0.0/16"))
EFFECTIVE: Json = {
    "id": network_id("networkInterfaces", "sample-nic"),
    "value": [
        {"source": "Default", "state": "Active", "addressPrefix": ["10.20.0.0/16"], "nextHopType": "VnetLocal"},
        {
            "source": "User",
            "state": "Active",
            "name": "fw",
            "addressPrefix": ["0.0.0.0/0"],
            "nextHopType": "VirtualAppliance",
            "nextHopIpAddress": [NOWHERE],
        },
    ],
}


def effective(kind: str = "VirtualAppliance", *addresses: str) -> Json:
    """An effective table whose default route leads to these addresses."""
    first, last = EFFECTIVE["value"]
    return {**EFFECTIVE, "value": [first, {**last, "nextHopType": kind, "nextHopIpAddress": list(addresses)}]}


Case = tuple[str, str, Subscription, str, str]


def _both(name: str, given: Subscription, hops: tuple[str, str], way: tuple[str, str]) -> tuple[Case, Case]:
    """What the two controls say of one subscription."""
    return ("AVB-113", name, given, *hops), ("AVB-114", name, given, *way)


ROUTE_CASES: tuple[Case, ...] = (
    *_both(
        "hop-is-nowhere",
        LOST,
        ("non_compliant", f"route fw to next hop VirtualAppliance {NOWHERE}, which lies in neither"),
        ("non_compliant", f"route fw to next hop VirtualAppliance {NOWHERE}, which lies in neither"),
    ),
    *_both(
        "hop-is-in-the-network",
        behind("VirtualAppliance"),
        ("undetermined", "what lies behind that next hop decides"),
        ("compliant", ""),
    ),
    *_both(
        "hop-is-at-a-peer",
        behind(AT_PEER, peering(), hub=PEER_SPACE),
        ("undetermined", "what lies behind that next hop decides"),
        ("compliant", ""),
    ),
    *_both(
        "hop-is-at-a-peer-that-was-not-read",
        behind(AT_PEER, peering()),
        ("undetermined", "what lies behind that next hop decides"),
        ("compliant", ""),
    ),
    *_both(
        "hop-may-be-at-a-peer-that-was-not-read",
        UNREAD_PEER,
        ("undetermined", "is not known whether it can be reached"),
        ("undetermined", "is not known whether it can be reached"),
    ),
    *_both(
        "hop-is-at-a-peer-that-is-disconnected",
        behind(AT_PEER, peering("Disconnected"), hub=PEER_SPACE),
        ("non_compliant", "lies in neither"),
        ("non_compliant", "lies in neither"),
    ),
    *_both(
        "hop-is-at-a-peer-that-has-not-answered",
        behind(AT_PEER, peering("Initiated"), hub=PEER_SPACE),
        ("non_compliant", "lies in neither"),
        ("non_compliant", "lies in neither"),
    ),
    *_both(
        "hop-is-in-a-network-that-is-no-peer",
        behind(AT_PEER, hub=PEER_SPACE),
        ("non_compliant", "lies in neither"),
        ("non_compliant", "lies in neither"),
    ),
    *_both(
        "hop-has-no-address",
        told(None),
        ("undetermined", "whose address is missing or unreadable"),
        ("undetermined", "whose address is missing or unreadable"),
    ),
    *_both(
        "hop-has-no-readable-address",
        told("10.20.0.4/24"),
        ("undetermined", "whose address is missing or unreadable"),
        ("undetermined", "whose address is missing or unreadable"),
    ),
    *_both(
        "networks-refused",
        LOST.refused("virtualNetworks"),
        ("error", "403"),
        ("error", "403"),
    ),
    *_both(
        "effective-hop-is-nowhere",
        LOST.put("effectiveRoutes", EFFECTIVE),
        ("non_compliant", "lies in neither"),
        ("non_compliant", "lies in neither"),
    ),
    *_both(
        "effective-hops-are-nowhere",
        LOST.put("effectiveRoutes", effective("VirtualApplianceEcmp", NOWHERE, "10.98.0.4")),
        ("non_compliant", "lies in neither"),
        ("non_compliant", "lies in neither"),
    ),
    *_both(
        "some-of-the-effective-hops-are-nowhere",
        behind("VirtualAppliance").put("effectiveRoutes", effective("VirtualApplianceEcmp", "10.20.3.4", NOWHERE)),
        ("undetermined", f"of which {NOWHERE} lies in no network that is reached"),
        ("undetermined", f"of which {NOWHERE} lies in no network that is reached"),
    ),
    (
        "AVB-113",
        "hop-may-be-at-an-unread-peer-and-storage-answers",
        behind(AT_PEER, peering(space="10.50.0.0/16"), number=206),
        "compliant",
        "",
    ),
    (
        "AVB-113",
        "hop-is-nowhere-and-storage-answers",
        behind(AT_PEER, number=207),
        "non_compliant",
        "lies in neither",
    ),
    (
        "AVB-114",
        "hop-is-nowhere-under-default-access",
        behind(AT_PEER, defaultOutboundAccess=True),
        "non_compliant",
        "lies in neither",
    ),
    (
        "AVB-113",
        "live-hop-is-none",
        LOST.put(
            "nextHops",
            {
                "id": subscription().lists["virtualMachines"][0]["id"],
                "value": [{"destinationIPAddress": "20.38.108.0", "nextHopType": "None"}],
            },
        ),
        "non_compliant",
        "lies in neither",
    ),
)
