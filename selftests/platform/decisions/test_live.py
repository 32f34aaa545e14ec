"""What Azure itself says beside what is computed: which answers contradict, which decide nothing, and what is asked at all."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from backup_compliance.model.recorded import ReadProblem
from backup_compliance.model.verdicts import Unreadable
from backup_compliance.platform.decisions.live import (
    FlowSubject,
    WatcherAnswer,
    address_to_verify,
    check_agreement,
    find_route_answers,
    find_security_answers,
    unanswered,
)
from backup_compliance.platform.estate.interfaces import primary_interface
from selftests.builders.arm import (
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
from selftests.builders.live_cases import (
    BLOCKED,
    DENYING,
    DROPPING,
    effective_routes,
    effective_rules,
    ip_flow,
    next_hop,
)
from selftests.builders.platform_network import opened

OPEN = subscription()


def subject(given: Subscription) -> FlowSubject:
    """The sample's flow."""
    estate, vm, profile = opened(given)
    return FlowSubject(estate, vm, primary_interface(estate, profile, vm))


def behind(*routes: tuple[str, str, str]) -> Subscription:
    """The sample behind a route table, with nothing recorded of Azure's own word."""
    network = virtual_network(subnet("apps", "10.20.0.0/24", route_table="t"))
    return OPEN.put("virtualNetworks", network).put("routeTables", route_table("t", *routes))


def security(given: Subscription) -> list[bool | None]:
    """Which answers on security groups agree."""
    return [a.agrees for a in find_security_answers(subject(given))]


def routes(given: Subscription) -> list[bool | None]:
    """Which answers on routes agree."""
    return [a.agrees for a in find_route_answers(subject(given))]


@pytest.mark.parametrize(
    ("given", "address"),
    [
        (OPEN, None),
        (DENYING, BLOCKED),
        (DROPPING, BLOCKED),
        (behind(("a", "0.0.0.0/0", "VirtualAppliance")), BLOCKED),
        (behind(("drop", "57.150.2.0/23", "None"), ("a", "0.0.0.0/0", "VirtualAppliance")), "57.150.2.0"),
        (
            OPEN.put(
                "networkSecurityGroups", security_group("apps-nsg", rule("x", 100, "Deny", destination="20.60.88.0/24"))
            ),
            "20.60.88.0",
        ),
        (
            OPEN.put(
                "networkSecurityGroups", security_group("apps-nsg", rule("x", 100, "Deny", destination="NoSuchTag"))
            ),
            BLOCKED,
        ),
    ],
    ids=["free", "denied", "dropped", "appliance", "dropped-before-doubtful", "a-part", "unknown-tag"],
)
def test_address_that_is_in_doubt_is_verified(given: Subscription, address: str | None) -> None:
    """The first that is denied for certain, else the first that may be; none where everything is let through."""
    assert address_to_verify(subject(given)) == address


@pytest.mark.parametrize(
    ("answer", "agrees"),
    [
        (ip_flow("Deny", "r"), True),
        (ip_flow("DENY", "r"), True),
        (ip_flow("Allow", "r"), False),
        (ip_flow("Perhaps", "r"), None),
        (ip_flow("", "r"), None),
    ],
)
def test_answer_on_a_flow_agrees_or_contradicts(answer: dict[str, Any], agrees: bool | None) -> None:  # noqa: FBT001  # a table
    """A word that nobody knows decides nothing."""
    assert security(DENYING.put("ipFlows", answer).without("effectiveSecurityGroups")) == [agrees]
    flipped = {True: False, False: True, None: None}[agrees]
    free = OPEN.put("ipFlows", answer)
    assert security(free) == [flipped]


def test_flow_that_is_not_decided_here_contradicts_nobody() -> None:
    """An unknown tag in a rule, and a remote address that is none."""
    doubtful = OPEN.put(
        "networkSecurityGroups", security_group("apps-nsg", rule("x", 100, "Deny", destination="NoSuchTag"))
    )
    for word in ("Allow", "Deny"):
        assert security(doubtful.put("ipFlows", ip_flow(word, "r"))) == [None]
        assert security(OPEN.put("ipFlows", ip_flow(word, "r", "nonsense"))) == [None]


