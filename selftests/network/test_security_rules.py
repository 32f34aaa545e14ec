"""Security rules against a brute-force evaluator, and everything that other tools are known to get wrong."""

from __future__ import annotations

import json
from ipaddress import ip_address, ip_network
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backup_compliance.model.verdicts import Undetermined, Unreadable
from backup_compliance.network.addresses import AddressSet, Destination
from backup_compliance.network.ip_flow import Access, Flow, FlowVerdict, verify_security_groups
from backup_compliance.network.security_rules import (
    AppliedTo,
    SecurityGroup,
    parse_admin_rules,
    parse_effective_groups,
    parse_security_group,
    unread_group,
)
from backup_compliance.network.service_tags import Surroundings, VirtualNetwork, parse_service_tags
from selftests.builders.network import (
    NORTH,
    SOUTH,
    SPACE,
    VM,
    group,
    rule,
    storage,
    surroundings,
    tag_document,
    verdict,
)

FAST = settings(deadline=None, database=None, max_examples=300)
ALLOW, DENY, PARTIAL, UNDETERMINED = Access.ALLOW, Access.DENY, Access.PARTIAL, Access.UNDETERMINED
NIC = AppliedTo.NETWORK_INTERFACE

# --- brute force over 64 addresses -----------------------------------------------------------------------------------

TINY = [str(ip_address("20.0.0.0") + n) for n in range(64)]
TINY_TAGS = {"Low": ["20.0.0.0/28", "20.0.0.20/30"], "High": ["20.0.0.32/27"]}
PREFIXES = st.tuples(st.integers(0, 63), st.integers(26, 32)).map(
    lambda p: str(ip_network((int(ip_address("20.0.0.0")) + p[0], p[1]), strict=False))
)
NAMES = st.one_of(PREFIXES, st.sampled_from(["*", "low", "High", "Missing", "10.0.0.0/8", "20.0.0.5-20.0.0.40"]))
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "access": st.sampled_from(["Allow", "Deny", "Allow", "Deny", "Perhaps", None]),
            "destination": st.one_of(st.none(), st.lists(NAMES, min_size=1, max_size=3)),
            "protocol": st.sampled_from(["Tcp", "TCP", "*", "Udp", "Icmp", None]),
            "ports": st.sampled_from(["443", "400-500", "*", "80", "1-442", "443-65535", "65535", "443-65536", None]),
            "source": st.sampled_from(["*", "10.1.0.0/24", "10.2.0.0/24", "Elsewhere"]),
            "from": st.sampled_from(
                [("*",), ("0-65535",), ("1024-50000", "50001-65535"), ("1-80", "1023"), ("2000-3000", "65535"), None]
            ),
        }
    ),
    max_size=6,
)


TO = {
    "443": True,
    "400-500": True,
    "443-65535": True,
    "*": True,
    "80": False,
    "1-442": False,
    "65535": False,
    "443-65536": None,
    None: None,
}
"""Whether port 443 is in a range."""
FROM = {
    ("*",): True,
    ("0-65535",): True,
    ("1024-50000", "50001-65535"): True,
    ("1-80", "1023"): False,
    ("2000-3000", "65535"): None,
    None: None,
}
"""Whether a client's port, which is any above 1023, is in these ranges."""


def in_name(address: str, name: str) -> bool | None:
    """Whether an address belongs to a prefix or tag; None: nobody knows."""
    if name == "*":
        return True
    if "-" in name:
        first, last = name.split("-")
        return int(ip_address(first)) <= int(ip_address(address)) <= int(ip_address(last))
    known = {k.lower(): v for k, v in TINY_TAGS.items()}.get(name.lower(), [name] if name[0].isdigit() else None)
    return None if known is None else any(ip_address(address) in ip_network(p) for p in known)


def kleene_or(answers: list[bool | None]) -> bool | None:
    """True when one is true, unknown when one is unknown, else False."""
    return True if True in answers else None if None in answers else False


