"""Values that decide, one by one: ranges that are not public, fixed tags, next hops, sources, ranks, and odd prefixes."""

from __future__ import annotations

from typing import Any

import pytest

from backup_compliance.model.verdicts import Undetermined, Unreadable
from backup_compliance.network.addresses import (
    EVERYTHING,
    IPV6,
    NOWHERE,
    AddressSet,
    Destination,
    parse_prefix,
)
from backup_compliance.network.egress import Routing, evaluate_egress
from backup_compliance.network.ip_flow import Access
from backup_compliance.network.routes import (
    Route,
    RouteSource,
    next_hop,
    parse_effective_routes,
    parse_route_table,
    system_routes,
)
from backup_compliance.network.service_tags import (
    Surroundings,
    Unknown,
    VirtualNetwork,
    parse_service_tags,
)
from selftests.builders.network import NO_TAGS, NORTH, SPACE, VM, group, rule, storage, surroundings, tag_document, tags

ALLOW, DENY, PARTIAL, UNDETERMINED = Access.ALLOW, Access.DENY, Access.PARTIAL, Access.UNDETERMINED

# --- addresses ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        *(
            "10.0.0.1-10.0.0.9x",
            "x10.0.0.1-10.0.0.9",
            "10.0.0.1-",
            "-10.0.0.1",
            "10.0.0.0/8-10.1.0.0",
            "10.0.0.1-10.0.0.0/8",
        ),
        *(
            "fe80::1%eth0-fe80::9",
            "fe80::1-fe80::9%eth0",
            "10.0.0.9-10.0.0.1",
            "fe80::9-fe80::1",
            "10.0.0.1-::1",
            "::1-10.0.0.1",
        ),
        *("10.0.0.0/33", "::/129", "10.0.0.0/8/8", "*/8", "**", "10.0.0.256", "10.0.0", "10.0.0.0/255.0.0.0", "1" * 50),
    ],
)
def test_odd_prefix_is_none(text: str) -> None:
    """Nothing of it is guessed."""
    assert parse_prefix(text) is None


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("10.0.0.7", 0x0A000007, 0x0A000007),
        ("10.0.0.7/24", 0x0A000000, 0x0A0000FF),
        ("10.0.0.7 - 10.0.0.9", 0x0A000007, 0x0A000009),
        ("10.0.0.7-10.0.0.7", 0x0A000007, 0x0A000007),
        ("::1", IPV6 + 1, IPV6 + 1),
        ("::1-::f", IPV6 + 1, IPV6 + 15),
        ("::/124", IPV6, IPV6 + 15),
    ],
)
def test_prefix_is_its_first_and_last_address(text: str, first: int, last: int) -> None:
    """IPv6 lies above IPv4."""
    assert parse_prefix(text) == ((first, last),)


def test_everything_is_both_families_whole() -> None:
    """And nothing between them."""
    assert EVERYTHING.intervals == ((0, 2**32 - 1), (IPV6, IPV6 + 2**128 - 1))
    assert EVERYTHING.versions() == {4, 6}
    assert (EVERYTHING.size(4), EVERYTHING.size(6)) == (2**32, 2**128)
    assert AddressSet.of("::1").versions() == {6}
    assert AddressSet.of("10.0.0.1").versions() == {4}
    assert NOWHERE.versions() == frozenset()


def test_adjacent_prefixes_become_one_interval_and_neighbours_do_not() -> None:
    """One address apart is apart."""
    assert len(AddressSet.of("10.0.0.0/25", "10.0.0.128/25").intervals) == 1
    assert len(AddressSet.of("10.0.0.0", "10.0.0.2").intervals) == 2
    assert AddressSet.of("10.0.0.0/8", "10.1.0.0/16") == AddressSet.of("10.0.0.0/8")


def test_families_are_told_apart() -> None:
    """By their own intervals."""
    both = AddressSet.of("10.0.0.0/30", "::/126", "20.0.0.1")
    assert both.family(4) == AddressSet.of("10.0.0.0/30", "20.0.0.1")
    assert both.family(6) == AddressSet.of("::/126")
    assert (both.size(4), both.size(6), both.size()) == (5, 4, 5)


