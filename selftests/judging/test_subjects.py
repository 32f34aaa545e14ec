"""Who is judged: subjects and their names, what could not be read, joins over a whole estate, and what a selection leaves."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest

from backup_compliance.gathering.folder import Facts
from backup_compliance.judging.selection import Selection
from backup_compliance.judging.subjects import Subjects, Vm, open_subjects
from backup_compliance.model.recorded import Problem, RecordedGuest
from backup_compliance.model.verdicts import Unreadable
from backup_compliance.platform.machine import Machine
from backup_compliance.platform.policy import Policy
from selftests.builders.arm import (
    READ_AT,
    Json,
    Subscription,
    machine,
    nic,
    policy,
    protected_item,
    subscription,
    vm_id,
)
from selftests.builders.recordings import Recording, ubuntu

VM = vm_id("sample")
KEY = VM.lower()
SAMPLE = subscription()
STRAY = ubuntu("stray", 77)


def opened(*given: Subscription, **guests: Recording | Problem) -> Subjects:
    """The subjects of these facts."""
    recorded = [
        RecordedGuest(name, problem=guest)
        if isinstance(guest, Problem)
        else RecordedGuest(name, guest.output(), READ_AT)
        for name, guest in guests.items()
    ]
    return open_subjects(Facts(tuple(recorded), tuple(s.recorded() for s in given)), READ_AT)


def in_group(resource: Json, group: str) -> Json:
    """The same resource in another group."""
    made = copy.deepcopy(resource)
    made["id"] = made["id"].replace("rg-sample", group)
    return made


def test_sides_are_those_that_something_was_read_of() -> None:
    """A guest that could not be read counts as asked for."""
    assert opened(SAMPLE).sides == {"platform"}
    assert opened(a=STRAY).sides == {"guest"}
    assert opened(SAMPLE, a=Problem("gone")).sides == {"guest", "platform"}
    assert opened().sides == frozenset()


def test_names_are_as_short_as_they_are_unique() -> None:
    """And fit for a command line; other kinds of resources may have the same."""
    several = SAMPLE.add("virtualMachines", in_group(machine("sample", 5), "rg-b"), machine("Other One", 6))
    found = opened(several)
    assert sorted(found.names[k] for k in found.machines) == ["Other One", "rg-b/sample", "rg-sample/sample"]
    assert sorted(found.machine_ids.values()) == ["Other_One", "rg-b~sample", "rg-sample~sample"]
    twice = opened(SAMPLE.add("backupPolicies", policy("daily-2200", vault="b")))
    assert [i.rsplit("vaults~", 1)[-1] for i in sorted(twice.policy_ids.values())] == [
        "b~backupPolicies~daily-2200",
        "sample-vault~backupPolicies~daily-2200",
    ]


def test_resource_is_shown_as_arm_spells_it_and_found_in_any_case() -> None:
    """A key that is no resource is a host id."""
    found = opened(SAMPLE, web=ubuntu("sample", 4))
    assert found.resource_id(KEY) == VM
    assert found.resource_id("web") == "web"
    (policy_key,) = found.policies
    assert found.resource_id(policy_key).endswith("/backupPolicies/daily-2200")
    assert found.name_of(VM.upper()) == "sample"
    assert found.name_of(found.resource_id(policy_key)) == "daily-2200"
    assert found.name_of("nobody") == "nobody"


def test_joined_guest_is_called_by_its_machine() -> None:
    """With the host id beside it, where that says something else."""
    assert opened(SAMPLE, web=ubuntu("sample", 4)).name_of("web") == "sample (web)"
    assert opened(SAMPLE, sample=ubuntu("sample", 4)).name_of("sample") == "sample"
    assert opened(SAMPLE, stray=STRAY).name_of("stray") == "stray"


def test_everyone_who_gets_a_verdict_is_known() -> None:
    """Machines with their hosts, hosts without machine; a host that bears a machine's name is told apart."""
    found = opened(SAMPLE, web=ubuntu("sample", 4), SAMPLE=STRAY, other=ubuntu("other", 78))
    assert found.vms() == {
        VM: Vm("sample", "web", on_platform=True),
        "SAMPLE": Vm("SAMPLE (host)", "SAMPLE", on_platform=False),
        "other": Vm("other", "other", on_platform=False),
    }
    unread = opened(SAMPLE.refused("virtualMachines"), other=STRAY)
    assert unread.vms() == {"other": Vm("other", "other", on_platform=True)}
    assert opened(SAMPLE).vms()[VM].host == ""