def fits(row: dict[str, Any], address: str) -> bool | None:
    """Whether one row matches TCP 443 from 10.1.0.4 to `address`."""
    ports = TO[row["ports"]]
    protocol = None if row["protocol"] is None else row["protocol"].lower() in ("tcp", "*")
    source = {"*": True, "10.1.0.0/24": True, "10.2.0.0/24": False, "Elsewhere": None}[row["source"]]
    names = row["destination"]
    destination = None if names is None else kleene_or([in_name(address, n) for n in names])
    answers = [ports, protocol, source, destination, FROM[row["from"]]]
    return False if False in answers else None if None in answers else True


def outcomes(rows: list[dict[str, Any]], address: str) -> set[str]:
    """Every verdict that some reading of what is unknown leads to."""
    if not rows:
        return {"Deny"}
    match = fits(rows[0], address)
    own = {rows[0]["access"]} if rows[0]["access"] in ("Allow", "Deny") else {"Allow", "Deny"}
    if match is True:
        return own
    return outcomes(rows[1:], address) | (own if match is None else set())


def tiny_group(rows: list[dict[str, Any]], applied_to: AppliedTo) -> SecurityGroup:
    """The rows as ARM would give them, plural and singular fields in turn, and a last rule that denies all."""
    rules = []
    for index, row in enumerate(rows):
        names = row["destination"]
        single = names[0] if names is not None and len(names) == 1 and index % 2 else None
        fields = {
            "destinationAddressPrefixes": [] if single or names is None else names,
            "protocol": row["protocol"],
            "destinationPortRange": row["ports"] if index % 2 else None,
            "destinationPortRanges": [row["ports"]] if row["ports"] and not index % 2 else None,
            "sourceAddressPrefix": row["source"],
            "sourcePortRange": None,
            "sourcePortRanges": list(row["from"]) if row["from"] is not None else [],
        }
        rules.append(rule(100 + index, row["access"], single, **fields))
    last = rule(4096, "Deny", "*", protocol="*", destinationPortRange="*")
    resource = {"name": "tiny", "properties": {"securityRules": [*rules[::-1], last], "defaultSecurityRules": []}}
    return parse_security_group(resource, applied_to)


def tiny_verdict(*groups: SecurityGroup) -> FlowVerdict:
    """What the groups do to all 64 addresses."""
    around = Surroundings(parse_service_tags(tag_document(**TINY_TAGS)), VirtualNetwork(SPACE))
    return verify_security_groups(groups, Flow(VM, Destination.of("tiny", "20.0.0.0/26"), 443), around)


def fate(found: set[str]) -> Access:
    """The verdict on one address for its possible outcomes."""
    return UNDETERMINED if len(found) > 1 else ALLOW if found == {"Allow"} else DENY


def check_every_address(found: FlowVerdict, expected: dict[str, Access]) -> None:
    """The shares hold each address once, with the expected fate, and the whole follows from them."""
    for address, access in expected.items():
        assert [s.access for s in found.shares if s.addresses.contains(AddressSet.of(address))] == [access], address
    fates = set(expected.values())
    whole = fates.pop() if len(fates) == 1 else PARTIAL if DENY in fates else UNDETERMINED
    assert found.access is whole
    assert found.explanation
    json.dumps(found.evidence())


@FAST
@given(ROWS)
def test_one_group_agrees_with_brute_force(rows: list[dict[str, Any]]) -> None:
    """Priority, protocol, ports, source, destinations and every unknown, address by address."""
    check_every_address(tiny_verdict(tiny_group(rows, NIC)), {a: fate(outcomes(rows, a)) for a in TINY})


@FAST
@given(ROWS, ROWS)
def test_two_groups_must_both_allow(one: list[dict[str, Any]], two: list[dict[str, Any]]) -> None:
    """The network interface's group and the subnet's, in any order given."""
    expected = {}
    for address in TINY:
        a, b = outcomes(one, address), outcomes(two, address)
        expected[address] = fate({"Allow" if x == y == "Allow" else "Deny" for x in a for y in b})
    check_every_address(tiny_verdict(tiny_group(two, AppliedTo.SUBNET), tiny_group(one, NIC)), expected)