@pytest.mark.parametrize(
    ("prefixes", "limit", "text"),
    [
        (("10.0.0.0/8",), 3, "10.0.0.0/8"),
        (("10.0.0.1",), 3, "10.0.0.1/32"),
        (("10.0.0.1-10.0.0.2",), 3, "10.0.0.1/32, 10.0.0.2/32"),
        (("10.0.0.1-10.0.0.4",), 2, "10.0.0.1/32, 10.0.0.2/31 and more"),
        (("10.0.0.1-10.0.0.4",), 3, "10.0.0.1/32, 10.0.0.2/31, 10.0.0.4/32"),
        (("::1-::2",), 3, "::1/128, ::2/128"),
        (("::/64", "1.0.0.0/8"), 1, "1.0.0.0/8 and more"),
        (("0.0.0.0/0",), 3, "0.0.0.0/0"),
        (("*",), 3, "every address"),
        ((), 3, "no address"),
    ],
)
def test_summary_is_prefixes_for_people(prefixes: tuple[str, ...], limit: int, text: str) -> None:
    """The first of them; a range that is no prefix is several."""
    assert AddressSet.of(*prefixes).summary(limit) == text


def test_destination_counts_prefixes_as_they_are_published() -> None:
    """Overlapping ones each for themselves; a whole set by its intervals."""
    found = Destination.of("d", "10.0.0.0/24", "10.0.0.0/25", "20.0.0.0/31")
    half = AddressSet.of("10.0.0.0/25")
    assert (found.count(half, touched=True), found.count(half, touched=False)) == (2, 1)
    assert found.count(found.addresses, touched=False) == 3
    assert found.count(NOWHERE, touched=True) == 0
    whole = Destination.whole("w", AddressSet.of("10.0.0.0/25", "10.0.0.128/25", "20.0.0.0/31"))
    assert len(whole.prefixes) == 2


@pytest.mark.parametrize(("versions", "count"), [({4}, 2), ({6}, 1), ({4, 6}, 3), (set(), 0)])
def test_destination_is_limited_to_the_sources_families(versions: set[int], count: int) -> None:
    """An address of one sends nothing to the other."""
    found = Destination.of("d", "10.0.0.0/24", "::/64", "20.0.0.0/24").limited_to(frozenset(versions))
    assert (found.name, len(found.prefixes)) == ("d", count)
    assert found.addresses.versions() == versions


# --- service tags ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "prefix",
    [
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.2.0/24"),
        *(
            "192.168.0.0/16",
            "198.18.0.0/15",
            "224.0.0.0/4",
            "240.0.0.0/4",
            "::/127",
            "fc00::/7",
            "fe80::/10",
            "ff00::/8",
        ),
    ],
)
def test_range_that_is_not_public_is_no_internet(prefix: str) -> None:
    """Each of them whole, and its neighbours on both sides are."""
    internet = surroundings(VirtualNetwork(NOWHERE)).resolve(("Internet",)).certain
    ((low, high),) = AddressSet.of(prefix).intervals
    assert not internet.overlaps(AddressSet.of(prefix))
    for neighbour in (low - 1, high + 1):
        if 0 < neighbour < 0xE0000000 or IPV6 + 1 < neighbour < IPV6 + (0xFE << 120):
            assert internet.contains(AddressSet(((neighbour, neighbour),)))


@pytest.mark.parametrize(
    ("tag", "prefixes"),
    [
        ("AzureLoadBalancer", ("168.63.129.16", "fe80::1234:5678:9abc")),
        ("azureplatformdns", ("168.63.129.16",)),
        ("AzurePlatformIMDS", ("169.254.169.254",)),
        ("VIRTUALNETWORK", ("10.1.0.0/16", "168.63.129.16")),
    ],
)
def test_tag_that_is_in_no_data_has_addresses_all_the_same(tag: str, prefixes: tuple[str, ...]) -> None:
    """As the documentation of each says."""
    assert surroundings().resolve((tag,)).certain == AddressSet.of(*prefixes)


