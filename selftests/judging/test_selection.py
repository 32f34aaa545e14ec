"""`--resource-group`, `--vm` and `--tag`: only what is meant is judged, and never less than that."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from selftests.builders.arm import (
    GROUP,
    Subscription,
    instance_view,
    machine,
    nic,
    policy,
    power_state,
    protected_item,
    subscription,
    vm_id,
)
from selftests.builders.product import Judged, judge, record
from selftests.builders.recordings import Recording, ubuntu

ELSEWHERE = "rg-other"


def fleet() -> Subscription:
    """Three machines: two in one group with other tags, one in another group under a policy of its own."""
    found = subscription("web-01", 4).set("virtualMachines", "web-01", "tags", {"Env": "production", "tier": "web"})
    found = found.add("virtualMachines", {**machine("web-02", 5), "tags": {"env": "test"}}, machine("db-01", 6))
    for number, name in ((5, "web-02"), (6, "db-01")):
        found = found.add("virtualMachineStatuses", power_state(name)).add("instanceViews", instance_view(name))
        found = found.add("networkInterfaces", nic(f"{name}-nic", f"10.20.0.{number}"))
        found = found.add(
            "backupProtectedItems", protected_item(name, policy_name="own" if name == "db-01" else "daily-2200")
        )
    found = found.add("backupPolicies", policy("own"))
    moved = vm_id("db-01").replace(GROUP, GROUP.replace("rg-sample", ELSEWHERE))
    text = json.dumps(found.lists).replace(vm_id("db-01"), moved).replace(vm_id("db-01").upper(), moved.upper())
    return replace(found, lists=json.loads(text))


@pytest.fixture(scope="module")
def facts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The fleet, two guests of it, one of nobody, and one that could not be read."""
    guests: dict[str, Recording | bytes] = {
        "web01": ubuntu("web-01", 4),
        "web02": ubuntu("web-02", 5),
        "alone": ubuntu("alone", 9),
        "cut": b"avb-probe",
    }
    return record(tmp_path_factory.mktemp("narrowed") / "facts", guests, fleet())


def judged_vms(judged: Judged) -> set[str]:
    """The names of the machines that something was said about, by the platform's controls."""
    found = judged.document.findings
    return {f.resource.rsplit("/", 1)[-1] for f in found if f.side == "platform" and "/virtualMachines/" in f.resource}


def hosts(judged: Judged) -> set[str]:
    """The hosts that were judged."""
    return {f.resource for f in judged.document.findings if f.side == "guest"}


@pytest.mark.parametrize(
    ("given", "machines", "guests"),
    [
        (["--vm=web-01"], {"web-01"}, {"web01", "cut"}),
        (["--vm=WEB-*"], {"web-01", "web-02"}, {"web01", "web02", "cut"}),
        (["--vm=web-01", "--vm=db-*"], {"web-01", "db-01"}, {"web01", "cut"}),
        ([f"--vm={vm_id('web-02').upper()}/"], {"web-02"}, {"web02", "cut"}),
        (["--resource-group=RG-OTHER"], {"db-01"}, {"cut"}),
        (["--resource-group=rg-*", "--tag=env=*"], {"web-01", "web-02"}, {"web01", "web02", "cut"}),
        (["--tag=ENV=production"], {"web-01"}, {"web01", "cut"}),
        (["--tag=env=production", "--tag=env=test"], {"web-01", "web-02"}, {"web01", "web02", "cut"}),
        (["--tag=env=*", "--tag=tier=web"], {"web-01"}, {"web01", "cut"}),
    ],
    ids=["name", "glob", "several", "id", "group", "group-and-tag", "tag", "one-of-two-values", "two-tags"],
)
def test_only_what_is_meant_is_judged(
    pytester: pytest.Pytester, facts: Path, given: list[str], machines: set[str], guests: set[str]
) -> None:
    """With its guests; a host that could not be read may be one of them."""
    judged = judge(pytester, f"--facts={facts}", *given)
    assert judged_vms(judged) == machines
    assert hosts(judged) == guests
    assert any(f"narrowed by {' '.join(given).rstrip('/')}" in note for note in judged.document.run.notes)


def test_policies_of_what_is_meant_stay(pytester: pytest.Pytester, facts: Path) -> None:
    """Others back up nobody who is judged."""
    judged = judge(pytester, f"--facts={facts}", "--vm=db-01")
    assert {f.name for f in judged.document.findings if f.control == "AVB-503"} == {"own"}


def test_machine_whose_tags_are_unreadable_stays(pytester: pytest.Pytester) -> None:
    """It may have the tag."""
    odd = fleet().set("virtualMachines", "web-02", "tags", ["env"])
    folder = record(pytester.path / "facts", {}, odd)
    assert judged_vms(judge(pytester, f"--facts={folder}", "--tag=env=production")) == {"web-01", "web-02"}


def test_unread_list_of_machines_stays_an_error(pytester: pytest.Pytester) -> None:
    """What is meant is not known then."""
    folder = record(pytester.path / "facts", {}, fleet().refused("virtualMachines"))
    judged = judge(pytester, f"--facts={folder}", "--vm=web-01")
    assert {f.outcome.value for f in judged.document.findings if f.control == "AVB-211"} == {"error"}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["--vm=nobody"], "--vm=nobody: no virtual machine matches (3 were read)"),
        (["--tag=env=nothing"], "no virtual machine matches (3 were read)"),
        (["--tag=env"], "give KEY=VALUE"),
        (["--tag==x"], "give KEY=VALUE"),
        (["--vm="], "an empty name"),
    ],
)
def test_what_means_nothing_is_wrong_usage(
    pytester: pytest.Pytester, facts: Path, given: list[str], message: str
) -> None:
    """A gate over no machine would let everything through."""
    judged = judge(pytester, f"--facts={facts}", *given)
    assert judged.status == pytest.ExitCode.USAGE_ERROR
    assert message in judged.text


def test_guests_alone_cannot_be_narrowed(pytester: pytest.Pytester) -> None:
    """Their own word for their name is no proof."""
    folder = record(pytester.path / "facts", {"web01": ubuntu("web-01", 4)})
    judged = judge(pytester, f"--facts={folder}", "--vm=web-01")
    assert judged.status == pytest.ExitCode.USAGE_ERROR
    assert "add --subscription=ID" in judged.text
