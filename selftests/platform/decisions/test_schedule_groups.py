"""AVB-412 by its facts: what makes a group, who counts in it, and what keeps a start from being known."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from backup_compliance.model.verdicts import NotApplicable, Undetermined, Unreadable
from backup_compliance.platform.decisions.schedule_groups import (
    Grouping,
    ScheduleGroup,
    find_schedule,
    find_schedule_group,
    schedule_failure,
    shown,
)
from backup_compliance.schedules.start_collisions import StartRule
from selftests.builders.arm import Subscription, machine, policy, protected_item, subscription, vm_id
from selftests.builders.platform_network import opened

ONE, HOUR = StartRule(1, 1), StartRule(4, 60)
SET = {"id": vm_id("x").replace("virtualMachines/x", "availabilitySets/Web")}
OTHER = {"id": vm_id("x").replace("virtualMachines/x", "availabilitySets/night")}
SCALE = {"id": vm_id("x").replace("virtualMachines/x", "virtualMachineScaleSets/flex")}


def fleet(*names: str, policies: tuple[str, ...] = (), **models: dict[str, Any]) -> Subscription:
    """Machines of these names; `models` adds fields to a machine's properties, `policies` protects them in this order."""
    found = subscription().put("virtualMachines").put("backupProtectedItems").put("backupPolicies")
    for number, name in enumerate(names, 4):
        made = machine(name, number)
        fields = copy.deepcopy(models.get(name.replace("-", "_"), {}))
        made["tags"] = fields.pop("tags", {})
        made["properties"] |= fields
        found = found.add("virtualMachines", made)
    for name, at in zip(names, policies, strict=False):
        if at:
            found = found.add("backupProtectedItems", protected_item(name, policy_name=f"at-{at}"))
    for at in dict.fromkeys(p for p in policies if p):
        found = found.add("backupPolicies", policy(f"at-{at}", f"{at[:2]}:{at[2:]}"))
    return found


def group(given: Subscription, index: int = 0, **grouping: Any) -> ScheduleGroup:
    """The group of one machine."""
    estate, vm, profile = opened(given, index)
    return find_schedule_group(estate, vm, profile, Grouping(**grouping))


def failure(given: Subscription, index: int = 0, rule: StartRule = ONE, **grouping: Any) -> str | None:
    """What is wrong with the start of one machine."""
    _, vm, _ = opened(given, index)
    return schedule_failure(group(given, index, **grouping), vm, rule, 2026)


IN_SET = {"availabilitySet": SET}


@pytest.mark.parametrize(
    ("model", "label"),
    [
        ({"availabilitySet": SET}, "availability set web"),
        ({"virtualMachineScaleSet": SCALE}, "scale set flex"),
        ({"availabilitySet": SET, "virtualMachineScaleSet": SCALE}, "availability set web"),
    ],
)
def test_set_makes_a_group(model: dict[str, Any], label: str) -> None:
    """An availability set goes before a scale set."""
    assert group(fleet("a", "b", policies=("2200", "2300"), a=model, b=model)).label == label


def test_ids_of_a_set_are_one_in_any_case() -> None:
    """And different sets are two groups."""
    upper = {"availabilitySet": {"id": SET["id"].upper() + "/"}}
    assert len(group(fleet("a", "b", a=IN_SET, b=upper)).names) == 2
    with pytest.raises(NotApplicable, match="alone in availability set web"):
        group(fleet("a", "b", a=IN_SET, b={"availabilitySet": OTHER}))


def test_tag_goes_before_every_set() -> None:
    """Its key in any case, its value as it is spelt; an empty one is none."""
    shop, also = {"tags": {"App": "Shop"}, **IN_SET}, {"tags": {"app": "Shop"}}
    found = group(fleet("a", "b", "c", a=shop, b=also, c=IN_SET), tag="APP")
    assert (found.label, sorted(found.names.values())) == ("tag APP Shop", ["a", "b"])
    with pytest.raises(NotApplicable, match="alone in tag app Shop"):
        group(fleet("a", "b", a=shop, b={"tags": {"app": "shop"}}), tag="app")
    empty = {"tags": {"app": ""}, **IN_SET}
    assert group(fleet("a", "b", a=empty, b=IN_SET), tag="app").label == "availability set web"
    assert group(fleet("a", "b", a=shop, b=IN_SET)).label == "availability set web"