def test_names_of_one_side_are_taken_together() -> None:
    """Prefixes, tags and what is not known of one of them."""
    found = surroundings().resolve(("10.9.0.0/24", "storage.northsea", "AzurePlatformIMDS"))
    assert found.certain == AddressSet.of("10.9.0.0/24", "169.254.169.254", *NORTH)
    assert (found.possible, found.reason) == (NOWHERE, "")
    doubtful = surroundings().resolve(("10.9.0.0/24", "Nowhere", "Elsewhere"))
    assert (doubtful.certain, doubtful.possible) == (AddressSet.of("10.9.0.0/24"), EVERYTHING)
    assert "Nowhere" in doubtful.reason


def test_internet_leaves_open_what_user_defined_routes_take() -> None:
    """Public prefixes of them only; the reason names the first."""
    routed = VirtualNetwork(SPACE, user_routes=AddressSet.of("20.60.0.0/24", "10.7.0.0/24"))
    found = surroundings(routed).resolve(("Internet",))
    assert found.possible == AddressSet.of("20.60.0.0/24")
    assert not found.certain.overlaps(found.possible)
    assert found.certain.contains(AddressSet.of("20.61.0.0/24"))
    private = VirtualNetwork(SPACE, user_routes=AddressSet.of("10.7.0.0/24"))
    assert surroundings(private).resolve(("Internet",)).reason == ""


def test_virtual_network_holds_what_the_gateway_may_add() -> None:
    """Possibly everything, and its own space for certain."""
    found = surroundings(VirtualNetwork(SPACE, gateway_routes_unknown=True)).resolve(("VirtualNetwork",))
    assert found.certain == SPACE | AddressSet.of("168.63.129.16")
    assert found.possible == EVERYTHING
    assert surroundings().resolve(("VirtualNetwork",)).possible == NOWHERE


def test_tag_document_says_which_cloud_it_is_of() -> None:
    """A document of one page is whole."""
    found = parse_service_tags(tag_document(A=["1.0.0.0/8"]) | {"cloud": "Public", "changeNumber": 391})
    assert (found.cloud, found.complete) == ("Public", True)
    unknown = found.lookup("B")
    assert isinstance(unknown, Unknown)
    assert unknown.reason == "B is not in the service tags of cloud Public"
    nameless = parse_service_tags({"values": [{"name": "A", "properties": {"addressPrefixes": ["1.0.0.0/8"]}}]})
    assert nameless.cloud == ""
    missing = nameless.lookup("B")
    assert isinstance(missing, Unknown)
    assert "of cloud ?" in missing.reason


def test_entries_without_name_are_passed_over_and_without_properties_unknown() -> None:
    """What is known of the others stays."""
    document: dict[str, Any] = {
        "values": [
            None,
            {"properties": {}},
            {"name": ""},
            {"name": "A"},
            {"name": "B", "properties": {"addressPrefixes": ["1.0.0.0/8"]}},
        ]
    }
    found = parse_service_tags(document)
    assert isinstance(found.lookup("A"), Unknown)
    assert isinstance(found.lookup(" b "), Destination)


def test_tag_with_one_unreadable_prefix_says_which() -> None:
    """It is not a smaller tag."""
    found = parse_service_tags(tag_document(A=["1.0.0.0/8", "nonsense"])).lookup("A")
    assert isinstance(found, Unknown)
    assert "nonsense" in found.reason
    empty = parse_service_tags(tag_document(A=[])).lookup("A")
    assert isinstance(empty, Unknown)
    assert "no readable list" in empty.reason