# --- what others get wrong ---------------------------------------------------------------------------------------------

ICMP = {"protocol": "Icmp", "destinationPortRange": "*"}
PORTS = {"destinationPortRange": None}


@pytest.mark.parametrize(
    ("rules", "access", "decider"),
    [
        pytest.param([], ALLOW, "AllowInternetOutBound", id="default rules allow"),
        pytest.param([rule(100, "Deny"), rule(200, "Allow", "Storage")], DENY, "r100", id="an earlier deny wins"),
        pytest.param([rule(200, "Deny"), rule(100, "Allow", "Storage")], ALLOW, "r100", id="order in the list is none"),
        pytest.param([rule(100, "Deny", "Internet")], DENY, "r100", id="Internet contains Storage"),
        pytest.param(
            [rule(100, "Allow", "Storage"), rule(200, "Deny", "Internet")], ALLOW, "r100", id="unless allowed"
        ),
        pytest.param([rule(100, "Allow", "storage.northsea"), rule(200, "Deny")], ALLOW, "r100", id="regional tag"),
        pytest.param([rule(100, "Allow", "Storage.SouthSea"), rule(200, "Deny")], DENY, "r200", id="another region"),
        pytest.param([rule(100, "Deny", "VirtualNetwork")], ALLOW, "AllowInternet", id="Storage is not in the network"),
        pytest.param([rule(100, "Deny", NORTH[0])], PARTIAL, "1 of 3 prefixes denied", id="part of the tag"),
        pytest.param([rule(100, "Deny", "20.60.0.9")], PARTIAL, "1 of 3 prefixes denied", id="one address of it"),
        pytest.param([rule(100, "Deny", destinationPortRange="400-500")], DENY, "r100", id="a range of ports"),
        pytest.param([rule(100, "Deny", destinationPortRange="80")], ALLOW, "AllowInternet", id="another port"),
        pytest.param(
            [rule(100, "Deny", **PORTS, destinationPortRanges=["80", "440-450"])], DENY, "r100", id="plural ports only"
        ),
        pytest.param(
            [rule(100, "Deny", None, destinationAddressPrefixes=["Storage"])], DENY, "r100", id="plural prefixes only"
        ),
        pytest.param(
            [rule(100, "Deny", None, destinationAddressPrefixes=list(SOUTH))],
            ALLOW,
            "AllowInternet",
            id="null is not all",
        ),
        pytest.param([rule(100, "Deny", protocol="*")], DENY, "r100", id="any protocol"),
        pytest.param([rule(100, "Deny", protocol="All")], DENY, "r100", id="any protocol, as the effective reply"),
        pytest.param([rule(100, "Deny", protocol="TCP")], DENY, "r100", id="protocol in capitals"),
        pytest.param([rule(100, "Deny", **ICMP)], ALLOW, "AllowInternet", id="ICMP decides no TCP"),
        pytest.param(
            [rule(100, "Deny", direction="Inbound")], ALLOW, "AllowInternet", id="inbound decides no outbound"
        ),
        pytest.param([rule(100, "Deny", sourceAddressPrefix="10.1.0.0/24")], DENY, "r100", id="from the VM's subnet"),
        pytest.param([rule(100, "Deny", sourceAddressPrefix="10.1.9.0/24")], ALLOW, "AllowInternet", id="from another"),
        pytest.param([rule(100, "Deny", sourcePortRange="1-1023")], ALLOW, "AllowInternet", id="no client's port"),
        pytest.param([rule(100, "Deny", sourcePortRange="1024-65535")], DENY, "r100", id="every client's port"),
        pytest.param([rule(100, "Deny", sourcePortRange="50000-50999")], UNDETERMINED, "source ports", id="some ports"),
        pytest.param(
            [rule(100, "Deny", sourcePortRange=None, sourcePortRanges=["1024-49151", "49152-65535"])],
            DENY,
            "r100",
            id="ranges that are every client's port together",
        ),
        pytest.param(
            [rule(100, "Deny", sourcePortRange=None, sourcePortRanges=["1024-49151", "49153-65535"])],
            UNDETERMINED,
            "source ports",
            id="ranges with a gap",
        ),
        pytest.param(
            [rule(100, "Deny", sourcePortRange=None, sourcePortRanges=["1-80", "443", "512-1023"])],
            ALLOW,
            "AllowInternet",
            id="ranges without a client's port",
        ),
        pytest.param(
            [rule(100, "Deny", sourcePortRange=None, sourcePortRanges=["*", "80"])],
            DENY,
            "r100",
            id="any port among them",
        ),
        pytest.param(
            [rule(100, "Deny", sourcePortRange=None, sourcePortRanges=["1024-65535", "x"])],
            UNDETERMINED,
            "source ports",
            id="a range that is none",
        ),
        pytest.param(
            [rule(100, "Deny", sourcePortRange="1024-65534")], UNDETERMINED, "source ports", id="all but the last port"
        ),
        pytest.param([rule(100, "Deny", destinationPortRange="443-65535")], DENY, "r100", id="up to port 65535"),
        pytest.param([rule(100, "Deny", destinationPortRange="65535")], ALLOW, "AllowInternet", id="port 65535"),
        pytest.param([rule(100, "Deny", destinationPortRange="0-65535")], DENY, "r100", id="every port in figures"),
        pytest.param(
            [rule(100, "Deny", destinationPortRange="443-65536")], UNDETERMINED, "ports", id="past port 65535"
        ),
        pytest.param(
            [rule(100, "Deny", **PORTS, destinationPortRanges=["80", "65536"])],
            UNDETERMINED,
            "ports",
            id="or among them",
        ),
        pytest.param([rule(100, "Allow", sourcePortRange="50000-50999")], ALLOW, "", id="some ports, allowed anyway"),
        pytest.param([rule(100, "Deny", "NoSuchTag")], UNDETERMINED, "NoSuchTag", id="tag without data"),
        pytest.param([rule(100, "Allow", "NoSuchTag")], ALLOW, "", id="tag without data, allowed anyway"),
        pytest.param([rule(100, "Allow", "NoSuchTag"), rule(200, "Deny")], UNDETERMINED, "NoSuchTag", id="or denied"),
        pytest.param([rule(100, "Deny", "10.0.0.0/99")], UNDETERMINED, "10.0.0.0/99", id="prefix that is none"),
        pytest.param([rule(100, "Deny", None)], UNDETERMINED, "destination missing", id="null prefixes"),
        pytest.param([rule(100, "Deny", None, **ICMP)], ALLOW, "AllowInternet", id="null prefixes of another protocol"),
        pytest.param(
            [rule(100, "Deny", None, destinationAddressPrefixes="x y")], UNDETERMINED, "x y", id="text for a list"
        ),
        pytest.param(
            [rule(100, "Deny", destinationAddressPrefixes=[3])], UNDETERMINED, "destination", id="a number in it"
        ),
        pytest.param([rule(100, "Deny", **PORTS)], UNDETERMINED, "destination ports", id="null ports"),
        pytest.param([rule(100, "Deny", destinationPortRange="500-400")], UNDETERMINED, "ports", id="ports backwards"),
        pytest.param([rule(100, "Deny", destinationPortRange="99999")], UNDETERMINED, "ports", id="port that is none"),
        pytest.param([rule(100, "Deny", sourceAddressPrefix=None)], UNDETERMINED, "source missing", id="null source"),
        pytest.param([rule(100, "Deny", protocol=None)], UNDETERMINED, "protocol", id="null protocol"),
        pytest.param([rule(100, "Deny", protocol="Sctp")], UNDETERMINED, "protocol", id="unknown protocol"),
        pytest.param([rule(100, "Deny", direction="Sideways")], UNDETERMINED, "direction", id="unknown direction"),
        pytest.param([rule(100, "Audit")], UNDETERMINED, "access", id="unknown access"),
        pytest.param([rule(100, "AlwaysAllow")], UNDETERMINED, "access", id="an admin rule's access in a group"),
        pytest.param([rule(None, "Deny")], UNDETERMINED, "priority", id="null priority"),
        pytest.param([rule("100", "Deny")], UNDETERMINED, "priority", id="priority as text"),
        pytest.param([rule(True, "Deny")], UNDETERMINED, "priority", id="priority as truth"),
        pytest.param([rule(100, "Allow"), rule(None, "Deny")], UNDETERMINED, "priority", id="it may come first"),
        pytest.param([rule(100, "Deny"), rule(None, "Deny")], DENY, "", id="denied wherever it comes"),
        pytest.param([rule(100, "Deny"), rule(100, "Allow")], UNDETERMINED, "priority 100", id="one priority twice"),
        pytest.param([None], UNDETERMINED, "no JSON object", id="null for a rule"),
        pytest.param([{"name": "x", "properties": None}], UNDETERMINED, "no JSON object", id="null for properties"),
        pytest.param([{}], UNDETERMINED, "missing", id="a rule without fields"),
    ],
)
def test_group_decides_as_azure_does(rules: list[Any], access: Access, decider: str) -> None:
    """First match by priority over the whole tag; what cannot be read is named, and counts only where it matters."""
    found = verdict(group(*rules))
    assert found.access is access, found.explanation
    assert decider in found.explanation


