"""One field of a rule at a time: what each value matches, in each of ARM's shapes, and how the verdict tells it."""

from __future__ import annotations

from typing import Any

import pytest

from backup_compliance.model.verdicts import Unreadable
from backup_compliance.network.addresses import NOWHERE, AddressSet, Destination
from backup_compliance.network.ip_flow import (
    CLIENT_PORTS,
    Access,
    Flow,
    overall,
    verify_security_groups,
)
from backup_compliance.network.partition import Candidate, partition
from backup_compliance.network.security_rules import (
    AppliedTo,
    Effect,
    SecurityGroup,
    parse_admin_rules,
    parse_effective_groups,
    parse_security_group,
    unread_group,
)
from backup_compliance.network.service_tags import Surroundings, VirtualNetwork
from selftests.builders.network import NORTH, SPACE, VM, group, rule, surroundings, tags, verdict

ALLOW, DENY, PARTIAL, UNDETERMINED = Access.ALLOW, Access.DENY, Access.PARTIAL, Access.UNDETERMINED
NIC, SUBNET, MANAGER = AppliedTo.NETWORK_INTERFACE, AppliedTo.SUBNET, AppliedTo.NETWORK_MANAGER
THERE = Destination.of("there", "20.60.0.9")


def asked(denied: SecurityGroup, port: int = 443, protocol: str = "tcp", **flow: Any) -> Access:
    """What a group does to one flow to one address."""
    return verify_security_groups(
        (denied,), Flow(flow.pop("source", VM), THERE, port, protocol, **flow), surroundings()
    ).access


@pytest.mark.parametrize(
    ("text", "port", "matches"),
    [
        ("443", 443, True),
        ("443", 442, False),
        ("443", 444, False),
        ("400-500", 400, True),
        ("400-500", 500, True),
        ("400-500", 399, False),
        ("400-500", 501, False),
        ("400 - 500", 450, True),
        ("*", 0, True),
        ("*", 65535, True),
        ("0-65535", 65535, True),
        ("65535", 65535, True),
        ("0", 0, True),
        ("7-7", 7, True),
    ],
)
@pytest.mark.parametrize("plural", [False, True])
def test_port_range_holds_both_of_its_ends(text: str, port: int, matches: bool, plural: bool) -> None:  # noqa: FBT001  # a table
    """In the singular field and in the plural one, beside another range."""
    fields: dict[str, Any] = {"destinationPortRange": text}
    if plural:
        fields = {"destinationPortRange": None, "destinationPortRanges": ["9", text]}
    assert asked(group(rule(100, "Deny", **fields)), port) is (DENY if matches else ALLOW)


@pytest.mark.parametrize(
    "text", ["65536", "70000-70001", "400-65536", "500-400", "", "x", "1,2", "100000", "-1", "4-", "4 43"]
)
@pytest.mark.parametrize("field", ["destinationPortRange", "sourcePortRange"])
def test_port_that_is_none_decides_nothing(field: str, text: str) -> None:
    """Nor does a good one beside it."""
    assert asked(group(rule(100, "Deny", **{field: text}))) is UNDETERMINED
    both = {field: None, f"{field}s": ["443", text]}
    assert asked(group(rule(100, "Deny", **both))) is UNDETERMINED


@pytest.mark.parametrize(
    ("ranges", "access"),
    [
        (["1024-65535"], DENY),
        (["1-1023", "1024-65535"], DENY),
        (["0-1023"], ALLOW),
        (["0-1023", "0-1"], ALLOW),
        (["0-1024"], UNDETERMINED),
        (["65535"], UNDETERMINED),
        (["1025-65535"], UNDETERMINED),
        (["1024-65534"], UNDETERMINED),
        (["0-1023", "50000-50999"], UNDETERMINED),
        (["50000-50999", "*"], DENY),
        (["1024"], UNDETERMINED),
    ],
)
def test_source_ports_match_where_every_client_port_is_in_one_range(ranges: list[str], access: Access) -> None:
    """A client sends from any port from 1024 on."""
    assert CLIENT_PORTS == (1024, 65535)
    assert asked(group(rule(100, "Deny", sourcePortRange=None, sourcePortRanges=ranges))) is access


def test_known_source_port_is_asked_for_itself() -> None:
    """As a proxy's own."""
    for port, access in ((50000, DENY), (50999, DENY), (49999, ALLOW), (51000, ALLOW)):
        assert asked(group(rule(100, "Deny", sourcePortRange="50000-50999")), source_ports=(port, port)) is access