def test_resource_group_counts_where_it_is_asked_for_and_nothing_else_does() -> None:
    """In any case of its name."""
    with pytest.raises(NotApplicable, match="in no availability set"):
        group(fleet("a", "b"))
    assert group(fleet("a", "b"), by_resource_group=True).label == "resource group rg-sample"
    mixed = fleet("a", "b", "c", a=IN_SET)
    with pytest.raises(NotApplicable, match="alone in availability set"):
        group(mixed, by_resource_group=True)
    assert sorted(group(mixed, 1, by_resource_group=True).names.values()) == ["b", "c"]


@pytest.mark.parametrize("value", [None, "x", {}, {"id": 3}, []])
@pytest.mark.parametrize("key", ["availabilitySet", "virtualMachineScaleSet"])
def test_set_that_names_nothing_is_an_error_of_its_machine_and_a_doubt_of_others(key: str, value: Any) -> None:
    """It may be any group."""
    given = fleet("a", "b", "c", policies=("2200", "2300", "0100"), a={key: value}, b=IN_SET, c=IN_SET)
    with pytest.raises(Unreadable, match=r"the (availability|scale) set of a cannot be read"):
        group(given)
    found = group(given, 1)
    assert found.doubts == (
        f"the group of a: the {'availability' if key == 'availabilitySet' else 'scale'} set of a cannot be read",
    )
    with pytest.raises(Undetermined, match="not every start in availability set web is known: the group of a"):
        failure(given, 1)


def test_unreadable_tags_are_an_error_only_where_a_tag_makes_the_group() -> None:
    """Others do not ask for them."""
    odd = fleet("a", "b", a=IN_SET, b=IN_SET).set("virtualMachines", "a", "tags", ["x"])
    with pytest.raises(Unreadable, match="the tags of a cannot be read"):
        group(odd, tag="app")
    assert group(odd).label == "availability set web"


def test_damaged_entry_of_the_list_is_a_doubt_for_everyone() -> None:
    """It may be a member; then even a machine alone in its set is not known to be alone."""
    found = group(fleet("a", "b", policies=("2200",), a=IN_SET).add("virtualMachines", 3))
    assert list(found.names.values()) == ["a"]
    assert found.doubts[0].startswith("virtualMachines: value[2]")
    twice = fleet("a", "b", policies=("2200", "2300"), a=IN_SET, b=IN_SET)
    twice = twice.add("virtualMachines", machine("c", 8), machine("c", 9))
    assert group(twice).doubts[0].startswith("virtual machine c: ")


def test_doubts_are_counted_beyond_three() -> None:
    """The first of them in words."""
    broken = {f"x{n}": {"availabilitySet": None} for n in range(5)}
    given = fleet("a", "b", *broken, policies=("2200", "2300"), a=IN_SET, b=IN_SET, **broken)
    with pytest.raises(Undetermined, match=r"the group of x2: .* and 2 more$"):
        failure(given)
    three = {k: broken[k] for k in ("x0", "x1", "x2")}
    with pytest.raises(Undetermined) as caught:
        failure(fleet("a", "b", *three, policies=("2200", "2300"), a=IN_SET, b=IN_SET, **three))
    assert " more" not in str(caught.value)


def test_start_together_fails_whatever_else_is_not_known() -> None:
    """A doubt about a third member excuses nobody."""
    given = fleet("a", "b", "c", policies=("2200", "2200", "2200"), a=IN_SET, b=IN_SET, c={"availabilitySet": None})
    assert "starts daily 22:00 (UTC) together with b" in str(failure(given))
    assert failure(fleet("a", "b", policies=("2200", "2230"), a=IN_SET, b=IN_SET)) is None


def test_rule_of_the_baseline_counts() -> None:
    """Four within an hour, today."""
    names = ("a", "b", "c", "d", "e")
    models = dict.fromkeys(names, IN_SET)
    together = fleet(*names, policies=("2200",) * 5, **models)
    assert "at most 4 of a group may start within 60 minutes" in str(failure(together, rule=HOUR))
    four = fleet(*names, policies=("2200", "2200", "2200", "2200", ""), **models)
    assert failure(four, rule=HOUR) is None
    assert failure(four, rule=ONE) is not None