def test_explanation_names_shares_rule_group_and_place() -> None:
    """Denied first, then what is not known, then what is allowed."""
    text = verdict(
        group(rule(100, "Deny", NORTH[0]), rule(110, "Deny", "Nowhere"), rule(105, "Allow", NORTH[1]))
    ).explanation
    assert text.startswith(
        "TCP 443 from 10.1.0.4 to Storage.NorthSea - 1 of 3 prefixes denied: "
        "rule r100 (priority 100, Deny) of network security group nsg-app (subnet). 1 of 3 prefixes undetermined: rule r110"
    )
    assert "1 of 3 prefixes allowed: rule r105" in text


def asg_rule(priority: int, access: str, side: str, *ids: str) -> dict[str, Any]:
    """A rule whose one side is application security groups only."""
    made = rule(priority, access)
    made["properties"][f"{side}AddressPrefix"] = None
    made["properties"][f"{side}ApplicationSecurityGroups"] = [{"id": i} for i in ids]
    return made


@pytest.mark.parametrize(
    ("entry", "access"),
    [
        (asg_rule(100, "Deny", "source", "/asg/Mine"), DENY),
        (asg_rule(100, "Deny", "source", "/ASG/others"), ALLOW),
        (asg_rule(100, "Deny", "source", "/asg/lost"), UNDETERMINED),
        (asg_rule(100, "Deny", "destination", "/asg/others"), ALLOW),
        (asg_rule(100, "Deny", "destination", "/asg/lost"), ALLOW),
        (asg_rule(100, "Deny", "destination"), UNDETERMINED),
        (asg_rule(100, "Deny", "destination", ""), UNDETERMINED),
    ],
)
def test_application_security_group_is_its_members(entry: dict[str, Any], access: Access) -> None:
    """Never everything; members are addresses of the virtual network, so an unknown one does not touch Storage."""
    around = surroundings(mine=VM, others=AddressSet.of("10.1.0.9"))
    assert verdict(group(entry), around=around).access is access