@pytest.mark.parametrize("protocol", ["tcp", "udp", "icmp", "icmpv6", "esp", "ah"])
@pytest.mark.parametrize("spelt", [str.lower, str.upper, str.capitalize])
def test_protocol_is_matched_in_any_case_and_no_other(protocol: str, spelt: Any) -> None:
    """Each that ARM knows."""
    denied = group(rule(100, "Deny", protocol=spelt(protocol)))
    assert asked(denied, protocol=protocol) is DENY
    assert asked(denied, protocol=protocol.upper()) is DENY
    other = "udp" if protocol == "tcp" else "tcp"
    assert asked(denied, protocol=other) is ALLOW


@pytest.mark.parametrize("protocol", ["*", "All", "any", "ALL"])
@pytest.mark.parametrize("asked_for", ["tcp", "udp", "icmp"])
def test_any_protocol_is_every_protocol(protocol: str, asked_for: str) -> None:
    """Under each of its names."""
    assert asked(group(rule(100, "Deny", protocol=protocol)), protocol=asked_for) is DENY


@pytest.mark.parametrize(
    ("value", "known"),
    [(1, True), (65535, True), (0, False), (65536, False), ("100", False), (1.5, False), (True, False)],
)
def test_priority_is_a_number_that_azure_gives(value: Any, known: bool) -> None:  # noqa: FBT001  # a table
    """Another one may come anywhere."""
    found = group(rule(value, "Allow"), rule(200, "Deny"))
    assert asked(found) is ((ALLOW if value == 1 else DENY) if known else UNDETERMINED)


def test_rules_of_one_priority_differ_by_direction() -> None:
    """Azure keeps two lists."""
    both = [rule(100, "Deny", direction="Inbound"), rule(100, "Allow", direction="outbound")]
    assert asked(group(*both, rule(200, "Deny"))) is ALLOW
    same = group(rule(100, "Deny", "Storage"), rule(100, "Deny"))
    assert asked(same) is DENY
    assert "priority 100" in verdict(same).explanation


# --- groups in their order ---------------------------------------------------------------------------------------------


def whole(*rules: Any, applied_to: AppliedTo) -> SecurityGroup:
    """A group with rules for both directions and none by default."""
    return parse_security_group(
        {"name": applied_to.value, "properties": {"securityRules": list(rules), "defaultSecurityRules": []}}, applied_to
    )


@pytest.mark.parametrize(("outbound", "first"), [(True, "networkInterface"), (False, "subnet")])
def test_first_group_on_the_way_is_named(outbound: bool, first: str) -> None:  # noqa: FBT001  # a table
    """Outbound the interface's, inbound the subnet's; either's denial is enough."""
    direction = "Outbound" if outbound else "Inbound"
    both = [whole(rule(100, "Deny", direction=direction), applied_to=a) for a in (SUBNET, NIC)]
    flow = Flow(VM, THERE, 443, outbound=outbound)
    for groups in (both, both[::-1]):
        found = verify_security_groups(groups, flow, surroundings())
        assert found.access is DENY
        assert f"network security group {first}" in found.explanation
        assert found.explanation.count("rule r100") == 1


def test_both_groups_that_allow_are_named() -> None:
    """In the order of the way."""
    allowed = [whole(rule(100, "Allow"), applied_to=a) for a in (SUBNET, NIC)]
    text = verify_security_groups(allowed, Flow(VM, THERE, 443), surroundings()).explanation
    assert text.index("(network interface)") < text.index("(subnet)")


def test_group_without_a_rule_that_matches_is_undetermined() -> None:
    """Its default rules are missing; admin rules without a match hand the packet on."""
    assert verify_security_groups([whole(applied_to=NIC)], Flow(VM, THERE, 443), surroundings()).access is UNDETERMINED
    assert "no rule of network security group" in verdict(whole(applied_to=NIC)).explanation
    assert SecurityGroup("m", MANAGER, ()).otherwise == {Effect.PASS}
    assert SecurityGroup("n", SUBNET, ()).otherwise == {Effect.PASS, Effect.DENY}


def test_unread_admin_rules_may_let_through_what_a_group_denies() -> None:
    """AlwaysAllow beats a group's denial, and a group's permission proves nothing either."""
    unread = unread_group("m", MANAGER, "403")
    for access in ("Allow", "Deny"):
        found = verdict(group(rule(100, access)), unread)
        assert found.access is UNDETERMINED
        assert "403" in found.explanation