def test_members_of_application_groups_are_found_in_any_case() -> None:
    """Several groups together."""
    around = surroundings(a=AddressSet.of("10.1.0.1"), b=AddressSet.of("10.1.0.2"))
    found = around.resolve_endpoint(("10.1.0.9",), ("/ASG/A", "/asg/b"))
    assert found.certain == AddressSet.of("10.1.0.1", "10.1.0.2", "10.1.0.9")
    half = around.resolve_groups(("/asg/a", "/asg/lost"))
    assert (half.certain, half.possible) == (AddressSet.of("10.1.0.1"), SPACE)
    assert "application security group lost" in half.reason
    nowhere = Surroundings(tags(), None).resolve_groups(("/asg/lost",))
    assert nowhere.possible == EVERYTHING


# --- routes ------------------------------------------------------------------------------------------------------------

HERE = Destination.of("here", "20.60.0.9")
REACHING = (
    "VnetLocal",
    "Internet",
    "VirtualNetworkServiceEndpoint",
    "VNetPeering",
    "VNetGlobalPeering",
    "InterfaceEndpoint",
)
DEPENDING = ("VirtualNetworkGateway", "VirtualAppliance", "VirtualApplianceEcmp")


def entry(
    hop: Any, prefix: Any = ("20.60.0.0/24",), source: Any = "Default", state: Any = "Active", **more: Any
) -> dict[str, Any]:
    """One line of an effective route table."""
    prefixes = list(prefix) if isinstance(prefix, tuple) else prefix
    return {"addressPrefix": prefixes, "nextHopType": hop, "source": source, "state": state} | more


def effective(*entries: Any) -> Any:
    """Where an effective table sends one address of storage."""
    return next_hop(parse_effective_routes({"value": list(entries)}), HERE, tags())


@pytest.mark.parametrize(
    ("hop", "access"),
    [
        *((h, ALLOW) for h in REACHING if h != "VnetLocal" and "Peering" not in h),
        *((h, UNDETERMINED) for h in DEPENDING),
        ("None", DENY),
        ("Elsewhere", UNDETERMINED),
    ],
)
@pytest.mark.parametrize("spelt", [str, str.lower, str.upper])
def test_next_hop_type_decides(hop: str, access: Access, spelt: Any) -> None:
    """In any case; behind an appliance or a gateway somebody else decides."""
    found = effective(entry(spelt(hop)))
    assert found.verdict.access is access
    assert ("what lies behind that next hop decides" in found.verdict.explanation) is (hop in DEPENDING)
    known = hop if hop != "Elsewhere" else f"of unknown type {spelt(hop)}"
    assert found.hop_types == {known}


@pytest.mark.parametrize("hop", ["VnetLocal", "VNetPeering", "VNetGlobalPeering"])
def test_route_into_a_network_reaches_what_is_there(hop: str) -> None:
    """Its own prefixes."""
    assert effective(entry(hop)).verdict.access is ALLOW


def test_user_defined_route_into_the_network_reaches_nobody_outside_of_it() -> None:
    """VnetLocal for an address that is in no prefix of the network."""
    found = effective(entry("VnetLocal", source="User"), entry("VnetLocal", ("10.1.0.0/16",)))
    assert found.verdict.access is UNDETERMINED
    assert "outside the virtual network" in found.verdict.explanation
    peer = effective(entry("VnetLocal", source="User"), entry("VNetGlobalPeering", ("20.60.0.0/16",)))
    assert peer.verdict.access is ALLOW


@pytest.mark.parametrize(
    ("first", "second", "hop"),
    [
        ("User", "VirtualNetworkGateway", "None"),
        ("User", "Default", "None"),
        ("VirtualNetworkGateway", "Default", "None"),
        ("Default", "User", "Internet"),
        ("Default", "VirtualNetworkGateway", "Internet"),
        ("VirtualNetworkGateway", "User", "Internet"),
        ("USER", "default", "None"),
    ],
)
def test_source_decides_among_routes_of_one_prefix(first: str, second: str, hop: str) -> None:
    """User-defined, then the gateway's, then Azure's own, whatever the order of the list."""
    pair = [entry("None", source=first), entry("Internet", source=second)]
    for entries in (pair, pair[::-1]):
        assert effective(*entries).hop_types == {hop}


