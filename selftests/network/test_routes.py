"""Routes against brute-force longest prefix match, and egress as both halves together."""

from __future__ import annotations

import json
from ipaddress import ip_address, ip_network
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backup_compliance.model.verdicts import Undetermined, Unreadable
from backup_compliance.network.addresses import AddressSet, Destination
from backup_compliance.network.egress import Routing, evaluate_egress
from backup_compliance.network.ip_flow import Access
from backup_compliance.network.routes import (
    NextHops,
    Route,
    RouteSource,
    next_hop,
    parse_effective_routes,
    parse_route_table,
    system_routes,
)
from backup_compliance.network.service_tags import Unknown
from selftests.builders.network import NORTH, VM, group, rule, storage, surroundings, tags

FAST = settings(deadline=None, database=None, max_examples=300)
ALLOW, DENY, PARTIAL, UNDETERMINED = Access.ALLOW, Access.DENY, Access.PARTIAL, Access.UNDETERMINED
SYSTEM = system_routes(["10.1.0.0/16"])


def user(prefix: Any, hop: Any, name: str = "udr") -> dict[str, Any]:
    """A user-defined route as ARM gives it."""
    return {"name": name, "properties": {"addressPrefix": prefix, "nextHopType": hop, "nextHopIpAddress": ""}}


def table(*routes: Any, **properties: Any) -> tuple[Route, ...]:
    """The routes of a route table together with Azure's own."""
    resource = {"name": "rt", "properties": {"routes": list(routes)} | properties}
    return (*parse_route_table(resource).routes, *SYSTEM)


def hops(routes: tuple[Route, ...], to: Destination | None = None, **options: bool) -> NextHops:
    """Where the routes send Storage in the north, in IPv4."""
    return next_hop(routes, (to or storage()).limited_to(frozenset({4})), tags(), **options)


@pytest.mark.parametrize(
    ("routes", "access", "types"),
    [
        ([], ALLOW, {"Internet"}),
        ([user("0.0.0.0/0", "None")], DENY, {"None"}),
        ([user("0.0.0.0/0", "VirtualAppliance")], UNDETERMINED, {"VirtualAppliance"}),
        ([user("0.0.0.0/0", "VirtualNetworkGateway")], UNDETERMINED, {"VirtualNetworkGateway"}),
        ([user("0.0.0.0/0", "None"), user("Storage", "Internet")], ALLOW, {"Internet"}),
        ([user("Storage", "None"), user("storage.northsea", "Internet")], ALLOW, {"Internet"}),
        ([user("storage.northsea", "None"), user("Storage", "Internet")], DENY, {"None"}),
        ([user("Storage.SouthSea", "None")], ALLOW, {"Internet"}),
        ([user(NORTH[0], "None")], PARTIAL, {"None", "Internet"}),
        ([user(NORTH[0], "None"), user("Storage", "Internet")], PARTIAL, {"None", "Internet"}),
        ([user("0.0.0.0/0", "VnetLocal")], UNDETERMINED, {"VnetLocal"}),
        ([user("0.0.0.0/0", "internet")], ALLOW, {"Internet"}),
        ([user("0.0.0.0/0", "Teleport")], UNDETERMINED, {"of unknown type Teleport"}),
        ([user("0.0.0.0/0", None)], UNDETERMINED, {"of unknown type"}),
        ([user("NoSuchTag", "None")], UNDETERMINED, {"None", "Internet"}),
        ([user(None, "None")], UNDETERMINED, {"None", "Internet"}),
        ([user("0.0.0.0/77", "Internet")], ALLOW, {"Internet"}),
        ([user("0.0.0.0/0", "None"), user("0.0.0.0/0", "Internet")], UNDETERMINED, {"None", "Internet"}),
        ([None], UNDETERMINED, {"of unknown type", "Internet"}),
    ],
)
def test_next_hop_of_storage(routes: list[Any], access: Access, types: set[str]) -> None:
    """The longest prefix over the whole tag, then the source; what cannot be read is undetermined where it may matter."""
    found = hops(table(*routes))
    assert found.verdict.access is access, found.verdict.explanation
    assert found.hop_types == types