# --- the source --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("prefix", "source", "access"),
    [
        ("10.1.0.0/24", "10.1.0.4", DENY),
        ("10.1.0.0/24", "10.1.0.0/25", DENY),
        ("10.1.0.0/24", "10.1.0.0/16", UNDETERMINED),
        ("10.1.0.0/24", "10.1.1.0", ALLOW),
        ("VirtualNetwork", "10.1.0.4", DENY),
        ("VirtualNetwork", "10.2.0.4", ALLOW),
        ("NoSuchTag", "10.1.0.4", UNDETERMINED),
    ],
)
def test_rule_matches_where_it_holds_every_address_of_the_source(prefix: str, source: str, access: Access) -> None:
    """Some of them leave it open."""
    assert asked(group(rule(100, "Deny", sourceAddressPrefix=prefix)), source=AddressSet.of(source)) is access


@pytest.mark.parametrize(
    ("ids", "mine", "access"),
    [
        (("/asg/A",), frozenset({"/asg/a"}), DENY),
        (("/asg/b", "/ASG/A"), frozenset({"/asg/a"}), DENY),
        (("/asg/b",), frozenset({"/asg/a"}), ALLOW),
        (("/asg/b",), frozenset(), ALLOW),
        (("/asg/b",), None, UNDETERMINED),
    ],
)
def test_machine_is_in_the_groups_that_it_is_in(
    ids: tuple[str, ...], mine: frozenset[str] | None, access: Access
) -> None:
    """By membership where that is known, else by the members' addresses, which nobody read here."""
    made = rule(100, "Deny", sourceAddressPrefix=None, sourceApplicationSecurityGroups=[{"id": i} for i in ids])
    assert asked(group(made), source_groups=mine) is access


def test_rule_for_prefixes_and_groups_matches_either() -> None:
    """A group that the machine is not in leaves its prefixes."""
    made = rule(100, "Deny", sourceAddressPrefix="10.1.0.0/24", sourceApplicationSecurityGroups=[{"id": "/asg/x"}])
    assert asked(group(made), source_groups=frozenset()) is DENY
    other = rule(100, "Deny", sourceAddressPrefix="10.9.0.0/24", sourceApplicationSecurityGroups=[{"id": "/asg/x"}])
    assert asked(group(other), source_groups=frozenset()) is ALLOW


@pytest.mark.parametrize(
    "value", [{}, "x", [None], [{"id": 3}], [{}], [{"id": ""}], ["/asg/a"], [{"id": "/asg/a"}, None]]
)
@pytest.mark.parametrize("side", ["source", "destination"])
def test_application_group_entry_that_is_none_leaves_the_rule_open(side: str, value: Any) -> None:
    """Though a prefix stands beside it."""
    assert asked(group(rule(100, "Deny", **{f"{side}ApplicationSecurityGroups": value}))) is UNDETERMINED


def test_members_of_an_unknown_group_are_addresses_of_the_network() -> None:
    """Where the network was not read they may be any."""
    made = rule(100, "Deny", None, destinationApplicationSecurityGroups=[{"id": "/x/applicationSecurityGroups/Web"}])
    assert asked(group(made)) is ALLOW
    inside = Flow(VM, Destination.of("d", "10.1.0.9"), 443)
    found = verify_security_groups((group(made),), inside, surroundings())
    assert found.access is UNDETERMINED
    assert "application security group Web" in found.explanation
    nowhere = Surroundings(tags(), None)
    assert verify_security_groups((group(made),), Flow(VM, THERE, 443), nowhere).access is UNDETERMINED


# --- shapes ------------------------------------------------------------------------------------------------------------


def admin_rule(**fields: Any) -> dict[str, Any]:
    """One effective admin rule's own fields."""
    return {
        "priority": 10,
        "access": "Deny",
        "direction": "Outbound",
        "protocol": "Tcp",
        "sources": [{"addressPrefix": "*", "addressPrefixType": "IPPrefix"}],
        "destinations": [{"addressPrefix": "Storage", "addressPrefixType": "ServiceTag"}],
        "sourcePortRanges": ["0-65535"],
        "destinationPortRanges": ["443"],
    } | fields


def manager(*entries: Any, **more: Any) -> SecurityGroup:
    """Effective admin rules of one reply."""
    found = parse_admin_rules({"value": list(entries)} | more)
    assert found is not None
    return found


