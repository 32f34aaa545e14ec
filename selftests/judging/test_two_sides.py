"""Guests and platform in one run: who is joined, who is left out, and what an empty or unread side comes to."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from backup_compliance.catalogue.configuration import ConfigurationError
from backup_compliance.catalogue.controls import load_catalogue
from backup_compliance.gathering.folder import Facts, load_facts, save_facts
from backup_compliance.judging.findings import VmVerdict
from backup_compliance.model.recorded import ReadProblem, RecordedSubscription
from backup_compliance.model.verdicts import Outcome
from selftests.builders.arm import (
    READ_AT,
    SUBSCRIPTION,
    Subscription,
    machine,
    power_state,
    statuses,
    subscription,
    vm_id,
)
from selftests.builders.extension_reports import FAILED, GOOD, STARTED, Report
from selftests.builders.product import ROOT, Judged, judge, record
from selftests.builders.recordings import ubuntu
from selftests.builders.windows_recordings import windows

PLATFORM = {c.id for c in load_catalogue(ROOT).values() if c.side == "platform" and c.subject == "vm"}


def run(
    pytester: pytest.Pytester, *subscriptions: Subscription, guests: bool = True, given: tuple[str, ...] = ()
) -> Judged:
    """One run over the sample guest and these subscriptions."""
    known = {"web01": ubuntu("sample", 4)} if guests else {}
    return judge(pytester, f"--facts={record(pytester.path / 'facts', known, *subscriptions)}", *given)


def test_joined_vm_has_one_verdict_for_both_sides(pytester: pytest.Pytester) -> None:
    """Guest and platform findings count for one VM, under ARM's name, with the host beside it."""
    judged = run(pytester, subscription())
    (verdict,) = judged.document.verdicts
    assert (verdict.vm, verdict.name, verdict.host, verdict.text) == (vm_id("sample"), "sample", "web01", "ready")
    assert judged.status == 0
    assert "sample = web01" in judged.text
    assert {f.vm for f in judged.document.findings if f.resource == "web01"} == {vm_id("sample")}
    assert judged.document.run.scope == "1 guest and 1 virtual machine of 1 subscription, 1 of them joined"


def test_failure_on_either_side_makes_the_vm_not_ready(pytester: pytest.Pytester) -> None:
    """The guest is healthy; the platform says that it may not run extensions."""
    changed = subscription().set(
        "virtualMachines", "sample", "properties.osProfile.allowExtensionOperations", value=False
    )
    judged = run(pytester, changed)
    assert judged.document.verdicts[0].verdict is VmVerdict.NOT_READY
    assert judged.document.verdicts[0].reason == "AVB-213 model allows agent and extensions"


def test_what_only_one_side_knows_is_listed(pytester: pytest.Pytester) -> None:
    """Machines without guest facts and hosts without machine stand in every report."""
    more = (
        subscription("sample", 4)
        .add("virtualMachines", machine("lonely", 9))
        .add("virtualMachineStatuses", power_state("lonely", "deallocated"))
    )
    facts = record(pytester.path / "facts", {"web01": ubuntu("sample", 4), "stray": ubuntu("stray", 77)}, more)
    judged = judge(pytester, f"--facts={facts}")
    assert judged.document.coverage.vms_without_guest == ["lonely"]
    assert judged.document.coverage.hosts_without_vm == ["stray"]
    assert "coverage: virtual machines without guest facts (1): lonely" in judged.text
    assert "hosts in no subscription that was read (1): stray" in (judged.folder / "summary.md").read_text()
    assert "Hosts in no subscription" in (judged.folder / "compliance.html").read_text()