def test_routes_of_a_gateway_that_nobody_read_are_undetermined() -> None:
    """Except where a service endpoint or the virtual network itself leads."""
    found = hops(table(), gateway_routes_unknown=True)
    assert found.verdict.access is UNDETERMINED
    assert "gateway propagates" in found.verdict.explanation
    inside = Destination.of("neighbour", "10.1.7.7")
    assert hops(table(), to=inside, gateway_routes_unknown=True).verdict.access is ALLOW
    endpoint = system_routes(["10.1.0.0/16"], service_endpoints=["Storage"])
    drop = Route("drop", RouteSource.USER, ("0.0.0.0/0",), "None")
    assert hops((drop, *endpoint), gateway_routes_unknown=True).hop_types == {"VirtualNetworkServiceEndpoint"}


def test_network_space_and_peers_go_before_the_routes_that_drop() -> None:
    """Azure drops private ranges that nobody uses."""
    own = system_routes(["10.0.0.0/8"], peers=["172.16.0.0/16"])
    for prefix, hop in (("10.9.9.9", "VnetLocal"), ("172.16.1.1", "VNetPeering"), ("172.17.1.1", "None")):
        assert hops(own, to=Destination.of("d", prefix)).hop_types == {hop}


SMALL = [str(ip_address("20.0.0.0") + n) for n in range(64)]
SMALL_ROUTES = st.lists(
    st.tuples(
        st.integers(0, 63),
        st.integers(26, 32),
        st.sampled_from(["None", "Internet", "VirtualAppliance"]),
        st.booleans(),
    ),
    max_size=6,
    unique_by=lambda r: (r[0] >> (32 - r[1]), r[1], r[3]),
)


@FAST
@given(SMALL_ROUTES)
def test_longest_prefix_agrees_with_brute_force(rows: list[tuple[int, int, str, bool]]) -> None:
    """Address by address; among equal prefixes user-defined ones go before the gateway's."""
    start = int(ip_address("20.0.0.0"))
    made = []
    for number, length, hop, is_user in rows:
        network = ip_network((start + number, length), strict=False)
        made.append((network, hop, RouteSource.USER if is_user else RouteSource.GATEWAY))
    routes = tuple(Route(str(n), source, (str(n),), hop) for n, hop, source in made)
    found = next_hop((*routes, *SYSTEM), Destination.of("d", "20.0.0.0/26"), tags())
    fates = {"None": DENY, "Internet": ALLOW, "VirtualAppliance": UNDETERMINED}
    for address in SMALL:
        rivals = [(-n.prefixlen, source, hop) for n, hop, source in made if ip_address(address) in n]
        expected = fates[min(rivals)[2]] if rivals else ALLOW
        shares = [s.access for s in found.verdict.shares if s.addresses.contains(AddressSet.of(address))]
        assert shares == [expected]


def effective(prefix: Any, hop: str, state: str = "Active", source: str = "Default", **fields: Any) -> dict[str, Any]:
    """An entry of the effective route table."""
    return {
        "addressPrefix": prefix,
        "nextHopType": hop,
        "state": state,
        "source": source,
        "nextHopIpAddress": [],
    } | fields


def test_effective_table_counts_active_routes_only() -> None:
    """An overridden route is listed as Invalid; an unknown state may be either."""
    reply = [
        effective(["0.0.0.0/0"], "Internet", "Invalid"),
        effective(["0.0.0.0/0"], "None", source="User", name="drop-all"),
        effective(["10.1.0.0/16"], "VnetLocal"),
    ]
    found = hops(parse_effective_routes({"value": reply}))
    assert found.verdict.access is DENY
    assert found.hop_types == {"None"}
    assert "user-defined route drop-all" in found.verdict.explanation
    reply.append(effective(["0.0.0.0/1"], "Internet", state="Pending"))
    assert hops(parse_effective_routes({"value": reply})).verdict.access is UNDETERMINED
    tagged = effective([], "Internet", source="User", destinationServiceTags=["Storage"])
    assert hops(parse_effective_routes({"value": [*reply[:3], tagged]})).verdict.access is ALLOW


@pytest.mark.parametrize(
    ("hop", "access", "types"),
    [
        ("VirtualApplianceEcmp", UNDETERMINED, {"VirtualApplianceEcmp"}),
        ("virtualapplianceecmp", UNDETERMINED, {"VirtualApplianceEcmp"}),
        ("InterfaceEndpoint", ALLOW, {"InterfaceEndpoint"}),
        ("VNetGlobalPeering", ALLOW, {"VNetGlobalPeering"}),
        ("VirtualNetworkServiceEndpoint", ALLOW, {"VirtualNetworkServiceEndpoint"}),
        ("HyperNetGateway", UNDETERMINED, {"of unknown type HyperNetGateway"}),
    ],
)
def test_next_hops_of_effective_tables_are_known(hop: str, access: Access, types: set[str]) -> None:
    """Kinds that no route table has: appliances side by side, and private endpoints."""
    found = hops(parse_effective_routes({"value": [effective(["0.0.0.0/0"], hop, source="User")]}))
    assert found.verdict.access is access
    assert found.hop_types == types