IDS = "/subscriptions/0/providers/Microsoft.Network/networkManagers/{}/securityAdminConfigurations/c/rules/r"


@pytest.mark.parametrize("flat", [False, True])
def test_admin_rule_is_read_flat_and_nested(flat: bool) -> None:  # noqa: FBT001  # a table
    """Both shapes have been seen; the manager is named by the id."""
    body = admin_rule()
    entry = {"id": IDS.format("Central"), **body} if flat else {"id": IDS.format("Central"), "properties": body}
    found = manager(entry)
    assert verdict(found).access is DENY
    assert str(found) == "the admin rules of network manager Central"


@pytest.mark.parametrize("access", ["deny", "Deny", "DENY"])
def test_admin_rule_may_name_sides_as_a_group_does(access: str) -> None:
    """Where a reply has neither sources nor destinations."""
    body = admin_rule(access=access, sourceAddressPrefix="*", destinationAddressPrefix="Storage")
    del body["sources"], body["destinations"]
    assert verdict(manager({"properties": body})).access is DENY
    assert verdict(manager({"properties": body | {"destinationAddressPrefix": "AzureBackup"}})).access is ALLOW
    assert verdict(manager({"properties": body | {"sourceAddressPrefix": "10.9.0.0/24"}})).access is ALLOW


def test_group_has_no_sources_and_destinations() -> None:
    """Those are an admin rule's: in a group they change nothing."""
    odd = rule(100, "Deny", sources=[], destinations=[])
    assert verdict(group(odd)).access is DENY


@pytest.mark.parametrize("key", ["sources", "destinations"])
@pytest.mark.parametrize("value", [[], None, "x", [{}], [{"addressPrefix": ""}], [None], [{"addressPrefix": "*"}, {}]])
def test_admin_rule_without_a_readable_side_is_open(key: str, value: Any) -> None:
    """A network group's members are in no reply."""
    assert verdict(manager({"properties": admin_rule(**{key: value})})).access is UNDETERMINED


@pytest.mark.parametrize(
    ("more", "access"),
    [
        ({}, ALLOW),
        ({"skipToken": ""}, ALLOW),
        ({"skipToken": None, "nextLink": ""}, ALLOW),
        ({"skipToken": "x"}, UNDETERMINED),
        ({"nextLink": "https://x"}, UNDETERMINED),
    ],
)
def test_further_page_of_admin_rules_is_missed(more: dict[str, Any], access: Access) -> None:
    """By either of its names."""
    assert verdict(manager({"properties": admin_rule(access="Allow")}, **more), group()).access is access


def test_rules_of_one_manager_keep_their_order_and_of_two_do_not() -> None:
    """The name of the manager is told in any case of the id."""
    allow, deny = admin_rule(priority=5, access="AlwaysAllow"), admin_rule(priority=6)
    one = [{"id": IDS.format("A"), "properties": allow}, {"id": IDS.format("A"), "properties": deny}]
    assert verdict(manager(*one)).access is ALLOW
    two = [one[0], {"id": IDS.format("B").replace("networkManagers", "NETWORKMANAGERS"), "properties": deny}]
    found = manager(*two)
    assert verdict(found).access is UNDETERMINED
    assert "several network managers apply" in verdict(found).explanation
    assert found.name == "A and B"
    assert manager({"properties": deny}).name == "?"


@pytest.mark.parametrize(
    ("association", "told"),
    [
        ({"networkInterface": {"id": "/n"}}, "network interface"),
        ({"subnet": {"id": "/s"}}, "subnet"),
        ({"subnet": None, "networkInterface": {"id": "/n"}}, "network interface"),
        ({}, "subnet"),
    ],
)
def test_effective_group_is_applied_where_its_association_says(association: dict[str, Any], told: str) -> None:
    """A reply without one counts for the subnet."""
    entry = {"networkSecurityGroup": {"id": "/x/nsg-1"}, "association": association, "effectiveSecurityRules": []}
    (found,) = parse_effective_groups({"value": [entry]})
    assert str(found) == f"network security group nsg-1 ({told})"


def test_effective_groups_without_names_are_told_by_their_place() -> None:
    """And each is one group."""
    entries = [{"effectiveSecurityRules": []}, {"networkSecurityGroup": None, "effectiveSecurityRules": None}]
    first, second = parse_effective_groups({"value": entries})
    assert (first.name, second.name) == ("value[0]", "value[1]")
    assert "its list effectiveSecurityRules is missing" in verdict(second).explanation