@pytest.mark.parametrize(
    ("answer", "agrees"),
    [
        ("Internet", True),
        ("internet", True),
        ("VirtualNetworkServiceEndpoint", True),
        ("None", False),
        ("VirtualAppliance", False),
        ("VnetLocal", False),
        ("VirtualNetworkGateway", False),
        ("Teleport", None),
        ("", None),
    ],
)
def test_answer_on_a_next_hop_agrees_or_contradicts(answer: str, agrees: bool | None) -> None:  # noqa: FBT001  # a table
    """The operation calls a service endpoint Internet."""
    assert routes(OPEN.put("nextHops", next_hop(answer))) == [agrees]


@pytest.mark.parametrize(
    ("hop", "answer", "agrees"),
    [
        ("None", "None", True),
        ("None", "Internet", False),
        ("VirtualAppliance", "VirtualAppliance", True),
        ("VirtualAppliance", "None", False),
        ("VirtualNetworkGateway", "VirtualNetworkGateway", True),
        ("VirtualNetworkGateway", "HyperNetGateway", True),
        ("VnetLocal", "VnetLocal", True),
        ("VnetLocal", "VNetPeering", True),
        ("VnetLocal", "VNetGlobalPeering", True),
        ("VnetLocal", "InterfaceEndpoint", True),
        ("VnetLocal", "VirtualNetwork", True),
        ("VnetLocal", "Internet", False),
        ("Teleport", "Internet", None),
        ("Teleport", "of unknown type Teleport", None),
    ],
)
def test_next_hop_is_compared_by_kinds_that_the_operation_tells(hop: str, answer: str, agrees: bool | None) -> None:  # noqa: FBT001  # a table
    """It tells fewer kinds than a table does."""
    assert routes(behind(("r", "0.0.0.0/0", hop)).put("nextHops", next_hop(answer))) == [agrees]


def test_service_endpoint_is_the_internet_for_the_operation() -> None:
    """Computed from the subnet's endpoints."""
    endpoints = [{"service": "Microsoft.Storage", "provisioningState": "Succeeded", "locations": ["*"]}]
    network = virtual_network(subnet("apps", "10.20.0.0/24", serviceEndpoints=endpoints))
    given = OPEN.put("virtualNetworks", network)
    assert routes(given.put("nextHops", next_hop("Internet"))) == [True]
    assert routes(given.put("nextHops", next_hop("None"))) == [False]


def test_several_possible_next_hops_contradict_nobody() -> None:
    """Two routes of one prefix."""
    two = behind(("a", "0.0.0.0/0", "None"), ("b", "0.0.0.0/0", "Internet"))
    for answer in ("None", "Internet"):
        assert routes(two.put("nextHops", next_hop(answer))) == [None]
    assert routes(OPEN.put("nextHops", next_hop("Internet", "nonsense"))) == [None]


def test_effective_rules_are_asked_for_the_address_in_doubt() -> None:
    """They agree, contradict, or say nothing; without a doubt nobody looks."""
    base = DENYING.without("ipFlows")
    assert security(base) == [True]
    allowing = base.put("effectiveSecurityGroups", effective_rules(("all", 100, "Allow", "0.0.0.0/0")))
    assert security(allowing) == [False]
    assert security(base.put("effectiveSecurityGroups", effective_rules(("x", 100, "Deny", "NoSuchTag")))) == [None]
    assert security(base.set("effectiveSecurityGroups", "sample-nic", "value", [])) == [None]
    free = base.put("networkSecurityGroups", security_group("apps-nsg"))
    assert security(free) == []


