"""Resource Graph: management groups, and restore points by the thousand."""

from __future__ import annotations

import pytest

from backup_compliance.configuration import ConfigurationError
from backup_compliance.platform.read import Scope
from selftests.arm import SUBSCRIPTION, collection, restore_points, subscription
from selftests.arm_reading import comparable, live, located, read, read_all
from selftests.arm_simulator import ArmSimulator, body, error
from selftests.product import judge

OTHER = "0f0f0f0f-5a11-4a11-8a11-5a11ab1e0000"
GRAPH = "/Microsoft.ResourceGraph/resources$"


@pytest.fixture
def grouped(simulator: ArmSimulator) -> ArmSimulator:
    """Two subscriptions below one management group."""
    simulator.start(subscription(), subscription("other", 5, address="10.20.0.5").renamed(OTHER))
    simulator.management_groups = {"mg-apps": [OTHER, SUBSCRIPTION]}
    return simulator


def test_management_group_is_every_subscription_below_it(grouped: ArmSimulator) -> None:
    """Each once, those that were named themselves first; pages are followed."""
    grouped.page_size = 1
    found = read_all(grouped, Scope([SUBSCRIPTION], ["mg-apps"]))
    assert [each.id for each in found] == [SUBSCRIPTION, OTHER]
    assert [each.problems for each in found] == [(), ()]


def test_run_over_a_management_group_judges_all_of_it(grouped: ArmSimulator, pytester: pytest.Pytester) -> None:
    """As if each subscription had been named."""
    judged = judge(pytester, "--management-group=mg-apps", *located(grouped))
    assert {f.resource.split("/")[2] for f in judged.document.findings} == {SUBSCRIPTION, OTHER}


@pytest.mark.parametrize(
    ("group", "reply", "message"),
    [
        ("mg-empty", None, "holds no subscription that this credential may see"),
        (
            "mg-apps",
            error(403, "AuthorizationFailed"),
            "403 AuthorizationFailed.*Microsoft.ResourceGraph/resources/read",
        ),
        ("mg-apps", error(429, "RateLimiting"), "429 RateLimiting"),
        ("mg-apps", body("<html>", kind="text/html"), "a web page"),
        ("mg-apps", body('{"data": [{"id": "x", "subscriptionId": "../../x"}]}'), "holds no subscription"),
        ("mg-apps", body('{"data": [3]}'), "holds no subscription"),
        ("mg-apps", body('{"data": [{"subscriptionId": "a"}], "resultTruncated": "true"}'), "cut the result off"),
        ("mg-apps", body('{"data": []'), "cut off or no JSON"),
    ],
    ids=["empty", "refused", "throttled", "web-page", "no-id", "no-row", "cut-short", "truncated"],
)
def test_management_group_that_shows_nothing_is_wrong_usage(
    grouped: ArmSimulator, group: str, reply: object, message: str
) -> None:
    """Nothing would be judged, or only what happened to be seen."""
    if reply is not None:
        grouped.fail(GRAPH, reply)  # type: ignore[arg-type]  # an Answer
    with pytest.raises(ConfigurationError, match=message):
        read_all(grouped, Scope((), [group]))


def test_management_group_out_of_reach_is_told(grouped: ArmSimulator) -> None:
    """Not as a crash deep down."""
    url, grouped.url = grouped.url, "https://localhost:1"
    try:
        with pytest.raises(ConfigurationError, match="--management-group: mg-apps cannot be read"):
            read_all(grouped, Scope((), ["mg-apps"]))
    finally:
        grouped.url = url


@pytest.mark.parametrize("name", ["", "a/b", "x" * 91, "<script>"], ids=["empty", "path", "long", "markup"])
def test_name_that_is_none_is_wrong_usage(pytester: pytest.Pytester, name: str) -> None:
    """Before anything is asked."""
    judged = judge(pytester, f"--management-group={name}")
    assert judged.status == pytest.ExitCode.USAGE_ERROR
    assert "is no id of one" in judged.text


def test_restore_points_come_by_the_thousand(simulator: ArmSimulator) -> None:
    """No collection is asked for whose points are in the list."""
    found = read(simulator)
    assert comparable(found)["restorePoints"] == {"value": restore_points("sample")}
    assert simulator.count("/restorePointCollections/") == 0


@pytest.mark.parametrize("status", [403, 400, 500])
def test_collections_are_asked_one_by_one_where_the_graph_refuses(simulator: ArmSimulator, status: int) -> None:
    """Its refusal loses nothing."""
    expanded = collection("sample", 17)
    simulator.start(subscription().put("restorePointCollections", expanded))
    simulator.fail(GRAPH, error(status, "No"))
    found = read(simulator)
    assert found.problems == ()
    assert comparable(found)["restorePointCollections"] == {"value": [expanded]}


def test_points_that_the_graph_counts_are_judged(simulator: ArmSimulator, pytester: pytest.Pytester) -> None:
    """Eighteen are too many wherever they were read."""
    simulator.start(subscription().put("restorePoints", *restore_points("sample", 18)))
    (finding,) = (f for f in live(pytester, simulator).document.findings if f.control == "AVB-502")
    assert "holds 18 restore points" in finding.message