def test_effective_reply_without_an_expansion_goes_by_our_tags() -> None:
    """An empty or missing list of Azure's own is none; one that is no list leaves the rule open."""
    for expanded, access in (([], DENY), (None, DENY), ("x y", UNDETERMINED), ([3], UNDETERMINED)):
        made = rule(100, "Deny", "Storage", expandedDestinationAddressPrefix=expanded)
        assert verdict(group(made)).access is access, expanded


@pytest.mark.parametrize("missing", ["securityRules", "defaultSecurityRules"])
def test_either_list_of_a_group_is_missed(missing: str) -> None:
    """By name."""
    properties: dict[str, Any] = {"securityRules": [], "defaultSecurityRules": []}
    del properties[missing]
    found = parse_security_group({"name": "n", "properties": properties}, NIC)
    assert f"its list {missing} is missing" in verdict(found).explanation


def test_damaged_rules_are_named_by_their_place() -> None:
    """In the list that they stand in."""
    properties = {"securityRules": [rule(1, "Allow"), None], "defaultSecurityRules": [3]}
    found = parse_security_group({"name": "n", "properties": properties}, NIC)
    assert sorted(r.name for r in found.rules) == ["defaultSecurityRules[0]", "r1", "securityRules[1]"]


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"priority": None}, "priority"),
        ({"direction": "x"}, "direction"),
        ({"access": None}, "access"),
        ({"protocol": "x"}, "protocol"),
        ({"sourceAddressPrefix": None}, "source"),
        ({"destinationAddressPrefix": None}, "destination"),
        ({"sourcePortRange": None}, "source ports"),
        ({"destinationPortRange": None}, "destination ports"),
        ({"priority": None, "protocol": None}, "priority, protocol"),
    ],
)
def test_what_is_missing_of_a_rule_is_named(fields: dict[str, Any], told: str) -> None:
    """Alone or together."""
    made = rule(100, "Deny")
    made["properties"] |= fields
    (found,) = (r for r in group(made).rules if r.name == "r100")
    assert found.problem == f"{told} missing or unknown"


# --- verdicts ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("found", "whole_verdict"),
    [
        (set(), UNDETERMINED),
        ({ALLOW}, ALLOW),
        ({DENY}, DENY),
        ({UNDETERMINED}, UNDETERMINED),
        ({PARTIAL}, PARTIAL),
        ({ALLOW, DENY}, PARTIAL),
        ({ALLOW, UNDETERMINED}, UNDETERMINED),
        ({DENY, UNDETERMINED}, PARTIAL),
        ({ALLOW, PARTIAL}, PARTIAL),
        ({UNDETERMINED, PARTIAL}, PARTIAL),
        ({ALLOW, DENY, UNDETERMINED}, PARTIAL),
    ],
)
def test_verdicts_on_parts_make_one_on_the_whole(found: set[Access], whole_verdict: Access) -> None:
    """What is denied for certain outweighs what is not known."""
    assert overall(found) is whole_verdict


def test_explanation_tells_four_shares_and_how_many_more() -> None:
    """Worst first, then by how much they hold."""
    prefixes = [f"20.{n}.0.0/24" for n in range(6)]
    where = Destination.of("d", *prefixes)
    rules = [rule(100 + n, "Deny" if n % 2 else "Allow", p) for n, p in enumerate(prefixes)]
    text = verdict(group(*rules), to=where).explanation
    assert text.count("1 of 6 prefixes denied") == 3
    assert text.count("1 of 6 prefixes allowed") == 1
    assert text.endswith(". And 2 smaller parts more")
    four = Destination.of("d", *prefixes[:4])
    assert "smaller parts" not in verdict(group(*rules[:4]), to=four).explanation


def test_explanation_words_each_fate_and_names_the_flow() -> None:
    """Denied, undetermined, allowed; from which address to what."""
    several = rule(110, "Deny", None, destinationAddressPrefixes=[NORTH[1], NORTH[2]])
    rules = [rule(100, "Deny", NORTH[0]), several]
    shares = verdict(group(*rules)).shares
    assert [(s.access, s.prefixes) for s in shares] == [(DENY, 2), (DENY, 1)]


