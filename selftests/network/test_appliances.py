"""Next hops that are somewhere, nowhere, or nobody knows where; and routes of a gateway inside the network's own space."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backup_compliance.network.addresses import AddressSet, Destination
from backup_compliance.network.appliances import place_appliances
from backup_compliance.network.ip_flow import Access
from backup_compliance.network.routes import (
    DROPPED,
    UNPLACED,
    Route,
    RouteSource,
    next_hop,
    parse_effective_routes,
    parse_route_table,
    system_routes,
)
from selftests.builders.network import tags

FAST = settings(deadline=None, database=None, max_examples=300)
HERE = AddressSet.of("10.1.0.0/16", "10.2.0.0/24")


def to(hop: str, *addresses: str) -> Route:
    """A user-defined default route."""
    return Route("fw", RouteSource.USER, ("0.0.0.0/0",), hop, addresses=addresses)


@pytest.mark.parametrize("hop", ["VirtualAppliance", "VirtualApplianceEcmp"])
@pytest.mark.parametrize(
    ("addresses", "unread", "effect"),
    [
        (("10.1.0.4",), "", ""),
        (("10.2.0.255",), "", ""),
        (("10.2.0.4", "10.1.0.4"), "", ""),
        (("10.1.0.4",), "the hub was not read", ""),
        (("10.3.0.4",), "", DROPPED),
        (("10.2.1.0",), "", DROPPED),
        (("20.1.2.3",), "", DROPPED),
        (("10.3.0.4", "10.4.0.4"), "", DROPPED),
        (("10.3.0.4",), "the hub was not read", UNPLACED),
        (("10.1.0.4", "10.3.0.4"), "", UNPLACED),
        ((), "", UNPLACED),
        (("10.1.0.0/24",), "", UNPLACED),
        (("somewhere",), "", UNPLACED),
        (("fe80::1%eth0",), "", UNPLACED),
        (("10.1.0.4", "x"), "", UNPLACED),
    ],
)
def test_next_hop_is_where_its_address_is(hop: str, addresses: tuple[str, ...], unread: str, effect: str) -> None:
    """In a network that was read, nowhere, or not known: only everything read makes it nowhere."""
    (found,) = place_appliances([to(hop, *addresses)], HERE, unread)
    assert found.effect == effect
    assert found.hop == hop
    assert bool(found.reason) is bool(effect)
    assert unread in found.reason or effect != UNPLACED or not unread


@pytest.mark.parametrize("hop", ["None", "Internet", "VnetLocal", "VirtualNetworkGateway", "VNetPeering"])
def test_other_next_hops_have_no_address(hop: str) -> None:
    """Whatever stands there."""
    route = to(hop, "10.9.9.9")
    assert place_appliances([route], HERE, "") == (route,)


@pytest.mark.parametrize(
    ("told", "addresses"),
    [("10.1.0.4", ("10.1.0.4",)), ("", ()), (None, ()), (7, None), (["10.1.0.4", "10.1.0.5"], ("10.1.0.4", "10.1.0.5"))],
)  # fmt: skip
def test_address_of_a_next_hop_is_read(told: Any, addresses: tuple[str, ...] | None) -> None:
    """One text in a route table, a list in an effective one."""
    record = {"addressPrefix": ["0.0.0.0/0"], "nextHopType": "VirtualAppliance", "nextHopIpAddress": told}
    (effective,) = parse_effective_routes({"value": [{**record, "source": "User", "state": "Active"}]})
    (own,) = parse_route_table(
        {"properties": {"routes": [{"name": "r", "properties": {**record, "addressPrefix": "0.0.0.0/0"}}]}}
    ).routes
    assert effective.addresses == own.addresses == addresses


def test_route_that_leads_nowhere_drops_and_says_why() -> None:
    """With type, address and reason; one of unknown place decides nothing."""
    target = Destination.of("d", "20.0.0.0/24")
    lost = next_hop(place_appliances([to("VirtualAppliance", "10.3.0.4")], HERE, ""), target, tags())
    assert lost.verdict.access is Access.DENY
    assert lost.hop_types == {DROPPED}
    assert "to next hop VirtualAppliance 10.3.0.4, which lies in neither" in lost.verdict.explanation
    open_ = next_hop(place_appliances([to("VirtualAppliance", "10.3.0.4")], HERE, "hub unread"), target, tags())
    assert open_.verdict.access is Access.UNDETERMINED
    assert open_.hop_types == {UNPLACED}
    assert "hub unread" in open_.verdict.explanation


GATEWAY = RouteSource.GATEWAY


@pytest.mark.parametrize(
    ("system", "prefix", "address", "hop"),
    [
        (system_routes(["10.1.0.0/16"]), "10.1.5.0/24", "10.1.5.9", "VnetLocal"),
        (system_routes(["10.1.0.0/16"]), "10.1.0.0/16", "10.1.5.9", "VnetLocal"),
        (system_routes(["10.1.0.0/16"]), "10.0.0.0/8", "10.1.5.9", "VnetLocal"),
        (system_routes(["10.1.0.0/16"]), "10.0.0.0/8", "10.2.5.9", "VirtualNetworkGateway"),
        (system_routes(["10.1.0.0/16"], ["10.2.0.0/16"]), "10.2.5.0/24", "10.2.5.9", "VNetPeering"),
        (system_routes(["10.1.0.0/16"], [], ["AzureBackup"]), "51.10.0.0/28", "51.10.0.1", "VirtualNetworkServiceEndpoint"),
        (system_routes(["10.1.0.0/16"]), "172.16.0.0/12", "172.16.0.1", "VirtualNetworkGateway"),
    ],
)  # fmt: skip
def test_system_routes_of_the_network_win_over_a_gateway(
    system: tuple[Route, ...], prefix: str, address: str, hop: str
) -> None:
    """However long the prefix that BGP announces; outside of network, peers and service endpoints BGP wins."""
    routes = (Route("bgp", GATEWAY, (prefix,), "VirtualNetworkGateway"), *system)
    assert next_hop(routes, Destination.of("d", address), tags()).hop_types == {hop}


def test_user_defined_route_wins_over_both() -> None:
    """Inside the network too, by the longer prefix or by an equal one."""
    bgp = Route("bgp", GATEWAY, ("10.1.5.0/24",), "VirtualNetworkGateway")
    for prefix in ("10.1.5.0/25", "10.1.5.0/24", "10.1.0.0/16"):
        routes = (Route("udr", RouteSource.USER, (prefix,), "None"), bgp, *system_routes(["10.1.0.0/16"]))
        assert next_hop(routes, Destination.of("d", "10.1.5.9"), tags()).hop_types == {DROPPED}


ROWS = st.lists(
    st.tuples(st.integers(0, 63), st.integers(25, 32), st.sampled_from([RouteSource.USER, GATEWAY])),
    max_size=6,
    unique_by=lambda r: (r[0] >> (32 - r[1]), r[1], r[2]),
)
HOPS = {RouteSource.USER: "None", GATEWAY: "VirtualNetworkGateway"}


@FAST
@given(ROWS, st.integers(26, 30))
def test_network_space_agrees_with_brute_force(rows: list[tuple[int, int, RouteSource]], length: int) -> None:
    """Address by address: gateway routes count outside of the network only, all others by length, then by source."""
    own = ip_network((int(ip_address("10.7.0.0")), length))
    made = [(ip_network((int(ip_address("10.7.0.0")) + n, size), strict=False), source) for n, size, source in rows]
    routes = tuple(Route(str(net), source, (str(net),), HOPS[source]) for net, source in made)
    for offset in range(64):
        address = ip_address(int(ip_address("10.7.0.0")) + offset)
        rivals = [(-net.prefixlen, source, HOPS[source]) for net, source in made if address in net]
        if address in own:
            rivals = [r for r in rivals if r[1] is RouteSource.USER]
            rivals.append((-own.prefixlen, RouteSource.NETWORK, "VnetLocal"))
        expected = min(rivals)[2] if rivals else DROPPED
        found = next_hop((*routes, *system_routes([str(own)])), Destination.of("d", str(address)), tags())
        assert found.hop_types == {expected}