def test_longer_prefix_goes_before_the_better_source() -> None:
    """Of any source."""
    found = effective(entry("None", ("20.60.0.9/32",)), entry("Internet", ("20.60.0.0/24",), source="User"))
    assert found.hop_types == {"None"}


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"state": "Pending"}, "its state is unknown"),
        ({"state": None}, "its state is unknown"),
        ({"source": "Teapot"}, "its source is unknown"),
        ({"source": None}, "its source is unknown"),
        ({"prefix": None}, "its address prefix is missing"),
        ({"prefix": ()}, "its address prefix is missing"),
        ({"prefix": ("NoSuchTag",)}, "NoSuchTag is not in the service tags"),
    ],
)
def test_route_of_unknown_place_may_apply(fields: dict[str, Any], told: str) -> None:
    """It leaves the destination open, with the reason."""
    found = effective(entry("None", **fields), entry("Internet", ("0.0.0.0/0",)))
    assert found.verdict.access is UNDETERMINED
    assert told in found.verdict.explanation
    assert found.hop_types == {"None", "Internet"}
    agreeing = effective(entry("Internet", **fields), entry("Internet", ("0.0.0.0/0",)))
    assert agreeing.verdict.access is ALLOW


@pytest.mark.parametrize("state", ["Invalid", "invalid", "INVALID"])
def test_overridden_route_is_none(state: str) -> None:
    """And a table of such routes alone is undetermined."""
    assert effective(entry("None", state=state), entry("Internet", ("0.0.0.0/0",))).hop_types == {"Internet"}
    with pytest.raises(Undetermined):
        parse_effective_routes({"value": [entry("None", state=state)]})


def test_service_endpoint_cannot_be_overridden() -> None:
    """Neither by a longer prefix nor by a user-defined route."""
    found = effective(
        entry("VirtualNetworkServiceEndpoint", ("20.60.0.0/16",)), entry("None", ("20.60.0.9/32",), source="User")
    )
    assert found.hop_types == {"VirtualNetworkServiceEndpoint"}


def test_tags_of_an_effective_route_stand_in_their_own_list() -> None:
    """Where it has no prefix."""
    tagged = entry("None", [], source="User", destinationServiceTags=["Storage.NorthSea"])
    assert effective(tagged, entry("Internet", ("0.0.0.0/0",))).hop_types == {"None"}
    both = entry("None", ("10.9.0.0/24",), source="User", destinationServiceTags=["Storage.NorthSea"])
    assert effective(both, entry("Internet", ("0.0.0.0/0",))).hop_types == {"Internet"}


def test_route_is_called_by_its_name_its_prefixes_or_its_place() -> None:
    """With its source and its next hop."""
    names = [
        str(r)
        for r in parse_effective_routes(
            {
                "value": [
                    entry("None", source="User", name="drop"),
                    entry("Internet", ("1.0.0.0/8", "2.0.0.0/8", "3.0.0.0/8")),
                    entry("VirtualNetworkGateway", None, source="VirtualNetworkGateway"),
                ]
            }
        )
    ]
    assert names == [
        "user-defined route drop to next hop None",
        "system route 1.0.0.0/8, 2.0.0.0/8 to next hop Internet",
        "gateway route value[2] to next hop VirtualNetworkGateway",
    ]


@pytest.mark.parametrize("link", ["x", "https://y", 3])
def test_first_page_of_effective_routes_is_unreadable(link: Any) -> None:
    """An empty link is none."""
    with pytest.raises(Unreadable, match="first page"):
        parse_effective_routes({"value": [entry("None")], "nextLink": link})
    for none in (None, ""):
        assert parse_effective_routes({"value": [entry("None")], "nextLink": none})


