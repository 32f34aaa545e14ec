"""Resource Graph: management groups, and restore points by the thousand."""

from __future__ import annotations

import time
from dataclasses import replace
from itertools import count

import pytest

from backup_compliance.catalogue.configuration import ConfigurationError
from backup_compliance.platform.arm.read import Scope
from backup_compliance.platform.estate.compute import parse_identity
from backup_compliance.platform.estate.lookup import open_estate
from backup_compliance.platform.estate.restore_points import find_collections
from selftests.builders.arm import SUBSCRIPTION, collection, restore_points, subscription
from selftests.builders.arm_reading import QUICK, comparable, live, located, read, read_all
from selftests.builders.arm_simulator import ArmSimulator, body, error, reply
from selftests.builders.product import judge

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
        (
            "mg-apps",
            body('{"data": [{"id": "x", "subscriptionId": "../../x"}], "totalRecords": 1}'),
            "holds no subscription",
        ),
        ("mg-apps", body('{"data": [3], "totalRecords": 1}'), "a row without an id"),
        (
            "mg-apps",
            body('{"data": [{"id": "a", "subscriptionId": "a"}], "resultTruncated": "true"}'),
            "cut the result off",
        ),
        ("mg-apps", body('{"data": []'), "cut off or no JSON"),
        (
            "mg-apps",
            body('{"data": [{"id": "a", "subscriptionId": "a"}], "totalRecords": 2}'),
            "counts 2 rows and gave 1",
        ),
        ("mg-apps", body('{"data": [{"id": "a", "subscriptionId": "a"}]}'), "counts None rows and gave 1"),
        ("mg-apps", body(b'{"data": [{"subscriptionId": "\xff"}], "totalRecords": 1}'), "no UTF-8"),
        (
            "mg-apps",
            body('{"data": [], "totalRecords": 0, "count": "x"}'),
            "could not be handled|holds no subscription",
        ),
    ],
    ids=[
        "empty",
        "refused",
        "throttled",
        "web-page",
        "no-id",
        "no-row",
        "cut-short",
        "truncated",
        "partial",
        "uncounted",
        "no-utf8",
        "odd",
    ],
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


def test_pages_without_end_are_given_up(grouped: ArmSimulator) -> None:
    """Each with a fresh token."""
    tokens = count()
    grouped.fail(GRAPH, lambda r: reply({"data": [], "totalRecords": 0, "$skipToken": str(next(tokens))}))
    with pytest.raises(ConfigurationError, match="was not complete"):
        read_all(grouped, Scope((), ["mg-apps"]), replace(QUICK, patience=1.0))
    time.sleep(0.3)
    asked = len(grouped.asked)
    time.sleep(0.5)
    assert len(grouped.asked) == asked


def test_subscription_that_is_gone_takes_nobody_along(grouped: ArmSimulator) -> None:
    """It is below the group still, and none of its lists can be read."""
    gone = "dead0000-5a11-4a11-8a11-5a11ab1e0000"
    grouped.management_groups = {"mg-apps": [SUBSCRIPTION, gone]}
    found = {each.id: each for each in read_all(grouped, Scope((), ["mg-apps"]))}
    assert found[SUBSCRIPTION].problems == ()
    assert found[gone].documents == {}
    assert {p.reason for p in found[gone].problems if p.type == "virtualMachines"} == {"404 SubscriptionNotFound"}


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


ROWS = [{"id": row["id"]} for row in restore_points("sample", 17)]


@pytest.mark.parametrize(
    "rows",
    [
        {"data": ROWS, "totalRecords": 30},
        {"data": [*ROWS, None], "totalRecords": 18},
        {"data": [*ROWS, {}], "totalRecords": 18},
        {"data": ROWS, "totalRecords": 17},
    ],
    ids=["partial", "null", "no-id", "many"],
)
def test_graph_is_not_believed_near_the_limit_or_where_it_is_not_whole(
    simulator: ArmSimulator, rows: dict[str, object]
) -> None:
    """It is minutes late: the collection itself has one point more."""
    simulator.start(subscription().put("restorePointCollections", collection("sample", 18)).without("restorePoints"))
    simulator.fail(GRAPH, lambda request: reply(rows))
    assert restore_point_count(simulator) == 18


def restore_point_count(simulator: ArmSimulator) -> int | None:
    """How many points the judged collection has."""
    estate = open_estate([read(simulator)])
    vm = parse_identity(next(iter(estate.every("virtualMachines"))))
    (found,) = find_collections(estate, vm)
    return found.points


@pytest.mark.parametrize("status", [403, 400, 500])
def test_collections_are_asked_one_by_one_where_the_graph_refuses(simulator: ArmSimulator, status: int) -> None:
    """Its refusal loses nothing."""
    expanded = collection("sample", 17)
    simulator.start(subscription().put("restorePointCollections", expanded))
    simulator.fail(GRAPH, error(status, "No"))
    assert read(simulator).problems == ()
    assert restore_point_count(simulator) == 17


def test_only_ids_of_points_are_kept(simulator: ArmSimulator) -> None:
    """They hold the machine's user data and profile."""
    secret = collection("sample", 1)
    secret["properties"]["restorePoints"][0]["properties"] = {"sourceMetadata": {"userData": "c2VjcmV0"}}
    simulator.start(subscription().put("restorePointCollections", secret).without("restorePoints"))
    assert not any(b"c2VjcmV0" in document for document in read(simulator).documents.values())


def test_points_that_the_graph_counts_are_judged(simulator: ArmSimulator, pytester: pytest.Pytester) -> None:
    """Eighteen are too many wherever they were read."""
    simulator.start(subscription().put("restorePoints", *restore_points("sample", 18)))
    (finding,) = (f for f in live(pytester, simulator).document.findings if f.control == "AVB-502")
    assert "holds 18 restore points" in finding.message


@pytest.mark.parametrize(("points", "asked"), [(5, 2), (4, 0)])
def test_collections_of_one_machine_are_asked_for_together(simulator: ArmSimulator, points: int, asked: int) -> None:
    """The limit is for all of them: five and five are as near to it as ten in one."""
    other = collection("sample", group="AzureBackupRG_westeurope_2")
    rows = [f"{each['id']}/restorePoints/{n}" for each in (collection("sample"), other) for n in range(points)]
    sample = subscription().add("restorePointCollections", other).put("restorePoints", *({"id": row} for row in rows))
    simulator.start(sample)
    read(simulator)
    assert simulator.count("/restorePointCollections/") == asked