@pytest.mark.parametrize(
    ("given", "unknown"),
    [
        (SAMPLE, False),
        (SAMPLE.refused("virtualMachines"), True),
        (SAMPLE.cut("virtualMachines", "sample", "properties.vmId"), True),
        (SAMPLE.add("virtualMachines", 3), True),
        (SAMPLE.put("virtualMachines"), False),
    ],
)
def test_machine_that_nobody_could_tell_may_be_any_host(given: Subscription, unknown: bool) -> None:  # noqa: FBT001  # a table
    """Its list was refused, an entry is damaged, or it has no id to be joined by."""
    assert opened(given).has_unknown_machines is unknown


def test_what_was_not_read_is_unreadable_for_whoever_asks() -> None:
    """With its reason; what was read is handed out with a fresh memory."""
    found = opened(
        SAMPLE.refused("virtualMachines").refused("backupPolicies"), web=Problem("no route", "look"), a=STRAY
    )
    with pytest.raises(Unreadable, match=r"web was not read: no route \(look\)"):
        found.guest("web")
    for ask, keys in ((found.machine, found.machines), (found.policy, found.policies)):
        with pytest.raises(Unreadable, match="403"):
            ask(next(iter(keys)))
    assert len(found.problems()) == 3
    one, two = found.guest("a"), found.guest("a")
    _ = one.processes
    assert (one.accessed, two.accessed) == (["processes"], [])


def test_guest_inside_a_machine_is_the_one_that_was_joined() -> None:
    """None where none was read, whatever the names are."""
    found = opened(SAMPLE, web=ubuntu("sample", 4))
    inside = found.guest_of(KEY)
    assert inside is not None
    assert inside.identity.vm_id == ubuntu("sample", 4).parts["meta"].rsplit("product-uuid=", 1)[1].split("\n")[0]
    assert opened(SAMPLE, sample=STRAY).guest_of(KEY) is None
    assert opened(SAMPLE).guest_of(KEY) is None


def test_recording_that_says_nothing_is_a_problem_of_its_guest() -> None:
    """And of nobody else."""
    facts = Facts((RecordedGuest("bad", b"avb-probe"), RecordedGuest("good", STRAY.output(), READ_AT)))
    found = open_subjects(facts, READ_AT)
    assert isinstance(found.guests["bad"], Problem)
    assert set(found.read_guests()) == {"good"}


NO_ID = ubuntu("sample", 4).put("imds", "").edit("meta", ("\nproduct-uuid=5a11ab1e-0000-4000-8000-000000000004", ""))


def test_guest_without_id_is_joined_by_an_address_that_one_machine_has() -> None:
    """Of all its interfaces' configurations; two machines of one address are none."""
    assert opened(SAMPLE, web=NO_ID).joined.machine_of == {"web": KEY}
    elsewhere = SAMPLE.put("networkInterfaces", nic("sample-nic", "10.20.0.99"))
    assert opened(elsewhere, web=NO_ID).joined.machine_of == {}
    second = {
        "name": "two",
        "properties": {"privateIPAddress": "10.20.0.4", "subnet": {"id": f"{VM}/x"}, "privateIPAddressVersion": "IPv4"},
    }
    more = elsewhere.edit(
        "networkInterfaces", "sample-nic", lambda n: n["properties"]["ipConfigurations"].append(second)
    )
    assert opened(more, web=NO_ID).joined.machine_of == {"web": KEY}
    twice = SAMPLE.add("virtualMachines", machine("twin", 9)).add("networkInterfaces", nic("twin-nic", "10.20.0.4"))
    assert opened(twice, web=NO_ID).joined.machine_of == {}
    assert "has addresses that 2" in opened(twice, web=NO_ID).joined.contradictions[0]