@pytest.mark.parametrize(
    ("tag", "beaten"),
    [
        ("20.60.0.0/24", "Storage.NorthSea"),
        ("Storage.NorthSea", "Storage"),
        ("Storage", "AzureCloud.NorthSea"),
        ("AzureCloud.NorthSea", "AzureCloud"),
        ("Storage.NorthSea", "AzureCloud.NorthSea"),
        ("Storage", "AzureCloud"),
        ("Storage.NorthSea", "AzureCloud"),
    ],
)
def test_explicit_prefix_regional_tag_tag_and_azure_cloud_come_in_this_order(tag: str, beaten: str) -> None:
    """Among user-defined routes of equal prefix."""
    same = ["20.60.0.0/24"]
    data = parse_service_tags(
        tag_document(Storage=same, Storage__NorthSea=same, AzureCloud=same, AzureCloud__NorthSea=same)
    )
    pair = [Route("a", RouteSource.USER, (tag,), "None"), Route("b", RouteSource.USER, (beaten,), "Internet")]
    for routes in (pair, pair[::-1]):
        assert next_hop(routes, HERE, data).hop_types == {"None"}


def test_equal_routes_that_lead_elsewhere_are_told() -> None:
    """And those that lead to one place are one."""
    pair = [
        Route("a", RouteSource.USER, ("20.60.0.0/24",), "None"),
        Route("b", RouteSource.USER, ("20.60.0.0/24",), "Internet"),
    ]
    found = next_hop(pair, HERE, tags())
    assert found.verdict.access is UNDETERMINED
    assert "routes of equal prefix lead elsewhere" in found.verdict.explanation
    assert "a to next hop None and user-defined route b" in found.verdict.explanation
    same = [pair[0], Route("c", RouteSource.USER, ("20.60.0.0/24",), "None")]
    assert next_hop(same, HERE, tags()).verdict.access is DENY


def test_no_route_at_all_leaves_the_destination_open() -> None:
    """With the reason."""
    found = next_hop([], HERE, tags())
    assert found.verdict.access is UNDETERMINED
    assert "no route leads there" in found.verdict.explanation
    assert found.hop_types == {"not known"}


@pytest.mark.parametrize("prefix", ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"])
def test_private_range_that_nobody_uses_is_dropped(prefix: str) -> None:
    """Each whole; everything else goes to the Internet, IPv6 too."""
    routes = system_routes([])
    assert next_hop(routes, Destination.of("d", prefix), tags()).verdict.access is DENY
    for public in ("8.8.8.8", "2603::1", "172.32.0.1", "100.128.0.1", "11.0.0.0"):
        assert next_hop(routes, Destination.of("d", public), tags()).hop_types == {"Internet"}


def test_routes_of_a_network_are_its_space_its_peers_and_its_endpoints() -> None:
    """Each with its next hop, and all of them Azure's own."""
    routes = system_routes(["10.1.0.0/16"], ["10.2.0.0/16"], ["Storage.NorthSea"])
    found = [(r.prefixes, r.hop) for r in routes if r.source is RouteSource.NETWORK]
    assert found == [
        (("10.1.0.0/16",), "VnetLocal"),
        (("10.2.0.0/16",), "VNetPeering"),
        (("Storage.NorthSea",), "VirtualNetworkServiceEndpoint"),
    ]
    assert next_hop(routes, HERE, tags()).hop_types == {"VirtualNetworkServiceEndpoint"}
    assert next_hop(routes, HERE, NO_TAGS).verdict.access is ALLOW
    assert next_hop(routes, HERE, NO_TAGS).hop_types == {"VirtualNetworkServiceEndpoint", "Internet"}


def test_gateway_that_nobody_read_may_take_everything_outside_the_network() -> None:
    """Not the network's own space and its peers'; a service endpoint's prefixes neither."""
    routes = system_routes(["10.1.0.0/16"], ["10.2.0.0/16"], ["Storage.SouthSea"])

    def hops(where: str) -> set[str]:
        return set(next_hop(routes, Destination.of("d", where), tags(), gateway_routes_unknown=True).hop_types)

    assert hops("10.1.0.9") == {"VnetLocal"}
    assert hops("10.2.0.9") == {"VNetPeering"}
    assert hops("20.60.0.9") == {"VirtualNetworkGateway", "Internet"}
    assert hops("20.61.0.9") == {"VirtualNetworkServiceEndpoint"}


def test_route_table_names_itself_and_its_routes() -> None:
    """By name, or by place; an entry that is none is one route of unknown prefix."""
    found = parse_route_table(
        {
            "name": "rt",
            "properties": {
                "routes": [{"name": "a", "properties": {"addressPrefix": "1.0.0.0/8", "nextHopType": "none"}}, 3]
            },
        }
    )
    assert (found.name, [r.name for r in found.routes]) == ("rt", ["a", "routes[1]"])
    assert [r.prefixes for r in found.routes] == [("1.0.0.0/8",), None]
    assert found.routes[0].source is RouteSource.USER
    assert parse_route_table({"properties": {"routes": []}}).name == "without a name"


# --- both halves -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rules", "hop", "access", "told"),
    [
        ([rule(100, "Deny")], "None", DENY, ("r100", "next hop None")),
        ([rule(100, "Deny", "Nowhere")], "VirtualAppliance", UNDETERMINED, ("r100", "VirtualAppliance")),
        ([rule(100, "Deny", "Nowhere")], "None", DENY, ("next hop None",)),
        ([], "Internet", ALLOW, ("AllowInternetOutBound", "next hop Internet")),
    ],
)
def test_who_stops_a_packet_is_named(rules: list[Any], hop: str, access: Access, told: tuple[str, ...]) -> None:
    """Rules and routes, where both do; what only leaves it open is left out where something denies."""
    routes = (Route("all", RouteSource.USER, ("0.0.0.0/0",), hop),)
    found = evaluate_egress(VM, HERE, 443, [group(*rules)], surroundings(), Routing(routes))
    assert found.access is access
    assert all(word in found.explanation for word in told)
    assert ("r100" in found.explanation) is ("r100" in told)