@pytest.mark.parametrize(
    ("network", "access"),
    [
        (VirtualNetwork(SPACE), DENY),
        (VirtualNetwork(SPACE, user_routes=AddressSet.of("0.0.0.0/0")), UNDETERMINED),
        (VirtualNetwork(SPACE, gateway_routes_unknown=True), DENY),
    ],
)
def test_deny_of_internet_depends_on_what_the_network_holds(network: VirtualNetwork, access: Access) -> None:
    """With a default route of one's own nobody documents what is left of Internet."""
    assert verdict(group(rule(100, "Deny", "Internet")), around=surroundings(network)).access is access
    assert verdict(group(), around=surroundings(network)).access is ALLOW


def test_virtual_network_with_a_default_route_allows_everything() -> None:
    """The default rule for the virtual network then matches Storage, as Azure's effective rules show."""
    network = VirtualNetwork(SPACE, user_routes=AddressSet.of("0.0.0.0/0"))
    found = verdict(group(rule(100, "Deny", "VirtualNetwork")), around=surroundings(network))
    assert found.access is DENY


@pytest.mark.parametrize("entry", [None, 7, "/asg/mine", [], {}, {"id": None}, {"id": ""}, {"id": ["/asg/mine"]}])
@pytest.mark.parametrize("side", ["source", "destination"])
def test_malformed_application_group_is_not_nothing(side: str, entry: Any) -> None:
    """It may name the VM's own group or another: the rule decides nothing, alone or beside one that is readable."""
    around = surroundings(mine=VM, others=AddressSet.of("10.1.0.9"))
    for good in ((), ("/asg/others",)):
        made = asg_rule(100, "Deny", side, *good)
        made["properties"][f"{side}ApplicationSecurityGroups"].append(entry)
        found = verdict(group(made), around=around)
        assert found.access is UNDETERMINED, found.explanation
        assert f"{side} missing or unknown" in found.explanation