def test_windows_guest_counts_like_any_other(pytester: pytest.Pytester) -> None:
    """What is in no subscription is listed, and when it was read is told, whatever the system."""
    both = record(pytester.path / "both", {"stray": windows("stray", 77)}, subscription())
    assert judge(pytester, f"--facts={both}").document.coverage.hosts_without_vm == ["stray"]
    alone = record(pytester.path / "alone", {"win01": windows()})
    told = judge(pytester, f"--facts={alone}").document.run
    assert (told.facts, told.reads) == ("read 2026-11-23 08:00 UTC", {"1 guest": "2026-11-23 08:00 UTC"})


@pytest.mark.parametrize(("guests", "side", "other"), [(True, "guest", "platform"), (False, "platform", "guest")])
def test_side_nobody_asked_for_is_left_out_and_said_so(
    pytester: pytest.Pytester,
    guests: bool,  # noqa: FBT001  # a parameter of the table
    side: str,
    other: str,
) -> None:
    """Its controls are deselected, with a line; the verdict says which half it is."""
    judged = run(pytester, *(() if guests else (subscription(),)), guests=guests)
    assert {f.side for f in judged.document.findings} == {side}
    assert any(note.startswith(f"the {other} side was not asked for") for note in judged.document.run.notes)
    assert judged.document.verdicts[0].text == f"ready ({side} only)"


def test_empty_subscription_gives_one_item_a_control(pytester: pytest.Pytester) -> None:
    """Nothing to judge is said, and is no reason to pass."""
    judged = run(pytester, subscription().put("virtualMachines").put("backupPolicies"), guests=False)
    outcomes = {f.control: f.outcome for f in judged.document.findings}
    assert set(outcomes) >= PLATFORM
    assert set(outcomes.values()) == {Outcome.NOT_APPLICABLE}
    assert judged.document.verdicts == []
    assert judged.status == 5


def test_unread_list_of_machines_is_an_error_of_each_control(pytester: pytest.Pytester) -> None:
    """With the right that is missing; other subscriptions are judged all the same."""
    refused = subscription().refused("virtualMachines").renamed("refused-one")
    judged = run(pytester, subscription(), refused)
    errors = [f for f in judged.document.findings if "refused-one" in f.resource and f.control in PLATFORM]
    assert {f.control for f in errors} == PLATFORM
    assert {f.outcome for f in errors} == {Outcome.ERROR}
    assert all("grant Microsoft.Compute/virtualMachines/read" in f.remediation for f in errors)
    assert judged.document.verdicts[0].verdict is VmVerdict.READY
    assert judged.status == 1
    assert "what was not read" in judged.text


def test_platform_controls_are_exempt_by_name_or_id(pytester: pytest.Pytester) -> None:
    """ARM gives the name, so it may be used; a guest's own word for its name may not."""
    changed = subscription().set(
        "virtualMachines", "sample", "properties.osProfile.allowExtensionOperations", value=False
    )
    exemption = (
        '[[exemption]]\ncontrol = "AVB-213"\nresource = "{}"\nreason = "r"\nowner = "o"\nexpires_on = 2999-01-01\n'
    )
    facts = record(pytester.path / "facts", {}, changed)
    for number, name in enumerate(("sample", vm_id("SAMPLE"), "*/virtualMachines/sample")):
        file = pytester.path / f"e{number}.toml"
        file.write_text(exemption.format(name))
        judged = judge(pytester, f"--facts={facts}", f"--exemptions={file}")
        assert judged.finding("AVB-213", vm_id("sample")).outcome == "exempt", name


def test_joined_guest_is_exempt_by_its_machine(pytester: pytest.Pytester) -> None:
    """Once ARM confirms the VM id, one line excuses both sides of a VM; without ARM the name excuses nothing."""
    file = pytester.path / "e.toml"
    file.write_text(
        '[[exemption]]\ncontrol = "AVB-402"\nresource = "sample"\nreason = "r"\nowner = "o"\nexpires_on = 2999-01-01\n'
    )
    busy = ubuntu("sample", 4).put("cpu", "seconds=2\ncpu  0 0 0 0 0 0 0 0 0 0\ncpu  400 0 0 0 0 0 0 0 0 0")
    alone = record(pytester.path / "alone", {"web01": busy})
    assert (
        judge(pytester, f"--facts={alone}", f"--exemptions={file}").finding("AVB-402", "web01").outcome
        == "non_compliant"
    )
    joined = record(pytester.path / "joined", {"web01": busy}, subscription())
    assert judge(pytester, f"--facts={joined}", f"--exemptions={file}").finding("AVB-402", "web01").outcome == "exempt"