@pytest.mark.parametrize(
    "guest", [NO_ID.without("interface"), NO_ID.put("interface", "name=eth0\nindex=2")], ids=["unread", "no-address"]
)
def test_guest_without_id_and_address_is_nobodys(guest: Recording) -> None:
    """It is judged by itself."""
    found = opened(SAMPLE, web=guest)
    assert found.joined.machine_of == {}
    assert found.joined.contradictions == ()


def test_machine_whose_interface_is_unread_has_no_address_to_be_joined_by() -> None:
    """Others are joined all the same."""
    two = SAMPLE.add("virtualMachines", machine("lost", 9))
    assert opened(two, web=NO_ID).joined.machine_of == {"web": KEY}


FLEET = (
    SAMPLE.add("virtualMachines", machine("db", 5), in_group(machine("db", 6), "rg-b"))
    .add("backupPolicies", policy("own"))
    .add("backupProtectedItems", protected_item("db", policy_name="own"))
)


def narrowed(
    given: Subscription, selection: Selection, **guests: Recording | Problem
) -> tuple[set[str], set[str], set[str]]:
    """Names of machines, hosts and names of policies that a selection leaves."""
    found = opened(given, **guests).narrowed(selection)
    machines = {found.names[k] for k, m in found.machines.items() if isinstance(m, Machine)}
    policies = {p.name for p in found.policies.values() if isinstance(p, Policy)}
    return machines, set(found.guests), policies


def test_selection_leaves_machines_their_guests_and_their_policies() -> None:
    """What could not be read stays: it may be meant."""
    guests: dict[str, Recording | Problem] = {"web": ubuntu("sample", 4), "stray": STRAY, "gone": Problem("gone")}
    assert narrowed(FLEET, Selection(machines=("SAMPLE",)), **guests) == ({"sample"}, {"web", "gone"}, {"daily-2200"})
    assert narrowed(FLEET, Selection(machines=("db",)), **guests) == ({"rg-sample/db", "rg-b/db"}, {"gone"}, {"own"})
    assert narrowed(FLEET, Selection(resource_groups=("rg-b",)), **guests) == ({"db"}, {"gone"}, set())


def test_selection_keeps_what_could_not_be_read() -> None:
    """A list that was refused, and policies whose items nobody read."""
    refused = FLEET.refused("virtualMachines")
    assert len(opened(refused).narrowed(Selection(machines=("x",))).machines) == 1
    assert narrowed(FLEET.without("backupProtectedItems"), Selection(machines=("sample",)))[2] == {"daily-2200", "own"}
    assert len(opened(FLEET.refused("backupPolicies")).narrowed(Selection(machines=("x",))).policies) == 1


def test_selection_reads_tags_only_where_it_asks_for_them() -> None:
    """A machine whose tags are unreadable may be meant."""
    odd = FLEET.set("virtualMachines", "sample", "tags", ["env"])
    assert narrowed(odd, Selection(tags=(("env", "x"),)))[0] == {"sample"}
    assert narrowed(odd, Selection(machines=("db",), tags=(("env", "x"),)))[0] == set()


def test_old_facts_take_every_list_of_a_subscription() -> None:
    """Nothing of it counts as read, each list with the reason."""
    old = replace(SAMPLE.recorded(), read_at=READ_AT.replace(year=2030))
    found = open_subjects(Facts((), (old,)), READ_AT)
    told = [*found.machines.values(), *found.policies.values()]
    assert len(told) == 2
    assert all(isinstance(p, Problem) and "dated in the future" in p.reason for p in told)