@pytest.mark.parametrize(
    ("sources", "hop", "told"),
    [
        (("User", "VirtualNetworkGateway", "Default"), "None", "user-defined route a"),
        (("VirtualNetworkGateway", "User", "Default"), "Internet", "user-defined route b"),
        (("Default", "VirtualNetworkGateway", "User"), "VirtualNetworkGateway", "user-defined route c"),
        (("VirtualNetworkGateway", "Default"), "None", "gateway route a"),
        (("Default", "VirtualNetworkGateway"), "Internet", "gateway route b"),
        (("Default",), "None", "system route a"),
    ],
)
def test_sources_of_effective_routes_are_told_apart(sources: tuple[str, ...], hop: str, told: str) -> None:
    """Among equal prefixes the user's goes first, then the gateway's, then Azure's own."""
    kinds = zip("abc", sources, ("None", "Internet", "VirtualNetworkGateway"), strict=False)
    reply = [effective(["20.0.0.0/6"], h, source=s, name=n) for n, s, h in kinds]
    found = hops(parse_effective_routes({"value": reply}), to=Destination.of("d", "20.0.0.0/24"))
    assert found.hop_types == {hop}
    assert told in found.verdict.explanation


@pytest.mark.parametrize("source", ["Unknown", "", None, 7])
def test_effective_route_of_unknown_source_may_come_first_or_not(source: Any) -> None:
    """Nothing is guessed from it."""
    reply = [effective(["0.0.0.0/0"], "None", source=source), effective(["0.0.0.0/0"], "Internet")]
    assert hops(parse_effective_routes({"value": reply})).verdict.access is UNDETERMINED


@pytest.mark.parametrize("reply", [None, [], {}, {"value": None}, "x"])
def test_reply_without_routes_is_unreadable(reply: Any) -> None:
    """And one with an empty list is undetermined."""
    for parse in (parse_effective_routes, parse_route_table):
        with pytest.raises(Unreadable):
            parse(reply)
    with pytest.raises(Undetermined):
        parse_effective_routes({"value": []})


@pytest.mark.parametrize(("value", "expected"), [(True, False), (False, True), (None, None), ("true", None)])
def test_route_table_says_whether_gateway_routes_are_added(value: Any, expected: bool | None) -> None:  # noqa: FBT001
    """A flag that is missing or no truth value says nothing."""
    resource = {"name": "rt", "properties": {"routes": [], "disableBgpRoutePropagation": value}}
    assert parse_route_table(resource).gateway_propagation is expected


@pytest.mark.parametrize(
    ("rules", "routes", "access"),
    [
        ([], [], ALLOW),
        ([rule(100, "Deny")], [], DENY),
        ([], [user("0.0.0.0/0", "None")], DENY),
        ([rule(100, "Deny", "NoSuchTag")], [user("0.0.0.0/0", "None")], DENY),
        ([rule(100, "Deny")], [user("0.0.0.0/0", "VirtualAppliance")], DENY),
        ([], [user("0.0.0.0/0", "VirtualAppliance")], UNDETERMINED),
        ([rule(100, "Deny", NORTH[0])], [user(NORTH[1], "None")], PARTIAL),
        ([rule(100, "Deny", "NoSuchTag")], [], UNDETERMINED),
    ],
)
def test_egress_needs_rules_and_routes(rules: list[Any], routes: list[Any], access: Access) -> None:
    """What either stops does not get out; what either leaves open is undetermined."""
    found = evaluate_egress(VM, storage(), 443, [group(*rules)], surroundings(), Routing(table(*routes)))
    assert found.access is access, found.explanation
    assert found.routing is not None
    assert json.loads(json.dumps(found.evidence))["next_hops"] == sorted(found.routing.hop_types)


def test_egress_without_routes_judges_rules_only() -> None:
    """And an unknown destination is undetermined by name, whatever the rules say."""
    found = evaluate_egress(VM, storage(), 443, [group()], surroundings())
    assert (found.access, found.routing) == (ALLOW, None)
    missing = tags().lookup("Storage.Atlantis")
    assert isinstance(missing, Unknown)
    unknown = evaluate_egress(VM, missing, 443, [], surroundings())
    assert unknown.access is UNDETERMINED
    assert "Storage.Atlantis" in unknown.explanation
