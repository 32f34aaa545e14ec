"""The estate: lists by resource id, what of them is missing, and references that lead nowhere."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backup_compliance.model.recorded import Problem, ReadProblem, RecordedSubscription
from backup_compliance.model.verdicts import Undetermined, Unreadable
from backup_compliance.platform.estate.lookup import normalize_id, open_estate, parse_listing, segment, told_id
from backup_compliance.platform.estate.names import short_names
from backup_compliance.platform.inventory import find_machines, find_policies
from backup_compliance.platform.machine import Machine
from selftests.builders.arm import GROUP, SUBSCRIPTION, machine, policy, subscription, vm_id

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["id", "value", "x"]), inner, max_size=4)
    ),
    max_leaves=12,
)


def test_resources_are_found_without_regard_to_case() -> None:
    """ARM spells one id in several ways, and with a slash at the end at times."""
    estate = open_estate([subscription().recorded()])
    assert estate.find("virtualMachines", vm_id("SAMPLE").upper() + "/", "a test")["name"] == "sample"


def test_dangling_reference_names_both_ends() -> None:
    """What is referred to and not there is said, with who referred to it."""
    estate = open_estate([subscription().recorded()])
    with pytest.raises(
        Unreadable, match="virtual machine a refers to rg-sample: networkInterfaces/gone, which is not in"
    ):
        estate.find(
            "networkInterfaces", f"{GROUP}/providers/Microsoft.Network/networkInterfaces/gone", "virtual machine a"
        )


def test_subscription_that_was_not_read_is_named() -> None:
    """A hub network may lie in another subscription."""
    estate = open_estate([subscription().recorded()])
    with pytest.raises(Unreadable, match="routeTables of subscription other were not read"):
        estate.find("routeTables", "/subscriptions/other/resourceGroups/x/providers/y/routeTables/z", "a subnet")


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (None, "is no list"),
        ([], "is no list"),
        ({"value": None}, "is no list"),
        ({"value": {}}, "is no list"),
        ({"error": {"code": "AuthorizationFailed"}}, "ARM refused virtualMachines.json: AuthorizationFailed"),
        ({"value": [], "nextLink": "https://management.azure.com/next"}, "first page only"),
    ],
)
def test_what_is_no_whole_list_is_unreadable(document: object, said: str) -> None:
    """An error body, an empty answer or a first page is never taken for a list."""
    with pytest.raises(Unreadable, match=said):
        parse_listing(document, "virtualMachines.json")


def test_damaged_entries_are_counted_and_twins_belong_to_nobody() -> None:
    """An entry without id is named by its place; two different ones of one id are both not believed."""
    one, other = machine("a", 1), {**machine("a", 2), "id": vm_id("A")}
    listing = parse_listing({"value": [one, None, {"name": "x"}, other, machine("b", 3), machine("b", 3)]}, "here")
    assert set(listing.resources) == {normalize_id(vm_id("b"))}
    assert listing.damaged == ("value[1] is no resource with an id", "value[2] is no resource with an id")
    assert "twice" in listing.problems[normalize_id(vm_id("a"))].reason


@given(JSON)
def test_no_json_makes_the_listing_crash(document: object) -> None:
    """Any JSON is a listing or `Unreadable`."""
    try:
        parse_listing(document, "here")
    except Unreadable:
        return


@pytest.mark.parametrize("raw", [b"", b"{", b"\xff\xfe", b"<html>busy</html>", b"[" * 100_000, b'{"value": NaN'])
def test_document_that_is_no_json_is_unreadable(raw: bytes) -> None:
    """A cut, empty or HTML answer spoils the controls that need that list."""
    estate = open_estate([RecordedSubscription("s", {"virtualMachines": raw})])
    with pytest.raises(Unreadable, match=r"virtualMachines\.json of subscription s is no"):
        estate.listing("s", "virtualMachines")


def test_missing_list_says_which_right_grants_it() -> None:
    """Not read means: this action, please."""
    estate = open_estate([subscription().without("routeTables").recorded()])
    with pytest.raises(Unreadable) as raised:
        estate.listing(SUBSCRIPTION, "routeTables")
    assert "right: Microsoft.Network/routeTables/read" in raised.value.remedy


def test_recorded_problem_is_told_for_its_scope_only() -> None:
    """One vault that refuses does not make the others unreadable."""
    refused = ReadProblem("backupPolicies", "403 AuthorizationFailed", scope=vm_id("x"))
    recorded = subscription().recorded()
    estate = open_estate([RecordedSubscription(recorded.id, recorded.documents, None, (refused,))])
    listing = estate.listing(SUBSCRIPTION, "backupPolicies")
    assert len(listing.resources) == 1
    assert listing.problems == {
        normalize_id(vm_id("x")): Problem(
            "403 AuthorizationFailed", "grant Microsoft.RecoveryServices/vaults/backupPolicies/read and collect again"
        )
    }


def test_unread_list_of_machines_stands_for_its_subscription() -> None:
    """Its controls then have one subject that is an error, never none."""
    found = find_machines(open_estate([subscription().refused("virtualMachines").recorded()]))
    assert list(found) == [f"/subscriptions/{SUBSCRIPTION}/virtualMachines"]
    assert isinstance(found[f"/subscriptions/{SUBSCRIPTION}/virtualMachines"], Problem)


def test_policies_of_other_workloads_are_no_subjects() -> None:
    """A vault holds policies for file shares and databases, too."""
    files = policy("files")
    files["properties"]["backupManagementType"] = "AzureStorage"
    found = find_policies(open_estate([subscription().add("backupPolicies", files).recorded()]))
    assert [key.rsplit("/", 1)[-1] for key in found] == ["daily-2200"]


def test_machine_without_properties_is_still_a_subject() -> None:
    """It fails where its controls ask for what is not there."""
    found = find_machines(open_estate([subscription().put("virtualMachines", {"id": vm_id("a")}).recorded()]))
    (only,) = found.values()
    assert isinstance(only, Machine)
    with pytest.raises(Unreadable, match="has no properties"):
        _ = only.profile


def test_names_are_unique_and_no_longer_than_needed() -> None:
    """The resource's own name, with its group and subscription where another has the same."""
    ids = ["/subscriptions/1/resourceGroups/r/providers/x/y/web", "/subscriptions/1/resourceGroups/q/providers/x/y/WEB"]
    ids += ["/subscriptions/2/resourceGroups/r/providers/x/y/web", "/subscriptions/1/resourceGroups/r/providers/x/y/db"]
    assert list(short_names(ids, {}).values()) == ["1/r/web", "q/WEB", "2/r/web", "db"]