@pytest.mark.parametrize("value", ["x", 7, {}, {"id": "/asg/mine"}])
def test_application_groups_that_are_no_list_are_not_nothing(value: Any) -> None:
    """Whatever prefixes stand beside them."""
    made = rule(100, "Deny", sourceApplicationSecurityGroups=value)
    assert verdict(group(made)).access is UNDETERMINED


def test_no_group_allows_and_an_unread_one_is_undetermined() -> None:
    """With the reason in both cases."""
    assert verdict().access is ALLOW
    assert "no network security group" in verdict().explanation
    unread = unread_group("nsg-gone", NIC, "not found (404)")
    assert verdict(group(), unread).access is UNDETERMINED
    assert "404" in verdict(unread).explanation
    assert verdict(group(rule(100, "Deny")), unread).access is DENY


def test_source_that_is_not_known_matches_rules_for_everyone_only() -> None:
    """An address that is not assigned yet."""
    flow = Flow(None, storage(), 443)
    assert verify_security_groups((group(),), flow, surroundings()).access is ALLOW
    assert (
        verify_security_groups((group(rule(100, "Deny", sourceAddressPrefix="10.1.0.4")),), flow, surroundings()).access
        is UNDETERMINED
    )


def test_nothing_to_judge_is_undetermined() -> None:
    """An IPv6 destination for an IPv4 source, and an empty one."""
    assert verdict(group(), to=Destination.of("v6", "2603::/16")).access is UNDETERMINED
    assert verdict(to=Destination.of("empty")).access is UNDETERMINED


def test_inbound_asks_the_subnet_first_and_the_inbound_rules() -> None:
    """A proxy that lets the VM in."""
    open_ = rule(100, "Allow", direction="Inbound", sourceAddressPrefix="10.1.0.0/24", destinationPortRange="3128")
    flow = Flow(VM, Destination.of("proxy", "10.1.5.5"), 3128, outbound=False)
    assert verify_security_groups((group(open_),), flow, surroundings()).access is ALLOW
    assert (
        verify_security_groups((group(),), flow, surroundings()).access is UNDETERMINED
    )  # inbound default rules are not there


# --- whole documents ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "properties", [None, {}, {"securityRules": None, "defaultSecurityRules": []}, {"securityRules": []}]
)
def test_group_without_its_lists_is_undetermined(properties: Any) -> None:
    """A missing list is not a list without rules."""
    found = parse_security_group({"name": "n", "properties": properties}, NIC)
    assert verdict(found).access is UNDETERMINED
    assert "missing" in verdict(found).explanation