def test_old_or_undated_arm_facts_are_errors_when_age_matters(pytester: pytest.Pytester) -> None:
    """`--max-facts-age` counts for both sides."""
    undated = Subscription(subscription().lists, read_at=None, raw=subscription().raw)
    old = Subscription(subscription().lists, read_at=READ_AT - timedelta(days=3000), raw=subscription().raw)
    for number, (given, said) in enumerate(((undated, "is not recorded"), (old, "hours old"))):
        facts = record(pytester.path / f"f{number}", {}, given)
        judged = judge(pytester, f"--facts={facts}", "--max-facts-age=48")
        assert {f.outcome for f in judged.document.findings} == {Outcome.ERROR}
        assert said in judged.document.findings[0].message


def test_guest_that_answers_contradicts_a_stopped_machine(pytester: pytest.Pytester) -> None:
    """ARM says deallocated, and somebody with its VM id answered in the same minutes."""
    judged = run(
        pytester,
        subscription().set("instanceViews", "sample", "properties.instanceView.statuses", statuses("deallocated")),
    )
    finding = judged.finding("AVB-411", vm_id("sample"))
    assert finding.outcome == "non_compliant"
    assert "misreported" in finding.message
    assert "identity" not in finding.evidence
    assert finding.evidence["guest"]["read_at"] == "2026-11-23T08:00:00+00:00"


def test_two_guests_of_one_vm_id_belong_to_nobody(pytester: pytest.Pytester) -> None:
    """Neither counts as the machine, and the report says why."""
    facts = record(pytester.path / "facts", {"a": ubuntu("sample", 4), "b": ubuntu("sample", 4)}, subscription())
    judged = judge(pytester, f"--facts={facts}")
    assert any("all read the VM id or have the address of sample" in note for note in judged.document.run.notes)
    assert [v.text for v in judged.document.verdicts] == [
        "ready (guest only)",
        "ready (guest only)",
        "ready (platform only)",
    ]


def test_subscriptions_survive_saving(tmp_path: Path) -> None:
    """What a reader leaves is what the judge gets, problems and time included."""
    problem = ReadProblem("backupJobs", "403 AuthorizationFailed", "grant it", scope="/vault")
    kept = RecordedSubscription("s1", {"vaults": b'{"value": []}'}, READ_AT, (problem,))
    save_facts(Facts((), (kept, RecordedSubscription("s2", {}, READ_AT))), tmp_path / "facts")
    assert load_facts(tmp_path / "facts").subscriptions == (kept, RecordedSubscription("s2", {}, READ_AT))


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("arm/s/virtualmachine.json", "no recording of ARM; known are virtualMachines"),
        ("arm/s/notes.txt", "no recording of ARM"),
        ("arm/a b/vaults.json", "is no subscription id"),
        ("arm/a;b/vaults.json", "is no subscription id"),
    ],
)
def test_strange_files_are_no_facts(tmp_path: Path, path: str, said: str) -> None:
    """A misspelt list would silently be missing."""
    file = tmp_path / path
    file.parent.mkdir(parents=True)
    file.write_text("{}")
    with pytest.raises(ConfigurationError, match=said):
        load_facts(tmp_path)


def test_names_of_lists_are_found_in_any_case(tmp_path: Path) -> None:
    """Not every file system keeps case."""
    folder = tmp_path / "arm" / SUBSCRIPTION.upper()
    folder.mkdir(parents=True)
    (folder / "virtualmachines.JSON".replace("JSON", "json")).write_text("{}")
    (loaded,) = load_facts(tmp_path).subscriptions
    assert (loaded.id, dict(loaded.documents)) == (SUBSCRIPTION, {"virtualMachines": b"{}"})