def test_ids_are_told_short() -> None:
    """Group, type and name; what is no id stays as it is."""
    assert told_id(vm_id("web")) == "rg-sample: virtualMachines/web"
    assert told_id("nonsense\n") == "nonsense"
    assert segment("/subscriptions/A/resourceGroups/B", "RESOURCEGROUPS") == "B"


def test_lists_are_decoded_once() -> None:
    """A list of 10,000 is not parsed for each of them."""
    estate = open_estate([RecordedSubscription("s", {"vaults": json.dumps({"value": []}).encode()})])
    assert estate.listing("s", "vaults") is estate.listing("S", "vaults")


@pytest.mark.parametrize("error", [Unreadable("no answer", "ask"), Undetermined("who knows")])
def test_what_machines_share_is_found_out_once(error: Unreadable | Undetermined) -> None:
    """Whatever comes of it; each of them is told the reason afresh."""
    estate, asked, raised = open_estate([]), [], []

    def make() -> int:
        asked.append("once")
        raise error

    for _ in range(3):
        with pytest.raises(type(error), match=re.escape(str(error))) as caught:
            estate.cached("key", make)
        raised.append(caught.value)
    assert asked == ["once"]
    assert len({id(each) for each in (*raised, error)}) == 4
    assert [estate.cached("other", lambda: 3), estate.cached("other", lambda: 4)] == [3, 3]