@pytest.mark.parametrize("document", [None, [], "x", 7, {"value": None}, {"value": {}}])
def test_reply_that_is_none_is_unreadable(document: Any) -> None:
    """Named errors, never another exception."""
    with pytest.raises(Unreadable):
        parse_effective_groups(document)
    with pytest.raises(Unreadable):
        parse_admin_rules(document)
    if not isinstance(document, dict):
        with pytest.raises(Unreadable):
            parse_security_group(document, NIC)


def effective(*rules: dict[str, Any], association: str = "networkInterface") -> dict[str, Any]:
    """The effective reply with one group; its rules are flat."""
    flat = [{"name": f"securityRules/{r['name']}"} | r["properties"] for r in rules]
    entry = {
        "networkSecurityGroup": {"id": "/subscriptions/0/networkSecurityGroups/nsg-nic"},
        "association": {association: {"id": "/x/y"}},
        "effectiveSecurityRules": flat,
    }
    return {"value": [entry]}


def test_effective_reply_counts_azures_own_expansion() -> None:
    """Azure's prefixes of a tag go before ours; a plain prefix beside them stays."""
    deny = rule(100, "Deny", "NoSuchTag", expandedDestinationAddressPrefix=[NORTH[0]])
    deny["properties"]["destinationAddressPrefixes"] = ["NoSuchTag", NORTH[1]]
    allow = rule(65001, "Allow", "0.0.0.0/0", protocol="All", destinationPortRange="0-65535")
    (found,) = parse_effective_groups(effective(deny, allow))
    assert str(found) == "network security group nsg-nic (network interface)"
    assert "2 of 3 prefixes denied: rule r100" in verdict(found).explanation


def test_effective_reply_without_groups_or_rules_is_undetermined() -> None:
    """Azure answers with an empty list for a machine that does not run."""
    with pytest.raises(Undetermined):
        parse_effective_groups({"value": []})
    for entry in (None, {}, {"effectiveSecurityRules": None}, {"association": 3, "effectiveSecurityRules": [None]}):
        assert verdict(*parse_effective_groups({"value": [entry]})).access is UNDETERMINED


def admin(*rows: tuple[int, str, str], manager: str = "m1", **fields: Any) -> dict[str, Any]:
    """Effective admin rules: priority, access, destination."""
    values = [
        {
            "id": f"/subscriptions/0/networkManagers/{manager}/securityAdminConfigurations/c/ruleCollections/r/rules/a{p}",
            "kind": "Custom",
            "properties": {
                "priority": p,
                "access": access,
                "direction": "Outbound",
                "protocol": "Any",
                "sources": [{"addressPrefix": "*", "addressPrefixType": "IPPrefix"}],
                "destinations": [{"addressPrefix": to, "addressPrefixType": "ServiceTag"}],
                "sourcePortRanges": ["0-65535"],
                "destinationPortRanges": ["443"],
            }
            | fields,
        }
        for p, access, to in rows
    ]
    return {"value": values}


@pytest.mark.parametrize(
    ("rows", "rules", "access"),
    [
        ([(10, "Allow", "Storage")], [rule(100, "Deny")], DENY),
        ([(10, "AlwaysAllow", "Storage")], [rule(100, "Deny")], ALLOW),
        ([(10, "Deny", "Internet")], [rule(100, "Allow")], DENY),
        ([(10, "Deny", NORTH[0])], [], PARTIAL),
        ([(10, "Allow", "Storage"), (20, "Deny", "*")], [], ALLOW),
        ([(10, "Deny", "NoSuchTag")], [], UNDETERMINED),
        ([(10, "Deny", "NoSuchTag")], [rule(100, "Deny")], DENY),
        ([(10, "AlwaysAllow", "NoSuchTag")], [rule(100, "Deny")], UNDETERMINED),
        ([(10, "Block", "Storage")], [], UNDETERMINED),
        ([(10, "Deny", "AzureBackup")], [], ALLOW),
    ],
)
def test_admin_rules_come_first(rows: list[tuple[int, str, str]], rules: list[Any], access: Access) -> None:
    """Deny and AlwaysAllow end it; Allow, and no match, hand it on to the groups."""
    manager = parse_admin_rules(admin(*rows))
    assert manager is not None
    assert verdict(group(*rules), manager).access is access
    assert verdict(manager).access is not UNDETERMINED or access is UNDETERMINED or rules