def test_effective_routes_are_asked_for_the_address_in_doubt() -> None:
    """Likewise, against what the route table says alone."""
    base = DROPPING.without("nextHops")
    assert routes(base) == [True]
    assert routes(base.put("effectiveRoutes", effective_routes(("Default", "0.0.0.0/0", "Internet")))) == [False]
    several = effective_routes(("User", "0.0.0.0/0", "None"), ("User", "0.0.0.0/0", "Internet"))
    assert routes(base.put("effectiveRoutes", several)) == [None]
    assert routes(base.put("effectiveRoutes", effective_routes())) == [None]
    assert routes(OPEN.put("effectiveRoutes", effective_routes(("Default", "0.0.0.0/0", "None")))) == []


def test_lists_that_do_not_tell_the_address_ask_nothing() -> None:
    """The controls say so themselves."""
    lost = DENYING.without("serviceTags").without("ipFlows")
    assert security(lost) == []
    assert routes(DROPPING.without("nextHops").without("virtualNetworks")) == []


def test_answer_is_told_with_what_was_computed() -> None:
    """In words for people."""
    (flow, groups) = map(str, find_security_answers(subject(DENYING)))
    assert flow.startswith(
        f"IP flow verify, TCP 443 to {BLOCKED}: Azure says deny by UserRule_DenyStorage, computed is TCP 443"
    )
    assert groups.startswith(f"effective security groups, TCP 443 to {BLOCKED}: Azure says TCP 443")
    (hop, table) = map(str, find_route_answers(subject(DROPPING)))
    assert hop.startswith(f"next hop to {BLOCKED}: Azure says None, computed is None: routes to")
    assert table.startswith(f"effective routes to {BLOCKED}: Azure says None, computed is None")
    (silent,) = map(str, find_security_answers(subject(OPEN.put("ipFlows", ip_flow("", "")))))
    assert "Azure says nothing by no rule" in silent
    (nowhere,) = map(str, find_route_answers(subject(OPEN.put("nextHops", next_hop("")))))
    assert "Azure says nothing" in nowhere


def test_what_was_not_asked_has_no_answer() -> None:
    """Nor has what is about another machine, or is no list."""
    assert security(OPEN) == routes(OPEN) == []
    other = {**ip_flow("Allow", "r"), "id": vm_id("other")}
    assert security(OPEN.put("ipFlows", other)) == []
    assert security(OPEN.put("ipFlows", {"id": vm_id("sample"), "value": "x"})) == []
    assert security(OPEN.put("ipFlows", {**ip_flow("Allow", "r"), "id": vm_id("SAMPLE").upper()})) == [True]


def test_first_contradiction_is_an_error() -> None:
    """Agreement, and what decides nothing, is none."""
    good, silent = WatcherAnswer("q1", "allow", "allow", True), WatcherAnswer("q2", "?", "allow", None)
    check_agreement([])
    check_agreement([good, silent])
    bad = WatcherAnswer("q3", "deny", "allow", False)
    with pytest.raises(Unreadable, match="disagree - q3: Azure says deny, computed is allow"):
        check_agreement([good, bad, WatcherAnswer("q4", "deny", "allow", False)])


@pytest.mark.parametrize(
    ("kind", "scope", "told"),
    [
        ("ipFlows", "", True),
        ("nextHops", vm_id("SAMPLE").upper(), True),
        ("effectiveSecurityGroups", network_id("networkInterfaces", "sample-nic"), True),
        ("networkWatchers", "", True),
        ("ipFlows", vm_id("other"), False),
        ("locks", "", False),
        ("effectiveRoutes", "", False),
    ],
)
def test_question_without_an_answer_is_told_for_its_machine(kind: str, scope: str, told: bool) -> None:  # noqa: FBT001  # a table
    """Those of `--verify-live` alone."""
    given = replace(OPEN, problems=(ReadProblem(kind, "409 busy", "ask later", scope=scope),))
    assert unanswered(subject(given)) == ([f"{kind}: 409 busy (ask later)"] if told else [])