def test_decision_keeps_both_halves() -> None:
    """And the evidence tells the next hops, where routes were judged."""
    routes = (Route("all", RouteSource.USER, ("0.0.0.0/0",), "None"),)
    found = evaluate_egress(VM, HERE, 443, [group()], surroundings(), Routing(routes))
    assert found.security.access is ALLOW
    assert found.routing is not None
    assert found.evidence["next_hops"] == ["None"]
    assert "next_hops" not in evaluate_egress(VM, HERE, 443, [group()], surroundings()).evidence


def test_unknown_destination_is_undetermined_whatever_the_rules_say() -> None:
    """By its name and reason."""
    missing = Unknown("Storage.Atlantis", "it sank")
    found = evaluate_egress(VM, missing, 443, [group(rule(100, "Deny"))], surroundings(), None, "udp")
    assert (found.access, found.routing, found.shares) == (UNDETERMINED, None, ())
    assert found.explanation == "UDP 443 to Storage.Atlantis: undetermined, it sank"
    assert found.evidence["destination"] == "Storage.Atlantis"


def test_decision_goes_by_protocol_port_and_groups_of_the_source() -> None:
    """As the flow that it is about."""
    denied = group(rule(100, "Deny", protocol="Udp", destinationPortRange="53"))
    around = surroundings()
    assert evaluate_egress(VM, HERE, 53, [denied], around, protocol="udp").access is DENY
    assert evaluate_egress(VM, HERE, 53, [denied], around).access is ALLOW
    assert evaluate_egress(VM, HERE, 54, [denied], around, protocol="udp").access is ALLOW
    mine = group(rule(100, "Deny", sourceAddressPrefix=None, sourceApplicationSecurityGroups=[{"id": "/asg/a"}]))
    assert evaluate_egress(VM, HERE, 443, [mine], around, source_groups=frozenset({"/asg/a"})).access is DENY
    assert evaluate_egress(None, storage(), 443, [group()], around).access is ALLOW


def test_gateway_that_nobody_read_leaves_egress_open() -> None:
    """Though every rule allows it."""
    routing = Routing(system_routes(["10.1.0.0/16"]), gateway_routes_unknown=True)
    assert evaluate_egress(VM, HERE, 443, [group()], surroundings(), routing).access is UNDETERMINED