def test_member_that_is_not_protected_does_not_start() -> None:
    """The only protected one is judged with nobody."""
    with pytest.raises(NotApplicable, match="the only protected one in availability set web"):
        failure(fleet("a", "b", policies=("2200",), a=IN_SET, b=IN_SET))


def test_protection_that_is_stopped_starts_nothing() -> None:
    """The item stays in the vault, without backups."""
    given = fleet("a", "b", policies=("2200", "2200"), a=IN_SET, b=IN_SET)
    stopped = given.put(
        "backupProtectedItems",
        protected_item("a", policy_name="at-2200"),
        protected_item("b", policy_name="at-2200", protectionState="ProtectionStopped"),
    )
    found = group(stopped)
    assert list(found.schedules) == ["a"]


def test_schedule_that_is_not_known_is_a_doubt_with_its_reason() -> None:
    """A policy that is gone, and one of a kind that nobody knows."""
    given = fleet("a", "b", "c", policies=("2200", "2300", "0100"), a=IN_SET, b=IN_SET, c=IN_SET)
    gone = given.put("backupPolicies", policy("at-2200"), policy("at-0100", "01:00"))
    assert "b: " in group(gone).doubts[0]
    assert "at-2300" in group(gone).doubts[0]
    odd = given.set("backupPolicies", "at-2300", "properties.schedulePolicy.schedulePolicyType", "Dreaming")
    assert group(odd).doubts == ("b: backup policy at-2300 has a schedule of unknown kind Dreaming",)
    estate, vm, _ = opened(odd, 1)
    for _ in range(2):  # found once, told each time
        with pytest.raises(Undetermined, match="unknown kind Dreaming"):
            find_schedule(estate, vm)


def test_times_of_two_zones_are_contested() -> None:
    """Certain only when both readings agree."""
    given = fleet("a", "b", policies=("2200", "0700"), a=IN_SET, b=IN_SET)
    seoul = given.set("backupPolicies", "at-0700", "properties.timeZone", "Korea Standard Time")
    with pytest.raises(Undetermined, match=r"in availability set web: .*contested"):
        failure(seoul)


def test_year_of_the_facts_decides_daylight_saving() -> None:
    """And the verdict on a group is made once for a rule and a year."""
    found = group(fleet("a", "b", policies=("2200", "2300"), a=IN_SET, b=IN_SET))
    assert found.judged(ONE, 2026) is found.judged(ONE, 2026)
    assert found.judged(ONE, 2026) is not found.judged(ONE, 2027)
    assert found.judged(HOUR, 2026).rule == HOUR


def test_evidence_counts_members_and_tells_their_starts() -> None:
    """Protected ones by name."""
    given = fleet("a", "b", "c", policies=("2200", "2300"), a=IN_SET, b=IN_SET, c=IN_SET)
    assert dict(shown(group(given))) == {
        "group": "availability set web, 3 members, 2 of them protected",
        "a": "daily 22:00 (UTC)",
        "b": "daily 23:00 (UTC)",
    }


def test_members_of_one_name_are_told_apart() -> None:
    """By their resource groups."""
    given = fleet("a", "b", policies=("2200", "2200"), a=IN_SET, b=IN_SET)
    twin = machine("a", 9)
    twin["id"] = twin["id"].replace("rg-sample", "rg-b")
    twin["properties"] |= IN_SET
    assert sorted(group(given.add("virtualMachines", twin)).names.values()) == ["b", "rg-b/a", "rg-sample/a"]


def test_machine_that_no_vault_backs_up_has_no_schedule() -> None:
    """None, which AVB-501 judges."""
    estate, vm, _ = opened(fleet("a").put("backupPolicies", policy("other")))
    assert find_schedule(estate, vm) is None
    estate, vm, _ = opened(fleet("a", policies=("2200",)))
    found = find_schedule(estate, vm)
    assert found is not None
    assert found.text == "daily 22:00 (UTC)"