def test_workers_judge_both_sides_alike(pytester: pytest.Pytester) -> None:
    """Xdist's workers load the subscription that the controller read."""
    facts = record(pytester.path / "facts", {"web01": ubuntu("sample", 4)}, subscription())
    alone = judge(pytester, f"--facts={facts}").document.findings
    shared = judge(pytester, f"--facts={facts}", "-n", "2").document.findings
    assert alone == shared


@pytest.mark.parametrize(
    ("problem", "said"),
    [
        ('{"type": "backupJob", "missing": "403"}', "'backupJob' is none of virtualMachines"),
        ('{"missing": "403"}', "type"),
    ],
)
def test_problem_of_no_known_list_is_refused(tmp_path: Path, problem: str, said: str) -> None:
    """It would silently excuse nothing."""
    (tmp_path / "facts.json").write_text(f'{{"schema": 1, "subscriptions": {{"s": {{"problems": [{problem}]}}}}}}')
    with pytest.raises(ConfigurationError, match=said):
        load_facts(tmp_path)


@pytest.mark.parametrize("scope", ["", SUBSCRIPTION, f"/subscriptions/{SUBSCRIPTION}", "somewhere"])
def test_problem_that_names_no_resource_takes_the_whole_list(pytester: pytest.Pytester, scope: str) -> None:
    """What is declared unreadable is never judged, however its scope is written."""
    kept = subscription()
    kept = Subscription(kept.lists, problems=(ReadProblem("networkSecurityGroups", "403", scope=scope),), raw=kept.raw)
    finding = run(pytester, kept, guests=False).finding("AVB-111", vm_id("sample"))
    assert (finding.outcome, "403" in finding.message) == ("error", True)


def test_list_of_another_subscription_is_no_list_of_this_one(pytester: pytest.Pytester) -> None:
    """A folder of the wrong name would be judged as if it were empty."""
    recorded = subscription().recorded()
    save_facts(Facts((), (RecordedSubscription("prod", recorded.documents, READ_AT),)), pytester.path / "facts")
    judged = judge(pytester, f"--facts={pytester.path / 'facts'}")
    assert judged.status == 1
    assert f"value[0] belongs to subscription {SUBSCRIPTION}" in judged.text


def test_subscription_without_machines_is_no_reason_to_pass(pytester: pytest.Pytester) -> None:
    """A wrong subscription is not green because its policies are."""
    judged = run(pytester, subscription().put("virtualMachines"), guests=False)
    assert judged.status == 5
    assert "there is no virtual machine and no host" in judged.text


def test_vm_of_which_one_side_was_left_out_is_not_ready(pytester: pytest.Pytester) -> None:
    """Its guest was read; a run of the platform tests only does not make it ready."""
    judged = run(pytester, subscription(), given=("-k", "platform"))
    assert judged.document.verdicts[0].verdict is VmVerdict.NOT_ASSESSED
    assert "no VM was judged by every control" in judged.text


def test_controls_are_chosen_by_id(pytester: pytest.Pytester) -> None:
    """`-k AVB-213`."""
    judged = run(pytester, subscription(), given=("-k", "AVB-213"))
    assert [f.control for f in judged.document.findings] == ["AVB-213"]


def test_facts_from_the_future_are_errors(pytester: pytest.Pytester) -> None:
    """A mistyped year would make every report stale."""
    kept = subscription()
    judged = run(pytester, Subscription(kept.lists, read_at=READ_AT + timedelta(days=4000), raw=kept.raw), guests=False)
    assert {f.outcome for f in judged.document.findings} == {Outcome.ERROR}
    assert "dated in the future" in judged.document.findings[0].message