def test_evidence_counts_and_names_the_first_prefixes() -> None:
    """Ready for JSON."""
    found = verdict(group(rule(100, "Deny", NORTH[0]))).evidence()
    assert (found["destination"], found["prefixes"], found["access"]) == ("Storage.NorthSea", 3, "partial")
    assert [(s["access"], s["prefixes"], s["first"]) for s in found["shares"]] == [
        ("deny", 1, "20.60.0.0/24"),
        ("allow", 2, "20.60.2.0/23, 52.239.128.0/20"),
    ]
    assert found["shares"][0]["by"] == ["rule r100 (priority 100, Deny) of network security group nsg-app (subnet)"]


def test_deny_names_the_last_word_only_and_a_doubt_names_the_doubts() -> None:
    """Where several may decide, what is certain says nothing of the reason."""
    denied = verdict(group(rule(100, "Allow")), whole(rule(100, "Deny"), applied_to=NIC))
    assert denied.shares[0].reasons == (
        "rule r100 (priority 100, Deny) of network security group networkInterface (network interface)",
    )
    doubtful = verdict(group(rule(100, "Deny", "Nowhere"), rule(200, "Allow")))
    assert len(doubtful.shares[0].reasons) == 1
    assert "Nowhere is not in the service tags" in doubtful.shares[0].reasons[0]


def test_gateway_routes_that_nobody_read_make_the_network_open() -> None:
    """VirtualNetwork may then hold the destination; the default rule for Internet allows it all the same."""
    network = VirtualNetwork(SPACE, gateway_routes_unknown=True)
    found = verdict(group(rule(100, "Deny", "VirtualNetwork")), around=surroundings(network))
    assert found.access is UNDETERMINED
    assert "the routes that the gateway adds to VirtualNetwork were not read" in found.explanation


# --- the walk ----------------------------------------------------------------------------------------------------------

ALL = AddressSet.of("20.0.0.0/30")
LOW, HIGH = AddressSet.of("20.0.0.0/31"), AddressSet.of("20.0.0.2/31")


def candidate(certain: AddressSet, possible: AddressSet, *effects: str, text: str = "c", doubt: str = "") -> Candidate:
    """A rule or route."""
    return Candidate(certain, possible, frozenset(effects), text, doubt)


def test_certain_candidate_ends_the_walk_and_a_possible_one_does_not() -> None:
    """What nobody decides may have every effect of `otherwise`."""
    pieces = partition(ALL, [candidate(LOW, NOWHERE, "a"), candidate(NOWHERE, ALL, "b")], frozenset({"x"}), "nobody")
    told = {p.addresses.summary(): (set(p.effects), [str(d) for d in p.deciders]) for p in pieces}
    assert told == {
        "20.0.0.0/31": ({"a"}, ["c"]),
        "20.0.0.2/31": ({"b", "x"}, ["c, which cannot be decided: it may apply or not", "nobody"]),
    }


def test_walk_stops_when_nothing_is_left() -> None:
    """The one after that which decides the last address is looked at, no further ones."""

    def made() -> Any:
        yield candidate(ALL, NOWHERE, "a")
        yield candidate(ALL, NOWHERE, "b")
        raise AssertionError("asked for more")

    (piece,) = partition(ALL, made(), frozenset({"x"}), "nobody")
    assert piece.effects == {"a"}
    assert partition(NOWHERE, made(), frozenset({"x"}), "nobody") == ()


def test_piece_names_three_doubts_and_the_decider() -> None:
    """However many there were."""
    doubts = [candidate(NOWHERE, ALL, "a", text=f"d{n}", doubt="?") for n in range(5)]
    (piece,) = partition(ALL, [*doubts, candidate(ALL, NOWHERE, "b", text="last")], frozenset(), "nobody")
    assert [d.text for d in piece.deciders] == ["d0", "d1", "d2", "last"]
    assert piece.effects == {"a", "b"}


def test_doubt_of_a_certain_candidate_counts_where_it_has_several_effects() -> None:
    """One effect is certain, whatever is odd about the rule."""
    (one,) = partition(ALL, [candidate(ALL, NOWHERE, "a", doubt="odd")], frozenset(), "nobody")
    (two,) = partition(ALL, [candidate(ALL, NOWHERE, "a", "b", doubt="odd")], frozenset(), "nobody")
    assert (one.deciders[0].doubt, two.deciders[0].doubt) == ("", "odd")


def test_document_that_is_no_object_is_unreadable() -> None:
    """By name."""
    with pytest.raises(Unreadable, match="no JSON object"):
        parse_security_group([], NIC)