@pytest.mark.parametrize(
    ("rows", "access"),
    [
        ([(10, "Deny", "Storage")], DENY),
        ([(10, "AlwaysAllow", "Storage")], ALLOW),
        ([(10, "Deny", NORTH[0])], PARTIAL),
        ([(10, "Deny", "NoSuchTag")], UNDETERMINED),
        ([(10, "Allow", "Storage"), (20, "Deny", "*")], ALLOW),
    ],
)
def test_flat_admin_rules_decide_like_nested_ones(rows: list[tuple[int, str, str]], access: Access) -> None:
    """Older replies and Resource Graph give the fields beside the id."""
    nested = admin(*rows)
    flat = {"value": [{k: v for k, v in r.items() if k != "properties"} | r["properties"] for r in nested["value"]]}
    for document in (nested, flat):
        manager = parse_admin_rules(document)
        assert manager is not None
        assert verdict(group(), manager).access is access


@pytest.mark.parametrize(
    "field", ["access", "direction", "priority", "protocol", "sources", "destinations", "destinationPortRanges"]
)
@pytest.mark.parametrize("value", [None, 7, {}, "x"])
def test_flat_admin_rule_with_a_damaged_field_decides_nothing(field: str, value: Any) -> None:
    """Nor is it passed over."""
    (entry,) = admin((10, "Deny", "Storage"))["value"]
    flat = {k: v for k, v in entry.items() if k != "properties"} | entry["properties"] | {field: value}
    manager = parse_admin_rules({"value": [flat]})
    assert manager is not None
    expected = (UNDETERMINED, DENY) if (field, value) == ("priority", 7) else (UNDETERMINED,)
    assert verdict(group(), manager).access in expected


def test_admin_rules_of_two_managers_have_no_known_order() -> None:
    """Their precedence is in no reply; none at all is None, and a page missing is undetermined."""
    both = {"value": admin((10, "Allow", "*"))["value"] + admin((20, "Deny", "*"), manager="m2")["value"]}
    manager = parse_admin_rules(both)
    assert manager is not None
    assert verdict(manager).access is UNDETERMINED
    assert parse_admin_rules({"value": []}) is None
    paged = parse_admin_rules({"value": [], "skipToken": "x"})
    assert paged is not None
    assert verdict(paged).access is UNDETERMINED
    empty = parse_admin_rules(admin((10, "Deny", "*"), destinations=[]))
    assert empty is not None
    assert verdict(empty).access is UNDETERMINED


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=8)
    | st.sampled_from(["*", "Allow", "Tcp", "443", "Outbound"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@FAST
@given(st.dictionaries(st.sampled_from(sorted(rule(1, "Deny")["properties"])), JSON), st.booleans())
def test_hostile_rule_never_crashes_and_never_passes_unread(fields: dict[str, Any], effective_shape: bool) -> None:  # noqa: FBT001
    """Any JSON in any field, before a rule that denies: what it may change is at most undetermined."""
    hostile = rule(100, "Allow")
    hostile["properties"] |= fields
    found = (
        parse_effective_groups(effective(hostile, rule(200, "Deny")))
        if effective_shape
        else [group(hostile, rule(200, "Deny"))]
    )
    result = verdict(*found)
    json.dumps(result.evidence())
    if any(r.problem for r in found[0].rules):
        assert result.access in (DENY, UNDETERMINED, PARTIAL)
    assert len(result.explanation) < 4000