def test_guest_without_id_is_joined_by_its_address(pytester: pytest.Pytester) -> None:
    """IMDS is cut off and the SMBIOS gives no UUID."""
    guest = (
        ubuntu("sample", 4).put("imds", "").edit("meta", ("\nproduct-uuid=5a11ab1e-0000-4000-8000-000000000004", ""))
    )
    facts = record(pytester.path / "facts", {"web01": guest}, subscription())
    assert [v.text for v in judge(pytester, f"--facts={facts}").document.verdicts] == ["ready"]


def test_agent_that_runs_and_does_not_report_is_told(pytester: pytest.Pytester) -> None:
    """Guest and platform disagree, which points at the way between them."""
    status = "properties.instanceView.vmAgent.statuses.0.displayStatus"
    judged = run(pytester, subscription().set("instanceViews", "sample", status, "Not Ready"))
    assert "its processes run in the guest all the same" in judged.finding("AVB-211", vm_id("sample")).message


def test_machine_of_an_odd_id_has_its_verdict(pytester: pytest.Pytester) -> None:
    """What is shown of an id with control characters in it is not the id."""
    odd = subscription().set("virtualMachines", "sample", "id", f"{vm_id('sample')}\u202e\x07x")
    judged = run(pytester, odd, guests=False)
    (verdict,) = judged.document.verdicts
    assert verdict.reason != "not judged in this run"
    assert "\u202e" not in judged.text


def test_stopped_machine_of_unknown_date_is_not_believed_against_its_guest(pytester: pytest.Pytester) -> None:
    """The guest answered once; whether ARM spoke before or after that is not recorded."""
    found = subscription().set("instanceViews", "sample", "properties.instanceView.statuses", statuses("deallocated"))
    judged = run(pytester, Subscription(found.lists, read_at=None, raw=found.raw))
    assert judged.finding("AVB-411", vm_id("sample")).outcome == "undetermined"


def told(report: Report) -> Subscription:
    """The sample with this report of the extension in its instance view."""
    substatus = {"code": f"ComponentStatus/{report.inner_text()}/succeeded", "level": "Info"}
    return subscription().set(
        "instanceViews", "sample", "properties.instanceView.extensions.0.substatuses", [substatus]
    )


@pytest.mark.parametrize(
    ("inside", "outside", "teller"),
    [
        (GOOD, replace(FAILED, started=STARTED + timedelta(hours=4)), "the platform"),
        (replace(FAILED, started=STARTED + timedelta(hours=4)), GOOD, "the guest"),
    ],
)
def test_newer_run_counts_on_both_sides(
    pytester: pytest.Pytester, inside: Report, outside: Report, teller: str
) -> None:
    """One side was read later, or the agent has not sent the report yet; both name the run, one says who tells of it."""
    facts = record(pytester.path / "facts", {"web01": ubuntu("sample", 4).reported(inside)}, told(outside))
    document = judge(pytester, f"--facts={facts}").document
    found = {f.control: f for f in document.findings if f.control in ("AVB-302", "AVB-312")}
    assert {f.outcome for f in found.values()} == {Outcome.NON_COMPLIANT}
    assert all("the last run (2026-11-23 02:01 UTC) ended with code 76" in f.message for f in found.values())
    assert [f"as {teller} tells" in f.message for f in found.values()].count(True) == 1
    assert not document.verdicts[0].disagreements


def test_failure_that_a_newer_run_made_good_is_past(pytester: pytest.Pytester) -> None:
    """The guest was read before it; the finding says whose word it goes by."""
    guest = ubuntu("sample", 4).reported(replace(FAILED, started=STARTED - timedelta(days=1)))
    facts = record(pytester.path / "facts", {"web01": guest}, told(GOOD))
    finding = judge(pytester, f"--facts={facts}").finding("AVB-302", "web01")
    assert (finding.outcome, finding.message) == (
        Outcome.COMPLIANT,
        "requirement met; as the platform tells: its report is newer",
    )
